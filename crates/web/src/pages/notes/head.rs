//! What stands at the top of each page about a note: the patient, the kind, the clinic's zone.

use liaison_domain::PatientId;
use liaison_service::{ServiceError, directory::Organization, patients::PatientIdentity};

pub(super) use crate::words::note_kind as kind_words;
use crate::{
    Result, Web,
    format::{Zone, date},
    session::Signed,
};

/// The patient, to be compared with the person in front: name, birth date, number.
pub(super) struct PatientHead {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) born: String,
    pub(super) mrn: String,
}

impl PatientHead {
    /// Reads the identity; the reading is in the ledger.
    pub(super) async fn load(web: &Web, signed: &Signed, id: PatientId) -> Result<Self> {
        let patient = web.service().patient(&signed.actor, id).await?;
        Ok(Self::of(id, patient.identity.reveal()))
    }

    fn of(id: PatientId, identity: &PatientIdentity) -> Self {
        Self {
            id: id.to_string(),
            name: identity.name.clone(),
            born: date(identity.birth_date),
            mrn: identity.mrn.clone(),
        }
    }
}

/// Other patients of the clinic who could be taken for this one: of the same birth date and initials, at most 20.
pub(super) async fn look_alikes(web: &Web, signed: &Signed, id: PatientId) -> Result<Vec<PatientHead>> {
    let ids = web.service().look_alikes(&signed.actor, id).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = web.service().patients(&signed.actor, &ids).await?;
    let mut heads: Vec<PatientHead> = found
        .values()
        .map(|patient| PatientHead::of(patient.id, patient.identity.reveal()))
        .collect();
    heads.sort_by(|a, b| (&a.name, &a.mrn).cmp(&(&b.name, &b.mrn)));
    Ok(heads)
}

/// The organization the person acts for.
pub(super) async fn clinic(web: &Web, signed: &Signed) -> Result<Organization> {
    let id = signed.actor.organization_id.ok_or(ServiceError::Forbidden)?;
    let clinic = web.service().organization_by_id(&signed.actor, id).await?;
    Ok(clinic.ok_or(ServiceError::Forbidden)?)
}

/// Its zone: times inside a note are the clinic's.
pub(super) async fn clinic_zone(web: &Web, signed: &Signed) -> Result<Zone> {
    Ok(Zone::named(&clinic(web, signed).await?.time_zone))
}
