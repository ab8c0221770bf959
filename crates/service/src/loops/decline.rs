//! Decline a loop: wrong recipient (the copy is sealed and a mis-send case opened) or unable to act. Either way a named
//! person at the clinic gets a call task at once.

use liaison_domain::{
    Actor, Author, CallReason, Decline, EvidenceLevel, LoopEvent, MisSendId, NoticeKind, RecipientId, Role, Urgency,
    access::Action, disposition::MAX_COMMENT,
};
use liaison_store::{
    Place, Tx,
    acknowledgments::{self, DeclineRow},
    call_tasks, deliveries,
    mis_sends::{self, MisSendRow},
    recipients::{self, RecipientRow},
};
use serde::{Deserialize, Serialize};

use super::change::apply;
use crate::{Result, Service, ServiceError, idempotency};

/// Decline as a recipient.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeclineShare {
    /// The loop.
    pub recipient_id: RecipientId,
    /// Why.
    pub reason: Decline,
    /// Free text, at most 4,000 characters. PHI.
    pub comment: Option<String>,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// What a decline became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// The loop.
    pub recipient_id: RecipientId,
    /// The mis-send case, for a wrong recipient.
    pub mis_send_id: Option<MisSendId>,
}

/// Where the sealed detail of a decline stands.
pub(crate) fn detail_place(recipient: RecipientId) -> Place {
    Place::new("decline", "detail_sealed", recipient.uuid())
}

impl Service {
    /// Declines a loop.
    pub async fn decline_share(&self, actor: &Actor, input: DeclineShare) -> Result<Declined> {
        let author = actor.author().ok_or(ServiceError::Unauthenticated)?;
        let key = input.idempotency_key.clone();
        // A repeat comes first: after a wrong recipient's decline the loop is no longer theirs to see.
        {
            let mut tx = self.begin().await?;
            if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "declineShare", &input).await? {
                return Ok(earlier);
            }
        }
        self.loop_as_recipient(actor, input.recipient_id, Action::Acknowledge)
            .await?;
        if input
            .comment
            .as_deref()
            .is_some_and(|text| text.chars().count() > MAX_COMMENT)
        {
            return Err(ServiceError::invalid(
                "comment",
                "OUT_OF_RANGE",
                format!("at most {MAX_COMMENT} characters"),
            ));
        }
        let mut tx = self.begin().await?;
        let mut row = recipients::lock(&mut tx, input.recipient_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let declined = self.write_decline(&mut tx, actor, author, &mut row, &input).await?;
        idempotency::keep(self, &mut tx, actor, key.as_deref(), "declineShare", &input, &declined).await?;
        tx.commit().await?;
        Ok(declined)
    }

    async fn write_decline(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        author: Author,
        row: &mut RecipientRow,
        input: &DeclineShare,
    ) -> Result<Declined> {
        let now = self.now();
        let was_opened = row.level >= EvidenceLevel::Opened;
        apply(row, LoopEvent::Decline, now)?;
        let sealed = match input.comment.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(comment) => {
                let patient_key = self.store().keyring()?.patient_key(tx, row.patient_id).await?;
                Some(patient_key.seal_json(detail_place(row.id), &comment, &*self.store().random())?)
            }
            None => None,
        };
        let decline = DeclineRow {
            recipient_id: row.id,
            reason: input.reason,
            detail_sealed: sealed,
            user_id: author.user_id(),
            guest_id: author.guest_id(),
            declined_at: now,
        };
        acknowledgments::insert_decline(tx, &decline).await?;
        deliveries::cancel_of_recipient(tx, row.id, now).await?;
        call_tasks::cancel_waiting(tx, row.id, now).await?;
        let mut entry = self.loop_entry(actor, "recipient.decline", row);
        entry.detail.insert("reason", input.reason.as_str().to_owned());
        tx.record(entry);

        let mut mis_send_id = None;
        let mut told = vec![row.shared_by];
        if input.reason == Decline::WrongRecipient {
            row.sealed_from_recipient = true;
            let id: MisSendId = self.id();
            mis_sends::insert(
                tx,
                &MisSendRow {
                    id,
                    recipient_id: row.id,
                    share_id: row.share_id,
                    patient_id: row.patient_id,
                    organization_id: row.organization_id,
                    reported_by: author.user_id(),
                    guest_id: author.guest_id(),
                    reported_at: now,
                    content_was_opened: was_opened,
                    closed_at: None,
                    closed_by: None,
                    finding_sealed: None,
                },
            )
            .await?;
            let mut entry = self.loop_entry(actor, "mis_send.open", row);
            entry.object_id = Some(id.to_string());
            entry.detail.insert("content_was_opened", was_opened.to_string());
            tx.record(entry);
            mis_send_id = Some(id);
            let admins = self.clinic_people(tx, row, &[Role::Admin]).await?;
            let by = self.named_by(tx, actor).await?;
            let urgency = row.urgency.max(Urgency::Urgent);
            self.tell_clinic_by(tx, row, NoticeKind::MisSend, admins, (urgency, true), by)
                .await?;
        }
        if row.duty.is_required() {
            let owner = self.clinic_owner(tx, row).await?;
            if !told.contains(&owner) {
                told.push(owner);
            }
            let task = self.call_task(row, owner, CallReason::Declined, self.call_due(row), None);
            self.write_call_task(tx, actor, row, task).await?;
        }
        let by = self.named_by(tx, actor).await?;
        let urgency = row.urgency.max(Urgency::Urgent);
        self.tell_clinic_by(tx, row, NoticeKind::Declined, told, (urgency, true), by)
            .await?;
        self.save_loop(tx, row).await?;
        Ok(Declined {
            recipient_id: row.id,
            mis_send_id,
        })
    }
}
