//! What a recipient can answer, and what each answer does to the loop (`content.md` section 8.1). Pure.

use chrono::{DateTime, NaiveDate, Utc};

use crate::terms::{CareRole, terms};

terms! {
    /// A disposition of an acknowledgment.
    Disposition {
        /// Reviewed, no change to our plan. Excludes all others.
        ReviewedNoChange = "REVIEWED_NO_CHANGE",
        /// We changed our plan. The comment says what.
        PlanAdjusted = "PLAN_ADJUSTED",
        /// We will contact the patient.
        WillContactPatient = "WILL_CONTACT_PATIENT",
        /// Please call me: a call task for the clinic.
        RequestCall = "REQUEST_CALL",
        /// Please hold further infusions. The comment gives the reason; the clinic must accept.
        HoldInfusions = "HOLD_INFUSIONS",
        /// Concern or contraindication identified. The clinic must reply.
        ConcernIdentified = "CONCERN_IDENTIFIED",
        /// Answers to your questions.
        AnswerQuestions = "ANSWER_QUESTIONS",
        /// We will change or have changed opioids.
        OpioidChangePlanned = "OPIOID_CHANGE_PLANNED",
        /// Cancer treatment changed (oncology only).
        TreatmentChange = "TREATMENT_CHANGE",
        /// The patient died.
        PatientDeceased = "PATIENT_DECEASED",
        /// The patient was enrolled in hospice.
        HospiceEnrolled = "HOSPICE_ENROLLED",
    }

    /// Why a recipient cannot take the note on.
    Decline {
        /// Not my patient, or the wrong person: opens a mis-send case and seals the copy.
        WrongRecipient = "WRONG_RECIPIENT",
        /// Cannot act (leave, retired): escalates at once.
        UnableToAct = "UNABLE_TO_ACT",
    }
}

impl Disposition {
    /// Whether the clinic must answer before the loop is closed.
    pub fn needs_clinic_reply(self) -> bool {
        matches!(self, Self::RequestCall | Self::HoldInfusions | Self::ConcernIdentified)
    }

    /// Whether the sender is alerted at once rather than by the board alone.
    pub fn alerts_sender(self) -> bool {
        self.needs_clinic_reply() || matches!(self, Self::PatientDeceased | Self::HospiceEnrolled)
    }

    /// Whether the series stops until the clinic confirms.
    pub fn holds_infusions(self) -> bool {
        matches!(
            self,
            Self::HoldInfusions | Self::PatientDeceased | Self::HospiceEnrolled
        )
    }

    /// Whether the comment is required.
    pub fn needs_comment(self) -> bool {
        matches!(
            self,
            Self::PlanAdjusted
                | Self::HoldInfusions
                | Self::ConcernIdentified
                | Self::OpioidChangePlanned
                | Self::TreatmentChange
        )
    }
}

/// An acknowledgment as its author gives it, before it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// One or more dispositions.
    pub dispositions: Vec<Disposition>,
    /// Free text: PHI.
    pub comment: Option<String>,
    /// The number to call, for [`Disposition::RequestCall`].
    pub call_number: Option<String>,
    /// From when a call suits, for [`Disposition::RequestCall`].
    pub call_from: Option<DateTime<Utc>>,
    /// Until when a call suits: the clinic's callback is due then, else on the same day.
    pub call_until: Option<DateTime<Utc>>,
    /// Until when infusions are to be held; `None` means until lifted.
    pub hold_until: Option<NaiveDate>,
    /// How many questions the answer answers.
    pub answered_questions: usize,
}

/// The longest comment, in characters.
pub const MAX_COMMENT: usize = 4_000;

/// What is wrong with an answer: the field, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct AnswerProblem {
    /// The input's field.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// Checks an answer; all problems at once.
pub fn check_answer(answer: &Answer, role: CareRole) -> Vec<AnswerProblem> {
    let mut problems = Vec::new();
    let mut problem = |field, message: String| problems.push(AnswerProblem { field, message });
    let given = &answer.dispositions;
    if given.is_empty() {
        problem("dispositions", "at least one is required".to_owned());
    }
    if given.contains(&Disposition::ReviewedNoChange) && given.len() > 1 {
        problem("dispositions", "REVIEWED_NO_CHANGE excludes all others".to_owned());
    }
    for (index, disposition) in given.iter().enumerate() {
        if given.iter().take(index).any(|earlier| earlier == disposition) {
            problem("dispositions", format!("{disposition} is given twice"));
        }
    }
    if given.contains(&Disposition::TreatmentChange) && role != CareRole::Oncologist {
        problem("dispositions", "TREATMENT_CHANGE is for oncology recipients".to_owned());
    }
    let comment = answer.comment.as_deref().map(str::trim).unwrap_or_default();
    if comment.chars().count() > MAX_COMMENT {
        problem("comment", format!("at most {MAX_COMMENT} characters"));
    }
    if comment.is_empty()
        && let Some(disposition) = given.iter().find(|disposition| disposition.needs_comment())
    {
        problem("comment", format!("required with {disposition}"));
    }
    if given.contains(&Disposition::AnswerQuestions) && answer.answered_questions == 0 {
        problem("answers", "at least one is required with ANSWER_QUESTIONS".to_owned());
    }
    if let (Some(from), Some(until)) = (answer.call_from, answer.call_until)
        && from >= until
    {
        problem("callUntil", "must be after callFrom".to_owned());
    }
    let calls = given.contains(&Disposition::RequestCall);
    if !calls && (answer.call_number.is_some() || answer.call_from.is_some() || answer.call_until.is_some()) {
        problem("callNumber", "only with REQUEST_CALL".to_owned());
    }
    if answer.hold_until.is_some() && !given.contains(&Disposition::HoldInfusions) {
        problem("holdUntil", "only with HOLD_INFUSIONS".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(answer: &Answer, role: CareRole) -> Vec<&'static str> {
        check_answer(answer, role)
            .into_iter()
            .map(|problem| problem.field)
            .collect()
    }

    #[test]
    fn reviewed_excludes_all_others_and_the_rest_combine() {
        for &other in Disposition::ALL {
            let answer = Answer {
                dispositions: vec![Disposition::ReviewedNoChange, other],
                comment: Some("why".to_owned()),
                answered_questions: 1,
                ..Answer::default()
            };
            assert!(
                fields(&answer, CareRole::Oncologist).contains(&"dispositions"),
                "{other}"
            );
        }
        let all_others = Answer {
            dispositions: Disposition::ALL.iter().copied().skip(1).collect(),
            comment: Some("why".to_owned()),
            answered_questions: 1,
            ..Answer::default()
        };
        assert_eq!(fields(&all_others, CareRole::Oncologist), Vec::<&str>::new());
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let answer = Answer {
            dispositions: vec![
                Disposition::HoldInfusions,
                Disposition::TreatmentChange,
                Disposition::AnswerQuestions,
            ],
            call_number: Some("+1 555 0100".to_owned()),
            ..Answer::default()
        };
        assert_eq!(
            fields(&answer, CareRole::PalliativeClinician),
            ["dispositions", "comment", "answers", "callNumber"]
        );
        assert_eq!(fields(&Answer::default(), CareRole::Oncologist), ["dispositions"]);
    }
}
