//! Typed ids: a UUIDv7 with its type's name in front (TypeID 0.3, `share_01h2xcejqtf2nbrexx3vqjhp41`).
//!
//! An id of one kind cannot be passed for another, in Rust or in GraphQL. An id is never a capability: knowing one
//! opens nothing.

use std::{fmt, str::FromStr};

use type_safe_id::{StaticType, TypeSafeId};
use uuid::Uuid;

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a {expected} id; expected {expected}_ followed by 26 characters")]
pub struct InvalidId {
    /// What was given, cut to 80 characters.
    pub given: String,
    /// The prefix that was expected.
    pub expected: &'static str,
}

/// What all typed ids have in common, for code that is generic over them.
pub trait TypedId: Copy + fmt::Display + FromStr<Err = InvalidId> + Send + Sync + 'static {
    /// The prefix, such as `share`.
    const PREFIX: &'static str;
    /// The id as a plain UUID, as the database keeps it.
    fn uuid(self) -> Uuid;
    /// The typed id of a UUID read from the database.
    fn from_uuid(uuid: Uuid) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($marker:ident) = $prefix:literal;)*) => {$(
        #[derive(Default)]
        struct $marker;
        impl StaticType for $marker {
            const TYPE: &'static str = $prefix;
        }

        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl TypedId for $name {
            const PREFIX: &'static str = $prefix;
            fn uuid(self) -> Uuid {
                self.0
            }
            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl $name {
            /// The id as a plain UUID, as the database keeps it.
            pub fn uuid(self) -> Uuid {
                self.0
            }
            /// The typed id of a UUID read from the database.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                TypeSafeId::<$marker>::from_uuid(self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse::<TypeSafeId<$marker>>().map(|id| Self(id.uuid())).map_err(|_| InvalidId {
                    given: text.chars().take(80).collect(),
                    expected: $prefix,
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// An organization: the clinic, an oncology or palliative practice.
    OrganizationId(OrganizationMarker) = "org";
    /// A team (inbox) of an organization.
    TeamId(TeamMarker) = "team";
    /// A person who signs in.
    UserId(UserMarker) = "user";
    /// A person's place in an organization, with roles.
    MembershipId(MembershipMarker) = "membership";
    /// A way to reach a team or a person.
    EndpointId(EndpointMarker) = "endpoint";
    /// "X is away, Y covers".
    CoverageId(CoverageMarker) = "coverage";
    /// A patient of the clinic.
    PatientId(PatientMarker) = "patient";
    /// One team or user that looks after a patient.
    CareTeamEntryId(CareTeamEntryMarker) = "careteam";
    /// A sharing restriction (45 CFR 164.522(a)).
    RestrictionId(RestrictionMarker) = "restriction";
    /// The series of infusions planned for a patient.
    CourseId(CourseMarker) = "course";
    /// A request to hold infusions.
    HoldId(HoldMarker) = "hold";
    /// A consultation note or infusion summary over all its versions.
    NoteId(NoteMarker) = "note";
    /// One signed, immutable version of a note.
    NoteVersionId(NoteVersionMarker) = "notever";
    /// One act of sending a note version.
    ShareId(ShareMarker) = "share";
    /// A question put to the recipients of a share.
    QuestionId(QuestionMarker) = "question";
    /// One addressed team or user of one share: the loop.
    RecipientId(RecipientMarker) = "recipient";
    /// One recipient x one endpoint x one purpose.
    DeliveryId(DeliveryMarker) = "delivery";
    /// One try of a delivery.
    AttemptId(AttemptMarker) = "attempt";
    /// A fact that raises a recipient's level.
    EvidenceId(EvidenceMarker) = "evidence";
    /// A person's acknowledgment.
    AcknowledgmentId(AcknowledgmentMarker) = "ack";
    /// One escalation step that was taken.
    EscalationStepId(EscalationStepMarker) = "step";
    /// A telephone call that a named clinic person owes.
    CallTaskId(CallTaskMarker) = "calltask";
    /// A message in a share's thread.
    ReplyId(ReplyMarker) = "reply";
    /// A wrong-recipient case.
    MisSendId(MisSendMarker) = "missend";
    /// A notice to a person (without clinical content).
    NoticeId(NoticeMarker) = "notice";
    /// An escalation policy.
    PolicyId(PolicyMarker) = "policy";
    /// An API token (its id, not its secret).
    TokenId(TokenMarker) = "token";
    /// A ledger entry.
    EntryId(EntryMarker) = "entry";
    /// A person's signed-in session (its id, not its secret).
    SessionId(SessionMarker) = "session";
    /// A registered passkey (WebAuthn credential).
    PasskeyId(PasskeyMarker) = "passkey";
    /// A single-use link of sign-in: an invitation, a password reset, an operator's link.
    AccountLinkId(AccountLinkMarker) = "acctlink";
    /// Somebody who came in by a secure link and named themself.
    GuestId(GuestMarker) = "guest";
    /// A one-time code for a secure link (its id, not the code).
    LinkCodeId(LinkCodeMarker) = "linkcode";
    /// One opening of a record in an emergency.
    BreakGlassId(BreakGlassMarker) = "breakglass";
    /// A legal hold on a patient's records.
    LegalHoldId(LegalHoldMarker) = "legalhold";
    /// A signed-off review of the audit.
    AuditReviewId(AuditReviewMarker) = "auditreview";
    /// A person's saved audit filter.
    SavedFilterId(SavedFilterMarker) = "savedfilter";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_round_trips_and_refuses_another_kind() {
        let id = ShareId::from_uuid(Uuid::from_u128(0x0190_5d1c_7a3e_7000_8000_0000_0000_0001));
        let text = id.to_string();
        assert!(text.starts_with("share_"));
        assert_eq!(text.parse::<ShareId>(), Ok(id));
        let error = text.parse::<NoteId>().expect_err("another kind's id");
        assert_eq!(error.expected, "note");
        for bad in [
            "",
            "share_",
            "share_zzzz",
            "01h2xcejqtf2nbrexx3vqjhp41",
            "share_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert!(bad.parse::<ShareId>().is_err(), "{bad}");
        }
    }
}
