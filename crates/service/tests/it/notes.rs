//! Notes: drafts, signatures, amendments, withdrawals, readings, imports.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod drafts;
mod import;
mod readings;
mod signatures;

use liaison_clinical::{NoteContent, Urgency};
use liaison_domain::{NoteId, PatientId};
use liaison_service::{
    ServiceError,
    notes::{ConfirmUnusual, DraftNote, DraftSaved, SignNote, UpdateDraft},
};
use liaison_store::{Engine, Sql, ledger};
use liaison_testkit::{App, Fixture, notes::journey};

/// The content of a journey's document, counted from 0.
fn content(letter: &str, number: usize) -> NoteContent {
    journey(letter).documents.swap_remove(number).content
}

fn draft(patient_id: PatientId, content: NoteContent) -> DraftNote {
    DraftNote {
        patient_id,
        content,
        confirmations: Vec::new(),
        idempotency_key: None,
    }
}

fn update(saved: &DraftSaved, content: NoteContent) -> UpdateDraft {
    UpdateDraft {
        note_id: saved.note_id,
        expected_revision: saved.revision,
        content,
        confirmations: Vec::new(),
        set_aside: None,
        idempotency_key: None,
    }
}

fn sign(note_id: NoteId, expected_revision: i64) -> SignNote {
    SignNote {
        note_id,
        expected_revision,
        raised_urgency: None::<Urgency>,
        confirmations: Vec::new(),
        idempotency_key: None,
    }
}

fn confirm_all(saved: &DraftSaved) -> Vec<ConfirmUnusual> {
    let confirm = |warning: &liaison_clinical::SoftWarning| ConfirmUnusual {
        path: warning.path.clone(),
        limit: warning.limit.clone(),
        value: warning.value,
    };
    saved.unconfirmed.iter().map(confirm).collect()
}

/// A draft of a journey's document by the physician, at the time at which it was signed.
async fn drafted(app: &App, f: &Fixture, patient: PatientId, letter: &str, number: usize) -> DraftSaved {
    let document = journey(letter).documents.swap_remove(number);
    app.clock.set(document.envelope.signed_at.to_utc().max(app.now()));
    app.service
        .draft_note(&f.physician, draft(patient, document.content))
        .await
        .unwrap()
}

/// The acts on a note, by name.
async fn acts(app: &App, note: NoteId) -> Vec<String> {
    entries(
        app,
        ledger::EntryFilter {
            note_id: Some(note),
            ..ledger::EntryFilter::default()
        },
    )
    .await
}

async fn entries(app: &App, filter: ledger::EntryFilter) -> Vec<String> {
    let mut conn = app.service.store().read().await.unwrap();
    let found = ledger::search(&mut conn, &filter, 500).await.unwrap();
    let mut acts: Vec<String> = found.into_iter().map(|row| row.action).collect();
    acts.sort();
    acts
}

async fn count(app: &App, action: &str) -> usize {
    entries(
        app,
        ledger::EntryFilter {
            actions: vec![action.to_owned()],
            ..ledger::EntryFilter::default()
        },
    )
    .await
    .len()
}

fn problems(error: ServiceError) -> Vec<(String, String)> {
    match error {
        ServiceError::Invalid(found) => found.into_iter().map(|problem| (problem.path, problem.code)).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

/// Runs a text past the use cases.
async fn past(app: &App, text: &str) -> Result<u64, String> {
    let text: &'static str = text.to_owned().leak();
    let sql = Sql {
        name: "test",
        sqlite: text,
        postgres: text,
    };
    let mut tx = app.service.store().begin().await.unwrap();
    let changed = tx.execute(sql, Vec::new()).await.map_err(|error| error.to_string())?;
    tx.commit().await.map_err(|error| error.to_string())?;
    Ok(changed)
}

/// Lets versions be changed, as a database's owner can.
async fn without_triggers(app: &App) {
    let text = match app.database.engine {
        Engine::Sqlite => "drop trigger note_version_frozen",
        Engine::Postgres => "alter table note_version disable trigger user",
    };
    past(app, text).await.unwrap();
}
