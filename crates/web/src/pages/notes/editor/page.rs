//! The editor's page: the form with what is beside each field, and what stands at its top and side.

use askama::Template;
use liaison_clinical::SoftWarning;
use liaison_domain::{NoteId, NoteKind, people::Role};
use liaison_service::{FieldProblem, notes::NoteRow};

use crate::{
    Result, Web,
    form::Problems,
    format::Zone,
    pages::notes::{
        begin::last,
        computed::{self, Told},
        fields::words_of,
        head::{PatientHead, clinic_zone, kind_words},
        parts::{About, Part, SectionView, form, human, unusual},
        typed::Typed,
    },
    session::Signed,
    shell::Shell,
};

/// Something to look at, with the place in the page.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(in crate::pages::notes) struct ToDo {
    /// The place.
    pub(in crate::pages::notes) path: String,
    /// The place in words.
    pub(in crate::pages::notes) place: String,
    /// What is wrong or missing.
    pub(in crate::pages::notes) message: String,
}

/// Somebody else saved meanwhile.
pub(super) struct Overtaken {
    pub(super) by: String,
    pub(super) at: chrono::DateTime<chrono::Utc>,
    pub(super) revision: i64,
}

#[derive(Template)]
#[template(path = "notes/editor.html")]
pub(super) struct EditorPage {
    shell: Shell,
    patient: PatientHead,
    note_id: NoteId,
    kind: &'static str,
    amends: i64,
    revision: i64,
    key: String,
    zone: &'static str,
    signs: bool,
    sections: Vec<SectionView>,
    /// What no field can hold.
    wrong: Vec<ToDo>,
    /// It is saved beside the note all the same; else nothing was saved.
    kept: bool,
    /// What a signature would still ask; none where what is typed was not checked.
    missing: Option<Vec<ToDo>>,
    told: Vec<Told>,
    overtaken: Option<Overtaken>,
    /// What was just done to the form and is not saved yet.
    unsaved: String,
    /// Which note the marks "before" speak of; empty where there is none.
    before: String,
    confirmed: Vec<String>,
}

/// A path of a use case's problem as the form names it.
pub(in crate::pages::notes) fn bare(path: &str) -> &str {
    path.strip_prefix("content.").unwrap_or(path)
}

/// Problems as a list to work off, in the order of the form.
pub(in crate::pages::notes) fn to_do(kind: NoteKind, problems: &[FieldProblem], typed: &Typed) -> Vec<ToDo> {
    problems
        .iter()
        .map(|problem| {
            let path = bare(&problem.path);
            ToDo {
                path: typed.in_page(path),
                place: words_of(kind, path),
                message: human(&problem.message),
            }
        })
        .collect()
}

/// The note before this one, to mark what changed: the version that is amended, else the patient's last one of the kind.
async fn before(web: &Web, signed: &Signed, note: &NoteRow, zone: Zone) -> Result<(Option<Typed>, String)> {
    let (released, what) = if note.version > 0 {
        let versions = web.service().versions_of_note(&signed.actor, note.id).await?;
        let Some(latest) = versions.first() else {
            return Ok((None, String::new()));
        };
        let released = web.service().note_version(&signed.actor, latest.id).await?;
        (Some(released), format!("the signed version {}", latest.version))
    } else {
        let released = last(web, signed, note.patient_id, note.kind).await?;
        let what = released.as_ref().map_or_else(String::new, |note| {
            format!(
                "the last {} ({})",
                kind_words(note.version.kind).to_lowercase(),
                zone.date(note.signed_at)
            )
        });
        (released, what)
    };
    let typed = released.map(|note| Typed::of(note.content.reveal(), note.version.kind, zone));
    Ok((typed, what))
}

/// What the page says beside the typed values.
#[derive(Default)]
pub(super) struct Beside<'a> {
    pub(super) problems: Vec<FieldProblem>,
    /// Whether the texts with problems are saved beside the note.
    pub(super) kept: bool,
    pub(super) before_signing: Option<Vec<FieldProblem>>,
    pub(super) unconfirmed: &'a [SoftWarning],
    pub(super) overtaken: Option<Overtaken>,
    pub(super) unsaved: String,
    pub(super) pasted: Option<(String, String, Vec<String>)>,
    pub(super) confirmed: Vec<String>,
}

/// Writes the page of what is typed.
pub(super) async fn page(
    web: &Web,
    signed: &Signed,
    note: &NoteRow,
    revision: i64,
    typed: &Typed,
    state: Beside<'_>,
) -> Result<EditorPage> {
    let zone = clinic_zone(web, signed).await?;
    let kind = note.kind;
    let (old, before) = before(web, signed, note, zone).await?;
    let problems: Vec<FieldProblem> = state
        .problems
        .iter()
        .map(|problem| FieldProblem::new(bare(&problem.path), problem.code.clone(), problem.message.clone()))
        .collect();
    let wrong = to_do(kind, &problems, &Typed::default());
    let at_fields = Problems::new(problems);
    let unusual = unusual(state.unconfirmed, &Typed::default());
    let about = About {
        problems: &at_fields,
        before_signing: state.before_signing.as_deref(),
        unusual: &unusual,
        before: old.as_ref(),
        pasted: state.pasted.as_ref(),
    };
    let mut possible = typed.clone();
    wrong.iter().for_each(|one| drop(possible.take_out(kind, &one.path)));
    let told = match possible.content(kind, zone) {
        Ok(mut content) => {
            computed::fill(&mut content);
            computed::tell(&content)
        }
        Err(_) => Vec::new(),
    };
    Ok(EditorPage {
        shell: Shell::new(web, signed, kind_words(kind))
            .wide()
            .with_script("editor.js"),
        patient: PatientHead::load(web, signed, note.patient_id).await?,
        note_id: note.id,
        kind: kind_words(kind),
        amends: note.version,
        revision,
        key: web.fresh_key(),
        zone: zone.name(),
        signs: signed.actor.has(Role::Physician),
        sections: form(kind, typed, &about),
        missing: state
            .before_signing
            .as_deref()
            .map(|asked| to_do(kind, &still_asked(asked), &Typed::default())),
        wrong,
        kept: state.kept,
        told,
        overtaken: state.overtaken,
        unsaved: state.unsaved,
        before: if old.is_some() { before } else { String::new() },
        confirmed: state.confirmed,
    })
}

/// What a signature would ask, without the unusual values: those are confirmed at their field.
pub(super) fn still_asked(before_signing: &[FieldProblem]) -> Vec<FieldProblem> {
    before_signing
        .iter()
        .filter(|problem| problem.code != "SOFT_LIMIT")
        .cloned()
        .collect()
}
