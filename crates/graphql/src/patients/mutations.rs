//! Registering patients and correcting who they are.

use async_graphql::{Context, ID, InputObject, Object, Result};
use liaison_service::patients as use_cases;

use super::{Patient, PatientIdentityInput};
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

/// A patient to be registered.
#[derive(InputObject)]
pub(crate) struct RegisterPatientInput {
    /// Who it is.
    #[graphql(flatten)]
    identity: PatientIdentityInput,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A correction: the whole identity as it should be.
#[derive(InputObject)]
pub(crate) struct UpdatePatientInput {
    /// The patient (`patient_...`).
    patient_id: ID,
    /// Who it is.
    #[graphql(flatten)]
    identity: PatientIdentityInput,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of registering a patient.
    RegisterPatientPayload {
        /// The patient.
        patient: Patient,
        /// Patients of the clinic with the same birth date and initials (`patient_...`), at most 20: compare them before
        /// writing notes.
        look_alikes: Vec<ID>,
    }
}

payload! {
    /// What came of a correction.
    UpdatePatientPayload {
        /// The patient as it is now.
        patient: Patient,
    }
}

/// Changes to patients.
#[derive(Default)]
pub(crate) struct PatientMutation;

#[Object]
impl PatientMutation {
    /// Registers a patient of the clinic.
    async fn register_patient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient.")] input: RegisterPatientInput,
    ) -> Result<RegisterPatientPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let identity = input.identity.read(&mut ids);
            ids.done()?;
            let input = use_cases::RegisterPatient {
                identity,
                idempotency_key: input.idempotency_key,
            };
            asking.service.register_patient(&asking.actor, input).await
        };
        let registered = match settle(ctx, done.await)? {
            Ok(registered) => registered,
            Err(problems) => return Ok(problems.into()),
        };
        let patient = asking
            .service
            .patient(&asking.actor, registered.patient_id)
            .await
            .or_refuse(ctx)?;
        Ok(RegisterPatientPayload {
            patient: Some(Patient(patient)),
            look_alikes: Some(registered.look_alikes.into_iter().map(shown).collect()),
            ..Default::default()
        })
    }

    /// Corrects who a patient is. Signed notes carry none of it and stay as they are.
    async fn update_patient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient as it should be.")] input: UpdatePatientInput,
    ) -> Result<UpdatePatientPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let patient_id = ids.one("patientId", &input.patient_id);
            let identity = input.identity.read(&mut ids);
            ids.done()?;
            let input = use_cases::UpdatePatient {
                patient_id,
                identity,
                idempotency_key: input.idempotency_key,
            };
            asking.service.update_patient(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let patient = asking.service.patient(&asking.actor, id).await.or_refuse(ctx)?;
                UpdatePatientPayload {
                    patient: Some(Patient(patient)),
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }
}
