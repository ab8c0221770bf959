//! Requests to hold infusions.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain::PatientId;
use liaison_service::loops::hold as use_cases;

use crate::directory::person::Person;
use crate::enums::Disposition;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, parse, shown};
use crate::loops::parts::person;
use crate::loops::recipient::Recipient;
use crate::session::asking;

pub(crate) struct Hold(pub(crate) use_cases::Hold);

/// A recipient's request to hold a patient's infusions.
#[Object]
impl Hold {
    /// Its id (`hold_...`).
    async fn id(&self) -> ID {
        shown(self.0.row.id)
    }

    /// The loop by which it came.
    async fn recipient(&self, ctx: &Context<'_>) -> Result<Option<Recipient>> {
        Ok(asking(ctx)?
            .load
            .load_one(self.0.row.recipient_id)
            .await
            .or_refuse(ctx)?
            .map(Recipient::of))
    }

    /// Which disposition asked for it.
    async fn disposition(&self) -> Disposition {
        self.0.row.disposition.into()
    }

    /// Why.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_ref().map(|reason| reason.reveal().as_str())
    }

    /// Until when; until lifted when null.
    async fn until(&self) -> Option<NaiveDate> {
        self.0.row.until_date
    }

    /// Whether it is in force today, in the clinic's time zone.
    async fn in_force(&self) -> bool {
        self.0.in_force
    }

    /// Who asked.
    async fn requested_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.requested_by).await
    }

    /// When.
    async fn requested_at(&self) -> DateTime<Utc> {
        self.0.row.requested_at
    }

    /// Who accepted it for the clinic.
    async fn accepted_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.accepted_by).await
    }

    /// When it was accepted.
    async fn accepted_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.accepted_at
    }

    /// Who lifted it.
    async fn lifted_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.lifted_by).await
    }

    /// When it was lifted.
    async fn lifted_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.lifted_at
    }
}

/// A hold to be accepted or lifted.
#[derive(InputObject)]
pub(crate) struct ChangeHoldInput {
    /// Which (`hold_...`).
    hold_id: ID,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of accepting a hold.
    AcceptHoldPayload {
        /// Its id.
        hold_id: ID,
        /// The patient (`patient_...`).
        patient_id: ID,
    }
}

payload! {
    /// What came of lifting a hold.
    LiftHoldPayload {
        /// Its id.
        hold_id: ID,
        /// The patient (`patient_...`).
        patient_id: ID,
    }
}

fn read(input: ChangeHoldInput) -> Result<use_cases::ChangeHold, liaison_service::ServiceError> {
    let mut ids = Ids::default();
    let hold_id = ids.one("holdId", &input.hold_id);
    ids.done()?;
    Ok(use_cases::ChangeHold {
        hold_id,
        idempotency_key: input.idempotency_key,
    })
}

/// Holds.
#[derive(Default)]
pub(crate) struct HoldQuery;

#[Object]
impl HoldQuery {
    /// The requests to hold a patient's infusions, for the clinic. Writes a ledger entry.
    #[graphql(complexity = "5 + 3 * child_complexity")]
    async fn holds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient (`patient_...`).")] patient_id: ID,
    ) -> Result<Vec<Hold>> {
        let asking = asking(ctx)?;
        let patient: PatientId = parse("patientId", &patient_id).or_refuse(ctx)?;
        let found = asking.service.holds(&asking.actor, patient).await.or_refuse(ctx)?;
        Ok(found.into_iter().map(Hold).collect())
    }
}

/// Changes to holds.
#[derive(Default)]
pub(crate) struct HoldMutation;

#[Object]
impl HoldMutation {
    /// Accepts a hold for the clinic.
    async fn accept_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The hold.")] input: ChangeHoldInput,
    ) -> Result<AcceptHoldPayload> {
        let asking = asking(ctx)?;
        let done = async { asking.service.accept_hold(&asking.actor, read(input)?).await };
        Ok(match settle(ctx, done.await)? {
            Ok(done) => AcceptHoldPayload {
                hold_id: Some(shown(done.hold_id)),
                patient_id: Some(shown(done.patient_id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Lifts a hold: infusions may go on.
    async fn lift_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The hold.")] input: ChangeHoldInput,
    ) -> Result<LiftHoldPayload> {
        let asking = asking(ctx)?;
        let done = async { asking.service.lift_hold(&asking.actor, read(input)?).await };
        Ok(match settle(ctx, done.await)? {
            Ok(done) => LiftHoldPayload {
                hold_id: Some(shown(done.hold_id)),
                patient_id: Some(shown(done.patient_id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
