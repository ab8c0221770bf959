//! Work lists in the schema: the sender's board, the recipient's inbox, the calls owed, a person's notices, holds,
//! wrong-recipient cases, deliveries.

pub(crate) mod board;
pub(crate) mod calls;
pub(crate) mod deliveries;
pub(crate) mod holds;
pub(crate) mod inbox;
pub(crate) mod mis_sends;
pub(crate) mod notices;
pub(crate) mod replies;

use async_graphql::Object;
use chrono::{NaiveDate, TimeDelta};
use liaison_domain::Phi;
use liaison_service::patients::PatientIdentity as Identity;

use crate::patients::AdministrativeGender;

/// Minutes, rounded down; negative when past.
pub(crate) fn minutes(span: TimeDelta) -> i64 {
    span.num_minutes()
}

pub(crate) struct PatientIdentity(pub(crate) Phi<Identity>);

/// Who a patient is, as a list shows it. That it was read stands in the ledger.
#[Object]
impl PatientIdentity {
    /// The name.
    async fn name(&self) -> &str {
        &self.0.reveal().name
    }

    /// The birth date.
    async fn birth_date(&self) -> NaiveDate {
        self.0.reveal().birth_date
    }

    /// Administrative gender.
    async fn administrative_gender(&self) -> AdministrativeGender {
        self.0.reveal().administrative_gender.into()
    }

    /// The clinic's medical record number.
    async fn mrn(&self) -> &str {
        &self.0.reveal().mrn
    }
}
