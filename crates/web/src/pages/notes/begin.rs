//! Beginning a note: of which kind, from nothing or from what the last note says that still holds.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use chrono::NaiveDate;
use liaison_clinical::{
    ConsultationNote, Decimal, InfusionSummary, NoteContent,
    content::{
        consultation::ReferralReason,
        decision::{ConsentRecord, Contraindication, ContraindicationBasis, ContraindicationItem},
        infusion::{InfusedDrug, InfusionRecord, InfusionSetting, KetamineForm, WeightSource},
        shared::Route,
    },
    content_from_json,
};
use liaison_domain::{NoteKind, PatientId};
use liaison_service::{
    ServiceError,
    notes::{DraftNote, ListNotes, NoteRow, ReleasedNote},
};
use serde_json::{Map, Value};

use super::{
    computed,
    fields::{Field, Kind, document},
    head::{PatientHead, clinic_zone, kind_words},
};
use crate::{
    Result, Web, WebError,
    form::{Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

/// Version of the fixed off-label statement (content specification 3.13).
const OFF_LABEL: &str = "OFFLABEL-V1";

/// An open draft of this patient.
struct Open {
    href: String,
    kind: &'static str,
    changed: chrono::DateTime<chrono::Utc>,
}

#[derive(Template)]
#[template(path = "notes/new.html")]
struct NewPage {
    shell: Shell,
    patient: PatientHead,
    key: String,
    open: Vec<Open>,
    last_consultation: Option<chrono::DateTime<chrono::Utc>>,
    last_infusion: Option<chrono::DateTime<chrono::Utc>>,
    problems: Problems,
}

/// The notes of a patient, the newest begun first.
async fn notes_of(web: &Web, signed: &Signed, patient: PatientId) -> Result<Vec<NoteRow>> {
    let list = ListNotes {
        patient_id: Some(patient),
        drafts_only: false,
        after: None,
        limit: 100,
    };
    Ok(web.service().list_notes(&signed.actor, list).await?.notes)
}

/// `GET /patients/{id}/notes/new`.
pub(super) async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let patient = id.parse::<PatientId>()?;
    let page = page(&web, &signed, patient, Problems::default()).await?;
    shell::page(&page)
}

async fn page(web: &Web, signed: &Signed, patient: PatientId, problems: Problems) -> Result<NewPage> {
    let head = PatientHead::load(web, signed, patient).await?;
    let notes = notes_of(web, signed, patient).await?;
    let signed_ids: Vec<_> = notes
        .iter()
        .filter(|note| note.version > 0)
        .map(|note| note.id)
        .collect();
    let versions = web
        .service()
        .latest_versions_of_notes(&signed.actor, &signed_ids)
        .await?;
    let last = |kind| {
        versions
            .values()
            .filter(|version| version.kind == kind && version.withdrawn_at.is_none())
            .map(|version| version.signed_at)
            .max()
    };
    Ok(NewPage {
        shell: Shell::new(web, signed, "New note"),
        key: web.fresh_key(),
        open: notes
            .iter()
            .filter(|note| note.has_draft)
            .map(|note| Open {
                href: format!("/notes/{}/edit", note.id),
                kind: kind_words(note.kind),
                changed: note.updated_at,
            })
            .collect(),
        last_consultation: last(NoteKind::ConsultationNote),
        last_infusion: last(NoteKind::InfusionSummary),
        patient: head,
        problems,
    })
}

/// `POST /patients/{id}/notes/new`.
pub(super) async fn begin(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let patient = id.parse::<PatientId>()?;
    let signed = &post.signed;
    let kind = match post.fields.text("kind") {
        "consultation" => NoteKind::ConsultationNote,
        "infusion" => NoteKind::InfusionSummary,
        _ => {
            return Err(WebError::Service(ServiceError::invalid(
                "kind",
                "REQUIRED",
                "choose the kind of note",
            )));
        }
    };
    let zone = clinic_zone(&web, signed).await?;
    let today = zone.today(web.service().now());
    let from_last = post.fields.text("from") != "empty";
    let (same, consultation) = if from_last {
        let same = last(&web, signed, patient, kind).await?;
        let consultation = match kind {
            NoteKind::ConsultationNote => None,
            NoteKind::InfusionSummary => last(&web, signed, patient, NoteKind::ConsultationNote).await?,
        };
        (same, consultation)
    } else {
        (None, None)
    };
    let content = starting_content(
        kind,
        same.as_ref().map(|note| note.content.reveal()),
        consultation.as_ref().map(|note| note.content.reveal()),
        today,
    );
    let draft = DraftNote {
        patient_id: patient,
        content,
        confirmations: Vec::new(),
        idempotency_key: post.fields.some("key"),
    };
    match web.service().draft_note(&signed.actor, draft).await {
        Ok(saved) => shell::go(&format!("/notes/{}/edit", saved.note_id)),
        Err(ServiceError::Invalid(problems)) => {
            let page = page(&web, signed, patient, Problems::new(problems)).await?;
            shell::page_with(axum::http::StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(other.into()),
    }
}

/// The patient's last signed note of a kind, opened; the reading is in the ledger.
pub(super) async fn last(
    web: &Web,
    signed: &Signed,
    patient: PatientId,
    kind: NoteKind,
) -> Result<Option<ReleasedNote>> {
    let ids: Vec<_> = notes_of(web, signed, patient)
        .await?
        .into_iter()
        .filter(|note| note.version > 0 && note.kind == kind)
        .map(|note| note.id)
        .collect();
    let versions = web.service().latest_versions_of_notes(&signed.actor, &ids).await?;
    let newest = versions
        .into_values()
        .filter(|version| version.withdrawn_at.is_none())
        .max_by_key(|version| (version.signed_at, version.id));
    match newest {
        Some(version) => Ok(Some(web.service().note_version(&signed.actor, version.id).await?)),
        None => Ok(None),
    }
}

/// What a new note says at first: today's day, the fixed items to be answered, and what still holds of the notes before.
pub(super) fn starting_content(
    kind: NoteKind,
    same: Option<&NoteContent>,
    consultation: Option<&NoteContent>,
    today: NaiveDate,
) -> NoteContent {
    let carried = same.and_then(|content| carry(kind, content));
    let mut content = match kind {
        NoteKind::ConsultationNote => {
            let mut note = match carried {
                Some(NoteContent::ConsultationNote(note)) => *note,
                _ => ConsultationNote::default(),
            };
            note.consult_date = Some(today);
            note.referral.get_or_insert_with(ReferralReason::default);
            note.contraindication_review = review();
            note.consent = Some(ConsentRecord {
                statement_id: Some(OFF_LABEL.to_owned()),
                ..ConsentRecord::default()
            });
            NoteContent::ConsultationNote(Box::new(note))
        }
        NoteKind::InfusionSummary => {
            let carried = match carried {
                Some(NoteContent::InfusionSummary(summary)) => Some(*summary),
                _ => None,
            };
            let planned = consultation.and_then(NoteContent::as_consultation);
            NoteContent::InfusionSummary(Box::new(infusion(carried, planned, today)))
        }
    };
    computed::fill(&mut content);
    content
}

fn infusion(carried: Option<InfusionSummary>, planned: Option<&ConsultationNote>, today: NaiveDate) -> InfusionSummary {
    let first = carried.is_none();
    let mut summary = carried.unwrap_or_default();
    let mut header = summary.infusion.take().unwrap_or_default();
    header.number = Some(header.number.unwrap_or(0).saturating_add(1));
    header.date = Some(today);
    header.weight_source = Some(WeightSource::MeasuredToday);
    header.setting.get_or_insert(InfusionSetting::OutpatientClinic);
    header.route.get_or_insert(Route::Intravenous);
    header.drug.get_or_insert_with(|| InfusedDrug {
        name: Some("ketamine (racemic)".to_owned()),
        rxnorm: Some("6130".to_owned()),
        form: Some(KetamineForm::Racemic),
    });
    if let Some(planned) = planned.filter(|_| first) {
        from_plan(&mut header, planned);
        if let Some(medications) = &planned.medications {
            summary.opioids_current.clone_from(&medications.opioids);
            summary.no_opioids = medications.no_opioids;
        }
    }
    summary.infusion = Some(header);
    summary
}

fn from_plan(header: &mut InfusionRecord, planned: &ConsultationNote) {
    let pain = planned.pain.as_ref().and_then(|pain| pain.diagnoses.first());
    header.indication = header.indication.take().or_else(|| pain.cloned());
    if let Some(plan) = &planned.plan {
        header.planned_in_series = plan.initial_infusions;
    }
    header.bolus_mg_per_kg = header.bolus_mg_per_kg.or(Some(Decimal::ZERO));
}

/// Every item of the review with its basis, to be answered (content specification 3.8).
fn review() -> Vec<ContraindicationItem> {
    Contraindication::ALL
        .iter()
        .map(|item| ContraindicationItem {
            item: Some(*item),
            basis: Some(match item {
                Contraindication::SevereHepaticDisease => ContraindicationBasis::GuidelineAvoid,
                Contraindication::ModerateHepaticDisease => ContraindicationBasis::GuidelineCaution,
                Contraindication::BpElevationSeriousHazard | Contraindication::KetamineHypersensitivity => {
                    ContraindicationBasis::LabelContraindication
                }
                Contraindication::MedicalInstability => ContraindicationBasis::Clinic,
                _ => ContraindicationBasis::GuidelineRelative,
            }),
            ..ContraindicationItem::default()
        })
        .collect()
}

/// What of a content is taken over: everything that is not asked anew at each visit.
fn carry(kind: NoteKind, content: &NoteContent) -> Option<NoteContent> {
    let Ok(Value::Object(object)) = serde_json::to_value(content) else {
        return None;
    };
    let mut kept = carried(document(kind), &object);
    kept.insert("document_type".to_owned(), object.get("document_type")?.clone());
    content_from_json(&Value::Object(kept)).ok()
}

fn carried(fields: &[Field], object: &Map<String, Value>) -> Map<String, Value> {
    fields
        .iter()
        .filter(|field| !field.fresh)
        .filter_map(|field| {
            let value = object.get(field.name)?;
            let value = match (field.kind, value) {
                (Kind::Record(inner), Value::Object(inside)) => Value::Object(carried(inner, inside)),
                (Kind::Rows(inner, _), Value::Array(list)) => Value::Array(
                    list.iter()
                        .filter_map(Value::as_object)
                        .map(|entry| Value::Object(carried(inner, entry)))
                        .collect(),
                ),
                (_, value) => value.clone(),
            };
            Some((field.name.to_owned(), value))
        })
        .collect()
}
