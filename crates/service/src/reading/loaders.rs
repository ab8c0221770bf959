//! Batches by ids, for callers that follow edges (GraphQL): a constant number of statements each. What the reader may
//! not see is left out; where texts are opened, a ledger entry for each share is committed before they leave.

use std::collections::HashMap;

use liaison_domain::{
    Actor, DeliveryId, GuestId, PatientId, Phi, RecipientId, ShareId,
    access::{Action, Relation, decide},
    ids::TypedId,
};
use liaison_store::{
    Conn, PatientKey,
    acknowledgments::{self, AcknowledgmentRow, DeclineRow},
    call_tasks::{self, CallTaskRow},
    deliveries::{self, AttemptRow, DeliveryRow},
    recipients::{self, EvidenceRow, RecipientRow},
    replies::{self, ReplyRow},
    schedule::{self, EscalationStepRow},
    shares::{self, QuestionRow, ShareRow},
};
use uuid::Uuid;

use super::{
    parts::{Visible, by_key, key_of, open_text},
    share::{share_detail, share_uuids},
};
use crate::{
    Result, Service,
    link::{GuestName, GuestNames},
    loops::{
        acknowledge::{AcknowledgmentDetail, answer_place, detail_place as acknowledgment_place},
        decline::detail_place as decline_place,
        reply::body_place,
        share_note::{ShareDetail, question_place},
    },
};

type Keys = HashMap<PatientId, PatientKey>;

/// A question as its reader may see it.
#[derive(Debug, Clone)]
pub struct QuestionView {
    /// The question without its texts. For a recipient without who else answered it.
    pub row: QuestionRow,
    /// What is asked.
    pub text: Option<Phi<String>>,
    /// The answer; for a recipient their own alone.
    pub answer: Option<Phi<String>>,
    /// The guest of a secure link who answered.
    pub guest: Option<GuestName>,
}

/// An acknowledgment as its reader may see it.
#[derive(Debug, Clone)]
pub struct AcknowledgmentView {
    /// Who, when, and the dispositions.
    pub row: AcknowledgmentRow,
    /// Comment and details.
    pub detail: Option<Phi<AcknowledgmentDetail>>,
    /// The guest of a secure link who acknowledged.
    pub guest: Option<GuestName>,
}

/// A decline as its reader may see it.
#[derive(Debug, Clone)]
pub struct DeclineView {
    /// Who, when, and why.
    pub row: DeclineRow,
    /// The comment.
    pub comment: Option<Phi<String>>,
    /// The guest of a secure link who declined.
    pub guest: Option<GuestName>,
}

/// A message of a thread as its reader may see it.
#[derive(Debug, Clone)]
pub struct ReplyView {
    /// Who and when.
    pub row: ReplyRow,
    /// What it says.
    pub body: Option<Phi<String>>,
    /// The guest of a secure link who wrote it.
    pub guest: Option<GuestName>,
}

pub(super) fn question(
    mut row: QuestionRow,
    visible: &Visible,
    keys: &Keys,
    named: &GuestNames,
) -> Result<QuestionView> {
    let mine = |id: &RecipientId| visible.rows.contains_key(id);
    let of_share = |row: &QuestionRow| {
        let mut loops = visible
            .rows
            .values()
            .filter(|(found, _)| found.share_id == row.share_id);
        loops.any(|(found, _)| visible.readable.contains(&found.id))
    };
    if !row.answered_recipient_id.as_ref().is_some_and(mine) {
        row.answered_by = None;
        row.guest_id = None;
        row.answered_recipient_id = None;
        row.answered_at = None;
        row.answer_sealed = None;
    }
    let mut view = QuestionView {
        text: None,
        answer: None,
        guest: row.guest_id.and_then(|guest| named.get(&guest).cloned()),
        row,
    };
    if of_share(&view.row) {
        let key = key_of(keys, view.row.patient_id)?;
        let text = open_text(key, question_place(view.row.id), &view.row.text_sealed)?;
        view.text = Some(Phi::new(text));
        if let Some(sealed) = &view.row.answer_sealed {
            view.answer = Some(Phi::new(open_text(key, answer_place(view.row.id), sealed)?));
        }
    }
    Ok(view)
}

pub(super) fn acknowledgment(
    row: AcknowledgmentRow,
    visible: &Visible,
    keys: &Keys,
    named: &GuestNames,
) -> Result<AcknowledgmentView> {
    let detail = match &row.detail_sealed {
        Some(sealed) if visible.readable.contains(&row.recipient_id) => Some(Phi::new(
            key_of(keys, row.patient_id)?.open_json(acknowledgment_place(row.id), sealed)?,
        )),
        _ => None,
    };
    let guest = row.guest_id.and_then(|guest| named.get(&guest).cloned());
    Ok(AcknowledgmentView { row, detail, guest })
}

pub(super) fn decline(
    row: DeclineRow,
    patient: PatientId,
    visible: &Visible,
    keys: &Keys,
    named: &GuestNames,
) -> Result<DeclineView> {
    let comment = match &row.detail_sealed {
        Some(sealed) if visible.readable.contains(&row.recipient_id) => Some(Phi::new(
            key_of(keys, patient)?.open_json(decline_place(row.recipient_id), sealed)?,
        )),
        _ => None,
    };
    let guest = row.guest_id.and_then(|guest| named.get(&guest).cloned());
    Ok(DeclineView { row, comment, guest })
}

pub(super) fn reply(row: ReplyRow, visible: &Visible, keys: &Keys, named: &GuestNames) -> Result<ReplyView> {
    let body = match visible.readable.contains(&row.recipient_id) {
        true => Some(Phi::new(open_text(
            key_of(keys, row.patient_id)?,
            body_place(row.id),
            &row.body_sealed,
        )?)),
        false => None,
    };
    let guest = row.guest_id.and_then(|guest| named.get(&guest).cloned());
    Ok(ReplyView { row, body, guest })
}

fn uuids<T: TypedId>(ids: &[T]) -> Vec<Uuid> {
    let mut uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    uuids.sort_unstable();
    uuids.dedup();
    uuids
}

impl Service {
    async fn visible_by_ids(&self, conn: &mut Conn, actor: &Actor, ids: &[RecipientId]) -> Result<Visible> {
        let rows = recipients::by_ids(conn, &uuids(ids)).await?;
        self.visible(conn, actor, rows).await
    }

    /// Loops by their ids.
    pub async fn loops(&self, actor: &Actor, ids: &[RecipientId]) -> Result<HashMap<RecipientId, RecipientRow>> {
        let mut conn = self.read().await?;
        let visible = self.visible_by_ids(&mut conn, actor, ids).await?;
        Ok(visible.rows.into_iter().map(|(id, (row, _))| (id, row)).collect())
    }

    /// Guests of secure links by their ids, of the loops that the reader sees.
    pub async fn guests_by_ids(&self, actor: &Actor, ids: &[GuestId]) -> Result<HashMap<GuestId, GuestName>> {
        let mut conn = self.read().await?;
        let mut named = self.guests_named(&mut conn, ids.iter().copied().map(Some)).await?;
        let loops: Vec<RecipientId> = named.values().map(|guest| guest.recipient_id).collect();
        let visible = self.visible_by_ids(&mut conn, actor, &loops).await?;
        named.retain(|_, guest| visible.rows.contains_key(&guest.recipient_id));
        Ok(named)
    }

    /// Shares by their ids: a clinic's own, and those of which one loop is the reader's.
    pub async fn shares(&self, actor: &Actor, ids: &[ShareId]) -> Result<HashMap<ShareId, ShareRow>> {
        let mut conn = self.read().await?;
        let visible = self.visible_of_shares(&mut conn, actor, ids).await?;
        let found = shares::by_ids(&mut conn, &share_uuids(ids)).await?;
        let seen = |id: ShareId| visible.rows.values().any(|(row, _)| row.share_id == id);
        Ok(found
            .into_iter()
            .filter(|share| seen(share.id))
            .map(|share| (share.id, share))
            .collect())
    }

    async fn visible_of_shares(&self, conn: &mut Conn, actor: &Actor, ids: &[ShareId]) -> Result<Visible> {
        let rows = recipients::of_shares(conn, &share_uuids(ids)).await?;
        self.visible(conn, actor, rows).await
    }

    /// The loops of shares, in order: for the clinic all, for a recipient theirs.
    pub async fn recipients_of_shares(
        &self,
        actor: &Actor,
        ids: &[ShareId],
    ) -> Result<HashMap<ShareId, Vec<RecipientRow>>> {
        let mut conn = self.read().await?;
        let visible = self.visible_of_shares(&mut conn, actor, ids).await?;
        let mut rows: Vec<RecipientRow> = visible.rows.into_values().map(|(row, _)| row).collect();
        rows.sort_by_key(|row| (row.shared_at, row.id));
        Ok(by_key(rows, |row| Some(row.share_id)))
    }

    /// What left or is to leave for loops; for the clinic that sent them.
    pub async fn deliveries_of_recipients(
        &self,
        actor: &Actor,
        ids: &[RecipientId],
    ) -> Result<HashMap<RecipientId, Vec<DeliveryRow>>> {
        let mut conn = self.read().await?;
        let own = self.visible_by_ids(&mut conn, actor, ids).await?.own();
        Ok(by_key(deliveries::of_recipients(&mut conn, &own).await?, |row| {
            row.recipient_id
        }))
    }

    /// The tries of deliveries; for the clinic that sent them.
    pub async fn attempts_of_deliveries(
        &self,
        actor: &Actor,
        ids: &[DeliveryId],
    ) -> Result<HashMap<DeliveryId, Vec<AttemptRow>>> {
        let may = [Action::FollowLoops, Action::RepairDeliveries];
        if !may.iter().any(|action| decide(actor, *action, Relation::Own).is_ok()) {
            return Ok(HashMap::new());
        }
        let mut conn = self.read().await?;
        let found = deliveries::by_ids(&mut conn, &uuids(ids)).await?;
        let own: Vec<Uuid> = found
            .iter()
            .filter(|row| actor.acts_for(row.organization_id))
            .map(|row| row.id.uuid())
            .collect();
        Ok(by_key(deliveries::attempts_of(&mut conn, &own).await?, |row| {
            Some(row.delivery_id)
        }))
    }

    /// What is proven about loops, in the order of recording; raw artefacts are for the clinic that sent them.
    pub async fn evidence_of(
        &self,
        actor: &Actor,
        ids: &[RecipientId],
    ) -> Result<HashMap<RecipientId, Vec<EvidenceRow>>> {
        let mut conn = self.read().await?;
        let visible = self.visible_by_ids(&mut conn, actor, ids).await?;
        let own = visible.own();
        let mut rows = recipients::evidence_of(&mut conn, &visible.uuids()).await?;
        for row in rows.iter_mut().filter(|row| !own.contains(&row.recipient_id.uuid())) {
            row.artefact.clear();
            row.delivery_id = None;
            row.attempt_id = None;
        }
        Ok(by_key(rows, |row| Some(row.recipient_id)))
    }

    /// The escalation steps taken in loops; for the clinic that sent them.
    pub async fn steps_of(
        &self,
        actor: &Actor,
        ids: &[RecipientId],
    ) -> Result<HashMap<RecipientId, Vec<EscalationStepRow>>> {
        let mut conn = self.read().await?;
        let own = self.visible_by_ids(&mut conn, actor, ids).await?.own();
        Ok(by_key(schedule::steps_of(&mut conn, &own).await?, |row| {
            Some(row.recipient_id)
        }))
    }

    /// The call tasks of loops, without what was said; for the clinic that sent them.
    pub async fn call_tasks_of(
        &self,
        actor: &Actor,
        ids: &[RecipientId],
    ) -> Result<HashMap<RecipientId, Vec<CallTaskRow>>> {
        let mut conn = self.read().await?;
        let own = self.visible_by_ids(&mut conn, actor, ids).await?.own();
        Ok(by_key(call_tasks::of_recipients(&mut conn, &own).await?, |row| {
            Some(row.recipient_id)
        }))
    }

    async fn record_batch(&self, actor: &Actor, visible: &Visible, what: &'static str) -> Result<()> {
        let mut read: Vec<&RecipientRow> = visible
            .readable
            .iter()
            .filter_map(|id| visible.rows.get(id))
            .map(|(row, _)| row)
            .collect();
        read.sort_by_key(|row| row.id);
        if read.is_empty() {
            return Ok(());
        }
        self.record_readings(self.texts_read(actor, &read, what)).await
    }

    async fn keys_of_visible(&self, conn: &mut Conn, visible: &Visible) -> Result<Keys> {
        self.keys_of(conn, visible.rows.values().map(|(row, _)| row.patient_id))
            .await
    }

    /// The acknowledgments of loops.
    pub async fn acknowledgments_of(
        &self,
        actor: &Actor,
        ids: &[RecipientId],
    ) -> Result<HashMap<RecipientId, AcknowledgmentView>> {
        let mut conn = self.read().await?;
        let mut visible = self.visible_by_ids(&mut conn, actor, ids).await?;
        let rows = acknowledgments::of_recipients(&mut conn, &visible.uuids()).await?;
        let named = self
            .guests_named(&mut conn, rows.iter().map(|row| row.guest_id))
            .await?;
        let keys = self.keys_of_visible(&mut conn, &visible).await?;
        drop(conn);
        visible
            .readable
            .retain(|id| rows.iter().any(|row| row.recipient_id == *id));
        let mut views = HashMap::new();
        for row in rows {
            views.insert(row.recipient_id, acknowledgment(row, &visible, &keys, &named)?);
        }
        self.record_batch(actor, &visible, "acknowledgment").await?;
        Ok(views)
    }

    /// The declines of loops.
    pub async fn declines_of(&self, actor: &Actor, ids: &[RecipientId]) -> Result<HashMap<RecipientId, DeclineView>> {
        let mut conn = self.read().await?;
        let mut visible = self.visible_by_ids(&mut conn, actor, ids).await?;
        let rows = acknowledgments::declines_of(&mut conn, &visible.uuids()).await?;
        let named = self
            .guests_named(&mut conn, rows.iter().map(|row| row.guest_id))
            .await?;
        let keys = self.keys_of_visible(&mut conn, &visible).await?;
        drop(conn);
        visible.readable.retain(|id| {
            rows.iter()
                .any(|row| row.recipient_id == *id && row.detail_sealed.is_some())
        });
        let mut views = HashMap::new();
        for row in rows {
            let Some((found, _)) = visible.rows.get(&row.recipient_id) else {
                continue;
            };
            views.insert(
                row.recipient_id,
                decline(row, found.patient_id, &visible, &keys, &named)?,
            );
        }
        self.record_batch(actor, &visible, "decline").await?;
        Ok(views)
    }

    /// The threads of loops, oldest message first.
    pub async fn replies_of(&self, actor: &Actor, ids: &[RecipientId]) -> Result<HashMap<RecipientId, Vec<ReplyView>>> {
        let mut conn = self.read().await?;
        let mut visible = self.visible_by_ids(&mut conn, actor, ids).await?;
        let rows = replies::of_recipients(&mut conn, &visible.uuids()).await?;
        let named = self
            .guests_named(&mut conn, rows.iter().map(|row| row.guest_id))
            .await?;
        let keys = self.keys_of_visible(&mut conn, &visible).await?;
        drop(conn);
        visible
            .readable
            .retain(|id| rows.iter().any(|row| row.recipient_id == *id));
        let views = rows
            .into_iter()
            .map(|row| reply(row, &visible, &keys, &named))
            .collect::<Result<Vec<_>>>()?;
        self.record_batch(actor, &visible, "thread").await?;
        Ok(by_key(views, |view| Some(view.row.recipient_id)))
    }

    /// What shares ask: for the clinic all, for a recipient what is for them.
    pub async fn questions_of(&self, actor: &Actor, ids: &[ShareId]) -> Result<HashMap<ShareId, Vec<QuestionView>>> {
        let mut conn = self.read().await?;
        let mut visible = self.visible_of_shares(&mut conn, actor, ids).await?;
        let mut rows = shares::questions_of(&mut conn, &share_uuids(ids)).await?;
        let named = self
            .guests_named(&mut conn, rows.iter().map(|row| row.guest_id))
            .await?;
        let keys = self.keys_of_visible(&mut conn, &visible).await?;
        drop(conn);
        rows.retain(|question| {
            visible.rows.values().any(|(row, relation)| {
                let asked = question.care_role.is_none_or(|role| role == row.care_role);
                row.share_id == question.share_id && (*relation == Relation::Own || asked)
            })
        });
        let asks = |row: &RecipientRow| rows.iter().any(|question| question.share_id == row.share_id);
        let asking: Vec<RecipientId> = visible
            .rows
            .values()
            .filter(|(row, _)| asks(row))
            .map(|(row, _)| row.id)
            .collect();
        visible.readable.retain(|id| asking.contains(id));
        let views = rows
            .into_iter()
            .map(|row| question(row, &visible, &keys, &named))
            .collect::<Result<Vec<_>>>()?;
        self.record_batch(actor, &visible, "questions").await?;
        Ok(by_key(views, |view| Some(view.row.share_id)))
    }

    /// The messages of shares: for the clinic with the reasons and the call made before.
    pub async fn details_of_shares(
        &self,
        actor: &Actor,
        ids: &[ShareId],
    ) -> Result<HashMap<ShareId, Phi<ShareDetail>>> {
        let mut conn = self.read().await?;
        let visible = self.visible_of_shares(&mut conn, actor, ids).await?;
        let found = shares::by_ids(&mut conn, &share_uuids(ids)).await?;
        let keys = self.keys_of_visible(&mut conn, &visible).await?;
        drop(conn);
        let mut details = HashMap::new();
        for share in found {
            let mut loops = visible.rows.values().filter(|(row, _)| row.share_id == share.id);
            if !loops.any(|(row, _)| visible.readable.contains(&row.id)) {
                continue;
            }
            let as_clinic = actor.acts_for(share.organization_id) && actor.is_clinic();
            if let Some(detail) = share_detail(&share, key_of(&keys, share.patient_id)?, as_clinic)? {
                details.insert(share.id, detail);
            }
        }
        self.record_batch(actor, &visible, "message").await?;
        Ok(details)
    }
}
