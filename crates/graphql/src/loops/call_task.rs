//! Telephone calls that named people of the clinic owe.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_domain::CallTaskId;
use liaison_service::loops::call_task as use_cases;
use liaison_service::reading::{CallTaskRow, CallView};

use super::parts::person;
use super::recipient::Recipient;
use crate::directory::person::Person;
use crate::enums::{CallReason, CallTaskStatus, Disposition};
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::session::asking;

/// A call task; with what was said, where a reading brought it.
pub(crate) struct CallTask {
    row: CallTaskRow,
    view: Option<CallView>,
}

impl CallTask {
    /// A task without what was said.
    pub(crate) fn of(row: CallTaskRow) -> Self {
        Self { row, view: None }
    }

    /// A task with what was said.
    pub(crate) fn with(view: CallView) -> Self {
        Self {
            row: view.task.clone(),
            view: Some(view),
        }
    }

    fn detail(&self) -> Option<&use_cases::CallDetail> {
        self.view.as_ref()?.detail.as_ref().map(|detail| detail.reveal())
    }
}

/// A telephone call that a named person of the clinic owes.
#[Object]
impl CallTask {
    /// Its id (`calltask_...`).
    async fn id(&self) -> ID {
        shown(self.row.id)
    }

    /// The loop it is about.
    async fn recipient(&self, ctx: &Context<'_>) -> Result<Option<Recipient>> {
        Ok(asking(ctx)?
            .load
            .load_one(self.row.recipient_id)
            .await
            .or_refuse(ctx)?
            .map(Recipient::of))
    }

    /// Who must call.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, Some(self.row.owner_id)).await
    }

    /// Why.
    async fn reason(&self) -> CallReason {
        self.row.reason.into()
    }

    /// Where it stands.
    async fn status(&self) -> CallTaskStatus {
        self.row.status.into()
    }

    /// By when.
    async fn due_at(&self) -> DateTime<Utc> {
        self.row.due_at
    }

    /// The number to call.
    async fn phone(&self) -> Option<&str> {
        self.row.phone.as_deref()
    }

    /// When it was given.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When it was done.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.row.completed_at
    }

    /// Who did it.
    async fn completed_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.row.completed_by).await
    }

    /// Whether the other side read back what was told.
    async fn read_back(&self) -> Option<bool> {
        self.row.read_back
    }

    /// With whom the call was, through `share`; null elsewhere.
    async fn spoken_with(&self) -> Option<&str> {
        self.detail().map(|detail| detail.spoken_with.as_str())
    }

    /// When the call took place, through `share`; null elsewhere.
    async fn spoken_at(&self) -> Option<DateTime<Utc>> {
        self.detail().and_then(|detail| detail.at)
    }

    /// Notes of the call, through `share`; null elsewhere.
    async fn note(&self) -> Option<&str> {
        self.detail().and_then(|detail| detail.note.as_deref())
    }
}

/// A call to be recorded.
#[derive(InputObject)]
pub(crate) struct CompleteCallTaskInput {
    /// The task (`calltask_...`).
    call_task_id: ID,
    /// With whom: a name, 1 to 200 characters.
    spoken_with: String,
    /// The person's account (`user_...`), where they have one.
    spoken_with_user_id: Option<ID>,
    /// When the call took place; not in the future.
    at: DateTime<Utc>,
    /// Did they read back what was told?
    read_back: bool,
    /// What they decided; with read-back this acknowledges the loop, by telephone.
    #[graphql(default)]
    dispositions: Vec<Disposition>,
    /// Notes: at most 4,000 characters.
    note: Option<String>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A call task to be handed on.
#[derive(InputObject)]
pub(crate) struct AssignCallTaskInput {
    /// The task (`calltask_...`).
    call_task_id: ID,
    /// Who must call from now on (`user_...`).
    owner_id: ID,
}

payload! {
    /// What came of recording a call.
    CompleteCallTaskPayload {
        /// The task's id.
        call_task_id: ID,
        /// The loop as it is now, where the call acknowledged it.
        recipient: Recipient,
        /// The acknowledgment's id (`ack_...`), where the call gave one.
        acknowledgment_id: ID,
    }
}

payload! {
    /// What came of handing a call task on.
    AssignCallTaskPayload {
        /// The task's id.
        call_task_id: ID,
    }
}

/// Recording and handing on calls.
#[derive(Default)]
pub(crate) struct CallTaskMutation;

#[Object]
impl CallTaskMutation {
    /// Records a telephone call. With read-back it acknowledges an open loop; otherwise the loop stays open and its
    /// timers run on. It answers a reply that was due.
    async fn complete_call_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The call.")] input: CompleteCallTaskInput,
    ) -> Result<CompleteCallTaskPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let input = use_cases::CompleteCallTask {
                call_task_id: ids.one("callTaskId", &input.call_task_id),
                spoken_with: input.spoken_with,
                spoken_with_user_id: ids.maybe("spokenWithUserId", input.spoken_with_user_id.as_ref()),
                at: input.at,
                read_back: input.read_back,
                dispositions: input.dispositions.into_iter().map(Into::into).collect(),
                note: input.note,
                idempotency_key: input.idempotency_key,
            };
            ids.done()?;
            asking.service.complete_call_task(&asking.actor, input).await
        };
        let done = match settle(ctx, done.await)? {
            Ok(done) => done,
            Err(problems) => return Ok(problems.into()),
        };
        let recipient = match &done.acknowledged {
            Some(given) => asking
                .load
                .load_one(given.recipient_id)
                .await
                .or_refuse(ctx)?
                .map(Recipient::of),
            None => None,
        };
        Ok(CompleteCallTaskPayload {
            call_task_id: Some(shown(done.call_task_id)),
            recipient,
            acknowledgment_id: done.acknowledged.map(|given| shown(given.acknowledgment_id)),
            ..Default::default()
        })
    }

    /// Gives an open call task to another person of the clinic.
    async fn assign_call_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task and its new owner.")] input: AssignCallTaskInput,
    ) -> Result<AssignCallTaskPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id: CallTaskId = ids.one("callTaskId", &input.call_task_id);
            let owner = ids.one("ownerId", &input.owner_id);
            ids.done()?;
            asking
                .service
                .assign_call_task(&asking.actor, id, owner)
                .await
                .map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => AssignCallTaskPayload {
                call_task_id: Some(shown(id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
