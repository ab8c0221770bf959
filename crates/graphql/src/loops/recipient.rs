//! One addressed team or person of one share: the loop.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::RecipientId;
use liaison_service::reading::{RecipientRow, RecipientView};

use super::call_task::CallTask;
use super::delivery::Delivery;
use super::parts::{Acknowledgment, Declined, EscalationStep, Evidence, LoopEvent, Reply, person};
use super::share::Share;
use crate::directory::{organization::Organization, person::Person, team::Team};
use crate::enums::{CareRole, Duty, EvidenceLevel, Outcome};
use crate::fail::{OrRefuse as _, present};
use crate::ids::{parse, shown};
use crate::load::{AcknowledgmentOf, CallTasksOf, DeclineOf, DeliveriesOf, EvidenceOf, RepliesOf, StepsOf};
use crate::session::asking;

/// A loop; with what a reading of its whole share brought already.
pub(crate) struct Recipient {
    row: RecipientRow,
    view: Option<Arc<RecipientView>>,
}

impl Recipient {
    /// A loop alone.
    pub(crate) fn of(row: RecipientRow) -> Self {
        Self { row, view: None }
    }

    /// A loop with all that happened.
    pub(crate) fn with(view: RecipientView) -> Self {
        Self {
            row: view.recipient.clone(),
            view: Some(Arc::new(view)),
        }
    }

    fn of_own_clinic(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(asking(ctx)?.actor.acts_for(self.row.organization_id))
    }
}

/// The loop of an id, for its clinic and its recipient.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Option<Recipient>> {
    let id: RecipientId = parse("id", id).or_refuse(ctx)?;
    Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Recipient::of))
}

/// One addressed team or person of one share: the loop. It stays open until a named person has acknowledged.
#[Object]
impl Recipient {
    /// Its id (`recipient_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.row.id)
    }

    /// The share.
    async fn share(&self, ctx: &Context<'_>) -> Result<Share> {
        let found = asking(ctx)?.load.load_one(self.row.share_id).await.or_refuse(ctx)?;
        present(ctx, found, "share").map(Share::of)
    }

    /// The version that was sent (`notever_...`): an acknowledgment names it.
    async fn note_version_id(&self) -> ID {
        shown(self.row.note_version_id)
    }

    /// The patient (`patient_...`). Who it is comes with the board, the inbox and the call list.
    async fn patient_id(&self) -> ID {
        shown(self.row.patient_id)
    }

    /// The clinic that sent it.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.row.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// The organization addressed.
    async fn to_organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.row.to_organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// The team addressed, where it is one.
    async fn to_team(&self, ctx: &Context<'_>) -> Result<Option<Team>> {
        let Some(id) = self.row.to_team_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Team))
    }

    /// The person addressed, where it is one.
    async fn to_person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.row.to_user_id).await
    }

    /// The part they play for the patient.
    async fn care_role(&self) -> CareRole {
        self.row.care_role.into()
    }

    /// Must they acknowledge?
    async fn duty(&self) -> Duty {
        self.row.duty.into()
    }

    /// How urgent.
    async fn urgency(&self) -> Urgency {
        self.row.urgency
    }

    /// What is proven. It only ever rises.
    async fn level(&self) -> EvidenceLevel {
        self.row.level.into()
    }

    /// An outcome beside the ladder.
    async fn outcome(&self) -> Option<Outcome> {
        self.row.outcome.map(Into::into)
    }

    /// Whether somebody must still acknowledge.
    async fn is_open(&self) -> bool {
        self.row.is_open
    }

    /// Whether the clinic owes an answer.
    async fn reply_due(&self) -> bool {
        self.row.reply_due
    }

    /// When it was shared: the clock's start.
    async fn shared_at(&self) -> DateTime<Utc> {
        self.row.shared_at
    }

    /// Who shared it.
    async fn shared_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, Some(self.row.shared_by)).await
    }

    /// By when an acknowledgment is asked for; null for a copy.
    async fn due_at(&self) -> Option<DateTime<Utc>> {
        self.row.due_at
    }

    /// When the timers act next, when nobody answers before. For the clinic; null for others.
    async fn next_step_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        Ok(if self.of_own_clinic(ctx)? {
            self.row.next_step_at
        } else {
            None
        })
    }

    /// When a person first opened it.
    async fn opened_at(&self) -> Option<DateTime<Utc>> {
        self.row.opened_at
    }

    /// When it was acknowledged.
    async fn acknowledged_at(&self) -> Option<DateTime<Utc>> {
        self.row.acknowledged_at
    }

    /// When it ended by an outcome.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.row.ended_at
    }

    /// The colleague's loop, where it was redirected; null where it is not yours to see.
    async fn redirected_to(&self, ctx: &Context<'_>) -> Result<Option<Recipient>> {
        let Some(id) = self.row.redirected_to else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Recipient::of))
    }

    /// The loop that was redirected here; null where it is not yours to see.
    async fn redirected_from(&self, ctx: &Context<'_>) -> Result<Option<Recipient>> {
        let Some(id) = self.row.redirected_from else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Recipient::of))
    }

    /// When the colleague took it on.
    async fn redirect_accepted_at(&self) -> Option<DateTime<Utc>> {
        self.row.redirect_accepted_at
    }

    /// Whether the copy is sealed from this recipient, after it went to the wrong one.
    async fn sealed_from_recipient(&self) -> bool {
        self.row.sealed_from_recipient
    }

    /// What is proven, in the order of recording.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn evidence(&self, ctx: &Context<'_>) -> Result<Vec<Evidence>> {
        let rows = match &self.view {
            Some(view) => view.evidence.clone(),
            None => asking(ctx)?
                .load
                .load_one(EvidenceOf(self.row.id))
                .await
                .or_refuse(ctx)?
                .unwrap_or_default(),
        };
        Ok(rows.into_iter().map(Evidence).collect())
    }

    /// What left or is to leave. For the clinic; empty for others.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn deliveries(&self, ctx: &Context<'_>) -> Result<Vec<Delivery>> {
        if let Some(view) = &self.view {
            let parts = view.deliveries.iter().cloned();
            return Ok(parts.map(|part| Delivery::with(part.delivery, part.attempts)).collect());
        }
        let rows = asking(ctx)?
            .load
            .load_one(DeliveriesOf(self.row.id))
            .await
            .or_refuse(ctx)?;
        Ok(rows.unwrap_or_default().into_iter().map(Delivery::of).collect())
    }

    /// The escalation steps taken. For the clinic; empty for others.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<EscalationStep>> {
        let rows = match &self.view {
            Some(view) => view.steps.clone(),
            None => asking(ctx)?
                .load
                .load_one(StepsOf(self.row.id))
                .await
                .or_refuse(ctx)?
                .unwrap_or_default(),
        };
        Ok(rows.into_iter().map(EscalationStep).collect())
    }

    /// The telephone calls owed and made. For the clinic; empty for others.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn call_tasks(&self, ctx: &Context<'_>) -> Result<Vec<CallTask>> {
        if let Some(view) = &self.view {
            return Ok(view.call_tasks.iter().cloned().map(CallTask::with).collect());
        }
        let rows = asking(ctx)?
            .load
            .load_one(CallTasksOf(self.row.id))
            .await
            .or_refuse(ctx)?;
        Ok(rows.unwrap_or_default().into_iter().map(CallTask::of).collect())
    }

    /// The acknowledgment. Its texts write a ledger entry.
    async fn acknowledgment(&self, ctx: &Context<'_>) -> Result<Option<Acknowledgment>> {
        let found = match &self.view {
            Some(view) => view.acknowledgment.clone(),
            None => asking(ctx)?
                .load
                .load_one(AcknowledgmentOf(self.row.id))
                .await
                .or_refuse(ctx)?,
        };
        Ok(found.map(Acknowledgment))
    }

    /// The decline. Its text writes a ledger entry.
    async fn decline(&self, ctx: &Context<'_>) -> Result<Option<Declined>> {
        let found = match &self.view {
            Some(view) => view.decline.clone(),
            None => asking(ctx)?
                .load
                .load_one(DeclineOf(self.row.id))
                .await
                .or_refuse(ctx)?,
        };
        Ok(found.map(Declined))
    }

    /// The thread, oldest message first. Its texts write a ledger entry.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn replies(&self, ctx: &Context<'_>) -> Result<Vec<Reply>> {
        let rows = match &self.view {
            Some(view) => view.replies.clone(),
            None => asking(ctx)?
                .load
                .load_one(RepliesOf(self.row.id))
                .await
                .or_refuse(ctx)?
                .unwrap_or_default(),
        };
        Ok(rows.into_iter().map(Reply).collect())
    }

    /// All that happened, as one list in order of time: for the clinic in full, for the recipient without the clinic's
    /// own work. Ask for it through `share` where all loops of a share are wanted.
    #[graphql(complexity = "10 + 2 * child_complexity")]
    async fn timeline(&self, ctx: &Context<'_>) -> Result<Vec<LoopEvent>> {
        let events = match &self.view {
            Some(view) => view.timeline.clone(),
            None => {
                let asking = asking(ctx)?;
                asking
                    .service
                    .loop_timeline(&asking.actor, self.row.id)
                    .await
                    .or_refuse(ctx)?
            }
        };
        Ok(events.into_iter().map(LoopEvent).collect())
    }

    /// When it last changed.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.row.updated_at
    }
}
