//! Outside JSON to content, with every problem at once and its path. Not for clinical checks: those
//! are in `validate`.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    content::{NoteContent, consultation::ConsultationNote, infusion::InfusionSummary},
    problem::Problem,
};

/// After so many problems the rest of a document is not read: it is another kind of file.
const MOST_PROBLEMS: usize = 100;

/// Fields of a journey document which belong to the envelope, not to the content.
const ENVELOPE: [&str; 8] = [
    "document_id",
    "version",
    "status",
    "author",
    "signed_at",
    "recipients",
    "verbal_communication",
    "expected",
];

/// Reads a list; `null` is an empty one. Nulls inside were reported by [`read`] before.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let elements: Option<Vec<Option<T>>> = Option::deserialize(deserializer)?;
    Ok(elements.unwrap_or_default().into_iter().flatten().collect())
}

/// Reads the content of a note from JSON whose `document_type` tells the kind.
///
/// # Errors
/// Every unknown field, unknown word and value of a wrong type, with its path (at most 100).
pub fn content_from_json(value: &Value) -> Result<NoteContent, Vec<Problem>> {
    let Some(object) = value.as_object() else {
        return Err(vec![Problem::hard(
            "",
            "not_an_object",
            "A note is a JSON object with a document_type.",
        )]);
    };
    let mut object = object.clone();
    match object.remove("document_type").as_ref().and_then(Value::as_str) {
        Some("consultation_note") => Ok(NoteContent::ConsultationNote(Box::new(read::<ConsultationNote>(
            Value::Object(object),
        )?))),
        Some("infusion_summary") => Ok(NoteContent::InfusionSummary(Box::new(read::<InfusionSummary>(
            Value::Object(object),
        )?))),
        _ => Err(vec![
            Problem::hard(
                "document_type",
                "unknown_document_type",
                "The document type is missing or unknown.",
            )
            .allowing("consultation_note, infusion_summary"),
        ]),
    }
}

/// Reads the content of one document of a journey file: the envelope's fields are set aside, and
/// lists which are there but empty become the explicit "none" they stand for (1.1).
///
/// # Errors
/// As [`content_from_json`].
pub fn content_from_journey_document(value: &Value) -> Result<NoteContent, Vec<Problem>> {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        for field in ENVELOPE {
            object.remove(field);
        }
    }
    let stated_empty = |pointer: &str| {
        value
            .pointer(pointer)
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
    };
    let no_allergies = stated_empty("/allergies");
    let no_events = stated_empty("/adverse_events");
    let no_opioids = stated_empty("/opioids_current");
    let no_home_opioids = stated_empty("/medications/opioids");
    let no_treatment = stated_empty("/cancer/current_treatment");
    let mut content = content_from_json(&value)?;
    let explicit = |holds: bool, field: &mut Option<bool>| {
        if holds && field.is_none() {
            *field = Some(true);
        }
    };
    match &mut content {
        NoteContent::ConsultationNote(note) => {
            explicit(no_allergies, &mut note.no_known_allergies);
            if let Some(medications) = &mut note.medications {
                explicit(no_home_opioids, &mut medications.no_opioids);
            }
            if let Some(cancer) = &mut note.cancer {
                explicit(no_treatment, &mut cancer.no_current_treatment);
            }
        }
        NoteContent::InfusionSummary(summary) => {
            explicit(no_events, &mut summary.no_adverse_events);
            explicit(no_opioids, &mut summary.no_opioids);
        }
    }
    Ok(content)
}

/// Reads any of the types of this crate, collecting problems: each place that cannot be read is
/// named, taken out, and the rest is read again.
pub(crate) fn read<T: DeserializeOwned>(mut value: Value) -> Result<T, Vec<Problem>> {
    let mut problems = Vec::new();
    nulls_in_lists(&value, "", &mut problems);
    loop {
        match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) if problems.is_empty() => return Ok(read),
            Ok(_) => return Err(problems),
            Err(error) => {
                let path = error.path().to_string();
                let problem = problem_of(&path, &error.inner().to_string());
                problems.push(problem);
                if problems.len() >= MOST_PROBLEMS || !take_out(&mut value, error.path()) {
                    return Err(problems);
                }
            }
        }
    }
}

/// Reads a record from an object that also carries other fields; the first problem ends it, because
/// required fields cannot be taken out and read again.
pub(crate) fn read_lenient<T: DeserializeOwned>(value: Value) -> Result<T, Vec<Problem>> {
    serde_path_to_error::deserialize(&value)
        .map_err(|error| vec![problem_of(&error.path().to_string(), &error.inner().to_string())])
}

fn problem_of(path: &str, message: &str) -> Problem {
    let path = if path == "." { "" } else { path };
    // serde repeats the outside text; the message keeps to what is expected, for a value may be PHI.
    if message.starts_with("unknown field") {
        return Problem::hard(
            path,
            "unknown_field",
            "This field is not part of the document; remove it or correct its name.",
        );
    }
    if let Some((_, allowed)) = message
        .split_once(", expected one of ")
        .filter(|_| message.starts_with("unknown variant"))
    {
        return Problem::hard(path, "unknown_value", "This value is not one of the allowed ones.")
            .allowing(allowed.replace('`', ""));
    }
    if let Some((_, expected)) = message.split_once(", expected ") {
        return Problem::hard(
            path,
            "wrong_type",
            format!("This value has the wrong type: expected {expected}."),
        )
        .allowing(expected);
    }
    Problem::hard(
        path,
        "unreadable",
        format!("This value cannot be read: {}.", message.trim_end_matches('.')),
    )
}

/// Replaces what cannot be read by `null`, which every field and (see [`list`]) every list element
/// reads as absent, so that the indexes of later problems stay true. An unknown field is removed.
fn take_out(value: &mut Value, path: &serde_path_to_error::Path) -> bool {
    use serde_path_to_error::Segment;
    let mut here = value;
    let mut steps = path
        .iter()
        .filter(|s| matches!(s, Segment::Map { .. } | Segment::Seq { .. }))
        .peekable();
    while let Some(step) = steps.next() {
        let last = steps.peek().is_none();
        let next = match (step, here) {
            (Segment::Map { key }, Value::Object(object)) if last => return object.remove(key.as_str()).is_some(),
            (Segment::Map { key }, Value::Object(object)) => object.get_mut(key.as_str()),
            (Segment::Seq { index }, Value::Array(list)) => list.get_mut(*index),
            _ => None,
        };
        let Some(next) = next else { return false };
        if last {
            return !next.take().is_null();
        }
        here = next;
    }
    false
}

/// A `null` inside a list is refused: an element which says nothing is a mistake, not an absence.
fn nulls_in_lists(value: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                nulls_in_lists(inner, &path, problems);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                let path = format!("{path}[{index}]");
                if inner.is_null() && problems.len() < MOST_PROBLEMS {
                    problems.push(Problem::hard(
                        &path,
                        "null_in_list",
                        "An entry of a list is empty; fill it or remove it.",
                    ));
                }
                nulls_in_lists(inner, &path, problems);
            }
        }
        _ => {}
    }
}
