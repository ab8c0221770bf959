//! Every journey of the data folder, against what it says must be computed. The folder is walked, so
//! that a journey added to it is tested without a word here.

use std::path::Path;

use liaison_clinical::{
    ConsultationNote, InfusionSummary, Journey, Mode, NoteContent, PriorContext, Severity, TrendInput, assess,
    canonical_json,
    compute::{dose, haemodynamics, mme, response},
    content_from_journey_document, content_from_json, parse_journey, trend, validate,
};

/// Every journey in the folder, by file name.
pub(crate) fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/journeys");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
        .iter()
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect()
}

pub(crate) fn parsed() -> Vec<(String, Journey)> {
    all()
        .into_iter()
        .map(|(name, json)| {
            (
                name.clone(),
                parse_journey(&json).unwrap_or_else(|p| panic!("{name}: {p:#?}")),
            )
        })
        .collect()
}

pub(crate) fn consultation(journey: &Journey) -> Option<&ConsultationNote> {
    journey.documents.iter().find_map(|d| d.content.as_consultation())
}

pub(crate) fn infusions(journey: &Journey) -> Vec<&InfusionSummary> {
    journey
        .documents
        .iter()
        .filter_map(|d| d.content.as_infusion())
        .collect()
}

/// The context in which the `index`th document of a journey was signed.
pub(crate) fn prior(journey: &Journey, index: usize) -> PriorContext {
    let earlier: Vec<&InfusionSummary> = journey.documents[..index]
        .iter()
        .filter_map(|d| d.content.as_infusion())
        .collect();
    let note = consultation(journey).filter(|_| index > 0);
    PriorContext {
        signed_at: Some(journey.documents[index].envelope.signed_at),
        birth_date: Some(journey.header.patient.birth_date),
        ..PriorContext::of_course(note, &earlier)
    }
}

#[test]
fn the_embedded_list_is_the_folder() {
    let embedded: Vec<(String, String)> = liaison_clinical::journeys()
        .map(|(n, j)| (n.to_owned(), j.to_owned()))
        .collect();
    assert_eq!(embedded, all());
    assert!(!embedded.is_empty());
}

#[test]
fn every_document_can_be_signed_and_warns_exactly_as_expected() {
    for (name, journey) in parsed() {
        for (index, document) in journey.documents.iter().enumerate() {
            let at = format!("{name} document {index}");
            let result = validate(&document.content, Mode::Sign, &prior(&journey, index));
            assert_eq!(result.problems, [], "{at}");
            let expected = document.envelope.expected.as_ref().unwrap();
            let found: Vec<_> = result
                .soft
                .iter()
                .map(|w| (w.path.as_str(), w.value, w.limit.as_str()))
                .collect();
            let wanted: Vec<_> = expected
                .soft_warnings
                .iter()
                .map(|w| (w.path.as_str(), w.value, w.limit.as_str()))
                .collect();
            assert_eq!(found, wanted, "{at}");
        }
    }
}

#[test]
fn urgency_is_computed_and_never_below_what_the_document_shows() {
    for (name, journey) in parsed() {
        for (index, document) in journey.documents.iter().enumerate() {
            let expected = document.envelope.expected.as_ref().unwrap().urgency;
            assert_eq!(assess(&document.content).level, expected, "{name} document {index}");
            let automatic: Vec<_> = liaison_clinical::urgency::automatic(&document.content)
                .into_iter()
                .map(|(code, _)| code)
                .collect();
            let listed: Vec<_> = document
                .content
                .stated_flags()
                .iter()
                .filter(|f| f.source == Some(liaison_clinical::content::shared::FlagSource::Automatic))
                .filter_map(|f| f.code)
                .collect();
            assert_eq!(automatic, listed, "{name} document {index}");
        }
    }
}

#[test]
fn opioid_sums_follow_from_their_lines() {
    for (name, journey) in parsed() {
        for (index, document) in journey.documents.iter().enumerate() {
            let (lines, stored) = match &document.content {
                NoteContent::ConsultationNote(note) => {
                    let medications = note.medications.as_ref().unwrap();
                    (&medications.opioids, medications.mme_total_per_day)
                }
                NoteContent::InfusionSummary(summary) => (&summary.opioids_current, summary.mme_per_day_current),
            };
            let total = mme::total(lines);
            assert_eq!(Some(total.total), stored, "{name} document {index}");
            let expected = document.envelope.expected.as_ref().unwrap().mme_total_per_day;
            assert!(
                expected.is_none_or(|expected| expected == total.total),
                "{name} document {index}"
            );
        }
    }
}

#[test]
fn doses_peaks_and_provisional_responses_are_those_of_the_documents() {
    for (name, journey) in parsed() {
        for summary in infusions(&journey) {
            let infusion = summary.infusion.as_ref().unwrap();
            let at = format!("{name} infusion {:?}", infusion.number);
            assert_eq!(
                dose::computed_dose(infusion).unwrap().round(4),
                infusion.dose_mg_per_kg.unwrap(),
                "{at}"
            );
            let computed = haemodynamics::summarize(&summary.monitoring);
            let stored = summary.haemodynamics.as_ref().unwrap();
            assert_eq!(
                (
                    computed.map_baseline,
                    computed.map_peak,
                    computed.map_peak_t_min,
                    computed.sbp_peak
                ),
                (
                    stored.map_baseline,
                    stored.map_peak,
                    stored.map_peak_t_min,
                    stored.sbp_peak
                ),
                "{at}"
            );
            let dissociation = summary.dissociation.as_ref().unwrap();
            assert_eq!(
                (computed.dissociation_peak, computed.dissociation_peak_t_min),
                (dissociation.peak_0_10, dissociation.peak_t_min),
                "{at}"
            );
            assert_eq!(
                Some(response::provisional(summary)),
                summary.response.as_ref().unwrap().provisional,
                "{at}"
            );
        }
    }
}

#[test]
fn trend_series_and_final_responses_are_exactly_as_expected() {
    for (name, journey) in parsed() {
        let infusions = infusions(&journey);
        let computed = trend(TrendInput {
            consultation: consultation(&journey),
            infusions: &infusions,
            final_follow_up: journey.header.final_follow_up.as_ref(),
            sustain_days: None,
            as_of: None,
        });
        assert_eq!(computed.rows, journey.header.expected_trend, "{name}");
        assert_eq!(computed.series, journey.header.expected_series, "{name}");
    }
}

#[test]
fn every_document_keeps_all_of_its_fields() {
    for (name, json) in all() {
        let file: serde_json::Value = serde_json::from_str(&json).unwrap();
        for document in file["documents"].as_array().unwrap() {
            let content = content_from_journey_document(document).unwrap();
            let kept = serde_json::to_value(&content).unwrap();
            let mut lost = Vec::new();
            missing(document, &kept, "", &mut lost);
            lost.retain(|path| {
                ![
                    "document_id",
                    "version",
                    "status",
                    "author",
                    "signed_at",
                    "recipients",
                    "verbal_communication",
                    "expected",
                ]
                .iter()
                .any(|field| path == field)
            });
            assert_eq!(lost, Vec::<String>::new(), "{name}");
        }
    }
}

/// Paths of `source` whose value is absent or different in `kept`, apart from nulls and empty lists.
fn missing(source: &serde_json::Value, kept: &serde_json::Value, path: &str, lost: &mut Vec<String>) {
    use serde_json::Value;
    match (source, kept) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, inner) in a {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let empty = inner.is_null() || inner.as_array().is_some_and(Vec::is_empty);
                match b.get(key) {
                    Some(other) => missing(inner, other, &path, lost),
                    None if empty => {}
                    None => lost.push(path),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (x, y)) in a.iter().zip(b).enumerate() {
                missing(x, y, &format!("{path}[{index}]"), lost);
            }
        }
        (Value::Number(number), Value::String(text)) => {
            if number.as_f64() != text.parse().ok() {
                lost.push(path.to_owned());
            }
        }
        // The one word with a second spelling.
        (Value::String(a), Value::String(b)) if a == "coughing" && b == "cough" => {}
        (Value::String(a), Value::String(b)) if same_instant(a, b) => {}
        (a, b) if a == b => {}
        _ => lost.push(path.to_owned()),
    }
}

fn same_instant(a: &str, b: &str) -> bool {
    let parse = chrono::DateTime::parse_from_rfc3339;
    parse(a)
        .ok()
        .zip(parse(b).ok())
        .is_some_and(|(a, b)| a == b && a.offset() == b.offset())
}

#[test]
fn canonical_bytes_are_stable_and_read_back_as_the_same_content() {
    for (name, journey) in parsed() {
        for document in &journey.documents {
            let bytes = canonical_json(&document.content);
            let again = content_from_json(&serde_json::from_slice(&bytes).unwrap()).unwrap();
            assert_eq!(again, document.content, "{name}");
            assert_eq!(canonical_json(&again), bytes, "{name}");
            let direct: NoteContent = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(direct, document.content, "{name}");
        }
    }
}

#[test]
fn drafts_ask_for_nothing_that_is_not_there() {
    for content in [
        NoteContent::ConsultationNote(Box::default()),
        NoteContent::InfusionSummary(Box::default()),
    ] {
        let draft = validate(&content, Mode::Draft, &PriorContext::default());
        assert_eq!((draft.problems, draft.soft), (vec![], vec![]));
        let signed = validate(&content, Mode::Sign, &PriorContext::default());
        assert!(signed.problems.len() > 10);
        assert!(signed.problems.iter().all(|p| p.severity == Severity::Missing));
    }
}
