//! One signed version as its readers see it, with what it changed against the one before.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use chrono::{DateTime, Utc};
use liaison_clinical::{BottomLine, Section};
use liaison_domain::{NoteId, NoteKind, NoteVersionId, people::Role};
use liaison_service::notes::Change;

use super::{
    fields::words_of,
    head::{PatientHead, kind_words},
};
use crate::{
    Result, Web,
    format::words,
    session::Signed,
    shell::{self, Shell},
};

/// One changed field.
pub(super) struct ChangeView {
    /// Where, in words.
    pub(super) place: String,
    /// What stood there; empty where nothing did.
    pub(super) before: String,
    /// What stands there now; empty where nothing does.
    pub(super) after: String,
}

/// The changes of an amendment with the places in words.
pub(super) fn changes_of(kind: NoteKind, change: &Change) -> Vec<ChangeView> {
    change
        .fields
        .iter()
        .map(|field| ChangeView {
            place: words_of(kind, &field.path),
            before: readable(field.before.as_deref()),
            after: readable(field.after.as_deref()),
        })
        .collect()
}

/// A value out of JSON as a person reads it: a record as its values, a word without underscores.
pub(super) fn readable(value: Option<&str>) -> String {
    let Some(value) = value else { return String::new() };
    match serde_json::from_str::<serde_json::Value>(value) {
        Ok(inner @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => flat(&inner),
        Ok(serde_json::Value::Bool(true)) => "yes".to_owned(),
        Ok(serde_json::Value::Bool(false)) => "no".to_owned(),
        _ if value.contains(' ') => value.to_owned(),
        _ => value.replace('_', " "),
    }
}

fn flat(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(object) => object
            .iter()
            .map(|(name, inner)| format!("{}: {}", name.replace('_', " "), flat(inner)))
            .collect::<Vec<_>>()
            .join(", "),
        serde_json::Value::Array(list) => list.iter().map(flat).collect::<Vec<_>>().join("; "),
        serde_json::Value::String(text) => text.replace('_', " "),
        other => other.to_string(),
    }
}

/// A note's words as its readers get them: the first screen, then the sections.
pub(super) struct Reading {
    pub(super) urgency: String,
    pub(super) tone: &'static str,
    pub(super) line: BottomLine,
    /// Every section but the first, which repeats the first screen.
    pub(super) sections: Vec<Section>,
}

impl Reading {
    pub(super) fn new(line: &BottomLine, sections: &[Section]) -> Self {
        Self {
            urgency: words(line.urgency.as_str()),
            tone: crate::words::urgency_class(line.urgency),
            line: line.clone(),
            sections: sections.iter().skip(1).cloned().collect(),
        }
    }
}

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
    reading: Reading,
    reason: String,
    changes: Vec<ChangeView>,
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
        reading: Reading::new(note.bottom_line.reveal(), note.sections.reveal()),
        reason: change.map_or_else(String::new, |change| change.reason.clone()),
        changes: change.map(|change| changes_of(kind, change)).unwrap_or_default(),
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
