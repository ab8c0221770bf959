//! The end of every ladder: a call that a named person of the clinic owes; and telling the clinic what happens.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, CallReason, CallTaskId, CallTaskStatus, NoticeKind, Urgency, UserId, calendar::Calendar};
use liaison_store::{Tx, call_tasks, directory::organizations_by_ids, recipients::RecipientRow};

use crate::{Result, Service, loops::message::Tell};

/// Why the clinic must call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calling {
    /// Nobody acknowledged in time.
    Silence,
    /// No channel reaches the recipient.
    Unreachable,
}

/// The call that the clinic owes.
pub(crate) struct OwedCall {
    pub(crate) id: CallTaskId,
    pub(crate) owner: UserId,
}

impl Service {
    /// Gives the clinic a call task with a named owner, who is told; or finds the one that waits already, so that
    /// nobody is asked twice to make the same call.
    pub(crate) async fn call_the_clinic(&self, tx: &mut Tx, row: &RecipientRow, why: Calling) -> Result<OwedCall> {
        let waiting = call_tasks::of_recipients(tx, &[row.id.uuid()])
            .await?
            .into_iter()
            .find(|task| {
                task.status == CallTaskStatus::Open
                    && matches!(task.reason, CallReason::Unacknowledged | CallReason::Undeliverable)
            });
        if let Some(task) = waiting {
            return Ok(OwedCall {
                id: task.id,
                owner: task.owner_id,
            });
        }
        let reason = match why {
            Calling::Silence => CallReason::Unacknowledged,
            Calling::Unreachable => CallReason::Undeliverable,
        };
        let owner = self.clinic_owner(tx, row).await?;
        let due_at = self.owed_call_due(tx, row).await?;
        let phone = self.phone_of(tx, row).await?;
        let task = self.call_task(row, owner, reason, due_at, phone);
        let id = task.id;
        self.write_call_task(tx, &Actor::system(), row, task).await?;
        let facts = BTreeMap::from([
            ("recipient".to_owned(), self.recipient_name(tx, row).await?),
            ("reason".to_owned(), reason.as_str().to_owned()),
            ("due_at".to_owned(), due_at.to_rfc3339()),
        ]);
        let clinic = self.organization_name(tx, row.organization_id).await?;
        self.tell(
            tx,
            Tell {
                users: vec![owner],
                organization_id: row.organization_id,
                clinic,
                kind: NoticeKind::CallTaskAssigned,
                urgency: row.urgency,
                recipient: Some((row.share_id, row.id, row.patient_id)),
                object_id: Some(id.uuid()),
                link: self.link(&format!("calls/{id}")),
                facts,
                by_mail: true,
            },
        )
        .await?;
        Ok(OwedCall { id, owner })
    }

    /// By when the clinic must call: 15 min (emergent), 60 min (urgent), else the end of the clinic's next business day.
    async fn owed_call_due(&self, tx: &mut Tx, row: &RecipientRow) -> Result<DateTime<Utc>> {
        let now = self.now();
        Ok(match row.urgency {
            Urgency::Emergent => now + TimeDelta::minutes(15),
            Urgency::Urgent => now + TimeDelta::minutes(60),
            Urgency::Routine => {
                let found = organizations_by_ids(tx, &[row.organization_id]).await?;
                let zone = found.first().and_then(|clinic| clinic.time_zone.parse().ok());
                let calendar = Calendar::office_hours(zone.unwrap_or(chrono_tz::UTC));
                // From tomorrow on: a call given at closing time or at a weekend is due on the first day of work.
                calendar.add_business_days(calendar.end_of_day(now) + TimeDelta::microseconds(1), 0, true)
            }
        })
    }

    /// Tells the sender of a loop, and whoever stands in where the sender is away or gone.
    pub(crate) async fn tell_sender(
        &self,
        tx: &mut Tx,
        row: &RecipientRow,
        kind: NoticeKind,
        mut facts: BTreeMap<String, String>,
    ) -> Result<()> {
        let owner = self.clinic_owner(tx, row).await?;
        let mut users = vec![row.shared_by];
        if owner != row.shared_by {
            users.push(owner);
        }
        facts.insert("recipient".to_owned(), self.recipient_name(tx, row).await?);
        let clinic = self.organization_name(tx, row.organization_id).await?;
        self.tell(
            tx,
            Tell {
                users,
                organization_id: row.organization_id,
                clinic,
                kind,
                urgency: row.urgency,
                recipient: Some((row.share_id, row.id, row.patient_id)),
                object_id: None,
                link: self.link(&format!("shares/{}", row.share_id)),
                facts,
                by_mail: true,
            },
        )
        .await
    }
}
