//! The whole note as plain text, section by section, so that it can be read without the app (content
//! specification 1.6, 10.2). Only what the document says is written; absent parts are left out.

mod consultation;
mod infusion;

use serde::Serialize;

use crate::{
    bottom_line::{BottomLineContext, bottom_line},
    compute::mme,
    content::{NoteContent, medication::OpioidLine, shared::CodedConcept},
    units, urgency,
};

/// One section of a document in plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
#[cfg_attr(feature = "graphql", graphql(name = "NarrativeSection"))]
pub struct Section {
    /// Title for people.
    pub title: String,
    /// LOINC code of the section (10.2).
    pub loinc: String,
    /// Lines of text.
    pub text: String,
}

/// The note in words, with the first screen as its first section.
pub fn narrative(content: &NoteContent) -> Vec<Section> {
    narrative_with(content, &BottomLineContext::default())
}

/// As [`narrative`], with what the document itself does not know for the first section.
pub fn narrative_with(content: &NoteContent, context: &BottomLineContext) -> Vec<Section> {
    let mut sections = Sections::default();
    let line = bottom_line(content, context);
    sections.add("Urgency and what is asked", "104605-1", |out| {
        for sentence in &line.sentences {
            out.line(sentence);
        }
        for flag in urgency::assess(content).flags {
            let note = flag
                .note
                .map(|note| format!("; as written: {note}"))
                .unwrap_or_default();
            out.line(format!(
                "Flag ({}): {}: {}{note}",
                flag.level,
                flag.code.label(),
                flag.detail
            ));
        }
        for asked in &line.asked {
            let by = asked
                .respond_by
                .map(|day| format!(" (by {})", crate::text::date(day)))
                .unwrap_or_default();
            out.line(format!("Asked of {}: {}{by}", asked.to_role, asked.text));
        }
    });
    match content {
        NoteContent::ConsultationNote(note) => consultation::write(&mut sections, note),
        NoteContent::InfusionSummary(summary) => infusion::write(&mut sections, summary),
    }
    sections.0
}

/// Collects sections, leaving out empty ones.
#[derive(Default)]
pub(crate) struct Sections(Vec<Section>);

impl Sections {
    pub(crate) fn add(&mut self, title: &str, loinc: &str, fill: impl FnOnce(&mut Lines)) {
        let mut lines = Lines::default();
        fill(&mut lines);
        if !lines.0.is_empty() {
            self.0.push(Section {
                title: title.to_owned(),
                loinc: loinc.to_owned(),
                text: lines.0.join("\n"),
            });
        }
    }
}

/// Collects lines of `label: value`, leaving out absent values.
#[derive(Default)]
pub(crate) struct Lines(Vec<String>);

impl Lines {
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.0.push(text.into());
    }

    pub(crate) fn value(&mut self, label: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.line(format!("{label}: {value}"));
        }
    }

    pub(crate) fn list(&mut self, label: &str, items: &[impl std::fmt::Display]) {
        if !items.is_empty() {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            self.line(format!("{label}: {}", items.join("; ")));
        }
    }

    pub(crate) fn yes_no(&mut self, label: &str, value: Option<bool>) {
        self.value(label, value.map(|yes| if yes { "yes" } else { "no" }));
    }

    pub(crate) fn date(&mut self, label: &str, value: Option<chrono::NaiveDate>) {
        self.value(label, value.map(crate::text::date));
    }

    /// One line of several `name value` pairs; nothing when all are absent.
    pub(crate) fn pairs(&mut self, label: &str, pairs: &[(&str, Option<String>)]) {
        let there: Vec<String> = pairs
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|v| format!("{name} {v}")))
            .collect();
        if !there.is_empty() {
            self.line(format!("{label}: {}", there.join(", ")));
        }
    }
}

/// Text of an optional value.
pub(crate) fn show(value: Option<impl std::fmt::Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// `5 mg`, or `75 micrograms/h`.
pub(crate) fn quantity(value: Option<crate::Decimal>, unit: Option<&String>) -> Option<String> {
    let value = value?;
    let unit = unit.map(|unit| units::human(unit).unwrap_or(unit)).unwrap_or_default();
    Some(format!("{value} {unit}").trim_end().to_owned())
}

/// `Malignant neoplasm of prostate (C61)`.
pub(crate) fn concept(concept: &CodedConcept) -> String {
    match (&concept.display, &concept.code) {
        (Some(display), Some(code)) => format!("{display} ({code})"),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => "not named".to_owned(),
    }
}

/// Opioid lines with inputs and method, then the sum and its caveat (3.5).
pub(crate) fn opioids(out: &mut Lines, lines: &[OpioidLine], none: Option<bool>) {
    if lines.is_empty() {
        if none == Some(true) {
            out.line("Opioids: none taken");
        }
        return;
    }
    let total = mme::total(lines);
    for (entered, line) in lines.iter().zip(&total.lines) {
        let route = entered.route.map(|route| format!(" {route}")).unwrap_or_default();
        let dose = quantity(entered.dose, entered.unit.as_ref())
            .map(|dose| format!(" {dose}"))
            .unwrap_or_default();
        let frequency = entered.frequency.as_ref().map(|f| format!(" {f}")).unwrap_or_default();
        let taken = entered
            .prn_average_doses_per_day
            .map(|n| format!(" (taken {n} times a day)"))
            .unwrap_or_default();
        let amount = quantity(line.amount, line.unit.as_ref())
            .zip(line.factor)
            .zip(line.mme_per_day);
        let sum = match (amount, &line.not_counted_because) {
            (Some(((amount, factor), mme)), _) => format!("{amount} x {factor} = {} MME/day", mme.round(1)),
            (None, Some(why)) => format!("not counted in MME: {why}"),
            (None, None) => "not counted in MME".to_owned(),
        };
        out.line(format!("Opioid: {}{dose}{route}{frequency}{taken}; {sum}", line.name));
    }
    let parts = format!(
        "scheduled {}, as needed {}",
        total.scheduled.round(1),
        total.prn.round(1)
    );
    out.line(format!("Opioid sum: {} ({parts}). {}", total.text(), total.caveat));
}
