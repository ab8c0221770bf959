//! How people prove who they are: the names of ways to sign in, of single-use links and of the ends of a session. Pure.

use crate::terms::terms;

terms! {
    /// How a session was opened.
    SignInMethod {
        /// A password alone: good for adding a second factor and for nothing else.
        Password = "PASSWORD",
        /// A password and a one-time code (RFC 6238).
        PasswordTotp = "PASSWORD_TOTP",
        /// A password and a recovery code.
        PasswordRecoveryCode = "PASSWORD_RECOVERY_CODE",
        /// A password and a passkey.
        PasswordPasskey = "PASSWORD_PASSKEY",
        /// A passkey that verified its user: both factors in one.
        Passkey = "PASSKEY",
        /// A link that an operator made on the command line, answering for the person.
        OperatorLink = "OPERATOR_LINK",
    }

    /// What a single-use link is for.
    AccountLinkPurpose {
        /// An invitation: the person sets their first password.
        Welcome = "WELCOME",
        /// A new password in the place of a forgotten one.
        Reset = "RESET",
        /// A sign-in that an operator answers for.
        SignIn = "SIGN_IN",
    }

    /// Why a session ended before its time.
    SessionEnd {
        /// The person signed out.
        SignedOut = "SIGNED_OUT",
        /// The person ended it from another session.
        Revoked = "REVOKED",
        /// The password was changed in another session or by a link.
        PasswordChanged = "PASSWORD_CHANGED",
        /// The person has a second factor now; the session had been opened without one.
        SecondFactorAdded = "SECOND_FACTOR_ADDED",
        /// The person may sign in no more.
        Disabled = "DISABLED",
        /// The person's place in the organization ended.
        MembershipEnded = "MEMBERSHIP_ENDED",
        /// The person has too many; this was the one unused for longest.
        TooMany = "TOO_MANY",
    }
}
