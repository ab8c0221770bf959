//! What a note says, as types. Field names are those of the stored JSON. Every field may be absent,
//! because drafts are incomplete: what a signature needs is asked by [`crate::validate()`].

pub mod consultation;
pub mod decision;
pub mod infusion;
pub mod medication;
pub mod pain;
pub mod recovery;
pub mod screening;
pub mod shared;

use consultation::ConsultationNote;
use infusion::InfusionSummary;
use serde::{Deserialize, Serialize};

/// The content of a note: one of the two document types. In JSON, `document_type` tells which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::Union))]
#[serde(tag = "document_type", rename_all = "snake_case")]
pub enum NoteContent {
    /// A consultation note.
    ConsultationNote(Box<ConsultationNote>),
    /// An infusion summary.
    InfusionSummary(Box<InfusionSummary>),
}

words! {
    /// Which of the two documents a note is.
    pub enum DocumentType {
        /// A consultation note.
        ConsultationNote = "consultation_note",
        /// An infusion summary.
        InfusionSummary = "infusion_summary",
    }
}

impl NoteContent {
    /// Which of the two documents this is.
    pub fn document_type(&self) -> DocumentType {
        match self {
            Self::ConsultationNote(_) => DocumentType::ConsultationNote,
            Self::InfusionSummary(_) => DocumentType::InfusionSummary,
        }
    }

    /// The day the document is about: of the consultation, or of the infusion.
    pub fn date(&self) -> Option<chrono::NaiveDate> {
        match self {
            Self::ConsultationNote(note) => note.consult_date,
            Self::InfusionSummary(summary) => summary.infusion.as_ref().and_then(|infusion| infusion.date),
        }
    }

    /// The urgency which the author stated.
    pub fn stated_urgency(&self) -> Option<shared::Urgency> {
        match self {
            Self::ConsultationNote(note) => note.urgency,
            Self::InfusionSummary(summary) => summary.urgency,
        }
    }

    /// The flags which the document carries.
    pub fn stated_flags(&self) -> &[shared::UrgentFlag] {
        match self {
            Self::ConsultationNote(note) => &note.urgent_flags,
            Self::InfusionSummary(summary) => &summary.urgent_flags,
        }
    }

    /// The consultation note, if it is one.
    pub fn as_consultation(&self) -> Option<&ConsultationNote> {
        match self {
            Self::ConsultationNote(note) => Some(note),
            Self::InfusionSummary(_) => None,
        }
    }

    /// The infusion summary, if it is one.
    pub fn as_infusion(&self) -> Option<&InfusionSummary> {
        match self {
            Self::ConsultationNote(_) => None,
            Self::InfusionSummary(summary) => Some(summary),
        }
    }
}

/// The content of a note as sent by a client: exactly one of the two document types.
#[cfg(feature = "graphql")]
#[derive(Debug, Clone, PartialEq, async_graphql::OneofObject)]
pub enum NoteContentInput {
    /// A consultation note.
    ConsultationNote(Box<ConsultationNote>),
    /// An infusion summary.
    InfusionSummary(Box<InfusionSummary>),
}

#[cfg(feature = "graphql")]
impl From<NoteContentInput> for NoteContent {
    fn from(input: NoteContentInput) -> Self {
        match input {
            NoteContentInput::ConsultationNote(note) => Self::ConsultationNote(note),
            NoteContentInput::InfusionSummary(summary) => Self::InfusionSummary(summary),
        }
    }
}
