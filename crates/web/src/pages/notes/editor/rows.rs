//! The lists of the form without a script: a button adds a row, takes one out, or reads what was pasted.

use liaison_domain::NoteKind;

use super::page::Beside;
use crate::{
    form::Fields,
    format::Zone,
    pages::notes::{
        fields::{Field, Kind, document},
        paste::paste,
        typed::Typed,
    },
};

/// A list gets or loses an entry, or what was pasted; nothing is saved by that.
pub(super) fn rows(
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
            list_fields(kind, place)?;
            typed.add_row(place);
            state.unsaved = "A row was added. Save when you have filled it.".to_owned();
        }
        "remove" => {
            let (list, number) = place.strip_suffix(']')?.rsplit_once('[')?;
            list_fields(kind, list)?;
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
            let inner = list_fields(kind, place)?;
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
fn list_fields(kind: NoteKind, path: &str) -> Option<&'static [Field]> {
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
