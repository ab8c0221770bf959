//! The words of the recipient's pages: stable codes become what a clinician would say.

use liaison_domain::{CareRole, Decline, Disposition, RecipientId, Urgency};
use liaison_service::FieldProblem;

use crate::words;
pub(super) use crate::words::note_kind as kind;

/// The urgency as a badge: its class and its word.
pub(super) fn urgency(urgency: Urgency) -> (&'static str, &'static str) {
    (words::urgency_class(urgency), words::urgency(urgency))
}

/// A disposition as its author would say it (content specification 8.1).
pub(super) fn disposition(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::ReviewedNoChange => "Reviewed, no change to our plan",
        Disposition::PlanAdjusted => "We changed our plan",
        Disposition::WillContactPatient => "We will contact the patient",
        Disposition::RequestCall => "Please call me",
        Disposition::HoldInfusions => "Please hold further infusions",
        Disposition::ConcernIdentified => "Concern or contraindication identified",
        Disposition::AnswerQuestions => "Answers to your questions",
        Disposition::OpioidChangePlanned => "We will change, or have changed, opioids",
        Disposition::TreatmentChange => "Cancer treatment changed",
        Disposition::PatientDeceased => "The patient died",
        Disposition::HospiceEnrolled => "The patient was enrolled in hospice",
    }
}

/// What a disposition asks for and what follows from it.
pub(super) fn disposition_hint(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::ReviewedNoChange => "Closes this.",
        Disposition::PlanAdjusted => "Say what in the comment. Closes this.",
        Disposition::WillContactPatient => "Say by when. Closes this.",
        Disposition::RequestCall => "Leave a number and when it suits. The clinic calls.",
        Disposition::HoldInfusions => "Say why and until when. The clinic must confirm.",
        Disposition::ConcernIdentified => "Say what in the comment. The clinic must reply.",
        Disposition::AnswerQuestions => "Write the answers below.",
        Disposition::OpioidChangePlanned => "Drug, from, to, when; and a comment.",
        Disposition::TreatmentChange => "Drug, radiotherapy or surgery, and the date, in the comment.",
        Disposition::PatientDeceased => "Infusions stop until the clinic confirms. Give the date in the comment.",
        Disposition::HospiceEnrolled => "Infusions stop until the clinic confirms. Give the date in the comment.",
    }
}

/// Why somebody declined.
pub(super) fn decline(reason: Decline) -> &'static str {
    match reason {
        Decline::WrongRecipient => "not my patient, or the wrong person",
        Decline::UnableToAct => "cannot act on it",
    }
}

/// The part somebody plays.
pub(super) fn care_role(role: CareRole) -> &'static str {
    match role {
        CareRole::Oncologist => "oncology",
        CareRole::PalliativeClinician => "palliative medicine",
        CareRole::PrimaryCare => "primary care",
        CareRole::Other => "care team",
    }
}

/// A problem's message without our codes in it.
pub(super) fn plain(problem: &FieldProblem) -> String {
    let message = match (problem.code.as_str(), problem.path.as_str()) {
        ("NOT_FOUND" | "OTHER_VERSION", _) => "a newer version came in meanwhile; read it first".to_owned(),
        (_, "callUntil") => "must be after the beginning".to_owned(),
        _ => problem.message.clone(),
    };
    let mut plain = message;
    for &known in Disposition::ALL {
        plain = plain.replace(known.as_str(), &format!("\u{201c}{}\u{201d}", disposition(known)));
    }
    crate::error::capital(&plain)
}

/// The name of a form's field.
pub(super) fn field(path: &str) -> String {
    let name = match path {
        "dispositions" => "Your answer",
        "comment" => "Comment",
        "callNumber" => "Number to call",
        "callFrom" => "Call from",
        "callUntil" => "Call until",
        "holdUntil" => "Hold until",
        "contactBy" => "Contact by",
        "opioidChange" => "Opioid",
        "opioidDate" => "Date of the change",
        "body" => "Reply",
        "reason" => "Reason",
        "toTeamId" | "toUserId" => "To whom",
        "coveringUserId" => "Who covers",
        "absentUserId" => "Who is away",
        "from" => "From",
        "until" => "Until",
        "phone" => "Telephone",
        "timeZone" => "Time zone",
        "digestHour" => "Daily summary",
        "noteVersionId" => "Version",
        other => {
            return if other.starts_with("answers") {
                "Answer".to_owned()
            } else {
                field_path(other)
            };
        }
    };
    name.to_owned()
}

/// A field of a note in words: `monitoring[3].sbp` becomes `Monitoring, no. 4, sbp`.
pub(super) fn field_path(path: &str) -> String {
    let mut words = Vec::new();
    for part in path.split('.') {
        let (name, index) = part.split_once('[').unwrap_or((part, ""));
        if !name.is_empty() {
            words.push(name.replace('_', " "));
        }
        if let Ok(index) = index.trim_end_matches(']').parse::<usize>() {
            words.push(format!("no. {}", index + 1));
        }
    }
    let text = words.join(", ");
    let mut chars = text.chars();
    chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect()
}

/// The address of a letter.
pub(super) fn address(id: RecipientId) -> String {
    format!("/inbox/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_words() {
        assert_eq!(field_path("monitoring[3].sbp"), "Monitoring, no. 4, sbp");
        assert_eq!(field_path("referral.reason"), "Referral, reason");
        let problem = FieldProblem::new("comment", "INVALID", "required with PLAN_ADJUSTED");
        assert_eq!(plain(&problem), "Required with \u{201c}We changed our plan\u{201d}.");
        for &known in Disposition::ALL {
            let problem = FieldProblem::new("dispositions", "INVALID", format!("{known} is given twice"));
            assert!(!plain(&problem).contains('_'), "{known}");
        }
    }
}
