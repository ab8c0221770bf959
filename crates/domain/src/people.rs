//! People, their roles, and the actor of a request. Pure.

use crate::{
    ids::{OrganizationId, SessionId, TeamId, TokenId, UserId},
    terms::{OrganizationKind, terms},
};

terms! {
    /// A role in one organization.
    Role {
        /// Authors, signs and shares notes.
        Physician = "PHYSICIAN",
        /// Drafts, follows up loops and call tasks; cannot sign.
        Coordinator = "COORDINATOR",
        /// Receives and acknowledges.
        Clinician = "CLINICIAN",
        /// Leads a team: is told when its loops are late.
        TeamLead = "TEAM_LEAD",
        /// Directory, policies, deliveries, audit metadata.
        Admin = "ADMIN",
        /// Reads the audit, and nothing else.
        Auditor = "AUDITOR",
    }

    /// How an actor came in.
    ActorKind {
        /// A person, by session or API token.
        Person = "PERSON",
        /// The service itself: timers, workers.
        System = "SYSTEM",
    }
}

/// Who acts, in which organization, with which roles. Built only from a checked session or token, or for the service
/// itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Person or system.
    pub kind: ActorKind,
    /// The person.
    pub user_id: Option<UserId>,
    /// The API token that was used, where one was.
    pub token_id: Option<TokenId>,
    /// The signed-in session, where there is one.
    pub session_id: Option<SessionId>,
    /// The organization the person acts for.
    pub organization_id: Option<OrganizationId>,
    /// What that organization is.
    pub organization_kind: Option<OrganizationKind>,
    /// The person's roles there.
    pub roles: Vec<Role>,
    /// The teams the person is a member of there.
    pub teams: Vec<TeamId>,
    /// Only queries: a token without the `write` scope.
    pub read_only: bool,
    /// The request's id, for the ledger.
    pub request_id: Option<String>,
    /// The network address the request came from, for the ledger.
    pub peer: Option<String>,
}

impl Actor {
    /// The service itself.
    pub fn system() -> Self {
        Self {
            kind: ActorKind::System,
            user_id: None,
            token_id: None,
            session_id: None,
            organization_id: None,
            organization_kind: None,
            roles: Vec::new(),
            teams: Vec::new(),
            read_only: false,
            request_id: None,
            peer: None,
        }
    }

    /// Whether the actor has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the actor acts for the given organization.
    pub fn acts_for(&self, organization: OrganizationId) -> bool {
        self.organization_id == Some(organization)
    }

    /// Whether the actor acts for the clinic.
    pub fn is_clinic(&self) -> bool {
        self.organization_kind == Some(OrganizationKind::Clinic)
    }
}
