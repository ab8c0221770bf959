//! Wrong-recipient cases: an admin of the clinic reviews each one and closes it with what was found. They are opened by
//! the decline.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, MisSendId, Phi, PurposeOfUse,
    access::{Action, Relation},
};
use liaison_store::{
    Event, Place,
    mis_sends::{self, MisSendRow},
};
use serde::{Deserialize, Serialize};

use crate::{
    Result, Service, ServiceError, idempotency,
    patients::Checks,
    reading::{decode, encode, size},
};

/// Close a case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CloseMisSend {
    /// The case.
    pub mis_send_id: MisSendId,
    /// What was found and done: 1 to 20,000 characters. PHI.
    pub finding: String,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// A case that was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MisSendClosed {
    /// The case.
    pub mis_send_id: MisSendId,
}

/// A case as an admin reads it.
#[derive(Debug, Clone)]
pub struct MisSendCase {
    /// The case.
    pub row: MisSendRow,
    /// What was found and done, once it is closed.
    pub finding: Option<Phi<String>>,
    /// Its place in the list.
    pub cursor: String,
}

/// A page of cases, newest first.
#[derive(Debug, Clone)]
pub struct MisSendPage {
    /// The cases.
    pub entries: Vec<MisSendCase>,
    /// Whether more follow.
    pub has_more: bool,
}

/// Which cases are wanted.
#[derive(Debug, Clone, Default)]
pub struct MisSendQuery {
    /// Only the open ones, or only the closed ones.
    pub open: Option<bool>,
    /// 1 to 100; 50 when not given.
    pub first: Option<u32>,
    /// Go on after the case of this cursor.
    pub after: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Position {
    at: DateTime<Utc>,
    id: MisSendId,
}

/// Where a finding stands.
fn finding_place(id: MisSendId) -> Place {
    Place::new("mis_send", "finding_sealed", id.uuid())
}

impl Service {
    /// The clinic's wrong-recipient cases. Where findings are read, one ledger entry for the page.
    ///
    /// # Errors
    /// `Invalid` for a page size out of range or another list's cursor.
    pub async fn mis_sends(&self, actor: &Actor, query: MisSendQuery) -> Result<MisSendPage> {
        let reader = Actor {
            read_only: false,
            ..actor.clone()
        };
        self.authorize(&reader, Action::RepairDeliveries, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let mut problems = Vec::new();
        let first = size(query.first, &mut problems);
        let after: Option<Position> = decode(query.after.as_deref(), &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let after = after.map(|position| (position.at, position.id));
        let mut conn = self.read().await?;
        let mut rows = mis_sends::list(&mut conn, organization, query.open, after, first + 1).await?;
        let wanted = usize::try_from(first).unwrap_or(usize::MAX);
        let has_more = rows.len() > wanted;
        rows.truncate(wanted);
        let closed = rows.iter().filter(|row| row.finding_sealed.is_some());
        let patients: Vec<_> = closed.map(|row| row.patient_id).collect();
        let keys = self.store().keyring()?.patient_keys(&mut conn, &patients).await?;
        drop(conn);
        if !patients.is_empty() {
            let mut tx = self.begin().await?;
            let mut entry = self.entry(actor, "mis_send.read");
            entry.purpose = PurposeOfUse::Operations;
            entry.detail.insert("count", patients.len().to_string());
            tx.record(entry);
            tx.commit().await?;
        }
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let finding = match (&row.finding_sealed, keys.get(&row.patient_id)) {
                (Some(sealed), Some(key)) => Some(Phi::new(key.open_json(finding_place(row.id), sealed)?)),
                _ => None,
            };
            let cursor = encode(&Position {
                at: row.reported_at,
                id: row.id,
            });
            entries.push(MisSendCase { row, finding, cursor });
        }
        Ok(MisSendPage { entries, has_more })
    }

    /// Closes a case with what was found.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is another clinic's; `Conflict` when it was closed before.
    pub async fn close_mis_send(&self, actor: &Actor, input: CloseMisSend) -> Result<MisSendClosed> {
        let mut conn = self.read().await?;
        let found = mis_sends::find(&mut conn, input.mis_send_id).await?;
        drop(conn);
        let relation = match &found {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, Action::RepairDeliveries, relation, "mis-send case")
            .await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut checks = Checks::default();
        let finding = checks.text("finding", &input.finding);
        checks.finish()?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.clone();
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "closeMisSend", &input).await? {
            return Ok(earlier);
        }
        let row = mis_sends::lock(&mut tx, input.mis_send_id)
            .await?
            .ok_or(ServiceError::NotFound("mis-send case"))?;
        let patient_key = self.store().keyring()?.patient_key(&mut tx, row.patient_id).await?;
        let sealed = patient_key.seal_json(finding_place(row.id), &finding, &*self.store().random())?;
        if !mis_sends::close(&mut tx, row.id, self.now(), user, sealed).await? {
            return Err(ServiceError::conflict(
                "CLOSED_BEFORE",
                "this case was closed before; look again",
            ));
        }
        let mut entry = self.entry(actor, "mis_send.close");
        entry.purpose = PurposeOfUse::Operations;
        entry.organization_id = Some(row.organization_id);
        entry.patient_id = Some(row.patient_id);
        entry.share_id = Some(row.share_id);
        entry.recipient_id = Some(row.recipient_id);
        entry.object_id = Some(row.id.to_string());
        entry
            .detail
            .insert("content_was_opened", row.content_was_opened.to_string());
        tx.record(entry);
        tx.announce(Event {
            organization_id: row.organization_id,
            to_organization_id: None,
            share_id: Some(row.share_id),
            recipient_id: Some(row.recipient_id),
            patient_id: Some(row.patient_id),
            user_id: None,
        });
        let closed = MisSendClosed { mis_send_id: row.id };
        idempotency::keep(self, &mut tx, actor, key.as_deref(), "closeMisSend", &input, &closed).await?;
        tx.commit().await?;
        Ok(closed)
    }
}
