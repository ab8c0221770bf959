//! The thread of a loop: the clinic and this one recipient write to each other. The clinic's reply may be the answer that
//! an acknowledgment asked for, and then closes the loop.

use std::collections::BTreeMap;

use liaison_domain::{
    Actor, DeliveryPurpose, Illegal, LoopEvent, NoticeKind, Outcome, RecipientId, ReplyId,
    access::{Action, Relation},
};
use liaison_store::{
    Place, Tx, call_tasks, deliveries,
    recipients::{self, RecipientRow},
    replies::{self, ReplyRow},
    tasks::Queue,
};
use serde::{Deserialize, Serialize};

use super::{
    change::{apply, loop_event},
    message::{LoopMessage, Message},
    who::Addressed,
};
use crate::{Result, Service, ServiceError, idempotency, patients::Checks};

/// Write in the thread of a loop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WriteReply {
    /// The loop.
    pub recipient_id: RecipientId,
    /// What is said: 1 to 20,000 characters. PHI.
    pub body: String,
    /// This is the answer that the clinic owed; for the clinic alone.
    pub closes_reply_due: bool,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// What a reply became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replied {
    /// The message.
    pub reply_id: ReplyId,
    /// The loop.
    pub recipient_id: RecipientId,
    /// Whether the clinic still owes an answer.
    pub reply_due: bool,
}

/// Where the text of a message stands.
pub(crate) fn body_place(id: ReplyId) -> Place {
    Place::new("reply", "body_sealed", id.uuid())
}

impl Service {
    /// Writes in the thread of a loop, as its clinic or as its recipient.
    ///
    /// # Errors
    /// `NotFound` when the loop is neither's; `Illegal` after a recall, or when an answer is given that nobody waits for.
    pub async fn reply(&self, actor: &Actor, input: WriteReply) -> Result<Replied> {
        let mut conn = self.read().await?;
        let found = recipients::find(&mut conn, input.recipient_id).await?;
        let relation = match &found {
            Some(row) => self.loop_relation(&mut conn, actor, row).await?,
            None => Relation::None,
        };
        drop(conn);
        self.authorize_own(actor, Action::Reply, relation, "loop").await?;
        let from_clinic = relation == Relation::Own;
        let mut checks = Checks::default();
        let body = checks.text("body", &input.body);
        if input.closes_reply_due && !from_clinic {
            checks.problem("closesReplyDue", "CLINIC_ONLY", "only the clinic owes an answer");
        }
        checks.finish()?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.clone();
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "reply", &input).await? {
            return Ok(earlier);
        }
        let mut row = recipients::lock(&mut tx, input.recipient_id)
            .await?
            .ok_or(ServiceError::NotFound("loop"))?;
        // Nobody could read the thread of a copy that was taken back or sealed.
        if row.outcome == Some(Outcome::Recalled) || row.sealed_from_recipient {
            return Err(if row.sealed_from_recipient {
                Illegal::Declined
            } else {
                Illegal::Recalled
            }
            .into());
        }
        let replied = self
            .write_reply(&mut tx, actor, &mut row, &body, from_clinic, input.closes_reply_due)
            .await?;
        idempotency::keep(self, &mut tx, actor, key.as_deref(), "reply", &input, &replied).await?;
        tx.commit().await?;
        Ok(replied)
    }

    async fn write_reply(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &mut RecipientRow,
        body: &str,
        from_clinic: bool,
        answers: bool,
    ) -> Result<Replied> {
        let now = self.now();
        let author = actor.author().ok_or(ServiceError::Unauthenticated)?;
        let id: ReplyId = self.id();
        let key = self.store().keyring()?.patient_key(tx, row.patient_id).await?;
        let reply = ReplyRow {
            id,
            share_id: row.share_id,
            recipient_id: row.id,
            patient_id: row.patient_id,
            author_id: author.user_id(),
            guest_id: author.guest_id(),
            organization_id: self.organization(actor)?,
            from_clinic,
            closes_reply_due: answers,
            body_sealed: key.seal(body_place(id), body.as_bytes(), &*self.store().random())?,
            written_at: now,
        };
        replies::insert(tx, &reply).await?;
        if answers {
            apply(row, LoopEvent::ClinicReplied, now)?;
            call_tasks::cancel_replies(tx, row.id, now).await?;
        }
        let mut entry = self.loop_entry(actor, "reply.create", row);
        entry.object_id = Some(id.to_string());
        entry.detail.insert("from_clinic", from_clinic.to_string());
        entry.detail.insert("closes_reply_due", answers.to_string());
        tx.record(entry);
        if from_clinic {
            self.send_reply(tx, row).await?;
        } else {
            let owner = self.clinic_owner(tx, row).await?;
            let mut users = vec![row.shared_by];
            if owner != row.shared_by {
                users.push(owner);
            }
            let by = self.named_by(tx, actor).await?;
            self.tell_clinic_by(tx, row, NoticeKind::ReplyReceived, users, (row.urgency, true), by)
                .await?;
        }
        if answers {
            self.save_loop(tx, row).await?;
        } else {
            tx.announce(loop_event(row));
        }
        Ok(Replied {
            reply_id: id,
            recipient_id: row.id,
            reply_due: row.reply_due,
        })
    }

    /// Tells the recipient by their own routes that the clinic wrote; what it wrote stays here.
    async fn send_reply(&self, tx: &mut Tx, row: &RecipientRow) -> Result<()> {
        let teams: Vec<_> = row.to_team_id.into_iter().collect();
        let users: Vec<_> = row.to_user_id.into_iter().collect();
        let known = Addressed::load(tx, &teams, &users, self.now()).await?;
        let routes = match (row.to_team_id, row.to_user_id) {
            (Some(team), _) => known.routes_to_team(team),
            (None, Some(user)) => known.routes_to_user(user),
            (None, None) => Vec::new(),
        };
        let planned = self.plan_deliveries(&LoopMessage {
            recipient_id: row.id,
            share_id: row.share_id,
            organization_id: row.organization_id,
            routes: &routes,
            message: Message {
                purpose: DeliveryPurpose::Reply,
                clinic: self.organization_name(tx, row.organization_id).await?,
                to: self.recipient_name(tx, row).await?,
                urgency: row.urgency,
                due_at: None,
                time_zone: row.calendar.0.time_zone.name().to_owned(),
                link: self.loop_link(row.id),
                notice: None,
                facts: BTreeMap::new(),
                at: self.now(),
            },
        });
        deliveries::insert(tx, &planned).await?;
        if !planned.is_empty() {
            tx.nudge(Queue::Deliver, Some(row.share_id.uuid()));
        }
        Ok(())
    }
}
