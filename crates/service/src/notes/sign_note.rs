//! Signs a draft: the physician's act that makes a version which never changes.

use chrono::{DateTime, Utc};
use liaison_clinical::{Mode, NoteContent, PriorContext, Urgency, assess};
use liaison_domain::{Actor, NoteId, NoteStatus, NoteVersionId, UserId, access::Action};
use liaison_store::{
    PatientKey, Tx,
    notes::{self as rows, NoteRow, VersionRow},
};
use serde::{Deserialize, Serialize};

use super::{
    ConfirmUnusual,
    content::{self, Checked, DraftRecord, draft_place},
    expect_revision,
    freeze::{Freeze, hex},
    no_draft, set_aside,
};
use crate::{
    FieldProblem, Result, Service, ServiceError,
    idempotency::{keep, replay},
    patients::patient_event,
};

/// A draft to be signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignNote {
    /// The note.
    pub note_id: NoteId,
    /// The revision that the physician read.
    pub expected_revision: i64,
    /// Raises the urgency above the computed one; never below it.
    pub raised_urgency: Option<Urgency>,
    /// Unusual values that the physician looked at now.
    #[serde(default)]
    pub confirmations: Vec<ConfirmUnusual>,
    /// A repeat with the same key signs nothing and answers the same.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// A signed version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteSigned {
    /// The note.
    pub note_id: NoteId,
    /// The version.
    pub version_id: NoteVersionId,
    /// Its number, from 1.
    pub version: u32,
    /// `urn:uuid:...`, the same for every version of a note.
    pub document_id: String,
    /// SHA-256 over the canonical bytes, as hexadecimal text.
    pub sha256: String,
    /// The urgency in force.
    pub urgency: Urgency,
    /// When it was signed.
    pub signed_at: DateTime<Utc>,
}

impl NoteSigned {
    pub(super) fn of(version: &VersionRow) -> Self {
        Self {
            note_id: version.note_id,
            version_id: version.id,
            version: version.version,
            document_id: version.document_id.clone(),
            sha256: hex(&version.content_sha256),
            urgency: version.urgency,
            signed_at: version.signed_at,
        }
    }
}

/// A draft that stands to be signed.
pub(super) struct ToSign {
    pub(super) note: NoteRow,
    pub(super) key: PatientKey,
    pub(super) content: NoteContent,
    pub(super) checked: Checked,
    pub(super) signed_by: UserId,
    pub(super) signed_at: DateTime<Utc>,
}

const OPERATION: &str = "note.sign";

impl Service {
    /// Signs a draft for the first time.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` unless the actor is a physician; `Conflict` `DRAFT_CHANGED`, `ALREADY_SIGNED`,
    /// `WITHDRAWN` or `IS_AMENDMENT`; `Invalid` with every problem under `content.`, unconfirmed unusual values as
    /// `SOFT_LIMIT`, what was typed and is no possible value as `SET_ASIDE`.
    pub async fn sign_note(&self, actor: &Actor, input: SignNote) -> Result<NoteSigned> {
        self.own_note(actor, Action::SignNote, input.note_id).await?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(kept) = replay(&mut tx, actor, key, OPERATION, &input).await? {
            return Ok(kept);
        }
        let (ready, problems) = self.to_sign(&mut tx, actor, &input).await?;
        if ready.note.version > 0 {
            return Err(ServiceError::conflict(
                "IS_AMENDMENT",
                "this draft amends a signed note; sign it as an amendment, with a reason",
            ));
        }
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let freeze = Freeze {
            note_id: ready.note.id,
            patient_id: ready.note.patient_id,
            organization_id: ready.note.organization_id,
            version: 1,
            document_id: format!("urn:uuid:{}", ready.note.id.uuid()),
            content: &ready.content,
            confirmations: &ready.checked.confirmations,
            change: None,
            signed_by: ready.signed_by,
            signed_at: ready.signed_at,
        };
        let note = &ready.note;
        rows::mark_signed(
            &mut tx,
            note.id,
            note.draft_revision,
            NoteStatus::Final,
            1,
            ready.signed_at,
        )
        .await?;
        let version = self.freeze(&mut tx, &ready.key, freeze).await?;
        self.record_signature(&mut tx, actor, OPERATION, &ready, &version);
        self.follow_decision(&mut tx, actor, &version, &ready.content).await?;
        tx.announce(patient_event(note.organization_id, note.patient_id));
        let answer = NoteSigned::of(&version);
        keep(self, &mut tx, actor, key, OPERATION, &input, &answer).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Locks the note, opens its draft, raises its urgency and checks it for a signature: what stands to be signed, and
    /// every problem with it.
    pub(super) async fn to_sign(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        input: &SignNote,
    ) -> Result<(ToSign, Vec<FieldProblem>)> {
        let signed_by = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let note = rows::lock(tx, input.note_id)
            .await?
            .ok_or(ServiceError::NotFound("note"))?;
        expect_revision(&note, input.expected_revision)?;
        let Some(sealed) = rows::draft(tx, note.id).await? else {
            return Err(no_draft(&note));
        };
        let key = self.store().keyring()?.patient_key(tx, note.patient_id).await?;
        let DraftRecord {
            mut content,
            confirmations,
            set_aside: beside,
        } = key.open_json(draft_place(note.id), &sealed)?;
        let signed_at = self.now();
        let prior = self.prior(tx, note.patient_id, Some(note.id), &content).await?;
        let prior = PriorContext {
            signed_at: Some(signed_at.fixed_offset()),
            ..prior
        };
        let mut problems = raise(&mut content, input.raised_urgency);
        let given = &input.confirmations;
        let checked = content::check(
            &content,
            Mode::Sign,
            &prior,
            &confirmations,
            given,
            actor.user_id,
            signed_at,
        );
        problems.extend(checked.problems.iter().cloned());
        problems.extend(checked.soft_problems());
        set_aside::refuse(&mut problems, &beside);
        Ok((
            ToSign {
                note,
                key,
                content,
                checked,
                signed_by,
                signed_at,
            },
            problems,
        ))
    }

    /// Adds the ledger entry of a signature.
    pub(super) fn record_signature(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        action: &'static str,
        ready: &ToSign,
        version: &VersionRow,
    ) {
        let mut entry = self.note_entry(actor, action, &ready.note);
        entry.note_version_id = Some(version.id);
        entry.detail.insert("version", version.version.to_string());
        entry.detail.insert("sha256", hex(&version.content_sha256));
        entry.detail.insert("urgency", version.urgency.to_string());
        entry.detail.insert(
            "confirmed_unusual_values",
            ready.checked.confirmations.len().to_string(),
        );
        tx.record(entry);
    }
}

/// Raises the stated urgency; a level below the one in force is a problem.
fn raise(content: &mut NoteContent, raised: Option<Urgency>) -> Vec<FieldProblem> {
    let Some(raised) = raised else { return Vec::new() };
    let level = assess(content).level;
    if raised < level {
        return vec![FieldProblem::new(
            "raisedUrgency",
            "URGENCY_BELOW_FLAGS",
            format!("the urgency is {level}; it can be raised, never lowered"),
        )];
    }
    match content {
        NoteContent::ConsultationNote(note) => note.urgency = Some(raised),
        NoteContent::InfusionSummary(summary) => summary.urgency = Some(raised),
    }
    Vec::new()
}
