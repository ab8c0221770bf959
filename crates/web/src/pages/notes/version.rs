//! One signed version as its readers see it, with what it changed against the one before.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use chrono::{DateTime, Utc};
use liaison_domain::{NoteId, NoteVersionId, people::Role};

use super::{
    fields::words_of,
    head::{PatientHead, clinic, kind_words},
};
use crate::{
    Result, Web,
    pages::shown::{Changes, FirstScreen, Narrative, Phone},
    session::Signed,
    shell::{self, Shell},
};

#[derive(Template)]
#[template(path = "notes/version.html")]
struct VersionPage {
    shell: Shell,
    patient: PatientHead,
    note_id: NoteId,
    version_id: NoteVersionId,
    kind: &'static str,
    number: u32,
    signed_by: String,
    signed_at: DateTime<Utc>,
    withdrawn: Option<String>,
    newest: bool,
    shares: bool,
    urgency: &'static str,
    tone: &'static str,
    first: FirstScreen,
    narrative: Narrative,
    reason: String,
    changes: Changes,
    confirmed: Vec<String>,
    sha256: String,
}

/// `GET /versions/{id}`.
pub(super) async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id = id.parse::<NoteVersionId>()?;
    let note = web.service().note_version(&signed.actor, id).await?;
    let row = web.service().note(&signed.actor, note.version.note_id).await?;
    let signer = web.service().person_by_id(&signed.actor, note.signed_by).await?;
    let kind = note.version.kind;
    let change = note.change.as_ref().map(|change| change.reveal());
    let page = VersionPage {
        shell: Shell::new(
            &web,
            &signed,
            format!("{}, version {}", kind_words(kind), note.version.version),
        ),
        patient: PatientHead::load(&web, &signed, note.version.patient_id).await?,
        note_id: note.version.note_id,
        version_id: id,
        kind: kind_words(kind),
        number: note.version.version,
        signed_by: signer.map_or_else(String::new, |person| person.display_name),
        signed_at: note.signed_at,
        withdrawn: note.version.withdrawn_at.map(|_| {
            note.withdrawn_reason
                .as_ref()
                .map(|reason| reason.reveal().clone())
                .unwrap_or_default()
        }),
        newest: i64::from(note.version.version) == row.version,
        shares: signed.actor.has(Role::Physician),
        urgency: crate::words::urgency(note.version.urgency),
        tone: crate::words::urgency_class(note.version.urgency),
        first: FirstScreen::of_clinic(
            note.bottom_line.reveal(),
            kind,
            Phone::of(&clinic(&web, &signed).await?),
        ),
        narrative: Narrative::new(note.sections.reveal()),
        reason: change.map_or_else(String::new, |change| change.reason.clone()),
        changes: change.map(|change| Changes::of(kind, change)).unwrap_or_default(),
        confirmed: note
            .confirmations
            .reveal()
            .iter()
            .map(|one| format!("{}: {}", words_of(kind, &one.path), one.value))
            .collect(),
        sha256: note.sha256.clone(),
    };
    shell::page(&page)
}
