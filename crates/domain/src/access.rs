//! Who may do what: one pure function over (actor, action, relation). A use case asks it before anything else.
//!
//! The whole matrix is a snapshot in this module's tests. "Not yours" and "not found" are told apart only in the ledger,
//! never in an answer.

use crate::{
    people::{Actor, ActorKind, Role},
    terms::terms,
};

terms! {
    /// What somebody wants to do.
    Action {
        /// Find patients of the own clinic.
        SearchPatients = "SEARCH_PATIENTS",
        /// Read a patient's identity, timeline and trend.
        ReadPatient = "READ_PATIENT",
        /// Register or correct a patient, care team and restrictions.
        ManagePatient = "MANAGE_PATIENT",
        /// Draft or update a note.
        DraftNote = "DRAFT_NOTE",
        /// Sign, amend or withdraw a note.
        SignNote = "SIGN_NOTE",
        /// Read a note's body as its clinic.
        ReadNote = "READ_NOTE",
        /// Share or recall a signed version.
        ShareNote = "SHARE_NOTE",
        /// Follow shares: board, tracker, timeliness.
        FollowLoops = "FOLLOW_LOOPS",
        /// Complete or hand on a call task; reply for the clinic; lift a hold.
        WorkCallTasks = "WORK_CALL_TASKS",
        /// See the own inbox.
        ReadInbox = "READ_INBOX",
        /// Open a shared note as its recipient.
        OpenShare = "OPEN_SHARE",
        /// Acknowledge, decline, redirect or answer as a recipient.
        Acknowledge = "ACKNOWLEDGE",
        /// Write in a share's thread.
        Reply = "REPLY",
        /// Read organizations, teams and people.
        ReadDirectory = "READ_DIRECTORY",
        /// Change organizations, teams, people, memberships and endpoints.
        ManageDirectory = "MANAGE_DIRECTORY",
        /// Say that somebody is away and who covers.
        ManageCoverage = "MANAGE_COVERAGE",
        /// Change escalation policies.
        ManagePolicies = "MANAGE_POLICIES",
        /// See deliveries and their attempts; retry dead ones; close mis-send cases.
        RepairDeliveries = "REPAIR_DELIVERIES",
        /// Search the ledger, disclosures and timeliness.
        ReadAudit = "READ_AUDIT",
        /// Issue and revoke the own API tokens.
        ManageOwnTokens = "MANAGE_OWN_TOKENS",
        /// Read a note's body as an admin, with a reason and for a short time.
        BreakGlass = "BREAK_GLASS",
        /// Judge an opening of a record in an emergency that somebody else made.
        ReviewBreakGlass = "REVIEW_BREAK_GLASS",
        /// Sign off a review of the audit; keep filters for it.
        ReviewAudit = "REVIEW_AUDIT",
        /// Set and lift legal holds on patients' records.
        ManageLegalHolds = "MANAGE_LEGAL_HOLDS",
        /// Read which legal holds there are and were, and why.
        ReadLegalHolds = "READ_LEGAL_HOLDS",
    }

    /// How the actor stands to the thing.
    Relation {
        /// It belongs to the organization the actor acts for.
        Own = "OWN",
        /// It was addressed to the actor, the actor's team, or somebody the actor covers.
        Recipient = "RECIPIENT",
        /// Neither.
        None = "NONE",
    }
}

/// Why an access was refused; for the ledger, never for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Denied {
    /// Another organization's, or not addressed to the actor.
    #[error("no relation to the object")]
    NoRelation,
    /// The role does not allow it.
    #[error("the role does not allow it")]
    Role,
    /// Only a clinic does this.
    #[error("only for the clinic")]
    ClinicOnly,
    /// The token may only read.
    #[error("the token is read-only")]
    ReadOnlyToken,
}

impl Action {
    /// Whether the action changes anything.
    pub fn writes(self) -> bool {
        !matches!(
            self,
            Self::SearchPatients
                | Self::ReadPatient
                | Self::ReadNote
                | Self::FollowLoops
                | Self::ReadInbox
                | Self::OpenShare
                | Self::ReadDirectory
                | Self::ReadAudit
                | Self::ReadLegalHolds
        )
    }

    /// Whether only a clinic's people do it.
    fn clinic_only(self) -> bool {
        matches!(
            self,
            Self::SearchPatients
                | Self::ReadPatient
                | Self::ManagePatient
                | Self::DraftNote
                | Self::SignNote
                | Self::ReadNote
                | Self::ShareNote
                | Self::FollowLoops
                | Self::WorkCallTasks
                | Self::BreakGlass
                | Self::ReviewBreakGlass
                | Self::ManageLegalHolds
                | Self::ReadLegalHolds
        )
    }

    /// Whether a guest of a secure link does it, on the one loop of their link.
    fn open_to_guests(self) -> bool {
        matches!(self, Self::OpenShare | Self::Acknowledge | Self::Reply)
    }

    fn roles(self) -> &'static [Role] {
        use Role::{Admin, Auditor, Clinician, Coordinator, Physician, TeamLead};
        match self {
            Self::SearchPatients | Self::ReadPatient | Self::ManagePatient | Self::DraftNote | Self::ReadNote => {
                &[Physician, Coordinator]
            }
            Self::SignNote | Self::ShareNote => &[Physician],
            Self::FollowLoops => &[Physician, Coordinator, TeamLead, Admin],
            Self::WorkCallTasks => &[Physician, Coordinator],
            Self::ReadInbox | Self::OpenShare | Self::Acknowledge => &[Clinician, TeamLead, Physician],
            Self::Reply => &[Physician, Coordinator, Clinician, TeamLead],
            Self::ReadDirectory | Self::ManageOwnTokens => {
                &[Physician, Coordinator, Clinician, TeamLead, Admin, Auditor]
            }
            Self::ManageDirectory
            | Self::ManagePolicies
            | Self::RepairDeliveries
            | Self::BreakGlass
            | Self::ManageLegalHolds => &[Admin],
            Self::ManageCoverage => &[Physician, Coordinator, Clinician, TeamLead, Admin],
            Self::ReadAudit | Self::ReviewAudit | Self::ReadLegalHolds => &[Admin, Auditor],
            Self::ReviewBreakGlass => &[Physician, TeamLead, Admin, Auditor],
        }
    }

    fn relations(self) -> &'static [Relation] {
        match self {
            Self::OpenShare | Self::Acknowledge => &[Relation::Recipient],
            Self::Reply => &[Relation::Own, Relation::Recipient],
            // The directory is what people choose recipients from.
            Self::ReadDirectory => &[Relation::Own, Relation::Recipient, Relation::None],
            _ => &[Relation::Own],
        }
    }
}

/// Decides.
pub fn decide(actor: &Actor, action: Action, relation: Relation) -> Result<(), Denied> {
    if actor.kind == ActorKind::System {
        return Ok(());
    }
    if actor.kind == ActorKind::Guest {
        return match relation {
            Relation::Recipient if action.open_to_guests() => Ok(()),
            Relation::Recipient => Err(Denied::Role),
            Relation::Own | Relation::None => Err(Denied::NoRelation),
        };
    }
    if !action.relations().contains(&relation) {
        return Err(Denied::NoRelation);
    }
    if action.clinic_only() && !actor.is_clinic() {
        return Err(Denied::ClinicOnly);
    }
    if !actor.roles.iter().any(|role| action.roles().contains(role)) {
        return Err(Denied::Role);
    }
    if actor.read_only && action.writes() {
        return Err(Denied::ReadOnlyToken);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::OrganizationKind;

    fn actor(role: Role, kind: OrganizationKind, read_only: bool) -> Actor {
        Actor {
            kind: ActorKind::Person,
            organization_kind: Some(kind),
            roles: vec![role],
            read_only,
            ..Actor::system()
        }
    }

    #[test]
    fn the_whole_matrix_is_as_reviewed() {
        let mut table =
            String::from("action | relation | organization | roles allowed (lower case: by a read-only token too)\n");
        for &action in Action::ALL {
            for &relation in Relation::ALL {
                for kind in [OrganizationKind::Clinic, OrganizationKind::Oncology] {
                    let allowed: Vec<_> = Role::ALL
                        .iter()
                        .filter(|role| decide(&actor(**role, kind, false), action, relation).is_ok())
                        .map(|role| match decide(&actor(*role, kind, true), action, relation) {
                            Ok(()) => role.as_str().to_lowercase(),
                            Err(_) => role.as_str().to_owned(),
                        })
                        .collect();
                    if !allowed.is_empty() {
                        table.push_str(&format!("{action} | {relation} | {kind} | {}\n", allowed.join(" ")));
                    }
                }
            }
        }
        for &action in Action::ALL {
            for &relation in Relation::ALL {
                if decide(&guest(), action, relation).is_ok() {
                    table.push_str(&format!("{action} | {relation} | of a secure link | GUEST\n"));
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    fn guest() -> Actor {
        Actor {
            kind: ActorKind::Guest,
            guest: Some(crate::people::Guest {
                id: uuid::Uuid::from_u128(1).into(),
                recipient_id: uuid::Uuid::from_u128(2).into(),
                user_id: None,
            }),
            // Even with an organization and every role, a guest is a guest.
            organization_id: Some(uuid::Uuid::from_u128(3).into()),
            organization_kind: Some(OrganizationKind::Clinic),
            roles: Role::ALL.to_vec(),
            ..Actor::system()
        }
    }

    #[test]
    fn a_guest_acts_for_nobody_and_is_no_signed_in_person() {
        let guest = guest();
        assert!(!guest.acts_for(uuid::Uuid::from_u128(3).into()) && !guest.is_clinic() && guest.user_id.is_none());
        let author = guest.author().expect("somebody");
        assert_eq!(
            (author.user_id(), author.guest_id()),
            (None, guest.guest.map(|guest| guest.id))
        );
        assert_eq!(Actor::system().author(), None);
    }

    #[test]
    fn a_coordinator_cannot_sign_and_an_auditor_reads_the_audit_alone() {
        let coordinator = actor(Role::Coordinator, OrganizationKind::Clinic, false);
        assert_eq!(decide(&coordinator, Action::SignNote, Relation::Own), Err(Denied::Role));
        let auditor = actor(Role::Auditor, OrganizationKind::Clinic, false);
        for &action in Action::ALL {
            let allowed = decide(&auditor, action, Relation::Own).is_ok();
            let expected = matches!(
                action,
                Action::ReadAudit
                    | Action::ReadDirectory
                    | Action::ManageOwnTokens
                    | Action::ReviewAudit
                    | Action::ReviewBreakGlass
                    | Action::ReadLegalHolds
            );
            assert_eq!(allowed, expected, "{action}");
        }
    }
}
