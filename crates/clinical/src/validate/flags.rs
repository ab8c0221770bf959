//! Urgency and flags of a document (content specification 6): codes present, details given, level
//! never below the automatic flags.

use super::check::Check;
use crate::{content::NoteContent, urgency};

pub(super) fn check(check: &mut Check<'_>, content: &NoteContent) {
    for (index, flag) in content.stated_flags().iter().enumerate() {
        let path = format!("urgent_flags[{index}]");
        check.required(flag.code.is_some(), &format!("{path}.code"), "The reason for urgency");
        check.required_text(
            flag.detail.as_ref(),
            &format!("{path}.detail"),
            "A one-line detail of the flag",
        );
        let twice = content.stated_flags()[..index]
            .iter()
            .any(|earlier| earlier.code.is_some() && earlier.code == flag.code);
        check.hard(twice, &path, "duplicate", "This flag is listed twice.");
    }
    let assessed = urgency::assess(content);
    let flagged = assessed
        .flags
        .iter()
        .map(|flag| flag.level)
        .max()
        .unwrap_or(crate::Urgency::Routine);
    let lowered = content.stated_urgency().is_some_and(|stated| stated < flagged);
    check.hard_allowing(
        lowered,
        "urgency",
        "urgency_below_flags",
        "The urgency cannot be below the flags of the document; raise it, or leave it out to have it computed.",
        &format!("{} or higher", flagged.as_str()),
    );
}
