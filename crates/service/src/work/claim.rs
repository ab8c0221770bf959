//! Claiming due deliveries: one short transaction for a batch, which begins the attempts and settles what an earlier
//! process left behind. Nothing is sent here.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_domain::{
    AttemptId, AttemptOutcome, ChannelKind, DeadReason, DeliveryId, DeliveryPurpose, EndpointId, EndpointStatus,
    RecipientId, ShareId, delivery::POISON_LIMIT,
};
use liaison_store::{
    Tx,
    deliveries::{self, AttemptRow, DeliveryRow, DueRow},
    directory::{EndpointRow, endpoint::endpoints_by_ids},
    recipients::{self, RecipientRow},
};
use uuid::Uuid;

use super::{at_work::Held, lanes::Place};
use crate::{Result, Service, channel::Secret, link};

/// Which due deliveries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of some shares.
    Shares(Vec<ShareId>),
    /// Those to recipients.
    Recipients,
    /// Those to people: notices and digests.
    People,
}

/// A delivery that this process holds.
pub(crate) struct Claimed {
    pub(crate) row: DeliveryRow,
    /// Which attempt, from 1; for one that is not sent, the last that was.
    pub(crate) number: u32,
    /// The attempt's id; none where nothing is sent.
    pub(crate) attempt_id: Option<AttemptId>,
    /// The version of the loop's secure link, where the message carries one.
    pub(crate) link_version: Option<u32>,
    /// The endpoint's secret.
    pub(crate) secret: Option<Secret>,
    /// It is not to be sent, but given up.
    pub(crate) verdict: Option<DeadReason>,
    /// Its place in the lane, free again when the send ends.
    pub(crate) place: Option<Place>,
    /// This process is at it until what came of it is recorded.
    pub(crate) held: Held,
}

/// How many due rows are looked at in one go, and how often, to find some whose lane has room.
const PAGE: u32 = 128;
const PAGES: usize = 40;

impl Service {
    /// Claims due deliveries whose lanes have room: at most `room`. Whether some were seen that had none.
    pub(crate) async fn claim(&self, scope: &Scope, room: usize) -> Result<(Vec<Claimed>, bool)> {
        let (mut places, left) = self.find_room(scope, room).await?;
        if places.is_empty() {
            return Ok((Vec::new(), left));
        }
        let ids: Vec<Uuid> = places.keys().map(|id| id.uuid()).collect();
        let mut tx = self.begin().await?;
        let rows = deliveries::lock_due(&mut tx, &ids, self.now()).await?;
        let claimed = self.begin_attempts(&mut tx, rows).await?;
        tx.commit().await?;
        let claimed = claimed.into_iter().map(|mut claimed| {
            claimed.place = places.remove(&claimed.row.id);
            claimed
        });
        Ok((claimed.collect(), left))
    }

    async fn find_room(&self, scope: &Scope, room: usize) -> Result<(HashMap<DeliveryId, Place>, bool)> {
        let now = self.now();
        let mut places = HashMap::new();
        let mut left = false;
        let mut last: Option<DueRow> = None;
        let mut conn = self.read().await?;
        for _ in 0..PAGES {
            if self.lanes().full() {
                left = true;
                break;
            }
            let page = match scope {
                Scope::Shares(shares) => deliveries::due_of_shares(&mut conn, now, shares).await?,
                Scope::Recipients => deliveries::due(&mut conn, now, false, last.as_ref(), PAGE).await?,
                Scope::People => deliveries::due(&mut conn, now, true, last.as_ref(), PAGE).await?,
            };
            let ends = page.len() < PAGE as usize || matches!(scope, Scope::Shares(_));
            for row in &page {
                if places.len() < room
                    && let Some(place) = self.lanes().enter(row.channel, &row.address)
                {
                    places.insert(row.id, place);
                } else {
                    left = true;
                }
            }
            if ends || places.len() >= room {
                left |= !ends;
                break;
            }
            last = page.into_iter().last();
        }
        Ok((places, left))
    }

    async fn begin_attempts(&self, tx: &mut Tx, rows: Vec<DeliveryRow>) -> Result<Vec<Claimed>> {
        let now = self.now();
        let loop_ids: Vec<Uuid> = rows
            .iter()
            .filter_map(|row| row.recipient_id)
            .map(|id| id.uuid())
            .collect();
        let endpoint_ids: Vec<EndpointId> = rows.iter().filter_map(|row| row.endpoint_id).collect();
        let endpoint_uuids: Vec<Uuid> = endpoint_ids.iter().map(|id| id.uuid()).collect();
        let loops: HashMap<RecipientId, RecipientRow> = recipients::by_ids(tx, &loop_ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let endpoints: HashMap<EndpointId, EndpointRow> = endpoints_by_ids(tx, &endpoint_ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let secrets: HashMap<EndpointId, String> =
            deliveries::secrets_of(tx, &endpoint_uuids).await?.into_iter().collect();

        // Those that were tried before; nothing of the others can have been cut off.
        let tried: Vec<Uuid> = rows
            .iter()
            .filter(|row| row.attempts > 0)
            .map(|row| row.id.uuid())
            .collect();
        deliveries::settle_abandoned(tx, &tried, now).await?;
        let cut_off: HashMap<DeliveryId, i64> = deliveries::cut_off(tx, &tried).await?.into_iter().collect();

        let (wanted, ended): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| {
            let late_code = row.purpose == DeliveryPurpose::LinkCode && row.created_at + link::CODE_LIFE <= now;
            if row.purpose == DeliveryPurpose::AccountLink {
                return !crate::sign_in::mail_is_late(&row.payload, now);
            }
            row.recipient_id
                .and_then(|id| loops.get(&id))
                .is_none_or(|found| still_wanted(found, row.purpose) && !late_code)
        });
        deliveries::cancel(tx, &ids_of(&ended), now).await?;

        let verdict = |row: &DeliveryRow| {
            let disabled = row
                .endpoint_id
                .and_then(|id| endpoints.get(&id))
                .is_some_and(|endpoint| endpoint.status == EndpointStatus::Disabled);
            if disabled {
                return Some(DeadReason::EndpointDisabled);
            }
            (cut_off.get(&row.id).is_some_and(|count| *count >= POISON_LIMIT)).then_some(DeadReason::Poison)
        };
        let (doomed, sendable): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|row| verdict(row).is_some());
        let until = now + self.settings().lease;
        let process = &self.settings().process;
        deliveries::claim(tx, &ids_of(&doomed), process, until, now, false).await?;
        deliveries::claim(tx, &ids_of(&sendable), process, until, now, true).await?;

        let mut claimed = Vec::with_capacity(doomed.len() + sendable.len());
        let mut attempts = Vec::with_capacity(sendable.len());
        for row in sendable {
            let attempt = AttemptRow {
                id: self.id(),
                delivery_id: row.id,
                number: row.attempts + 1,
                started_at: now,
                ended_at: None,
                outcome: AttemptOutcome::Started,
                status_code: None,
                artefact: None,
            };
            claimed.push(Claimed {
                link_version: link_version(&row, &loops, now),
                number: attempt.number,
                attempt_id: Some(attempt.id),
                secret: row.endpoint_id.and_then(|id| secrets.get(&id)).map(Secret::new),
                verdict: None,
                place: None,
                held: self.at_work().begin(row.id),
                row,
            });
            attempts.push(attempt);
        }
        deliveries::begin_attempts(tx, &attempts).await?;
        for row in doomed {
            claimed.push(Claimed {
                link_version: None,
                number: row.attempts,
                attempt_id: None,
                secret: None,
                verdict: verdict(&row),
                place: None,
                held: self.at_work().begin(row.id),
                row,
            });
        }
        Ok(claimed)
    }
}

fn ids_of(rows: &[DeliveryRow]) -> Vec<Uuid> {
    rows.iter().map(|row| row.id.uuid()).collect()
}

/// The version of the link that a mail to the recipient carries. The next person comes in by their own account, and
/// where the copy is gone a link would lead nowhere.
fn link_version(row: &DeliveryRow, loops: &HashMap<RecipientId, RecipientRow>, now: DateTime<Utc>) -> Option<u32> {
    let carries = matches!(
        row.purpose,
        DeliveryPurpose::Notice | DeliveryPurpose::Reminder | DeliveryPurpose::Reply
    );
    let found = row.recipient_id.and_then(|id| loops.get(&id))?;
    (carries && row.channel == ChannelKind::Email && link::holds(found, now)).then_some(found.link_version)
}

/// Whether a message about a loop still has a point, now that it could leave.
pub(crate) fn still_wanted(row: &RecipientRow, purpose: DeliveryPurpose) -> bool {
    if row.sealed_from_recipient {
        return false;
    }
    match purpose {
        // A copy is never open, so it is asked whether there is anything to open.
        DeliveryPurpose::Notice => row.acknowledged_at.is_none() && row.state().may_open().is_ok(),
        DeliveryPurpose::Reminder | DeliveryPurpose::NextPerson => row.is_open,
        DeliveryPurpose::LinkCode => row.state().may_open().is_ok(),
        // They tell of the end or come after it.
        DeliveryPurpose::Correction
        | DeliveryPurpose::Reply
        | DeliveryPurpose::PersonNotice
        | DeliveryPurpose::EndpointTest
        | DeliveryPurpose::AccountLink
        | DeliveryPurpose::AccountChange
        | DeliveryPurpose::Digest => true,
    }
}
