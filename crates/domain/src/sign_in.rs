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
        /// An admin took a lost second factor away: with their password, the person adds a new one.
        SetUp = "SET_UP",
    }

    /// What changed in how a person signs in; they are told by mail (OWASP ASVS 5.0, 6.3.7).
    SignInChange {
        /// They set their first password.
        PasswordSet = "PASSWORD_SET",
        /// They changed their password.
        PasswordChanged = "PASSWORD_CHANGED",
        /// A forgotten password was replaced by a mailed link.
        PasswordReset = "PASSWORD_RESET",
        /// One-time codes were added or moved to another device, with new recovery codes.
        CodesAdded = "CODES_ADDED",
        /// One-time codes were removed.
        CodesRemoved = "CODES_REMOVED",
        /// A passkey was added.
        PasskeyAdded = "PASSKEY_ADDED",
        /// A passkey was removed.
        PasskeyRemoved = "PASSKEY_REMOVED",
        /// The recovery codes were replaced.
        RecoveryCodesReplaced = "RECOVERY_CODES_REPLACED",
        /// A recovery code was used up to sign in.
        RecoveryCodeUsed = "RECOVERY_CODE_USED",
        /// An admin took every second factor away.
        FactorsReset = "FACTORS_RESET",
        /// An admin changed the address that they sign in with.
        AddressChanged = "ADDRESS_CHANGED",
    }

    /// Why an admin takes a person's second factors away. A code, so that the ledger can keep it.
    FactorResetReason {
        /// The device that holds them is lost, stolen or broken.
        DeviceLost = "DEVICE_LOST",
        /// The device was replaced and what it held was not taken along.
        DeviceReplaced = "DEVICE_REPLACED",
        /// Somebody else may have them.
        Compromised = "COMPROMISED",
    }

    /// How an admin made sure that it is the person who asks.
    Recognized {
        /// They stood before the admin.
        InPerson = "IN_PERSON",
        /// The admin telephoned the number of the directory.
        Telephoned = "TELEPHONED",
        /// By video, and the admin knows them.
        ByVideo = "BY_VIDEO",
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
        /// An admin took the person's second factors away.
        FactorsReset = "FACTORS_RESET",
        /// The person may sign in no more.
        Disabled = "DISABLED",
        /// The person's place in the organization ended.
        MembershipEnded = "MEMBERSHIP_ENDED",
        /// The person has too many; this was the one unused for longest.
        TooMany = "TOO_MANY",
    }
}
