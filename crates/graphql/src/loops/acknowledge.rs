//! Acknowledging a loop.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, NaiveDate, Utc};
use liaison_service::{ServiceError, loops::acknowledge as use_cases};

use super::recipient::Recipient;
use crate::enums::Disposition;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

/// A planned or made change of opioids.
#[derive(InputObject)]
pub(crate) struct PlannedOpioidChangeInput {
    /// Which drug: 1 to 200 characters.
    drug: String,
    /// The dose before, with its unit: at most 200 characters.
    from: Option<String>,
    /// The dose after, with its unit: at most 200 characters.
    to: Option<String>,
    /// When.
    date: Option<NaiveDate>,
}

/// An answer to a question of the share.
#[derive(InputObject)]
pub(crate) struct QuestionAnswerInput {
    /// The question (`question_...`).
    question_id: ID,
    /// The answer: 1 to 4,000 characters.
    text: String,
}

/// An acknowledgment of an opened loop.
#[derive(InputObject)]
pub(crate) struct AcknowledgeInput {
    /// The loop (`recipient_...`).
    recipient_id: ID,
    /// The version that was opened (`notever_...`): an acknowledgment never counts for another.
    note_version_id: ID,
    /// One or more; REVIEWED_NO_CHANGE excludes all others.
    dispositions: Vec<Disposition>,
    /// Free text, at most 4,000 characters; required with some dispositions.
    comment: Option<String>,
    /// The number to call, with REQUEST_CALL: at most 40 characters.
    call_number: Option<String>,
    /// From when a call suits, with REQUEST_CALL.
    call_from: Option<DateTime<Utc>>,
    /// Until when a call suits, with REQUEST_CALL: the clinic's callback is due then.
    call_until: Option<DateTime<Utc>>,
    /// Until when infusions are to be held, with HOLD_INFUSIONS; until lifted when nothing is said.
    hold_until: Option<NaiveDate>,
    /// By when the patient will be contacted, with WILL_CONTACT_PATIENT.
    contact_by: Option<NaiveDate>,
    /// The change of opioids, with OPIOID_CHANGE_PLANNED.
    opioid_change: Option<PlannedOpioidChangeInput>,
    /// Answers to the share's questions: at most 20; at least one with ANSWER_QUESTIONS.
    #[graphql(default)]
    answers: Vec<QuestionAnswerInput>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

impl AcknowledgeInput {
    fn read(self) -> Result<use_cases::Acknowledge, ServiceError> {
        let mut ids = Ids::default();
        let mut answers = Vec::with_capacity(self.answers.len());
        for (index, answer) in self.answers.into_iter().enumerate() {
            let question_id = ids.one(format!("answers[{index}].questionId"), &answer.question_id);
            answers.push(use_cases::QuestionAnswer {
                question_id,
                text: answer.text,
            });
        }
        let opioids = |change: PlannedOpioidChangeInput| use_cases::OpioidChange {
            drug: change.drug,
            from: change.from,
            to: change.to,
            date: change.date,
        };
        let input = use_cases::Acknowledge {
            recipient_id: Some(ids.one("recipientId", &self.recipient_id)),
            note_version_id: Some(ids.one("noteVersionId", &self.note_version_id)),
            dispositions: self.dispositions.into_iter().map(Into::into).collect(),
            comment: self.comment,
            call_number: self.call_number,
            call_from: self.call_from,
            call_until: self.call_until,
            hold_until: self.hold_until,
            contact_by: self.contact_by,
            opioid_change: self.opioid_change.map(opioids),
            answers,
            idempotency_key: self.idempotency_key,
        };
        ids.done().map(|()| input)
    }
}

payload! {
    /// What came of an acknowledgment.
    AcknowledgePayload {
        /// The acknowledgment's id (`ack_...`).
        acknowledgment_id: ID,
        /// The loop as it is now.
        recipient: Recipient,
        /// Whether the clinic owes an answer; the loop is closed when it gave it.
        reply_due: bool,
    }
}

/// Acknowledging.
#[derive(Default)]
pub(crate) struct AcknowledgeMutation;

#[Object]
impl AcknowledgeMutation {
    /// Acknowledges a loop, in one's own name, with a disposition. Only what was opened can be acknowledged, and only
    /// once.
    async fn acknowledge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The loop and the dispositions.")] input: AcknowledgeInput,
    ) -> Result<AcknowledgePayload> {
        let asking = asking(ctx)?;
        let done = async { asking.service.acknowledge(&asking.actor, input.read()?).await };
        Ok(match settle(ctx, done.await)? {
            Ok(done) => AcknowledgePayload {
                acknowledgment_id: Some(shown(done.acknowledgment_id)),
                recipient: asking
                    .load
                    .load_one(done.recipient_id)
                    .await
                    .or_refuse(ctx)?
                    .map(Recipient::of),
                reply_due: Some(done.reply_due),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
