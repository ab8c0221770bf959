//! What the script is told after a save: the state in words, what to look at, and every computed value.

use liaison_domain::NoteKind;

use super::{
    keep::Kept,
    page::{ToDo, still_asked, to_do},
};
use crate::{
    Web,
    format::{Zone, count},
    pages::notes::{
        computed::{self, Told},
        fields::{Field, Kind, document, join},
        parts::{Progress, Unusual, progress, unusual},
        typed::Typed,
    },
};

/// What the script is told after a save.
#[derive(Default, serde::Serialize)]
pub(super) struct Answer {
    /// `saved`, `wrong`, `overtaken` or `gone`.
    pub(super) state: &'static str,
    pub(super) revision: i64,
    /// In words, for the line above the form.
    pub(super) message: String,
    pub(super) wrong: Vec<ToDo>,
    pub(super) missing: Vec<ToDo>,
    pub(super) unusual: Vec<Unusual>,
    pub(super) sections: Vec<Said>,
    pub(super) told: Vec<Told>,
    /// Computed values by path.
    pub(super) computed: Vec<(String, String)>,
}

#[derive(serde::Serialize)]
pub(super) struct Said {
    #[serde(flatten)]
    pub(super) progress: Progress,
    pub(super) words: String,
}

pub(super) fn said(progress: Vec<Progress>) -> Vec<Said> {
    progress
        .into_iter()
        .map(|progress| Said {
            words: progress.words(),
            progress,
        })
        .collect()
}

/// The answer to a draft that was saved, with the texts that are kept beside it.
pub(super) fn answer(kind: NoteKind, typed: &Typed, kept: &Kept, zone: Zone, web: &Web) -> Answer {
    let Kept { content, saved, aside } = kept;
    let mut full = Typed::of(content, kind, zone);
    let mut computed = Vec::new();
    computed_texts(document(kind), "", &full, typed, &mut computed);
    full.lay_over(kind, aside);
    let at = zone.time(web.service().now());
    let message = match aside.len() {
        0 => format!("Saved {at}."),
        more => format!(
            "Saved {at}; {} kept as typed, outside of the note: correct or clear {}.",
            count(i64::try_from(more).unwrap_or(i64::MAX), "value"),
            if more == 1 { "it" } else { "them" }
        ),
    };
    Answer {
        state: "saved",
        revision: saved.revision,
        message,
        wrong: to_do(kind, &kept.problems(), typed),
        missing: to_do(kind, &still_asked(&saved.before_signing), typed),
        unusual: unusual(&saved.unconfirmed, typed),
        sections: said(progress(kind, &full, Some(&saved.before_signing), &[])),
        told: computed::tell(content),
        computed,
    }
}

/// Every computed field with its text, as the page names it.
fn computed_texts(
    fields: &'static [Field],
    prefix: &str,
    full: &Typed,
    typed: &Typed,
    found: &mut Vec<(String, String)>,
) {
    for field in fields {
        let path = join(prefix, field.name);
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
