//! A journey file: one patient with documents and what came back, used by the importer and the
//! demonstration. Not a wire format between organisations.

use chrono::{DateTime, FixedOffset, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    compute::trend::{SeriesSummary, TrendRow},
    content::{
        NoteContent,
        recovery::ReliefFollowUp,
        shared::{AddresseeRole, Urgency},
    },
    parse,
    problem::{Problem, SoftWarning},
};

/// A journey: documents in order, and what recipients did.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// Everything but the documents.
    pub header: JourneyHeader,
    /// The documents in order of time.
    pub documents: Vec<JourneyDocument>,
}

/// A journey without its documents.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyHeader {
    /// Must be true: no real patient comes by this way.
    pub synthetic: bool,
    /// Short name.
    pub journey: String,
    /// Title.
    pub title: String,
    /// The clinic.
    pub clinic: JourneyClinic,
    /// The patient.
    pub patient: JourneyPatient,
    /// Told after the last infusion.
    #[serde(default)]
    pub final_follow_up: Option<ReliefFollowUp>,
    /// What recipients did.
    #[serde(default)]
    pub acknowledgments: Vec<JourneyAcknowledgment>,
    /// Trend which must be computed.
    #[serde(default)]
    pub expected_trend: Vec<TrendRow>,
    /// Comparison with the baseline which must be computed.
    #[serde(default)]
    pub expected_series: Option<SeriesSummary>,
}

/// The clinic of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyClinic {
    /// Name.
    pub organization: String,
    /// IANA time zone.
    pub timezone: String,
}

/// The patient of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyPatient {
    /// The clinic's number; starts with `TEST-`.
    pub mrn: String,
    /// Name.
    pub name: String,
    /// Birth date.
    pub birth_date: NaiveDate,
    /// Administrative gender, as FHIR writes it.
    pub administrative_gender: String,
}

/// The author of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyAuthor {
    /// Name.
    pub name: String,
    /// Role.
    pub role: String,
    /// Identifier.
    pub id: String,
}

/// A recipient of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyRecipient {
    /// Name.
    pub name: String,
    /// Role.
    pub role: AddresseeRole,
    /// Identifier.
    pub id: String,
    /// Where the person works.
    pub organization: String,
}

/// A telephone call about a document (6.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerbalCommunication {
    /// Was the call made?
    pub made: bool,
    /// When.
    pub at: DateTime<FixedOffset>,
    /// Identifier of the person called.
    pub to: String,
    /// Identifier of the caller.
    pub by: String,
    /// Was it read back?
    pub read_back: bool,
    /// Note.
    #[serde(default)]
    pub note: Option<String>,
}

/// What a computation must give for a document.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyExpectation {
    /// Soft warnings, in order.
    pub soft_warnings: Vec<SoftWarning>,
    /// Urgency.
    pub urgency: Urgency,
    /// Sum of opioids.
    #[serde(default)]
    pub mme_total_per_day: Option<crate::decimal::Decimal>,
}

/// The envelope of a document.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct JourneyEnvelope {
    /// Identifier.
    pub document_id: String,
    /// Version, from 1.
    pub version: u32,
    /// Status, such as `final`.
    pub status: String,
    /// Author.
    pub author: JourneyAuthor,
    /// When it was signed.
    pub signed_at: DateTime<FixedOffset>,
    /// To whom it went.
    pub recipients: Vec<JourneyRecipient>,
    /// Telephone call, if one was made.
    #[serde(default)]
    pub verbal_communication: Option<VerbalCommunication>,
    /// What must be computed.
    #[serde(default)]
    pub expected: Option<JourneyExpectation>,
}

/// One document: envelope and content.
#[derive(Debug, Clone, PartialEq)]
pub struct JourneyDocument {
    /// The envelope.
    pub envelope: JourneyEnvelope,
    /// The content.
    pub content: NoteContent,
}

/// What one recipient did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyAcknowledgment {
    /// The document.
    pub document_id: String,
    /// Who.
    pub recipient: JourneyRecipient,
    /// Delivered.
    pub delivered_at: DateTime<FixedOffset>,
    /// Opened.
    pub opened_at: DateTime<FixedOffset>,
    /// Acknowledged.
    pub acknowledged_at: DateTime<FixedOffset>,
    /// Words of section 8.1.
    pub dispositions: Vec<String>,
    /// Comment.
    #[serde(default)]
    pub comment: Option<String>,
    /// To whom it was redirected.
    #[serde(default)]
    pub redirected_to: Option<String>,
}

/// Reads a journey file.
///
/// # Errors
/// Every problem with its path: no JSON, unknown fields and words, wrong types, a patient not marked as
/// synthetic, times out of order, an acknowledgment of an unknown document.
pub fn parse_journey(json: &str) -> Result<Journey, Vec<Problem>> {
    let value: Value = serde_json::from_str(json).map_err(|error| {
        vec![Problem::hard(
            "",
            "not_json",
            format!("This is not JSON: line {}, column {}.", error.line(), error.column()),
        )]
    })?;
    journey_from_value(value)
}

/// Reads a journey from JSON that was parsed already.
///
/// # Errors
/// As [`parse_journey`].
pub fn journey_from_value(mut value: Value) -> Result<Journey, Vec<Problem>> {
    let Some(object) = value.as_object_mut() else {
        return Err(vec![Problem::hard("", "not_an_object", "A journey is a JSON object.")]);
    };
    let mut problems = Vec::new();
    let mut documents = Vec::new();
    match object.remove("documents") {
        Some(Value::Array(list)) => {
            for (index, document) in list.iter().enumerate() {
                match document_from(document) {
                    Ok(document) => documents.push(document),
                    Err(found) => problems.extend(
                        found
                            .into_iter()
                            .map(|problem| within(&format!("documents[{index}]"), problem)),
                    ),
                }
            }
        }
        _ => problems.push(Problem::missing("documents", "A journey needs its list of documents.")),
    }
    let header = match parse::read::<JourneyHeader>(value) {
        Ok(header) => header,
        Err(mut found) => {
            found.extend(problems);
            return Err(found);
        }
    };
    if !header.synthetic || !header.patient.mrn.starts_with("TEST-") {
        problems.push(Problem::hard(
            "patient.mrn",
            "not_synthetic",
            "A journey must say synthetic: true, and its MRN must start with TEST-.",
        ));
    }
    for (index, acknowledgment) in header.acknowledgments.iter().enumerate() {
        let path = format!("acknowledgments[{index}]");
        let document = documents
            .iter()
            .find(|d| d.envelope.document_id == acknowledgment.document_id);
        match document {
            None if problems.is_empty() => {
                problems.push(Problem::hard(
                    format!("{path}.document_id"),
                    "unknown_document",
                    "No document of this journey has this identifier.",
                ));
            }
            Some(document) => {
                let times = [
                    document.envelope.signed_at,
                    acknowledgment.delivered_at,
                    acknowledgment.opened_at,
                    acknowledgment.acknowledged_at,
                ];
                if !times.is_sorted() {
                    problems.push(Problem::hard(
                        path,
                        "times_out_of_order",
                        "Signed, delivered, opened and acknowledged must follow each other.",
                    ));
                }
            }
            None => {}
        }
    }
    if problems.is_empty() {
        Ok(Journey { header, documents })
    } else {
        Err(problems)
    }
}

fn document_from(value: &Value) -> Result<JourneyDocument, Vec<Problem>> {
    let content = parse::content_from_journey_document(value);
    let envelope = parse::read_lenient::<JourneyEnvelope>(value.clone());
    match (content, envelope) {
        (Ok(content), Ok(envelope)) => Ok(JourneyDocument { envelope, content }),
        (content, envelope) => {
            let mut problems = content.err().unwrap_or_default();
            problems.extend(envelope.err().unwrap_or_default());
            Err(problems)
        }
    }
}

fn within(prefix: &str, mut problem: Problem) -> Problem {
    problem.path = if problem.path.is_empty() {
        prefix.to_owned()
    } else {
        format!("{prefix}.{}", problem.path)
    };
    problem
}
