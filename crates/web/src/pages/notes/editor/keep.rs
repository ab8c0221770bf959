//! Saves what was typed, all of it: what a field cannot hold is set aside with its text and kept beside the note, so that
//! one slip of the hand costs nothing of the rest. Which value is possible is decided by the clinical crate and the use
//! case; this asks them, and asks again without what they refused.

use liaison_clinical::{Decimal, NoteContent};
use liaison_domain::{NoteId, NoteKind};
use liaison_service::{
    FieldProblem, ServiceError,
    notes::{ConfirmUnusual, DraftSaved, SetAside, UpdateDraft},
};

use super::page::bare;
use crate::{
    Web,
    form::Fields,
    format::Zone,
    pages::notes::{computed, parts::human, typed::Typed},
    session::Signed,
};

/// The longest explanation that is kept with a text, in characters.
const LONGEST: usize = 1_000;

/// A draft as it was saved.
pub(super) struct Kept {
    /// What the note says.
    pub(super) content: NoteContent,
    /// What the use case answered.
    pub(super) saved: DraftSaved,
    /// What is kept beside it.
    pub(super) aside: Vec<SetAside>,
}

impl Kept {
    /// The texts that are kept beside the note, as problems at their fields.
    pub(super) fn problems(&self) -> Vec<FieldProblem> {
        problems(&self.aside)
    }
}

/// Texts that were set aside as problems at their fields.
pub(super) fn problems(aside: &[SetAside]) -> Vec<FieldProblem> {
    aside
        .iter()
        .map(|one| FieldProblem::new(one.path.as_str(), "SET_ASIDE", one.problem.as_str()))
        .collect()
}

/// What a form brought to be saved.
pub(super) struct ToKeep<'a> {
    pub(super) note_id: NoteId,
    pub(super) kind: NoteKind,
    pub(super) zone: Zone,
    /// The revision that the author saw.
    pub(super) revision: i64,
    pub(super) typed: &'a Typed,
    pub(super) confirmations: Vec<ConfirmUnusual>,
    pub(super) key: Option<String>,
}

/// Saves a draft with everything that was typed.
///
/// # Errors
/// Those of the use case; `Invalid` only where what is wrong is no text of a field, such as a flood of rows.
pub(super) async fn keep(web: &Web, signed: &Signed, what: ToKeep<'_>) -> liaison_service::Result<Kept> {
    let mut possible = what.typed.clone();
    let mut aside: Vec<SetAside> = Vec::new();
    // Every turn takes out at least one text, else it ends.
    let mut turn = 0_usize;
    loop {
        let problems = match possible.content(what.kind, what.zone) {
            Ok(mut content) => {
                computed::fill(&mut content);
                let input = UpdateDraft {
                    note_id: what.note_id,
                    expected_revision: what.revision,
                    content: content.clone(),
                    confirmations: what.confirmations.clone(),
                    set_aside: Some(aside.clone()),
                    // A repeat of the form goes through the same turns: each is an input of its own.
                    idempotency_key: what.key.as_ref().map(|key| match turn {
                        0 => key.clone(),
                        more => format!("{key}.{more}"),
                    }),
                };
                match update(web, signed, input).await {
                    Ok(saved) => return Ok(Kept { content, saved, aside }),
                    Err(ServiceError::Invalid(problems)) => problems,
                    Err(other) => return Err(other),
                }
            }
            Err(problems) => problems,
        };
        if !set_aside(&mut possible, &mut aside, what.kind, &problems) {
            return Err(ServiceError::Invalid(problems));
        }
        turn += 1;
    }
}

/// Takes the texts that have problems out of the form; whether there was any.
fn set_aside(possible: &mut Typed, aside: &mut Vec<SetAside>, kind: NoteKind, problems: &[FieldProblem]) -> bool {
    let mut any = false;
    for problem in problems {
        for (path, text) in possible.take_out(kind, bare(&problem.path)) {
            any = true;
            // A computed value is computed again; only what a person typed is kept.
            if let Some(text) = text {
                aside.push(SetAside {
                    path,
                    text,
                    problem: human(&problem.message).chars().take(LONGEST).collect(),
                });
            }
        }
    }
    any
}

/// The confirmations that the form brought: `limit value path`.
pub(in crate::pages::notes) fn confirmations(fields: &Fields) -> Vec<ConfirmUnusual> {
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
async fn update(web: &Web, signed: &Signed, mut input: UpdateDraft) -> liaison_service::Result<DraftSaved> {
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
