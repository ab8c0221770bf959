//! Withdraws a signed note that was entered in error. Its versions stay, marked.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, NoteId, NoteStatus, NoteVersionId, access::Action};
use liaison_store::{legal_holds, notes as rows};
use serde::{Deserialize, Serialize};

use super::content::version_place;
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
    patients::Checks,
};

/// A note to be withdrawn.
#[derive(Clone, Serialize, Deserialize)]
pub struct WithdrawNote {
    /// The note.
    pub note_id: NoteId,
    /// Why: told to those who read it. 1 to 20,000 characters; sealed.
    pub reason: String,
    /// A repeat with the same key withdraws nothing.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// What withdrawing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteWithdrawn {
    /// The note.
    pub note_id: NoteId,
    /// Every version, newest first: all of them are withdrawn.
    pub version_ids: Vec<NoteVersionId>,
    /// When.
    pub withdrawn_at: DateTime<Utc>,
}

const OPERATION: &str = "note.withdraw";

impl Service {
    /// Withdraws every version of a note, drops an amendment under way, and ends the course that it planned. While a legal
    /// hold stands on the patient the amendment stays, sealed and out of sight, until the retention job may remove it.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` unless a physician; `Invalid` without a reason; `Conflict` `NOT_SIGNED` (discard the
    /// draft instead) or `WITHDRAWN`.
    pub async fn withdraw_note(&self, actor: &Actor, input: WithdrawNote) -> Result<NoteWithdrawn> {
        self.own_note(actor, Action::SignNote, input.note_id).await?;
        let by = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut checks = Checks::default();
        let reason = checks.text("reason", &input.reason);
        checks.finish()?;
        let mut tx = self.begin().await?;
        let idempotency_key = input.idempotency_key.as_deref();
        if let Some(kept) = replay(&mut tx, actor, idempotency_key, OPERATION, &input).await? {
            return Ok(kept);
        }
        legal_holds::stand_still(&mut tx).await?;
        let note = rows::lock(&mut tx, input.note_id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        if note.status == NoteStatus::EnteredInError {
            return Err(ServiceError::conflict("WITHDRAWN", "this note was withdrawn before"));
        }
        if note.version == 0 {
            return Err(ServiceError::conflict(
                "NOT_SIGNED",
                "this note was never signed; discard the draft",
            ));
        }
        let (now, random) = (self.now(), self.store().random());
        let versions = rows::versions_of_note(&mut tx, note.id).await?;
        let key = self.store().keyring()?.patient_key(&mut tx, note.patient_id).await?;
        let mut reasons = Vec::with_capacity(versions.len());
        for version in &versions {
            let sealed = key.seal_json(version_place("withdrawn_sealed", version.id), &reason, &*random)?;
            reasons.push((version.id, sealed));
        }
        rows::withdraw_versions(&mut tx, reasons, by, now).await?;
        rows::mark_withdrawn(&mut tx, note.id, now).await?;
        rows::end_courses(&mut tx, note.patient_id, Some(note.id), now).await?;
        let mut entry = self.note_entry(actor, OPERATION, &note);
        entry.note_version_id = versions.first().map(|version| version.id);
        entry.detail.insert("versions", versions.len().to_string());
        tx.record(entry);
        self.after_withdrawal(&mut tx, actor, &versions).await?;
        let answer = NoteWithdrawn {
            note_id: note.id,
            version_ids: versions.iter().map(|version| version.id).collect(),
            withdrawn_at: now,
        };
        keep(self, &mut tx, actor, idempotency_key, OPERATION, &input, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }
}
