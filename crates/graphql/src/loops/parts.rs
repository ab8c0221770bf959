//! What hangs on a loop: evidence, steps, the acknowledgment, the decline, the thread, questions, the timeline.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};
use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain::UserId;
use liaison_service::loops::{acknowledge, share_note};
use liaison_service::reading as views;

use crate::directory::{organization::Organization, person::Person};
use crate::enums::{CareRole, Decline, Disposition, EvidenceLevel, QuestionStatus, StepKind};
use crate::fail::{OrRefuse as _, present};
use crate::ids::shown;
use crate::session::asking;

/// The person of an id, where there is one.
pub(crate) async fn person(ctx: &Context<'_>, id: Option<UserId>) -> Result<Option<Person>> {
    let Some(id) = id else { return Ok(None) };
    Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
}

pub(crate) struct Evidence(pub(crate) views::EvidenceRow);

/// A fact that raised a loop's level, or came late.
#[Object]
impl Evidence {
    /// Its id (`evidence_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// What it proves.
    async fn level(&self) -> EvidenceLevel {
        self.0.level.into()
    }

    /// When it happened.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.occurred_at
    }

    /// When it was recorded.
    async fn recorded_at(&self) -> DateTime<Utc> {
        self.0.recorded_at
    }

    /// Whether it came after the loop had ended, or after a higher level was reached.
    async fn late(&self) -> bool {
        self.0.late
    }

    /// The person, for OPENED and ACKNOWLEDGED.
    async fn by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.user_id).await
    }

    /// The guest of a secure link, for OPENED and ACKNOWLEDGED without an account: the name they gave themself, and by
    /// which address they were verified, such as `Dr. X (oncologist), named themself; code to o•••@oncology.example`.
    async fn guest_name(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let Some(id) = self.0.guest_id else { return Ok(None) };
        let found = asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?;
        Ok(found.map(|guest| guest.to_string()))
    }

    /// Where the fact comes from, such as `smtp`, `webhook`, `open`, `inbox`, `call`.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// The raw artefact, such as the other side's reply. For the clinic; empty for others.
    async fn artefact(&self) -> &str {
        &self.0.artefact
    }
}

pub(crate) struct EscalationStep(pub(crate) views::StepRow);

/// An escalation step that was taken.
#[Object]
impl EscalationStep {
    /// Its id (`step_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// Its place in the loop's schedule.
    async fn number(&self) -> u32 {
        self.0.number
    }

    /// What was done.
    async fn kind(&self) -> StepKind {
        self.0.kind.into()
    }

    /// When it was due.
    async fn due_at(&self) -> DateTime<Utc> {
        self.0.due_at
    }

    /// When it was taken.
    async fn taken_at(&self) -> DateTime<Utc> {
        self.0.taken_at
    }

    /// Why, as a code such as `TIMER`.
    async fn cause(&self) -> &str {
        &self.0.cause
    }

    /// The call task it gave (`calltask_...`), for a call.
    async fn call_task_id(&self) -> Option<ID> {
        self.0.call_task_id.map(shown)
    }
}

/// A planned or made change of opioids.
#[derive(SimpleObject)]
pub(crate) struct PlannedOpioidChange {
    /// Which drug.
    drug: String,
    /// The dose before, with its unit.
    from: Option<String>,
    /// The dose after, with its unit.
    to: Option<String>,
    /// When.
    date: Option<NaiveDate>,
}

pub(crate) struct Acknowledgment(pub(crate) views::AcknowledgmentView);

impl Acknowledgment {
    fn detail(&self) -> Option<&acknowledge::AcknowledgmentDetail> {
        self.0.detail.as_ref().map(|detail| detail.reveal())
    }
}

/// A named person's acknowledgment. Its texts are for those who may read the note; null for others.
#[Object]
impl Acknowledgment {
    /// Its id (`ack_...`).
    async fn id(&self) -> ID {
        shown(self.0.row.id)
    }

    /// The version it is about (`notever_...`).
    async fn note_version_id(&self) -> ID {
        shown(self.0.row.note_version_id)
    }

    /// Who acknowledged; null where a person without an account did: `guestName` names who came by a secure link,
    /// `spokenWith` who was telephoned.
    async fn by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.user_id).await
    }

    /// Who acknowledged, where it was a guest of a secure link without an account: the name they gave themself, and by which
    /// address they were verified, such as `Dr. X (oncologist), named themself; code to o•••@oncology.example`.
    async fn guest_name(&self) -> Option<String> {
        self.0.guest.as_ref().map(ToString::to_string)
    }

    /// For which organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.row.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// Whether it was given by telephone, with read-back.
    async fn by_telephone(&self) -> bool {
        self.0.row.by_telephone
    }

    /// Who recorded it.
    async fn recorded_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.recorded_by).await
    }

    /// The dispositions.
    async fn dispositions(&self) -> Vec<Disposition> {
        self.0
            .row
            .dispositions
            .0
            .iter()
            .map(|disposition| (*disposition).into())
            .collect()
    }

    /// Free text.
    async fn comment(&self) -> Option<&str> {
        self.detail().and_then(|detail| detail.comment.as_deref())
    }

    /// The number to call.
    async fn call_number(&self) -> Option<&str> {
        self.detail().and_then(|detail| detail.call_number.as_deref())
    }

    /// From when a call suits.
    async fn call_from(&self) -> Option<DateTime<Utc>> {
        self.detail().and_then(|detail| detail.call_from)
    }

    /// Until when a call suits.
    async fn call_until(&self) -> Option<DateTime<Utc>> {
        self.detail().and_then(|detail| detail.call_until)
    }

    /// By when the patient will be contacted.
    async fn contact_by(&self) -> Option<NaiveDate> {
        self.detail().and_then(|detail| detail.contact_by)
    }

    /// The change of opioids.
    async fn opioid_change(&self) -> Option<PlannedOpioidChange> {
        let change = self.detail().and_then(|detail| detail.opioid_change.clone())?;
        Some(PlannedOpioidChange {
            drug: change.drug,
            from: change.from,
            to: change.to,
            date: change.date,
        })
    }

    /// Who acknowledged, where a person without an account was telephoned.
    async fn spoken_with(&self) -> Option<&str> {
        self.detail().and_then(|detail| detail.spoken_with.as_deref())
    }

    /// When it was given.
    async fn acknowledged_at(&self) -> DateTime<Utc> {
        self.0.row.acknowledged_at
    }

    /// When it was recorded.
    async fn recorded_at(&self) -> DateTime<Utc> {
        self.0.row.recorded_at
    }
}

pub(crate) struct Declined(pub(crate) views::DeclineView);

/// A decline.
#[Object(name = "DeclineRecord")]
impl Declined {
    /// Why.
    async fn reason(&self) -> Decline {
        self.0.row.reason.into()
    }

    /// Free text, for those who may read the note.
    async fn comment(&self) -> Option<&str> {
        self.0.comment.as_ref().map(|comment| comment.reveal().as_str())
    }

    /// Who declined.
    async fn by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.user_id).await
    }

    /// Who declined, where it was a guest of a secure link without an account: the name they gave themself, and by which
    /// address they were verified, such as `Dr. X (oncologist), named themself; code to o•••@oncology.example`.
    async fn guest_name(&self) -> Option<String> {
        self.0.guest.as_ref().map(ToString::to_string)
    }

    /// When.
    async fn declined_at(&self) -> DateTime<Utc> {
        self.0.row.declined_at
    }
}

pub(crate) struct Reply(pub(crate) views::ReplyView);

/// A message in a loop's thread.
#[Object]
impl Reply {
    /// Its id (`reply_...`).
    async fn id(&self) -> ID {
        shown(self.0.row.id)
    }

    /// Who wrote it.
    async fn author(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.author_id).await
    }

    /// Who wrote it, where it was a guest of a secure link without an account: the name they gave themself, and by which
    /// address they were verified, such as `Dr. X (oncologist), named themself; code to o•••@oncology.example`.
    async fn guest_name(&self) -> Option<String> {
        self.0.guest.as_ref().map(ToString::to_string)
    }

    /// Whether the clinic wrote it, rather than the recipient.
    async fn from_clinic(&self) -> bool {
        self.0.row.from_clinic
    }

    /// Whether it is the answer that the clinic owed.
    async fn closes_reply_due(&self) -> bool {
        self.0.row.closes_reply_due
    }

    /// What it says, for those who may read the note.
    async fn body(&self) -> Option<&str> {
        self.0.body.as_ref().map(|body| body.reveal().as_str())
    }

    /// When.
    async fn written_at(&self) -> DateTime<Utc> {
        self.0.row.written_at
    }
}

pub(crate) struct Question(pub(crate) views::QuestionView);

/// A question to the recipients of a share.
#[Object]
impl Question {
    /// Its id (`question_...`).
    async fn id(&self) -> ID {
        shown(self.0.row.id)
    }

    /// Whom it is for; everyone when null.
    async fn care_role(&self) -> Option<CareRole> {
        self.0.row.care_role.map(Into::into)
    }

    /// What is asked: for the clinic, and for a recipient who opened the share.
    async fn text(&self) -> Option<&str> {
        self.0.text.as_ref().map(|text| text.reveal().as_str())
    }

    /// By when an answer is wished for.
    async fn respond_by(&self) -> Option<DateTime<Utc>> {
        self.0.row.respond_by
    }

    /// Where it stands.
    async fn status(&self) -> QuestionStatus {
        self.0.row.status.into()
    }

    /// The answer; for a recipient their own alone.
    async fn answer(&self) -> Option<&str> {
        self.0.answer.as_ref().map(|answer| answer.reveal().as_str())
    }

    /// Who answered.
    async fn answered_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.answered_by).await
    }

    /// Who answered, where it was a guest of a secure link without an account: the name they gave themself, and by which
    /// address they were verified, such as `Dr. X (oncologist), named themself; code to o•••@oncology.example`.
    async fn guest_name(&self) -> Option<String> {
        self.0.guest.as_ref().map(ToString::to_string)
    }

    /// When.
    async fn answered_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.answered_at
    }
}

/// What happened in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::reading::TimelineKind")]
pub(crate) enum LoopEventKind {
    /// The clinic shared.
    Shared,
    /// A message was planned: its purpose and channel.
    DeliveryPlanned,
    /// One try of a message ended, or began and never ended: the channel and what came of it.
    Attempt,
    /// A message was given up: the channel and why.
    DeliveryDead,
    /// Something was proven: the level and where the fact comes from.
    Evidence,
    /// An escalation step was taken: its kind and cause.
    Step,
    /// A call task was given to its owner: the reason.
    CallGiven,
    /// A call task was done: the reason, and whether it was read back.
    CallDone,
    /// Somebody acknowledged: the dispositions.
    Acknowledged,
    /// Somebody declined: the reason.
    Declined,
    /// A wrong-recipient case was opened.
    MisSendOpened,
    /// A wrong-recipient case was closed.
    MisSendClosed,
    /// A message in the thread: from which side.
    Reply,
    /// The colleague took the loop on.
    RedirectAccepted,
    /// The loop ended by an outcome.
    Ended,
}

pub(crate) struct LoopEvent(pub(crate) views::TimelineEvent);

/// One thing that happened in a loop.
#[Object]
impl LoopEvent {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// What kind of thing.
    async fn kind(&self) -> LoopEventKind {
        self.0.kind.into()
    }

    /// Stable codes that say more; see the kind.
    async fn codes(&self) -> &[String] {
        &self.0.codes
    }

    /// The person who did it, or to whom it was given.
    async fn who(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.who).await
    }

    /// Who did it, where it was a guest of a secure link without an account: the name they gave themself, and by which
    /// address they were verified, such as `Dr. X (oncologist), named themself; code to o•••@oncology.example`.
    async fn guest_name(&self) -> Option<String> {
        self.0.guest.as_ref().map(ToString::to_string)
    }

    /// The thing's typed id.
    async fn object_id(&self) -> ID {
        ID(self.0.object_id.clone())
    }
}

/// A telephone call made before a share.
#[derive(SimpleObject)]
pub(crate) struct VerbalCommunication {
    /// When.
    at: DateTime<Utc>,
    /// With whom.
    to: String,
    /// Whether they read back what was told.
    read_back: bool,
    /// Notes.
    note: Option<String>,
}

impl From<&share_note::VerbalCommunication> for VerbalCommunication {
    fn from(verbal: &share_note::VerbalCommunication) -> Self {
        Self {
            at: verbal.at,
            to: verbal.to.clone(),
            read_back: verbal.read_back,
            note: verbal.note.clone(),
        }
    }
}

/// A check that was overridden when the share left.
#[derive(SimpleObject)]
pub(crate) struct CheckOverride {
    /// Which check: its code.
    pub(crate) code: String,
    /// Why.
    pub(crate) reason: String,
}
