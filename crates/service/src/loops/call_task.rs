//! Call tasks: a telephone call that a named clinic person owes. A call with read-back acknowledges the loop, recorded
//! as by telephone.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, Author, CallReason, CallTaskId, CallTaskStatus, Disposition, EvidenceLevel, LoopEvent, NoticeKind, Outcome,
    Urgency, UserId,
    access::{Action, Relation},
    escalation::StepKind,
};
use liaison_store::{
    Place, Tx, call_tasks,
    call_tasks::CallTaskRow,
    directory::people_by_ids,
    recipients::{self, RecipientRow},
};
use serde::{Deserialize, Serialize};

use super::{
    acknowledge::{Acknowledge, Acknowledged, Acknowledger},
    change::{Fact, apply},
};
use crate::{FieldProblem, Result, Service, ServiceError, idempotency};

/// The longest text of a call's record, in characters.
const MAX_TEXT: usize = 4_000;

/// Record a telephone call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompleteCallTask {
    /// The task.
    pub call_task_id: CallTaskId,
    /// With whom: a name, 1 to 200 characters. PHI.
    pub spoken_with: String,
    /// The person's account, where they have one.
    pub spoken_with_user_id: Option<UserId>,
    /// When the call took place; not in the future.
    pub at: DateTime<Utc>,
    /// Did they read back what was told?
    pub read_back: bool,
    /// What they decided; with read-back this acknowledges the loop.
    pub dispositions: Vec<Disposition>,
    /// Notes: at most 4,000 characters. PHI.
    pub note: Option<String>,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// What a call became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCompleted {
    /// The task.
    pub call_task_id: CallTaskId,
    /// The acknowledgment, where the call gave one.
    pub acknowledged: Option<Acknowledged>,
}

/// What is sealed with a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallDetail {
    /// With whom.
    #[serde(default)]
    pub spoken_with: String,
    /// When.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
    /// Notes.
    #[serde(default)]
    pub note: Option<String>,
}

/// Where the sealed detail of a call stands.
pub(crate) fn detail_place(id: CallTaskId) -> Place {
    Place::new("call_task", "detail_sealed", id.uuid())
}

impl Service {
    /// Records a call. With read-back it acknowledges an open loop, by telephone; otherwise the loop stays open and its
    /// timers run on, or, when no other call is to come, the next call is owed. It answers a reply that was due.
    pub async fn complete_call_task(&self, actor: &Actor, input: CompleteCallTask) -> Result<CallCompleted> {
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        self.call_task_as_clinic(actor, input.call_task_id).await?;
        let key = input.idempotency_key.clone();
        let mut tx = self.begin().await?;
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "completeCallTask", &input).await? {
            return Ok(earlier);
        }
        let task = call_tasks::lock(&mut tx, input.call_task_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        if task.status != CallTaskStatus::Open {
            return Err(ServiceError::conflict(
                "NOT_OPEN",
                format!("this call task is {} already", task.status),
            ));
        }
        let mut row = recipients::lock(&mut tx, task.recipient_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let problems = problems_of(&input, &row, self.now());
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let done = self.write_call(&mut tx, actor, user, &task, &mut row, &input).await?;
        idempotency::keep(self, &mut tx, actor, key.as_deref(), "completeCallTask", &input, &done).await?;
        tx.commit().await?;
        Ok(done)
    }

    async fn write_call(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        user: UserId,
        task: &CallTaskRow,
        row: &mut RecipientRow,
        input: &CompleteCallTask,
    ) -> Result<CallCompleted> {
        let now = self.now();
        let key = self.store().keyring()?.patient_key(tx, row.patient_id).await?;
        let detail = CallDetail {
            spoken_with: input.spoken_with.trim().to_owned(),
            at: Some(input.at),
            note: input.note.clone(),
        };
        let sealed = key.seal_json(detail_place(task.id), &detail, &*self.store().random())?;
        if !call_tasks::complete(tx, task.id, now, user, input.read_back, sealed).await? {
            return Err(ServiceError::conflict("NOT_OPEN", "this call task was done meanwhile"));
        }
        let mut entry = self.loop_entry(actor, "call_task.complete", row);
        entry.object_id = Some(task.id.to_string());
        entry.detail.insert("read_back", input.read_back.to_string());
        entry.detail.insert("reason", task.reason.as_str().to_owned());
        tx.record(entry);

        let mut acknowledged = None;
        if row.is_open && input.read_back && !input.dispositions.is_empty() {
            if row.level < EvidenceLevel::Opened {
                // What was told and read back was taken in by a named person.
                let fact = Fact {
                    level: EvidenceLevel::Opened,
                    occurred_at: input.at,
                    author: input.spoken_with_user_id.map(Author::User),
                    delivery: None,
                    source: "call",
                    artefact: task.id.to_string(),
                };
                self.record_evidence(tx, actor, row, fact, false).await?;
                apply(row, LoopEvent::Evidence(EvidenceLevel::Opened), now)?;
            }
            let who = Acknowledger {
                author: input.spoken_with_user_id.map(Author::User),
                organization_id: row.to_organization_id,
                recorded_by: Author::User(user),
                call_task_id: Some(task.id),
                spoken_with: Some(detail.spoken_with.clone()),
                at: input.at,
            };
            let answer = Acknowledge {
                recipient_id: Some(row.id),
                note_version_id: Some(row.note_version_id),
                dispositions: input.dispositions.clone(),
                comment: input.note.clone(),
                ..Acknowledge::default()
            };
            let circumstances = self.circumstances(tx, actor, row).await?;
            let written = self.write_acknowledgment(tx, actor, row, &answer, (who, circumstances));
            acknowledged = Some(written.await?);
        } else if row.reply_due && matches!(task.reason, CallReason::CallRequested | CallReason::ReplyDue) {
            apply(row, LoopEvent::ClinicReplied, now)?;
            call_tasks::cancel_replies(tx, row.id, now).await?;
            tx.record(self.loop_entry(actor, "clinic.reply", row));
            self.save_loop(tx, row).await?;
        } else {
            self.keep_calling(tx, actor, row, task).await?;
            tx.announce(super::change::loop_event(row));
        }
        Ok(CallCompleted {
            call_task_id: task.id,
            acknowledged,
        })
    }

    /// After a call that acknowledged nothing: where no later step of the ladder calls and no other call waits, the open
    /// loop would end in silence, so the next call is owed at once, by the same person where they still can.
    async fn keep_calling(&self, tx: &mut Tx, actor: &Actor, row: &RecipientRow, task: &CallTaskRow) -> Result<()> {
        if !row.is_open {
            return Ok(());
        }
        // The ladder's call need not be its last step: one that may not wait past midnight comes before a reminder that
        // waits for the morning.
        let steps = row.policy.0.schedule(row.urgency, row.shared_at, &row.calendar.0);
        let taken = usize::try_from(row.step_number).unwrap_or(usize::MAX);
        if steps.iter().skip(taken).any(|step| step.kind == StepKind::CallTask) {
            return Ok(());
        }
        let calls = call_tasks::of_recipients(tx, &[row.id.uuid()]).await?;
        if calls.iter().any(|call| call.status == CallTaskStatus::Open) {
            return Ok(());
        }
        let members = liaison_store::directory::membership::enabled_memberships_in(tx, row.organization_id).await?;
        let owner = if members.iter().any(|member| member.user_id == task.owner_id) {
            task.owner_id
        } else {
            self.clinic_owner(tx, row).await?
        };
        let reason = match row.outcome {
            Some(Outcome::Failed) => CallReason::Undeliverable,
            _ => CallReason::Unacknowledged,
        };
        let next = self.call_task(row, owner, reason, self.call_due(row), task.phone.clone());
        self.write_call_task(tx, actor, row, next).await?;
        self.tell_clinic(tx, row, NoticeKind::CallTaskAssigned, vec![owner], row.urgency, true)
            .await
    }

    /// Gives an open call task to another person of the clinic.
    pub async fn assign_call_task(&self, actor: &Actor, id: CallTaskId, owner: UserId) -> Result<()> {
        self.call_task_as_clinic(actor, id).await?;
        let mut tx = self.begin().await?;
        let task = call_tasks::lock(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let row = recipients::find(&mut tx, task.recipient_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let members =
            liaison_store::directory::membership::enabled_memberships_in(&mut tx, task.organization_id).await?;
        let Some(member) = members.iter().find(|member| member.user_id == owner) else {
            return Err(ServiceError::Invalid(vec![FieldProblem::unknown_id("ownerId")]));
        };
        let calls = [liaison_domain::Role::Physician, liaison_domain::Role::Coordinator];
        if !member.roles().iter().any(|role| calls.contains(role)) {
            return Err(ServiceError::invalid(
                "ownerId",
                "ROLE",
                "a physician or coordinator of the clinic",
            ));
        }
        if !call_tasks::reassign(&mut tx, id, owner, self.now()).await? {
            return Err(ServiceError::conflict(
                "NOT_OPEN",
                format!("this call task is {} already", task.status),
            ));
        }
        let mut entry = self.loop_entry(actor, "call_task.assign", &row);
        entry.object_id = Some(id.to_string());
        entry.detail.insert("owner_id", owner.to_string());
        tx.record(entry);
        self.tell_clinic(
            &mut tx,
            &row,
            NoticeKind::CallTaskAssigned,
            vec![owner],
            row.urgency,
            true,
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// Gives the open calls of somebody who left or was disabled to whoever answers for each loop now.
    pub(crate) async fn hand_on_calls(&self, tx: &mut Tx, actor: &Actor, from: UserId) -> Result<()> {
        for task in call_tasks::open_of_owner(tx, from).await? {
            let Some(row) = recipients::find(tx, task.recipient_id).await? else {
                continue;
            };
            let owner = self.clinic_owner(tx, &row).await?;
            if owner == from || !call_tasks::reassign(tx, task.id, owner, self.now()).await? {
                continue;
            }
            let mut entry = self.loop_entry(actor, "call_task.assign", &row);
            entry.object_id = Some(task.id.to_string());
            entry.detail.insert("owner_id", owner.to_string());
            tx.record(entry);
            self.tell_clinic(tx, &row, NoticeKind::CallTaskAssigned, vec![owner], row.urgency, true)
                .await?;
        }
        Ok(())
    }

    async fn call_task_as_clinic(&self, actor: &Actor, id: CallTaskId) -> Result<()> {
        let found = {
            let mut conn = self.read().await?;
            call_tasks::by_ids(&mut conn, &[id.uuid()]).await?.into_iter().next()
        };
        let task = found.ok_or(ServiceError::NotFound("this"))?;
        let relation = if actor.acts_for(task.organization_id) {
            Relation::Own
        } else {
            Relation::None
        };
        self.authorize(actor, Action::WorkCallTasks, relation).await
    }

    /// A call task about a loop, not written yet.
    pub(crate) fn call_task(
        &self,
        row: &RecipientRow,
        owner: UserId,
        reason: CallReason,
        due_at: DateTime<Utc>,
        phone: Option<String>,
    ) -> CallTaskRow {
        let now = self.now();
        CallTaskRow {
            id: self.id::<CallTaskId>(),
            recipient_id: row.id,
            share_id: row.share_id,
            patient_id: row.patient_id,
            organization_id: row.organization_id,
            owner_id: owner,
            reason,
            status: CallTaskStatus::Open,
            due_at,
            phone,
            detail_sealed: None,
            created_at: now,
            completed_at: None,
            completed_by: None,
            read_back: None,
            updated_at: now,
        }
    }

    /// By when a call that the clinic owes is due: 15 minutes for EMERGENT, an hour for URGENT, a day for ROUTINE.
    pub(crate) fn call_due(&self, row: &RecipientRow) -> DateTime<Utc> {
        self.now()
            + match row.urgency {
                Urgency::Emergent => chrono::TimeDelta::minutes(15),
                Urgency::Urgent => chrono::TimeDelta::hours(1),
                Urgency::Routine => chrono::TimeDelta::days(1),
            }
    }

    /// Writes a call task with its ledger entry.
    pub(crate) async fn write_call_task(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &RecipientRow,
        task: CallTaskRow,
    ) -> Result<()> {
        let mut entry = self.loop_entry(actor, "call_task.create", row);
        entry.object_id = Some(task.id.to_string());
        entry.detail.insert("reason", task.reason.as_str().to_owned());
        entry.detail.insert("owner_id", task.owner_id.to_string());
        tx.record(entry);
        Ok(call_tasks::insert(tx, &[task]).await?)
    }

    /// The telephone number under which a recipient is called: the person's, the team's, or the organization's.
    pub(crate) async fn phone_of(&self, tx: &mut Tx, row: &RecipientRow) -> Result<Option<String>> {
        if let Some(user) = row.to_user_id
            && let Some(phone) = people_by_ids(tx, &[user])
                .await?
                .into_iter()
                .find_map(|person| person.phone)
        {
            return Ok(Some(phone));
        }
        if let Some(team) = row.to_team_id
            && let Some(phone) = liaison_store::directory::teams_by_ids(tx, &[team])
                .await?
                .into_iter()
                .find_map(|team| team.phone)
        {
            return Ok(Some(phone));
        }
        let found = liaison_store::directory::organizations_by_ids(tx, &[row.to_organization_id]).await?;
        Ok(found.into_iter().find_map(|organization| organization.phone))
    }
}

fn problems_of(input: &CompleteCallTask, row: &RecipientRow, now: DateTime<Utc>) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let name = input.spoken_with.trim().chars().count();
    if name == 0 || name > 200 {
        problems.push(FieldProblem::new("spokenWith", "OUT_OF_RANGE", "1 to 200 characters"));
    }
    if input.at > now {
        problems.push(FieldProblem::new(
            "at",
            "IN_FUTURE",
            "a call that was made lies in the past",
        ));
    }
    if input.at < row.shared_at - chrono::TimeDelta::days(1) {
        problems.push(FieldProblem::new(
            "at",
            "TOO_EARLY",
            "not more than a day before the share",
        ));
    }
    if input
        .note
        .as_deref()
        .is_some_and(|note| note.chars().count() > MAX_TEXT)
    {
        problems.push(FieldProblem::new(
            "note",
            "OUT_OF_RANGE",
            format!("at most {MAX_TEXT} characters"),
        ));
    }
    if !input.dispositions.is_empty() && !input.read_back {
        problems.push(FieldProblem::new(
            "readBack",
            "REQUIRED",
            "a disposition by telephone counts only when it was read back",
        ));
    }
    if !input.dispositions.is_empty() {
        let answer = liaison_domain::disposition::Answer {
            dispositions: input.dispositions.clone(),
            comment: input.note.clone(),
            answered_questions: 1,
            ..Default::default()
        };
        let checked = liaison_domain::disposition::check_answer(&answer, row.care_role);
        problems.extend(checked.into_iter().map(|problem| {
            let field = if problem.field == "comment" {
                "note"
            } else {
                problem.field
            };
            FieldProblem::new(field, "INVALID", problem.message)
        }));
        if input.dispositions.contains(&Disposition::AnswerQuestions) {
            problems.push(FieldProblem::new(
                "dispositions",
                "INVALID",
                "questions are answered in writing",
            ));
        }
    }
    problems
}
