//! The words that every area's pages share for the same things; what only one area says stands in its own `words`.

use liaison_domain::{NoteKind, Urgency};

/// How urgent.
pub(crate) fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Routine => "Routine",
        Urgency::Urgent => "Urgent",
        Urgency::Emergent => "Emergent",
    }
}

/// The class of its badge; the word says the same.
pub(crate) fn urgency_class(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Routine => "",
        Urgency::Urgent => "urgent",
        Urgency::Emergent => "emergent",
    }
}

/// What kind of note it is.
pub(crate) fn note_kind(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::ConsultationNote => "Consultation note",
        NoteKind::InfusionSummary => "Infusion summary",
    }
}
