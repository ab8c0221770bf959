//! Legal holds: while one stands on a patient, nothing of theirs is removed.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_service::patients as use_cases;

use crate::directory::person::Person;
use crate::fail::{OrRefuse as _, payload, present, settle};
use crate::ids::{Ids, shown};
use crate::loops::parts::person;
use crate::page::{self, connection};
use crate::session::asking;

pub(crate) struct LegalHold(use_cases::LegalHold);

connection! {
    /// A page of legal holds.
    LegalHoldConnection,
    /// A legal hold in a page.
    LegalHoldEdge of LegalHold
}

/// A legal hold: while it stands, nothing that belongs to the patient is removed, neither for its age nor by a person.
#[Object]
impl LegalHold {
    /// Its id (`legalhold_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The patient (`patient_...`). Who it is, an admin or auditor does not read here.
    async fn patient_id(&self) -> ID {
        shown(self.0.patient_id)
    }

    /// Why it was set.
    async fn reason(&self) -> &str {
        self.0.reason.reveal()
    }

    /// Who set it.
    async fn set_by(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = person(ctx, Some(self.0.set_by)).await?;
        present(ctx, found, "person")
    }

    /// When.
    async fn set_at(&self) -> DateTime<Utc> {
        self.0.set_at
    }

    /// Who lifted it.
    async fn lifted_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.lifted_by).await
    }

    /// When; null while it stands.
    async fn lifted_at(&self) -> Option<DateTime<Utc>> {
        self.0.lifted_at
    }

    /// Why it was lifted.
    async fn lift_reason(&self) -> Option<&str> {
        self.0.lift_reason.as_ref().map(|reason| reason.reveal().as_str())
    }
}

/// A hold to be set.
#[derive(InputObject)]
pub(crate) struct SetLegalHoldInput {
    /// The patient (`patient_...`).
    patient_id: ID,
    /// Why: who asked for it, the number of the case. 1 to 20,000 characters; kept sealed.
    reason: String,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A hold to be lifted.
#[derive(InputObject)]
pub(crate) struct LiftLegalHoldInput {
    /// Which (`legalhold_...`).
    legal_hold_id: ID,
    /// Why: 1 to 20,000 characters; kept sealed.
    reason: String,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of setting a hold.
    SetLegalHoldPayload {
        /// Its id.
        legal_hold_id: ID,
    }
}

payload! {
    /// What came of lifting a hold.
    LiftLegalHoldPayload {
        /// Its id.
        legal_hold_id: ID,
        /// Whether another hold still stands on the patient.
        still_held: bool,
    }
}

/// Holds.
#[derive(Default)]
pub(crate) struct LegalHoldQuery;

#[Object]
impl LegalHoldQuery {
    /// The clinic's legal holds with their reasons, newest first, for admins and auditors. Writes a ledger entry.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn legal_holds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those on this patient (`patient_...`).")] patient_id: Option<ID>,
        #[graphql(desc = "Only those that stand, or only those that were lifted; all when nothing is said.")]
        standing: Option<bool>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<LegalHoldConnection> {
        let asking = asking(ctx)?;
        let further = after.is_some();
        let mut ids = Ids::default();
        let patient_id = ids.maybe("patientId", patient_id.as_ref());
        ids.done().or_refuse(ctx)?;
        let query = use_cases::LegalHoldQuery {
            patient_id,
            standing,
            first: Some(page::first(ctx, first)?),
            after,
        };
        let found = asking.service.legal_holds(&asking.actor, query).await.or_refuse(ctx)?;
        let items = found
            .entries
            .into_iter()
            .map(|hold| (hold.cursor.clone(), LegalHold(hold)));
        Ok(LegalHoldConnection::of(items, found.has_more, further))
    }
}

/// Setting and lifting holds.
#[derive(Default)]
pub(crate) struct LegalHoldMutation;

#[Object]
impl LegalHoldMutation {
    /// Sets a legal hold on a patient, beside those that stand already: from the answer on, nothing of theirs is removed.
    /// For admins.
    async fn set_legal_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient and why.")] input: SetLegalHoldInput,
    ) -> Result<SetLegalHoldPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let patient_id = ids.one("patientId", &input.patient_id);
            ids.done()?;
            let (reason, idempotency_key) = (input.reason, input.idempotency_key);
            let input = use_cases::SetLegalHold {
                patient_id,
                reason,
                idempotency_key,
            };
            asking.service.set_legal_hold(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(set) => SetLegalHoldPayload {
                legal_hold_id: Some(shown(set.legal_hold_id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }

    /// Lifts a legal hold. What was kept for it alone is removed by the next hourly round. For admins.
    async fn lift_legal_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The hold and why.")] input: LiftLegalHoldInput,
    ) -> Result<LiftLegalHoldPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let legal_hold_id = ids.one("legalHoldId", &input.legal_hold_id);
            ids.done()?;
            let (reason, idempotency_key) = (input.reason, input.idempotency_key);
            let input = use_cases::LiftLegalHold {
                legal_hold_id,
                reason,
                idempotency_key,
            };
            asking.service.lift_legal_hold(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(lifted) => LiftLegalHoldPayload {
                legal_hold_id: Some(shown(lifted.legal_hold_id)),
                still_held: Some(lifted.still_held),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
