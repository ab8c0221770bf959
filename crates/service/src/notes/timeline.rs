//! A patient's versions and open drafts in order of time, without what they say.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, PatientId, access::Action};
use liaison_store::notes::{self as rows, TimelineRow};
use uuid::Uuid;

use crate::{Result, Service, ServiceError};

/// The most items on one page.
const MAX_PAGE: u32 = 100;

/// Where a page of the timeline ends: give it as `after` for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimelineCursor {
    /// The last item's time.
    pub occurred_at: DateTime<Utc>,
    /// The last item's id.
    pub item_id: Uuid,
}

/// A page of the timeline, newest first.
#[derive(Debug, Clone)]
pub struct TimelinePage {
    /// The items.
    pub items: Vec<TimelineRow>,
    /// Where to go on; absent at the end.
    pub next: Option<TimelineCursor>,
}

impl Service {
    /// A patient's timeline; to an admin while they broke the glass for that patient, without the drafts' bodies, as to
    /// everybody. `limit` is 1 to 100.
    ///
    /// # Errors
    /// `NotFound` for the patient; `Invalid` for the limit.
    pub async fn patient_timeline(
        &self,
        actor: &Actor,
        patient: PatientId,
        after: Option<TimelineCursor>,
        limit: u32,
    ) -> Result<TimelinePage> {
        let (_, case) = self.own_record(actor, Action::ReadPatient, patient).await?;
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(ServiceError::invalid(
                "limit",
                "OUT_OF_RANGE",
                format!("1 to {MAX_PAGE}"),
            ));
        }
        let after = after.map(|cursor| (cursor.occurred_at, cursor.item_id));
        let mut conn = self.read().await?;
        let mut items = rows::timeline(&mut conn, patient, after, limit + 1).await?;
        let has_more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|row| TimelineCursor {
            occurred_at: row.occurred_at,
            item_id: row.item_id,
        });
        drop(conn);
        if case.is_some() {
            self.record_readings(vec![self.reading(actor, patient, "timeline", case)])
                .await?;
        }
        Ok(TimelinePage { items, next })
    }
}
