//! The small value sets that the store, the schema and the pages share, each with its stable name.
//!
//! Names are upper snake case, as GraphQL and the database show them.

/// Declares an enum with a stable text name for each value, a parser and serde.
macro_rules! terms {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::terms::UnknownTerm;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(crate::terms::UnknownTerm {
                        given: text.chars().take(80).collect(),
                        set: stringify!($name),
                        allowed: &[$($text,)*],
                    }),
                }
            }
        }
    )*};
}
pub(crate) use terms;

/// A text that is not in a value set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a {set}; allowed: {}", allowed.join(", "))]
pub struct UnknownTerm {
    /// What was given, cut to 80 characters.
    pub given: String,
    /// The value set's name.
    pub set: &'static str,
    /// Its values.
    pub allowed: &'static [&'static str],
}

terms! {
    /// What an organization is to the patients of the clinic.
    OrganizationKind {
        /// The infusion clinic, which writes and shares.
        Clinic = "CLINIC",
        /// An oncology practice or cancer center.
        Oncology = "ONCOLOGY",
        /// A palliative care service.
        Palliative = "PALLIATIVE",
        /// Primary care, hospice and others.
        Other = "OTHER",
    }

    /// The part a recipient plays for the patient (`content.md` section 2).
    CareRole {
        /// Medical, radiation or surgical oncology.
        Oncologist = "ONCOLOGIST",
        /// Palliative medicine.
        PalliativeClinician = "PALLIATIVE_CLINICIAN",
        /// Primary care.
        PrimaryCare = "PRIMARY_CARE",
        /// Any other part.
        Other = "OTHER",
    }

    /// Whether a recipient must acknowledge or is only told.
    Duty {
        /// Must acknowledge: the loop stays open until then.
        Required = "REQUIRED",
        /// Gets a copy: nothing is asked and nothing escalates.
        Copy = "COPY",
    }

    /// A way to reach somebody.
    ChannelKind {
        /// E-mail over SMTP (RFC 5321): a notice without clinical content.
        Email = "EMAIL",
        /// A signed HTTP call (Standard Webhooks): ids and links only.
        Webhook = "WEBHOOK",
    }

    /// Whether an endpoint is used.
    EndpointStatus {
        /// In use.
        Active = "ACTIVE",
        /// Taken out of use, by an admin or after days of failure.
        Disabled = "DISABLED",
    }

    /// Consultation note or infusion summary.
    NoteKind {
        /// LOINC 11488-4 Consult note.
        ConsultationNote = "CONSULTATION_NOTE",
        /// LOINC 28570-0 Procedure note: the infusion summary.
        InfusionSummary = "INFUSION_SUMMARY",
    }

    /// A note's status (FHIR R4 `Composition.status`).
    NoteStatus {
        /// Being drafted; nothing is signed yet.
        Preliminary = "PRELIMINARY",
        /// Signed once.
        Final = "FINAL",
        /// Signed again with corrections.
        Amended = "AMENDED",
        /// Withdrawn.
        EnteredInError = "ENTERED_IN_ERROR",
    }

    /// Why a message leaves.
    DeliveryPurpose {
        /// Something waits: the first notice of a share.
        Notice = "NOTICE",
        /// It still waits.
        Reminder = "REMINDER",
        /// It waits for a colleague, and you are next.
        NextPerson = "NEXT_PERSON",
        /// A note you opened was withdrawn or replaced.
        Correction = "CORRECTION",
        /// The clinic replied.
        Reply = "REPLY",
        /// A notice to a person of the clinic or an admin.
        PersonNotice = "PERSON_NOTICE",
        /// The daily list of open items.
        Digest = "DIGEST",
        /// A one-time code for a secure link.
        LinkCode = "LINK_CODE",
        /// A single-use link to an account: an invitation or a password reset.
        AccountLink = "ACCOUNT_LINK",
        /// What changed in how a person signs in, told to that person.
        AccountChange = "ACCOUNT_CHANGE",
        /// A test of an endpoint, asked for by an admin.
        EndpointTest = "ENDPOINT_TEST",
    }

    /// Why a purpose of use allows an access (HL7 v3 PurposeOfUse).
    PurposeOfUse {
        /// Treatment.
        Treatment = "TREAT",
        /// Coordination of care.
        CoordinationOfCare = "COC",
        /// Emergency treatment.
        EmergencyTreatment = "ETREAT",
        /// Healthcare operations, such as audit and administration.
        Operations = "HOPERAT",
        /// Break the glass.
        BreakGlass = "BTG",
    }

    /// Why a call task exists.
    CallReason {
        /// Nobody acknowledged in time.
        Unacknowledged = "UNACKNOWLEDGED",
        /// No channel reaches the recipient.
        Undeliverable = "UNDELIVERABLE",
        /// Emergent (or urgent with lasting danger): voice first.
        VoiceFirst = "VOICE_FIRST",
        /// The recipient asked for a call.
        CallRequested = "CALL_REQUESTED",
        /// A decline left nobody responsible.
        Declined = "DECLINED",
        /// A concern or hold waits for the clinic's reply.
        ReplyDue = "REPLY_DUE",
    }

    /// What a notice to a person is about.
    NoticeKind {
        /// Somebody acknowledged.
        Acknowledged = "ACKNOWLEDGED",
        /// An acknowledgment asks the clinic for an answer: a call, a hold, a concern.
        ReplyRequested = "REPLY_REQUESTED",
        /// A recipient declined.
        Declined = "DECLINED",
        /// A recipient named a colleague.
        Redirected = "REDIRECTED",
        /// An escalation step was taken.
        Escalated = "ESCALATED",
        /// No channel reaches a recipient.
        Undeliverable = "UNDELIVERABLE",
        /// A call task has a new owner.
        CallTaskAssigned = "CALL_TASK_ASSIGNED",
        /// A wrong-recipient case was opened.
        MisSend = "MIS_SEND",
        /// An endpoint was disabled after days of failure.
        EndpointDisabled = "ENDPOINT_DISABLED",
        /// A recipient wrote in a thread.
        ReplyReceived = "REPLY_RECEIVED",
        /// Infusions are to be held.
        HoldRequested = "HOLD_REQUESTED",
        /// The daily list of open items.
        Digest = "DIGEST",
        /// Somebody broke the glass.
        BreakGlass = "BREAK_GLASS",
        /// Somebody who came in by a secure link asks for an account.
        AccountRequested = "ACCOUNT_REQUESTED",
        /// A corrected version could not be sent to everybody who had the earlier one.
        AddresseeLost = "ADDRESSEE_LOST",
    }

    /// What a reviewer finds about an opening of a record in an emergency.
    BreakGlassVerdict {
        /// There was an emergency, and what was read served it.
        Justified = "JUSTIFIED",
        /// It was not justified: to be followed up outside of this service.
        NotJustified = "NOT_JUSTIFIED",
    }

    /// Where a call task stands.
    CallTaskStatus {
        /// To be done.
        Open = "OPEN",
        /// Done: the conversation is recorded.
        Completed = "COMPLETED",
        /// No longer needed.
        Cancelled = "CANCELLED",
    }

    /// Where a question to the recipients stands.
    QuestionStatus {
        /// No answer yet.
        Open = "OPEN",
        /// Answered.
        Answered = "ANSWERED",
        /// Withdrawn with its share.
        Withdrawn = "WITHDRAWN",
    }
}

impl Duty {
    /// Whether the loop must be closed by an acknowledgment.
    pub fn is_required(self) -> bool {
        self == Self::Required
    }
}
