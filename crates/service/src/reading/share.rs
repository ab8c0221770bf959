//! One share with everything that happened: for its clinic, all of it; for a recipient, their own part and nothing of
//! another recipient's.

use std::collections::HashMap;

use liaison_domain::{Actor, CallTaskId, PatientId, Phi, RecipientId, ShareId, access::Relation};
use liaison_store::{
    PatientKey,
    call_tasks::CallTaskRow,
    deliveries::{AttemptRow, DeliveryRow},
    mis_sends::MisSendRow,
    recipients::{self, EvidenceRow, RecipientRow},
    schedule::EscalationStepRow,
    shares::{self, ShareRow},
};
use uuid::Uuid;

use super::{
    board::next_step,
    loaders::{AcknowledgmentView, DeclineView, QuestionView, ReplyView, acknowledgment, decline, question, reply},
    parts::{Parts, Visible, key_of},
    timeline::{TimelineEvent, timeline},
};
use crate::{
    Result, Service, ServiceError,
    loops::{
        call_task::{CallDetail, detail_place as call_place},
        recall::reason_place,
        share_note::{ShareDetail, detail_place},
    },
};

/// A share as its reader may see it.
#[derive(Debug, Clone)]
pub struct ShareView {
    /// The share.
    pub share: ShareRow,
    /// Whether the reader is of the clinic that sent it.
    pub as_clinic: bool,
    /// Message, and for the clinic the reasons and the call made before. Absent where the reader may not read texts.
    pub detail: Option<Phi<ShareDetail>>,
    /// Why it was taken back; for the clinic.
    pub recall_reason: Option<Phi<String>>,
    /// What it asks: for the clinic all, for a recipient what is for them.
    pub questions: Vec<QuestionView>,
    /// Its loops: for the clinic all, for a recipient theirs.
    pub recipients: Vec<RecipientView>,
}

/// One loop of a share.
#[derive(Debug, Clone)]
pub struct RecipientView {
    /// The loop.
    pub recipient: RecipientRow,
    /// What the timers do next; for the clinic.
    pub next_step: Option<liaison_domain::escalation::ScheduledStep>,
    /// What is proven, in the order of recording; raw artefacts are for the clinic.
    pub evidence: Vec<EvidenceRow>,
    /// What left or is to leave; for the clinic.
    pub deliveries: Vec<DeliveryView>,
    /// The escalation steps taken; for the clinic.
    pub steps: Vec<EscalationStepRow>,
    /// The telephone calls owed and made; for the clinic.
    pub call_tasks: Vec<CallView>,
    /// The acknowledgment.
    pub acknowledgment: Option<AcknowledgmentView>,
    /// The decline.
    pub decline: Option<DeclineView>,
    /// The wrong-recipient case; for the clinic.
    pub mis_send: Option<MisSendRow>,
    /// The thread.
    pub replies: Vec<ReplyView>,
    /// All of it as one ordered list.
    pub timeline: Vec<TimelineEvent>,
}

/// A message with its tries.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// The message.
    pub delivery: DeliveryRow,
    /// Its tries, first to last.
    pub attempts: Vec<AttemptRow>,
}

/// A call task, opened for a reader whose reading is in the ledger.
#[derive(Debug, Clone)]
pub struct CallView {
    /// The task.
    pub task: CallTaskRow,
    /// Who was spoken to and what was said.
    pub detail: Option<Phi<CallDetail>>,
}

type Keys = HashMap<PatientId, PatientKey>;

impl Service {
    /// One share. Where texts are read, the ledger entry is committed before they leave.
    ///
    /// # Errors
    /// `NotFound` when there is none, or the reader is neither of its clinic nor one of its recipients.
    pub async fn share(&self, actor: &Actor, id: ShareId) -> Result<ShareView> {
        let mut conn = self.read().await?;
        let share = shares::find(&mut conn, id).await?;
        let rows = recipients::of_shares(&mut conn, &[id.uuid()]).await?;
        let mut order: Vec<RecipientId> = rows.iter().map(|row| row.id).collect();
        let as_clinic = share
            .as_ref()
            .is_some_and(|share| actor.acts_for(share.organization_id))
            && actor.is_clinic();
        let visible = match actor.author() {
            Some(_) => self.visible(&mut conn, actor, rows).await?,
            None => return Err(ServiceError::Unauthenticated),
        };
        drop(conn);
        let relation = match (as_clinic, visible.rows.is_empty()) {
            (true, _) => Relation::Own,
            (false, false) => Relation::Recipient,
            (false, true) => Relation::None,
        };
        self.authorize_reading(actor, relation, "share").await?;
        let share = share.ok_or(ServiceError::NotFound("share"))?;
        order.retain(|id| visible.rows.contains_key(id));

        let mut conn = self.read().await?;
        let parts = Parts::load(self, &mut conn, &visible).await?;
        let questions = shares::questions_of(&mut conn, &[id.uuid()]).await?;
        let keys = self.keys_of(&mut conn, [share.patient_id]).await?;
        let named = self
            .guests_named(&mut conn, questions.iter().map(|row| row.guest_id))
            .await?;
        drop(conn);

        let reads = !visible.readable.is_empty();
        let key = key_of(&keys, share.patient_id)?;
        let mut questions: Vec<_> = questions
            .into_iter()
            .map(|row| question(row, &visible, &keys, &named))
            .collect::<Result<_>>()?;
        questions.retain(|view| as_clinic || is_for(view, &visible));
        let view = ShareView {
            as_clinic,
            detail: if reads {
                share_detail(&share, key, as_clinic)?
            } else {
                None
            },
            recall_reason: match &share.recall_reason_sealed {
                Some(sealed) if reads && as_clinic => {
                    Some(Phi::new(key.open_json::<String>(reason_place(share.id), sealed)?))
                }
                _ => None,
            },
            questions,
            recipients: order
                .iter()
                .filter_map(|id| visible.rows.get(id))
                .map(|(row, _)| recipient_view(row, &visible, &parts, &keys))
                .collect::<Result<_>>()?,
            share,
        };
        if reads {
            let read: Vec<&RecipientRow> = view
                .recipients
                .iter()
                .map(|part| &part.recipient)
                .filter(|row| visible.readable.contains(&row.id))
                .collect();
            self.record_readings(self.texts_read(actor, &read, "share")).await?;
        }
        Ok(view)
    }
}

/// Whether a question is put to one of the reader's loops.
fn is_for(view: &QuestionView, visible: &Visible) -> bool {
    view.row
        .care_role
        .is_none_or(|role| visible.rows.values().any(|(row, _)| row.care_role == role))
}

/// The detail of a share: reasons, and the call made before, are the clinic's.
pub(super) fn share_detail(share: &ShareRow, key: &PatientKey, as_clinic: bool) -> Result<Option<Phi<ShareDetail>>> {
    let Some(sealed) = &share.detail_sealed else {
        return Ok(None);
    };
    let mut detail: ShareDetail = key.open_json(detail_place(share.id), sealed)?;
    if !as_clinic {
        detail = ShareDetail {
            message: detail.message,
            ..ShareDetail::default()
        };
    }
    Ok(Some(Phi::new(detail)))
}

fn call(task: CallTaskRow, visible: &Visible, keys: &Keys) -> Result<CallView> {
    let id: CallTaskId = task.id;
    let detail = match &task.detail_sealed {
        Some(sealed) if visible.readable.contains(&task.recipient_id) => Some(Phi::new(
            key_of(keys, task.patient_id)?.open_json(call_place(id), sealed)?,
        )),
        _ => None,
    };
    Ok(CallView { task, detail })
}

fn recipient_view(row: &RecipientRow, visible: &Visible, parts: &Parts, keys: &Keys) -> Result<RecipientView> {
    let id = row.id;
    let own = visible
        .rows
        .get(&id)
        .is_some_and(|(_, relation)| *relation == Relation::Own);
    let deliveries = parts
        .deliveries
        .get(&id)
        .into_iter()
        .flatten()
        .map(|delivery| DeliveryView {
            delivery: delivery.clone(),
            attempts: parts.attempts.get(&delivery.id).cloned().unwrap_or_default(),
        });
    let acknowledged = parts.acknowledgments.get(&id).and_then(|rows| rows.first()).cloned();
    let declined = parts.declines.get(&id).and_then(|rows| rows.first()).cloned();
    let tasks = parts.calls.get(&id).cloned().unwrap_or_default();
    let thread = parts.replies.get(&id).cloned().unwrap_or_default();
    Ok(RecipientView {
        next_step: if own { next_step(row) } else { None },
        evidence: parts.evidence.get(&id).cloned().unwrap_or_default(),
        deliveries: deliveries.collect(),
        steps: parts.steps.get(&id).cloned().unwrap_or_default(),
        call_tasks: tasks
            .into_iter()
            .map(|task| call(task, visible, keys))
            .collect::<Result<_>>()?,
        acknowledgment: acknowledged
            .map(|row| acknowledgment(row, visible, keys, &parts.guests))
            .transpose()?,
        decline: declined
            .map(|decline_row| decline(decline_row, row.patient_id, visible, keys, &parts.guests))
            .transpose()?,
        mis_send: parts.mis_sends.get(&id).and_then(|rows| rows.first()).cloned(),
        replies: thread
            .into_iter()
            .map(|row| reply(row, visible, keys, &parts.guests))
            .collect::<Result<_>>()?,
        timeline: timeline(row, parts),
        recipient: row.clone(),
    })
}

/// The ids of shares as the database keeps them, each once.
pub(super) fn share_uuids(ids: &[ShareId]) -> Vec<Uuid> {
    let mut uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    uuids.sort_unstable();
    uuids.dedup();
    uuids
}
