//! What stands at the top of each page about a note: the patient, the kind, the clinic's zone.

use liaison_domain::PatientId;
use liaison_service::ServiceError;

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
        let identity = patient.identity.reveal();
        Ok(Self {
            id: id.to_string(),
            name: identity.name.clone(),
            born: date(identity.birth_date),
            mrn: identity.mrn.clone(),
        })
    }
}

/// The zone of the organization the person acts for: times inside a note are the clinic's.
pub(super) async fn clinic_zone(web: &Web, signed: &Signed) -> Result<Zone> {
    let id = signed.actor.organization_id.ok_or(ServiceError::Forbidden)?;
    let clinic = web.service().organization_by_id(&signed.actor, id).await?;
    Ok(clinic.map_or(signed.zone, |clinic| Zone::named(&clinic.time_zone)))
}
