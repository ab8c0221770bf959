//! People, their roles, and the actor of a request. Pure.

use crate::{
    ids::{GuestId, OrganizationId, RecipientId, SessionId, TeamId, TokenId, UserId},
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
        /// Somebody who came in by a secure link and a one-time code: bound to one loop.
        Guest = "GUEST",
    }
}

/// Who came in by a secure link, and to which one loop that opens the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guest {
    /// The guest.
    pub id: GuestId,
    /// The only loop they reach.
    pub recipient_id: RecipientId,
    /// The person, where the code went to a person's own address in the directory. It names them; it opens nothing.
    pub user_id: Option<UserId>,
}

/// To whom an act is attributed: exactly one of the two stands beside it in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Author {
    /// A person of the directory.
    User(UserId),
    /// Somebody who named themself and was verified by a code to a team's address.
    Guest(GuestId),
}

impl Author {
    /// The person of the directory.
    pub fn user_id(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Guest(_) => None,
        }
    }

    /// The guest.
    pub fn guest_id(self) -> Option<GuestId> {
        match self {
            Self::User(_) => None,
            Self::Guest(id) => Some(id),
        }
    }
}

impl From<UserId> for Author {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

/// Who acts, in which organization, with which roles. Built only from a checked session or token, or for the service
/// itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Person, system or guest.
    pub kind: ActorKind,
    /// The person who signed in. Never set for a guest, so that whatever asks for a person is closed to guests.
    pub user_id: Option<UserId>,
    /// The guest of a secure link.
    pub guest: Option<Guest>,
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
            guest: None,
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

    /// Whether the actor acts for the given organization. A guest acts for nobody: their loop alone is open to them.
    pub fn acts_for(&self, organization: OrganizationId) -> bool {
        self.kind != ActorKind::Guest && self.organization_id == Some(organization)
    }

    /// Whether the actor acts for the clinic.
    pub fn is_clinic(&self) -> bool {
        self.kind != ActorKind::Guest && self.organization_kind == Some(OrganizationKind::Clinic)
    }

    /// To whom what this actor does is attributed; `None` for the service itself.
    pub fn author(&self) -> Option<Author> {
        let guest = self.guest.map(|guest| match guest.user_id {
            Some(user) => Author::User(user),
            None => Author::Guest(guest.id),
        });
        self.user_id.map(Author::User).or(guest)
    }
}
