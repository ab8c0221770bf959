//! What leaves the house: messages without clinical content. Planned with the act, rendered the same on every try.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use liaison_domain::{
    ChannelKind, DeliveryId, DeliveryPurpose, DeliveryState, EndpointId, NoticeId, NoticeKind, OrganizationId,
    RecipientId, ShareId, Urgency, UserId,
};
use liaison_store::{
    Tx,
    deliveries::DeliveryRow,
    directory::people_by_ids,
    notices::{self, NoticeRow},
    tasks::Queue,
};
use serde::{Deserialize, Serialize};

use crate::{Result, Service};

/// The facts of a message: enough to write the e-mail or the webhook's body. No PHI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Why it leaves.
    pub purpose: DeliveryPurpose,
    /// The clinic's name.
    pub clinic: String,
    /// The addressed team's or person's name.
    pub to: String,
    /// How urgent.
    pub urgency: Urgency,
    /// By when an acknowledgment is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// The addressee's IANA time zone, in which times are written.
    pub time_zone: String,
    /// The page that opens after sign-in.
    pub link: String,
    /// What a notice to a person is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<NoticeKind>,
    /// Further facts: codes, numbers, names of teams and people of the organizations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// When it was planned.
    pub at: DateTime<Utc>,
}

/// The body of a webhook (Standard Webhooks): ids and a link, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEvent {
    /// The event's type: `share.notice`, `share.reminder`, `share.next_person`, `share.correction`, `share.reply`; and
    /// `endpoint.test` (see `directory::test_endpoint`).
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it was planned (RFC 3339, UTC).
    pub timestamp: DateTime<Utc>,
    /// What it is about.
    pub data: WebhookData,
}

/// What a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookData {
    /// The delivery; the same on every try.
    pub delivery_id: DeliveryId,
    /// The share.
    pub share_id: ShareId,
    /// The loop.
    pub recipient_id: RecipientId,
    /// `routine`, `urgent` or `emergent`.
    pub urgency: Urgency,
    /// By when an acknowledgment is asked for.
    pub due_at: Option<DateTime<Utc>>,
    /// The page or API object to look at.
    pub link: String,
}

/// The webhook event type of a purpose.
pub fn event_type(purpose: DeliveryPurpose) -> &'static str {
    match purpose {
        DeliveryPurpose::Notice => "share.notice",
        DeliveryPurpose::Reminder => "share.reminder",
        DeliveryPurpose::NextPerson => "share.next_person",
        DeliveryPurpose::Correction => "share.correction",
        DeliveryPurpose::Reply => "share.reply",
        DeliveryPurpose::PersonNotice => "person.notice",
        DeliveryPurpose::Digest => "person.digest",
        DeliveryPurpose::LinkCode => "link.code",
        DeliveryPurpose::AccountLink => "account.link",
        DeliveryPurpose::AccountChange => "account.change",
        DeliveryPurpose::EndpointTest => "endpoint.test",
    }
}

/// One way to reach a recipient.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The endpoint; none for a person's own e-mail address.
    pub(crate) endpoint_id: Option<EndpointId>,
    /// How.
    pub(crate) channel: ChannelKind,
    /// Where.
    pub(crate) address: String,
}

/// A message about a loop, to be sent along routes.
pub(crate) struct LoopMessage<'a> {
    /// The loop.
    pub(crate) recipient_id: RecipientId,
    /// The share.
    pub(crate) share_id: ShareId,
    /// The clinic.
    pub(crate) organization_id: OrganizationId,
    /// Along which routes.
    pub(crate) routes: &'a [Route],
    /// What it says.
    pub(crate) message: Message,
}

impl Service {
    /// The page of a loop.
    pub(crate) fn loop_link(&self, recipient: RecipientId) -> String {
        self.link(&format!("inbox/{recipient}"))
    }

    /// A page of this service.
    pub(crate) fn link(&self, path: &str) -> String {
        let base = self.settings().base_url.as_str().trim_end_matches('/');
        format!("{base}/{path}")
    }

    /// The deliveries of a message, one for each route, due now.
    pub(crate) fn plan_deliveries(&self, plan: &LoopMessage<'_>) -> Vec<DeliveryRow> {
        let (now, origin) = (self.now(), self.origin());
        plan.routes
            .iter()
            .map(|route| {
                let id: DeliveryId = self.id();
                let message = &plan.message;
                let payload = match route.channel {
                    ChannelKind::Email => serde_json::to_string(message),
                    ChannelKind::Webhook => serde_json::to_string(&WebhookEvent {
                        event_type: event_type(message.purpose).to_owned(),
                        timestamp: message.at,
                        data: WebhookData {
                            delivery_id: id,
                            share_id: plan.share_id,
                            recipient_id: plan.recipient_id,
                            urgency: message.urgency,
                            due_at: message.due_at,
                            link: message.link.clone(),
                        },
                    }),
                };
                DeliveryRow {
                    id,
                    recipient_id: Some(plan.recipient_id),
                    share_id: Some(plan.share_id),
                    organization_id: plan.organization_id,
                    notice_id: None,
                    endpoint_id: route.endpoint_id,
                    channel: route.channel,
                    address: route.address.clone(),
                    purpose: message.purpose,
                    state: DeliveryState::Pending,
                    attempts: 0,
                    next_attempt_at: Some(now),
                    lease_owner: None,
                    lease_until: None,
                    message_id: id.to_string(),
                    // Our own types serialize without fail.
                    payload: payload.unwrap_or_default(),
                    urgency: message.urgency,
                    dead_reason: None,
                    delivered_at: None,
                    created_at: now,
                    updated_at: now,
                    request_id: origin.request_id.clone(),
                    trace: origin.trace.clone(),
                }
            })
            .collect()
    }
}

/// Something that people of an organization are told.
#[derive(Debug, Clone)]
pub(crate) struct Tell {
    /// Who; each is told once.
    pub(crate) users: Vec<UserId>,
    /// As members of which organization.
    pub(crate) organization_id: OrganizationId,
    /// The organization's name.
    pub(crate) clinic: String,
    /// About what.
    pub(crate) kind: NoticeKind,
    /// How urgent.
    pub(crate) urgency: Urgency,
    /// The loop it is about.
    pub(crate) recipient: Option<(ShareId, RecipientId, liaison_domain::PatientId)>,
    /// Another object.
    pub(crate) object_id: Option<uuid::Uuid>,
    /// The page to open.
    pub(crate) link: String,
    /// Further facts, none of them PHI.
    pub(crate) facts: BTreeMap<String, String>,
    /// Bring it by e-mail too; otherwise it only stands in the person's list of notices.
    pub(crate) by_mail: bool,
}

impl Service {
    /// Writes a notice for each person and plans the e-mail that brings it, in the caller's transaction.
    pub(crate) async fn tell(&self, tx: &mut Tx, tell: Tell) -> Result<()> {
        let (now, origin) = (self.now(), self.origin());
        let mut people = people_by_ids(tx, &tell.users).await?;
        people.retain(|person| person.disabled_at.is_none());
        let mut rows = Vec::with_capacity(people.len());
        let mut mails = Vec::with_capacity(people.len());
        for person in people {
            let notice_id: NoticeId = self.id();
            rows.push(NoticeRow {
                id: notice_id,
                user_id: person.id,
                organization_id: tell.organization_id,
                kind: tell.kind,
                urgency: tell.urgency,
                patient_id: tell.recipient.map(|(_, _, patient)| patient),
                share_id: tell.recipient.map(|(share, _, _)| share),
                recipient_id: tell.recipient.map(|(_, recipient, _)| recipient),
                object_id: tell.object_id,
                facts: liaison_store::Json(tell.facts.clone()),
                created_at: now,
                seen_at: None,
            });
            let message = Message {
                purpose: if tell.kind == NoticeKind::Digest {
                    DeliveryPurpose::Digest
                } else {
                    DeliveryPurpose::PersonNotice
                },
                clinic: tell.clinic.clone(),
                to: person.display_name.clone(),
                urgency: tell.urgency,
                due_at: None,
                time_zone: person.time_zone.clone(),
                link: tell.link.clone(),
                notice: Some(tell.kind),
                facts: tell.facts.clone(),
                at: now,
            };
            let id: DeliveryId = self.id();
            let mail = DeliveryRow {
                id,
                recipient_id: None,
                share_id: tell.recipient.map(|(share, _, _)| share),
                organization_id: tell.organization_id,
                notice_id: Some(notice_id),
                endpoint_id: None,
                channel: ChannelKind::Email,
                address: person.email.clone(),
                purpose: message.purpose,
                state: DeliveryState::Pending,
                attempts: 0,
                next_attempt_at: Some(now),
                lease_owner: None,
                lease_until: None,
                message_id: id.to_string(),
                payload: serde_json::to_string(&message).unwrap_or_default(),
                urgency: tell.urgency,
                dead_reason: None,
                delivered_at: None,
                created_at: now,
                updated_at: now,
                request_id: origin.request_id.clone(),
                trace: origin.trace.clone(),
            };
            if tell.by_mail {
                mails.push(mail);
            }
            tx.announce(liaison_store::Event {
                organization_id: tell.organization_id,
                to_organization_id: None,
                share_id: tell.recipient.map(|(share, _, _)| share),
                recipient_id: tell.recipient.map(|(_, recipient, _)| recipient),
                patient_id: None,
                user_id: Some(person.id),
            });
        }
        notices::insert(tx, &rows).await?;
        liaison_store::deliveries::insert(tx, &mails).await?;
        if !mails.is_empty() {
            tx.nudge(Queue::Notify, None);
        }
        Ok(())
    }
}
