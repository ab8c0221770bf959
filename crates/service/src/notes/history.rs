//! What a patient's signed notes say together: the context in which the next one is checked and read.

use chrono::NaiveDate;
use liaison_clinical::{
    BottomLineContext, ConsultationNote, InfusionSummary, NoteContent, PriorContext, compute::trend::baseline_average,
    content::decision::Eligibility,
};
use liaison_domain::{NoteId, PatientId};
use liaison_store::{Conn, notes as rows};

use super::VersionRow;
use crate::{Result, Service};

/// The newest versions of a patient's signed notes, withdrawn ones left out, in the order of the days they are about.
#[derive(Default)]
pub(crate) struct History(Vec<(VersionRow, NoteContent)>);

impl Service {
    /// Reads a patient's signed notes. Decides and records nothing.
    pub(super) async fn history(&self, conn: &mut Conn, patient: PatientId) -> Result<History> {
        let sealed = rows::latest_versions_of_patient(conn, patient).await?;
        if sealed.is_empty() {
            return Ok(History::default());
        }
        let key = self.store().keyring()?.patient_key(conn, patient).await?;
        let mut documents = Vec::with_capacity(sealed.len());
        for row in &sealed {
            documents.push((row.meta(), self.open_content(row, &key)?));
        }
        Ok(History::new(documents))
    }
}

/// Whether a consultation decided for infusions.
pub(super) fn is_eligible(note: &ConsultationNote) -> bool {
    matches!(
        note.eligibility.as_ref().and_then(|eligibility| eligibility.decision),
        Some(Eligibility::Eligible | Eligibility::EligibleWithConditions)
    )
}

fn number(content: &NoteContent) -> Option<i32> {
    content.as_infusion()?.infusion.as_ref()?.number
}

impl History {
    /// A history of these documents.
    pub(super) fn new(mut documents: Vec<(VersionRow, NoteContent)>) -> Self {
        documents.sort_by_key(|(row, content)| (content.date(), number(content), row.signed_at, row.id));
        Self(documents)
    }

    /// The documents, oldest first.
    pub(super) fn documents(&self) -> impl DoubleEndedIterator<Item = (&VersionRow, &NoteContent)> {
        self.0.iter().map(|(row, content)| (row, content))
    }

    /// The consultation whose baseline is frozen for what happened by a day: the last that decided for infusions, else
    /// the last one.
    pub(super) fn consultation(&self, by: Option<NaiveDate>) -> Option<(&VersionRow, &ConsultationNote)> {
        let consultations = || {
            self.documents()
                .filter(|(_, content)| by.is_none_or(|by| content.date().is_none_or(|date| date <= by)))
                .filter_map(|(row, content)| Some((row, content.as_consultation()?)))
                .rev()
        };
        consultations()
            .find(|(_, note)| is_eligible(note))
            .or_else(|| consultations().next())
    }

    /// What came before a content of the note `but`.
    pub(super) fn prior(&self, but: Option<NoteId>, content: &NoteContent) -> PriorContext {
        let by = content.date();
        let (own_number, is_infusion) = (number(content), content.as_infusion().is_some());
        let earlier: Vec<&NoteContent> = self
            .documents()
            .filter(|(row, _)| Some(row.note_id) != but)
            .map(|(_, content)| content)
            .filter(|other| by.is_none_or(|by| other.date().is_none_or(|date| date <= by)))
            .collect();
        let previous = earlier
            .iter()
            .rev()
            .filter_map(|other| other.as_infusion())
            .find(|other| {
                let infusion = other.infusion.as_ref();
                let same_day = infusion.and_then(|infusion| infusion.date) == by;
                let before = infusion.and_then(|infusion| infusion.number) < own_number;
                is_infusion && (!same_day || before)
            });
        let consultation = self
            .consultation(by)
            .filter(|(row, _)| Some(row.note_id) != but)
            .map(|(_, note)| note);
        PriorContext {
            last_weight_kg: earlier.iter().rev().find_map(|other| weight(other)),
            baseline_nrs_average: consultation.and_then(baseline_average),
            previous_infusion: previous.map(|previous: &InfusionSummary| Box::new(previous.clone())),
            consent_date: consultation.and_then(|note| note.consent.as_ref()?.date),
            ..PriorContext::default()
        }
    }

    /// What the first screen of a content needs to know from the others.
    pub(super) fn bottom_line_context(&self, content: &NoteContent) -> BottomLineContext {
        let consultation = self.consultation(content.date());
        consultation
            .map(|(_, note)| BottomLineContext::from_consultation(note))
            .unwrap_or_default()
    }
}

fn weight(content: &NoteContent) -> Option<(liaison_clinical::Decimal, NaiveDate)> {
    let kilograms = match content {
        NoteContent::ConsultationNote(note) => note.medical_screening.as_ref()?.vitals.as_ref()?.weight_kg?,
        NoteContent::InfusionSummary(summary) => summary.infusion.as_ref()?.weight_kg?,
    };
    Some((kilograms, content.date()?))
}
