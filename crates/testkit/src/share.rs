//! A share as tests begin it: to whom, and nothing else. What a test is about, it changes by itself.

use liaison_domain::{Duty, NoteVersionId, TeamId, UserId};
use liaison_service::loops::{NewRecipient, ShareNote, Shared};

use crate::{App, Fixture, Signed};

/// A team that has to acknowledge.
pub fn to_team(team: TeamId) -> NewRecipient {
    NewRecipient {
        team_id: Some(team),
        user_id: None,
        organization_id: None,
        care_role: None,
        duty: Duty::Required,
    }
}

/// A person who has to acknowledge.
pub fn to_person(user: UserId) -> NewRecipient {
    NewRecipient {
        team_id: None,
        user_id: Some(user),
        organization_id: None,
        care_role: None,
        duty: Duty::Required,
    }
}

/// A share of a signed version: its own urgency, no question, no reasons.
pub fn share_of(version: NoteVersionId, recipients: Vec<NewRecipient>) -> ShareNote {
    ShareNote {
        note_version_id: version,
        recipients,
        urgency: None,
        questions: Vec::new(),
        message: None,
        verbal: None,
        overrides: Vec::new(),
        idempotency_key: None,
    }
}

impl App {
    /// The physician shares a signed version with teams that have to acknowledge.
    pub async fn share(&self, fixture: &Fixture, signed: &Signed, teams: &[TeamId]) -> Shared {
        let recipients = teams.iter().map(|team| to_team(*team)).collect();
        self.service
            .share_note(&fixture.physician, share_of(signed.version_id, recipients))
            .await
            .expect("a share")
    }
}
