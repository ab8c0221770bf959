//! The answer box: which dispositions a recipient may give, and what its form brings.
//!
//! The first choice is one of large radio buttons; what may be said besides are boxes. Whatever was filled in is sent,
//! also for a choice that was not made: then the service says so, and nothing that was typed is dropped in silence.

use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain::{CareRole, Disposition, RecipientId};
use liaison_service::{
    FieldProblem,
    loops::acknowledge::{Acknowledge, OpioidChange, QuestionAnswer},
    reading::{Letter, QuestionView},
};

use super::words;
use crate::{
    form::{Fields, Problems, note},
    format::Zone,
};

/// A disposition to choose.
pub(crate) struct Choice {
    pub(crate) code: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    /// The key that chooses it; empty for none.
    pub(crate) key: String,
    pub(crate) chosen: bool,
    pub(crate) also: bool,
    /// Whether it may be said besides another one.
    pub(crate) combines: bool,
}

/// A question to answer.
pub(crate) struct Asked {
    pub(crate) index: usize,
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) by: String,
    pub(crate) value: String,
}

/// The answer box.
pub(crate) struct AnswerForm {
    pub(crate) version: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) questions: Vec<Asked>,
    pub(crate) typed: Fields,
    pub(crate) problems: Problems,
}

impl AnswerForm {
    /// What was typed into a field.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.typed.text(name)
    }

    /// What is wrong with a field; empty where nothing is.
    pub(crate) fn wrong(&self, path: &str) -> String {
        self.problems
            .iter()
            .find(|problem| problem.path == path)
            .map(words::plain)
            .unwrap_or_default()
    }

    /// Whether one of these fields was filled in or is wrong: then it stays visible.
    pub(crate) fn used(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| !self.typed.text(name).is_empty() || !self.problems.of(name).is_empty())
    }

    /// The problems for the list at the top: address, name, message.
    pub(crate) fn summary(&self) -> Vec<(String, String, String)> {
        summary(&self.problems)
    }
}

/// The problems of a form for the list at its top: address of the field, its name, the message.
pub(super) fn summary(problems: &Problems) -> Vec<(String, String, String)> {
    problems
        .iter()
        .map(|problem| {
            (
                format!("#f-{}", problem.path),
                words::field(&problem.path),
                words::plain(problem),
            )
        })
        .collect()
}

/// Those that may be said besides another one (content specification 8.1, the last paragraph).
const COMBINE: [Disposition; 8] = [
    Disposition::PlanAdjusted,
    Disposition::WillContactPatient,
    Disposition::RequestCall,
    Disposition::HoldInfusions,
    Disposition::ConcernIdentified,
    Disposition::AnswerQuestions,
    Disposition::OpioidChangePlanned,
    Disposition::TreatmentChange,
];

/// The answer box of an opened letter.
pub(super) fn form(letter: &Letter, typed: Fields, problems: Problems, zone: Zone) -> AnswerForm {
    let row = &letter.of.recipient;
    let open: Vec<&QuestionView> = letter
        .questions
        .iter()
        .filter(|question| question.row.status == liaison_domain::QuestionStatus::Open)
        .collect();
    let offered = Disposition::ALL
        .iter()
        .copied()
        .filter(|disposition| match disposition {
            Disposition::TreatmentChange => row.care_role == CareRole::Oncologist,
            Disposition::AnswerQuestions => !open.is_empty(),
            _ => true,
        });
    let choices = offered
        .enumerate()
        .map(|(index, disposition)| Choice {
            code: disposition.as_str(),
            label: words::disposition(disposition),
            hint: words::disposition_hint(disposition),
            key: if index < 9 {
                (index + 1).to_string()
            } else {
                String::new()
            },
            chosen: typed.text("disposition") == disposition.as_str(),
            also: typed.all("also").any(|also| also == disposition.as_str()),
            combines: COMBINE.contains(&disposition),
        })
        .collect();
    let questions = open
        .into_iter()
        .enumerate()
        .map(|(index, question)| Asked {
            index,
            id: question.row.id.to_string(),
            text: question
                .text
                .as_ref()
                .map(|text| text.reveal().clone())
                .unwrap_or_default(),
            by: question.row.respond_by.map(|by| zone.time(by)).unwrap_or_default(),
            value: typed.text(&format!("answers[{index}].text")).to_owned(),
        })
        .collect();
    AnswerForm {
        version: row.note_version_id.to_string(),
        choices,
        questions,
        typed,
        problems,
    }
}

fn moment(fields: &Fields, name: &str, zone: Zone) -> Result<Option<DateTime<Utc>>, FieldProblem> {
    match fields.text(name) {
        "" => Ok(None),
        text => zone.read(text).map(Some).ok_or_else(|| {
            FieldProblem::new(
                name,
                "UNKNOWN_VALUE",
                "give a date and a time, such as 2026-01-05 14:30",
            )
        }),
    }
}

pub(super) fn day(fields: &Fields, name: &str) -> Result<Option<NaiveDate>, FieldProblem> {
    match fields.text(name) {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| FieldProblem::new(name, "UNKNOWN_VALUE", "give a date, such as 2026-01-05")),
    }
}

/// Reads the form.
pub(super) fn read(id: RecipientId, fields: &Fields, zone: Zone) -> Result<Acknowledge, Vec<FieldProblem>> {
    let mut problems = Vec::new();
    let mut dispositions: Vec<Disposition> = Vec::new();
    for code in fields.all("disposition").chain(fields.all("also")) {
        match code.parse() {
            Ok(disposition) if dispositions.contains(&disposition) => {}
            Ok(disposition) => dispositions.push(disposition),
            Err(_) => problems.push(FieldProblem::new(
                "dispositions",
                "UNKNOWN_VALUE",
                "choose one of these",
            )),
        }
    }
    let mut answers = Vec::new();
    // The form of a share holds at most 20 questions.
    for index in 0..20 {
        let text = fields.text(&format!("answers[{index}].text"));
        if text.is_empty() {
            continue;
        }
        match fields.parse(&format!("answers[{index}].id")) {
            Ok(question_id) => answers.push(QuestionAnswer {
                question_id,
                text: text.to_owned(),
            }),
            Err(problem) => problems.push(problem),
        }
    }
    // Answers with nothing else chosen say what they are.
    if dispositions.is_empty() && !answers.is_empty() {
        dispositions.push(Disposition::AnswerQuestions);
    }
    let date = note(&mut problems, day(fields, "opioidDate")).flatten();
    let opioid = ["opioidDrug", "opioidFrom", "opioidTo", "opioidDate"]
        .iter()
        .any(|name| !fields.text(name).is_empty());
    let input = Acknowledge {
        recipient_id: Some(id),
        note_version_id: note(&mut problems, fields.parse("noteVersionId")),
        dispositions,
        comment: fields.some("comment"),
        call_number: fields.some("callNumber"),
        call_from: note(&mut problems, moment(fields, "callFrom", zone)).flatten(),
        call_until: note(&mut problems, moment(fields, "callUntil", zone)).flatten(),
        hold_until: note(&mut problems, day(fields, "holdUntil")).flatten(),
        contact_by: note(&mut problems, day(fields, "contactBy")).flatten(),
        opioid_change: opioid.then(|| OpioidChange {
            drug: fields.text("opioidDrug").to_owned(),
            from: fields.some("opioidFrom"),
            to: fields.some("opioidTo"),
            date,
        }),
        answers,
        idempotency_key: fields.some("key"),
    };
    if problems.is_empty() { Ok(input) } else { Err(problems) }
}
