//! A call whose time has come and that is still open: its owner is told again and the clinic's leads and admins once.

use std::collections::{BTreeMap, HashMap};

use liaison_domain::{Actor, NoticeKind, RecipientId, Role, UserId};
use liaison_store::{Tx, call_tasks::CallTaskRow, recipients, recipients::RecipientRow, schedule};
use uuid::Uuid;

use super::Worked;
use crate::{Result, Service, loops::message::Tell};

impl Service {
    /// Tells of at most `limit` overdue calls.
    pub(crate) async fn remind_of_calls(&self, limit: u32) -> Result<Worked> {
        let now = self.now();
        let ids = schedule::overdue_calls(&mut self.read().await?, now, limit).await?;
        if ids.is_empty() {
            return Ok(Worked::default());
        }
        let more = ids.len() >= limit as usize;
        let mut tx = self.begin().await?;
        let calls = schedule::take_overdue_calls(&mut tx, &ids, now).await?;
        let loop_ids: Vec<Uuid> = calls.iter().map(|call| call.recipient_id.uuid()).collect();
        let loops: HashMap<RecipientId, RecipientRow> = recipients::by_ids(&mut tx, &loop_ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        for call in &calls {
            if let Some(row) = loops.get(&call.recipient_id) {
                self.tell_of_overdue(&mut tx, call, row).await?;
            }
        }
        tx.commit().await?;
        Ok(Worked {
            done: u32::try_from(calls.len()).unwrap_or(u32::MAX),
            more,
        })
    }

    async fn tell_of_overdue(&self, tx: &mut Tx, call: &CallTaskRow, row: &RecipientRow) -> Result<()> {
        let mut entry = self.loop_entry(&Actor::system(), "call_task.overdue", row);
        entry.object_id = Some(call.id.to_string());
        entry.detail.insert("owner_id", call.owner_id.to_string());
        tx.record(entry);
        let mut others = self.clinic_people(tx, row, &[Role::TeamLead, Role::Admin]).await?;
        others.retain(|user| *user != call.owner_id);
        let facts = BTreeMap::from([
            ("recipient".to_owned(), self.recipient_name(tx, row).await?),
            ("reason".to_owned(), call.reason.as_str().to_owned()),
            ("due_at".to_owned(), call.due_at.to_rfc3339()),
            ("overdue".to_owned(), "true".to_owned()),
        ]);
        let clinic = self.organization_name(tx, row.organization_id).await?;
        let tell = |users: Vec<UserId>, kind| Tell {
            users,
            organization_id: row.organization_id,
            clinic: clinic.clone(),
            kind,
            urgency: row.urgency,
            recipient: Some((row.share_id, row.id, row.patient_id)),
            object_id: Some(call.id.uuid()),
            link: self.link(&format!("calls/{}", call.id)),
            facts: facts.clone(),
            by_mail: true,
        };
        self.tell(tx, tell(vec![call.owner_id], NoticeKind::CallTaskAssigned))
            .await?;
        self.tell(tx, tell(others, NoticeKind::Escalated)).await
    }
}
