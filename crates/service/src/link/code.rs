//! Send a one-time code to an address of the directory: six digits, ten minutes, five tries, one use.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{ChannelKind, DeliveryId, DeliveryPurpose, DeliveryState, LinkCodeId, PurposeOfUse};
use liaison_store::{
    Tx,
    deliveries::{self, DeliveryRow},
    links::{self, LinkCodeRow},
    recipients::{self, RecipientRow},
    tasks::Queue,
};

use super::{doors::Door, doors::masked, hash_of, holds, visitor};
use crate::{FieldProblem, Result, Service, ServiceError, loops::message::Message};

/// For how long a code holds.
pub const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// The most codes that one link sends in an hour.
pub const CODES_AN_HOUR: i64 = 5;
/// The most codes that all links together send to one address in an hour.
pub const CODES_AN_HOUR_TO_ADDRESS: i64 = 15;

/// The fact of a code's message that says which code it brings; the digits are derived when it leaves.
pub(crate) const CODE_FACT: &str = "code_id";
/// The fact that says until when it holds.
pub(crate) const EXPIRES_FACT: &str = "expires_at";

/// Ask for a code.
#[derive(Debug, Clone)]
pub struct SendLinkCode {
    /// The link's token.
    pub token: String,
    /// Which of [`Service::link_addresses`].
    pub address: usize,
    /// The network address the request came from, for the ledger.
    pub peer: Option<String>,
    /// The request's id, for the ledger.
    pub request_id: Option<String>,
}

/// A code is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSent {
    /// Goes back together with the code: it ties the code to the browser that asked for it.
    pub challenge: String,
    /// Where it went, masked.
    pub masked: String,
    /// Until when the code holds.
    pub expires_at: DateTime<Utc>,
}

impl Service {
    /// Sends a code to one of the recipient's addresses, through the deliveries like any other message.
    ///
    /// # Errors
    /// `NotFound` for a link that opens nothing; `Invalid` for an address that is not in the list; `TOO_MANY_CODES` when
    /// the hour's codes are used up.
    pub async fn send_link_code(&self, input: SendLinkCode) -> Result<CodeSent> {
        let found = self.loop_of_link(&input.token).await?;
        let now = self.now();
        let mut tx = self.begin().await?;
        let row = recipients::lock(&mut tx, found.id)
            .await?
            .filter(|row| holds(row, now) && row.link_hash == hash_of(&input.token))
            .ok_or(ServiceError::NotFound("link"))?;
        let mut doors = self.link_doors(&mut tx, &row).await?;
        if input.address >= doors.len() {
            return Err(ServiceError::Invalid(vec![FieldProblem::new(
                "address",
                "UNKNOWN_VALUE",
                "choose one of the addresses that are shown",
            )]));
        }
        let door = doors.swap_remove(input.address);
        let (of_link, to_address) =
            links::codes_since(&mut tx, row.id, &door.address, now - TimeDelta::hours(1)).await?;
        if of_link >= CODES_AN_HOUR || to_address >= CODES_AN_HOUR_TO_ADDRESS {
            return Err(ServiceError::conflict(
                "TOO_MANY_CODES",
                "too many codes were asked for; use the last one, try again in an hour, or telephone the clinic",
            ));
        }
        let (challenge, challenge_hash) = self.new_secret_text();
        let code = LinkCodeRow {
            id: self.id(),
            recipient_id: row.id,
            challenge_hash: challenge_hash.to_vec(),
            address: door.address.clone(),
            user_id: door.user_id,
            link_version: row.link_version,
            tries: 0,
            created_at: now,
            expires_at: now + CODE_LIFE,
            used_at: None,
        };
        links::insert_code(&mut tx, &code).await?;
        let masked = masked(&door.address);
        self.plan_code(&mut tx, &row, &code, door).await?;
        let visitor = visitor(input.peer.as_deref(), input.request_id.as_deref());
        let mut entry = self.loop_entry(&visitor, "link.code.send", &row);
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(code.id.to_string());
        let whose = if code.user_id.is_some() { "person" } else { "team" };
        entry.detail.insert("address_of", whose.to_owned());
        tx.record(entry);
        tx.commit().await?;
        Ok(CodeSent {
            challenge: challenge.to_string(),
            masked,
            expires_at: code.expires_at,
        })
    }

    async fn plan_code(&self, tx: &mut Tx, row: &RecipientRow, code: &LinkCodeRow, door: Door) -> Result<()> {
        let (now, origin) = (self.now(), self.origin());
        let message = Message {
            purpose: DeliveryPurpose::LinkCode,
            clinic: self.organization_name(tx, row.organization_id).await?,
            to: self.recipient_name(tx, row).await?,
            urgency: row.urgency,
            due_at: None,
            time_zone: row.calendar.0.time_zone.name().to_owned(),
            link: String::new(),
            notice: None,
            facts: BTreeMap::from([
                (CODE_FACT.to_owned(), code.id.to_string()),
                (EXPIRES_FACT.to_owned(), code.expires_at.to_rfc3339()),
            ]),
            at: now,
        };
        let id: DeliveryId = self.id();
        let planned = DeliveryRow {
            id,
            recipient_id: Some(row.id),
            share_id: Some(row.share_id),
            organization_id: row.organization_id,
            notice_id: None,
            endpoint_id: door.endpoint_id,
            channel: ChannelKind::Email,
            address: door.address,
            purpose: message.purpose,
            state: DeliveryState::Pending,
            attempts: 0,
            next_attempt_at: Some(now),
            lease_owner: None,
            lease_until: None,
            message_id: id.to_string(),
            // Our own types serialize without fail.
            payload: serde_json::to_string(&message).unwrap_or_default(),
            // Somebody sits before the screen and waits: before everything else that is due.
            urgency: liaison_domain::Urgency::Emergent,
            dead_reason: None,
            delivered_at: None,
            created_at: now,
            updated_at: now,
            request_id: origin.request_id,
            trace: origin.trace,
        };
        deliveries::insert(tx, &[planned]).await?;
        tx.nudge(Queue::Deliver, Some(row.share_id.uuid()));
        Ok(())
    }
}

/// The code that a planned message brings.
pub(crate) fn code_of(message: &Message) -> Option<LinkCodeId> {
    message.facts.get(CODE_FACT)?.parse().ok()
}
