//! The editor of a draft: the form, its saving by a button or by the script, and what the author should look at.
//!
//! A draft is saved as a whole or not at all: what cannot be saved is named at its field, and stays on the page as typed.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use liaison_clinical::{Decimal, NoteContent, SoftWarning, differences};
use liaison_domain::{NoteId, NoteKind, people::Role};
use liaison_service::{
    FieldProblem, ServiceError,
    notes::{ConfirmUnusual, DraftSaved, NoteRow, UpdateDraft},
};

use super::{
    begin::last,
    computed::{self, Told},
    fields::{Kind, document, words_of},
    head::{PatientHead, clinic_zone, kind_words},
    parts::{About, Part, Progress, SectionView, Unusual, form, human, progress, unusual},
    paste::paste,
    typed::Typed,
};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    format::Zone,
    session::{self, Signed},
    shell::{self, Shell},
};

/// Something to look at, with the place in the page.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct ToDo {
    /// The place.
    pub(super) path: String,
    /// The place in words.
    pub(super) place: String,
    /// What is wrong or missing.
    pub(super) message: String,
}

/// Somebody else saved meanwhile.
pub(super) struct Overtaken {
    by: String,
    at: chrono::DateTime<chrono::Utc>,
    revision: i64,
}

#[derive(Template)]
#[template(path = "notes/editor.html")]
struct EditorPage {
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
    /// What cannot be saved.
    wrong: Vec<ToDo>,
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
pub(super) fn bare(path: &str) -> &str {
    path.strip_prefix("content.").unwrap_or(path)
}

/// Problems as a list to work off, in the order of the form.
pub(super) fn to_do(kind: NoteKind, problems: &[FieldProblem], typed: &Typed) -> Vec<ToDo> {
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
struct Beside<'a> {
    problems: Vec<FieldProblem>,
    before_signing: Option<Vec<FieldProblem>>,
    unconfirmed: &'a [SoftWarning],
    overtaken: Option<Overtaken>,
    unsaved: String,
    pasted: Option<(String, String, Vec<String>)>,
    confirmed: Vec<String>,
}

async fn page(
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
    let told = match typed.content(kind, zone) {
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
        told,
        overtaken: state.overtaken,
        unsaved: state.unsaved,
        before: if old.is_some() { before } else { String::new() },
        confirmed: state.confirmed,
    })
}

/// What a signature would ask, without the unusual values: those are confirmed at their field.
fn still_asked(before_signing: &[FieldProblem]) -> Vec<FieldProblem> {
    before_signing
        .iter()
        .filter(|problem| problem.code != "SOFT_LIMIT")
        .cloned()
        .collect()
}

/// `GET /notes/{id}/edit`.
pub(super) async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id = id.parse::<NoteId>()?;
    let draft = match web.service().draft(&signed.actor, id).await {
        // Signed meanwhile, or withdrawn: its page says so.
        Err(ServiceError::Conflict { .. }) => return shell::go(&format!("/notes/{id}")),
        other => other?,
    };
    let zone = clinic_zone(&web, &signed).await?;
    let typed = Typed::of(draft.content.reveal(), draft.note.kind, zone);
    let confirmed = draft
        .confirmations
        .reveal()
        .iter()
        .map(|one| format!("{}: {}", words_of(draft.note.kind, &one.path), one.value))
        .collect();
    let state = Beside {
        before_signing: Some(draft.before_signing.clone()),
        unconfirmed: draft.unconfirmed.reveal(),
        confirmed,
        ..Beside::default()
    };
    let page = page(&web, &signed, &draft.note, draft.note.draft_revision, &typed, state).await?;
    shell::page(&page)
}

/// What the script is told after a save.
#[derive(Default, serde::Serialize)]
struct Answer {
    /// `saved`, `wrong`, `overtaken` or `gone`.
    state: &'static str,
    revision: i64,
    /// In words, for the line above the form.
    message: String,
    wrong: Vec<ToDo>,
    missing: Vec<ToDo>,
    unusual: Vec<Unusual>,
    sections: Vec<Said>,
    told: Vec<Told>,
    /// Computed values by path.
    computed: Vec<(String, String)>,
}

#[derive(serde::Serialize)]
struct Said {
    #[serde(flatten)]
    progress: Progress,
    words: String,
}

fn said(progress: Vec<Progress>) -> Vec<Said> {
    progress
        .into_iter()
        .map(|progress| Said {
            words: progress.words(),
            progress,
        })
        .collect()
}

/// The confirmations that the form brought: `limit value path`.
pub(super) fn confirmations(fields: &Fields) -> Vec<ConfirmUnusual> {
    let mut given: Vec<ConfirmUnusual> = fields
        .all("confirm")
        .filter_map(|key| {
            let mut parts = key.splitn(3, ' ');
            Some(ConfirmUnusual {
                limit: parts.next()?.to_owned(),
                value: parts.next()?.parse::<Decimal>().ok()?,
                path: parts.next()?.to_owned(),
            })
        })
        .collect();
    given.dedup();
    given
}

/// Saves; a box that was ticked for a value which is another one by now is left aside.
async fn save(web: &Web, signed: &Signed, mut input: UpdateDraft) -> liaison_service::Result<DraftSaved> {
    match web.service().update_draft(&signed.actor, input.clone()).await {
        Err(ServiceError::Invalid(problems))
            if !problems.is_empty() && problems.iter().all(|problem| problem.path.starts_with("confirmations")) =>
        {
            let stale: Vec<usize> = problems
                .iter()
                .filter_map(|problem| {
                    problem
                        .path
                        .strip_prefix("confirmations[")?
                        .strip_suffix(']')?
                        .parse()
                        .ok()
                })
                .collect();
            let mut at = 0;
            input.confirmations.retain(|_| {
                at += 1;
                !stale.contains(&(at - 1))
            });
            web.service().update_draft(&signed.actor, input).await
        }
        other => other,
    }
}

/// `POST /notes/{id}/edit`: saves, or changes the rows of a list.
pub(super) async fn change(
    State(web): State<Web>,
    Path(id): Path<String>,
    headers: HeaderMap,
    post: Post,
) -> Result<Response> {
    let id = id.parse::<NoteId>()?;
    let by_script = session::by_script(&headers);
    let signed = &post.signed;
    let note = web.service().note(&signed.actor, id).await?;
    let zone = clinic_zone(&web, signed).await?;
    let mut typed = Typed::read(&post.fields, note.kind);
    let revision = post.fields.parse::<i64>("revision").unwrap_or(0);
    let act = post.fields.text("act").to_owned();
    if let Some((what, list)) = act.split_once(':')
        && let Some(state) = rows(&mut typed, note.kind, what, list, &post.fields, zone)
    {
        let page = page(&web, signed, &note, revision, &typed, state).await?;
        return shell::page(&page);
    }
    let mut content = match typed.content(note.kind, zone) {
        Ok(content) => content,
        Err(problems) => return refused(&web, signed, &note, revision, &typed, problems, by_script).await,
    };
    computed::fill(&mut content);
    let input = UpdateDraft {
        note_id: id,
        expected_revision: revision,
        content: content.clone(),
        confirmations: confirmations(&post.fields),
        idempotency_key: post.fields.some("key").filter(|_| !by_script),
    };
    match save(&web, signed, input).await {
        Ok(saved) if by_script => {
            Ok(axum::Json(answer(note.kind, &content, &typed, &saved, zone, &web)).into_response())
        }
        Ok(_) => match act.as_str() {
            "sign" => shell::go(&format!("/notes/{id}/sign")),
            "preview" => shell::go(&format!("/notes/{id}/preview")),
            _ => shell::go(&format!("/notes/{id}/edit?done=saved")),
        },
        Err(ServiceError::Invalid(problems)) => {
            refused(&web, signed, &note, revision, &typed, problems, by_script).await
        }
        Err(ServiceError::Conflict { code, message }) => {
            conflict(&web, signed, id, revision, &typed, (code, message), by_script).await
        }
        Err(other) => Err(other.into()),
    }
}

/// A list gets or loses an entry, or what was pasted; nothing is saved by that.
fn rows(
    typed: &mut Typed,
    kind: NoteKind,
    what: &str,
    place: &str,
    fields: &Fields,
    zone: Zone,
) -> Option<Beside<'static>> {
    let mut state = Beside::default();
    match what {
        "add" => {
            list(kind, place)?;
            typed.add_row(place);
            state.unsaved = "A row was added. Save when you have filled it.".to_owned();
        }
        "remove" => {
            let (list, number) = place.strip_suffix(']')?.rsplit_once('[')?;
            self::list(kind, list)?;
            // The page counts empty rows too; ours are without them.
            let page_number: usize = number.parse().ok()?;
            let ours = (0..typed.rows(list))
                .find(|at| typed.in_page(&format!("{list}[{at}]")) == format!("{list}[{page_number}]"));
            if let Some(ours) = ours {
                typed.remove_row(list, ours);
            }
            state.unsaved = "The row was removed. Save to keep it so.".to_owned();
        }
        "paste" => {
            let inner = list(kind, place)?;
            let text = fields.raw(&format!("paste:{place}")).unwrap_or_default();
            let pasted = paste(typed, place, inner, text, zone);
            state.unsaved = format!(
                "{} added. Look them over, then save.",
                crate::format::count(i64::try_from(pasted.added).unwrap_or(i64::MAX), "row")
            );
            state.pasted = Some((place.to_owned(), pasted.left, pasted.errors));
        }
        _ => return None,
    }
    Some(state)
}

/// The fields of a list's entries; none where the path is no list.
fn list(kind: NoteKind, path: &str) -> Option<&'static [super::fields::Field]> {
    let mut fields = document(kind);
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let field = fields.iter().find(|field| field.name == step)?;
        match field.kind {
            Kind::Record(inner) => fields = inner,
            Kind::Rows(inner, _) if steps.peek().is_none() => return Some(inner),
            _ => return None,
        }
    }
    None
}

async fn refused(
    web: &Web,
    signed: &Signed,
    note: &NoteRow,
    revision: i64,
    typed: &Typed,
    problems: Vec<FieldProblem>,
    by_script: bool,
) -> Result<Response> {
    if by_script {
        let bare: Vec<&str> = problems.iter().map(|problem| bare(&problem.path)).collect();
        let answer = Answer {
            state: "wrong",
            revision,
            message: "Not saved: some values cannot be right.".to_owned(),
            sections: said(progress(note.kind, typed, None, &bare)),
            wrong: to_do(note.kind, &problems, typed),
            ..Answer::default()
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, axum::Json(answer)).into_response());
    }
    let state = Beside {
        problems,
        ..Beside::default()
    };
    let page = page(web, signed, note, revision, typed, state).await?;
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// Somebody else was faster: what was typed stays, and the page says who and when.
async fn conflict(
    web: &Web,
    signed: &Signed,
    id: NoteId,
    revision: i64,
    typed: &Typed,
    (code, message): (&'static str, String),
    by_script: bool,
) -> Result<Response> {
    let note = web.service().note(&signed.actor, id).await?;
    let by = match note.draft_updated_by {
        Some(by) => web
            .service()
            .person_by_id(&signed.actor, by)
            .await?
            .map(|person| person.display_name),
        None => None,
    };
    let by = by.unwrap_or_else(|| "Somebody".to_owned());
    let changed = code == "DRAFT_CHANGED";
    if by_script {
        let at = signed.zone.time(note.updated_at);
        let answer = Answer {
            state: if changed { "overtaken" } else { "gone" },
            revision: note.draft_revision,
            message: if changed {
                format!("Not saved: {by} saved this draft at {at}. What you typed is still here.")
            } else {
                format!("Not saved: {message}.")
            },
            ..Answer::default()
        };
        return Ok((StatusCode::CONFLICT, axum::Json(answer)).into_response());
    }
    if !changed {
        return Err(ServiceError::Conflict { code, message }.into());
    }
    let state = Beside {
        overtaken: Some(Overtaken {
            by,
            at: note.updated_at,
            revision: note.draft_revision,
        }),
        ..Beside::default()
    };
    let page = page(web, signed, &note, revision, typed, state).await?;
    shell::page_with(StatusCode::CONFLICT, &page)
}

fn answer(kind: NoteKind, content: &NoteContent, typed: &Typed, saved: &DraftSaved, zone: Zone, web: &Web) -> Answer {
    let full = Typed::of(content, kind, zone);
    let mut computed = Vec::new();
    computed_texts(document(kind), "", &full, typed, &mut computed);
    Answer {
        state: "saved",
        revision: saved.revision,
        message: format!("Saved {}.", zone.time(web.service().now())),
        wrong: Vec::new(),
        missing: to_do(kind, &still_asked(&saved.before_signing), typed),
        unusual: unusual(&saved.unconfirmed, typed),
        sections: said(progress(kind, &full, Some(&saved.before_signing), &[])),
        told: computed::tell(content),
        computed,
    }
}

/// Every computed field with its text, as the page names it.
fn computed_texts(
    fields: &'static [super::fields::Field],
    prefix: &str,
    full: &Typed,
    typed: &Typed,
    found: &mut Vec<(String, String)>,
) {
    for field in fields {
        let path = super::fields::join(prefix, field.name);
        match field.kind {
            Kind::Record(inner) => computed_texts(inner, &path, full, typed, found),
            Kind::Rows(inner, _) => {
                for at in 0..full.rows(&path) {
                    computed_texts(inner, &format!("{path}[{at}]"), full, typed, found);
                }
            }
            _ if field.computed => found.push((typed.in_page(&path), full.text(&path).to_owned())),
            _ => {}
        }
    }
}

/// What differs between two contents, with the places in words.
pub(super) fn changes(kind: NoteKind, old: &NoteContent, new: &NoteContent) -> Vec<super::version::ChangeView> {
    differences(old, new)
        .into_iter()
        .map(|one| super::version::ChangeView {
            place: words_of(kind, &one.path),
            before: one.before.unwrap_or_default(),
            after: one.after.unwrap_or_default(),
        })
        .collect()
}
