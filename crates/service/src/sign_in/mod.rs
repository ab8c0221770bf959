//! Sign-in and sessions: passwords with a second factor, passkeys, single-use links, step-up, throttling, the mail that
//! tells of every change.
//!
//! One file per act or small group of acts. API tokens are the directory's; the links by which recipients without an
//! account read one share are not here either.
//!
//! What is kept: of a password an argon2id hash, of a session's secret and of a link's token a SHA-256, of a recovery
//! code a keyed hash, and the secret of one-time codes sealed. Every act writes its ledger entry, ids and codes only.
//!
//! Answers do not tell whether an address has an account: not by their words, and not by their time.

mod account_link;
mod by_password;
mod change;
mod doors;
mod factor_reset;
mod mail;
mod own;
mod passkey;
mod password;
mod reauthenticate;
mod recovery;
mod second_factor;
mod secret;
mod session;
mod sessions;
mod throttle;
mod totp;

pub use account_link::{BeginPasswordReset, LinkTaken, PersonInvited, SetPasswordByLink, SignInLinkIssued};
pub use by_password::{SignIn, SignInStep};
pub(crate) use change::change_mail;
pub(crate) use doors::Doors;
pub use factor_reset::{FactorsReset, ResetFactors, SetUpByLink};
pub use liaison_domain::{AccountLinkPurpose, FactorResetReason, Recognized, SessionEnd, SignInChange, SignInMethod};
pub(crate) use mail::mail_is_late;
pub use own::{ChangePassword, OwnFactors};
pub use passkey::{FinishPasskey, FinishPasskeySignIn, OwnPasskey, PasskeyAdded, PasskeyCeremony, PasskeyFinished};
pub use password::{MAX_PASSWORD, MIN_PASSWORD};
pub use reauthenticate::Proof;
pub use recovery::{RECOVERY_CODES, RecoveryCodes};
pub use second_factor::SecondFactor;
pub use session::{OpenSession, Place, SessionOpened, SignedIn, Touch};
pub use sessions::OwnSession;
pub use throttle::MAX_FAILURES;
pub use totp::TotpBegun;

use chrono::TimeDelta;

pub use crate::channel::Secret;

/// How long a session lasts without use. NIST SP 800-63B-4 section 2.3.3 (AAL3): inactivity SHOULD end it after at most
/// 15 minutes; AAL2 would allow an hour.
pub const IDLE: TimeDelta = TimeDelta::minutes(15);
/// How long a session lasts however much it is used. NIST SP 800-63B-4 section 2.3.3 (AAL3): it SHALL end after at most
/// 12 hours; AAL2 would allow 24.
pub const ABSOLUTE: TimeDelta = TimeDelta::hours(12);
/// How old a proof of identity may be for what weighs most: signing, changing how one signs in.
pub const STEP_UP: TimeDelta = TimeDelta::minutes(5);
/// How often a session's use is written down at most. A session may end this much early, and never late.
pub const SEEN_EVERY: TimeDelta = TimeDelta::seconds(30);
/// The most sessions one person has at a time; the one unused for longest ends for a further one.
pub const MAX_SESSIONS: usize = 20;
/// How long the next step of a sign-in is waited for: the second factor, or a passkey's answer.
pub const CEREMONY: TimeDelta = TimeDelta::minutes(5);
/// How long an invitation is good.
pub const WELCOME: TimeDelta = TimeDelta::hours(72);
/// How long the link of a password reset is good.
pub const RESET: TimeDelta = TimeDelta::minutes(30);
/// How long the link is good with which a person adds a second factor after an admin took the lost one away.
pub const SET_UP: TimeDelta = TimeDelta::hours(72);
/// How long a sign-in link is good that an operator makes on the command line.
pub const OPERATOR_LINK: TimeDelta = TimeDelta::minutes(15);
