//! Acknowledge a loop: a named person, a disposition, the version that was opened. Closes the loop, or hands the clinic
//! the answer that it owes.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain::{
    AcknowledgmentId, Actor, Author, CallReason, CallTaskId, Disposition, EvidenceLevel, HoldId, Illegal, LoopEvent,
    NoteVersionId, NoticeKind, OrganizationId, QuestionId, RecipientId, Urgency, UserId,
    access::Action,
    disposition::{Answer, MAX_COMMENT, check_answer},
};
use liaison_store::{
    Conn, Json, PatientKey, Place, Tx,
    acknowledgments::{self, AcknowledgmentRow, HoldRow},
    call_tasks, deliveries,
    recipients::{self, RecipientRow},
    shares,
};
use serde::{Deserialize, Serialize};

use super::{
    change::{Fact, apply},
    message::Tell,
};
use crate::{FieldProblem, Result, Service, ServiceError, idempotency};

/// Acknowledge as a recipient.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Acknowledge {
    /// The loop.
    pub recipient_id: Option<RecipientId>,
    /// The version that was opened: an acknowledgment never counts for another.
    pub note_version_id: Option<NoteVersionId>,
    /// One or more dispositions.
    pub dispositions: Vec<Disposition>,
    /// Free text, at most 4,000 characters; required with some dispositions. PHI.
    pub comment: Option<String>,
    /// The number to call, with REQUEST_CALL.
    pub call_number: Option<String>,
    /// From when a call suits.
    pub call_from: Option<DateTime<Utc>>,
    /// Until when a call suits.
    pub call_until: Option<DateTime<Utc>>,
    /// Until when infusions are to be held, with HOLD_INFUSIONS.
    pub hold_until: Option<NaiveDate>,
    /// By when the patient will be contacted, with WILL_CONTACT_PATIENT.
    pub contact_by: Option<NaiveDate>,
    /// The change of opioids, with OPIOID_CHANGE_PLANNED. PHI.
    pub opioid_change: Option<OpioidChange>,
    /// Answers to the share's questions.
    pub answers: Vec<QuestionAnswer>,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// A planned or made change of opioids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpioidChange {
    /// Which drug.
    pub drug: String,
    /// The dose before, with its unit.
    pub from: Option<String>,
    /// The dose after, with its unit.
    pub to: Option<String>,
    /// When.
    pub date: Option<NaiveDate>,
}

/// An answer to a question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuestionAnswer {
    /// The question.
    pub question_id: QuestionId,
    /// The answer: 1 to 4,000 characters. PHI.
    pub text: String,
}

/// What an acknowledgment became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The acknowledgment.
    pub acknowledgment_id: AcknowledgmentId,
    /// The loop.
    pub recipient_id: RecipientId,
    /// The clinic owes an answer; the loop is closed when it gave it.
    pub reply_due: bool,
}

/// What is sealed with an acknowledgment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgmentDetail {
    /// Free text.
    #[serde(default)]
    pub comment: Option<String>,
    /// The number to call.
    #[serde(default)]
    pub call_number: Option<String>,
    /// From when a call suits.
    #[serde(default)]
    pub call_from: Option<DateTime<Utc>>,
    /// Until when a call suits.
    #[serde(default)]
    pub call_until: Option<DateTime<Utc>>,
    /// By when the patient will be contacted.
    #[serde(default)]
    pub contact_by: Option<NaiveDate>,
    /// The change of opioids.
    #[serde(default)]
    pub opioid_change: Option<OpioidChange>,
    /// Who acknowledged, where a person without account was telephoned.
    #[serde(default)]
    pub spoken_with: Option<String>,
}

/// Where the sealed detail of an acknowledgment stands.
pub(crate) fn detail_place(id: AcknowledgmentId) -> Place {
    Place::new("acknowledgment", "detail_sealed", id.uuid())
}

/// Where the sealed detail of a hold stands.
pub(crate) fn hold_place(id: HoldId) -> Place {
    Place::new("hold", "detail_sealed", id.uuid())
}

/// Where the sealed answer to a question stands.
pub(crate) fn answer_place(id: QuestionId) -> Place {
    Place::new("share_question", "answer_sealed", id.uuid())
}

/// Who acknowledged, and how it came in.
pub(crate) struct Acknowledger {
    /// Who acknowledged; none where a person without account was telephoned.
    pub(crate) author: Option<Author>,
    /// For which organization.
    pub(crate) organization_id: OrganizationId,
    /// Who recorded it.
    pub(crate) recorded_by: Author,
    /// The call that recorded it.
    pub(crate) call_task_id: Option<CallTaskId>,
    /// Their name, where a person without account was telephoned.
    pub(crate) spoken_with: Option<String>,
    /// When it was given.
    pub(crate) at: DateTime<Utc>,
}

/// Who and where, for telling the clinic what happened to its loop.
pub(crate) struct Circumstances {
    /// Who answers for the loop at the clinic.
    owner: UserId,
    /// The clinic's name.
    clinic: String,
    /// The addressed team's or person's name.
    recipient: String,
    /// The name of the guest who did it, where one did.
    by: Option<String>,
}

impl Service {
    /// Acknowledges a loop.
    pub async fn acknowledge(&self, actor: &Actor, input: Acknowledge) -> Result<Acknowledged> {
        let author = actor.author().ok_or(ServiceError::Unauthenticated)?;
        let organization = self.organization(actor)?;
        let id = input
            .recipient_id
            .ok_or_else(|| ServiceError::Invalid(vec![FieldProblem::required("recipientId")]))?;
        let found = self.loop_as_recipient(actor, id, Action::Acknowledge).await?;
        let mut conn = self.read().await?;
        let circumstances = self.circumstances(&mut conn, actor, &found).await?;
        drop(conn);
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.clone();
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "acknowledge", &input).await? {
            return Ok(earlier);
        }
        let (mut row, opened) = recipients::lock_for(&mut tx, id, author)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        // The loop's own reason (recalled, superseded, acknowledged before) comes before any field's.
        row.state().may_open()?;
        if row.level == EvidenceLevel::Acknowledged {
            return Err(Illegal::AlreadyAcknowledged.into());
        }
        if !opened {
            return Err(Illegal::NotOpened.into());
        }
        let mut problems = problems_of(&input, &row);
        if input.note_version_id != Some(row.note_version_id) {
            problems.push(FieldProblem::new(
                "noteVersionId",
                "OTHER_VERSION",
                "this must be the version that you opened; an acknowledgment never counts for another",
            ));
        }
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let who = Acknowledger {
            author: Some(author),
            organization_id: organization,
            recorded_by: author,
            call_task_id: None,
            spoken_with: None,
            at: self.now(),
        };
        let acknowledged = self
            .write_acknowledgment(&mut tx, actor, &mut row, &input, (who, circumstances))
            .await?;
        idempotency::keep(
            self,
            &mut tx,
            actor,
            key.as_deref(),
            "acknowledge",
            &input,
            &acknowledged,
        )
        .await?;
        tx.commit().await?;
        Ok(acknowledged)
    }

    /// Writes an acknowledgment of a locked, opened loop with everything that follows from it.
    pub(crate) async fn write_acknowledgment(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &mut RecipientRow,
        input: &Acknowledge,
        (who, circumstances): (Acknowledger, Circumstances),
    ) -> Result<Acknowledged> {
        let now = self.now();
        let random = self.store().random();
        let key = self.store().keyring()?.patient_key(tx, row.patient_id).await?;
        let id: AcknowledgmentId = self.id();
        let needs_reply = input
            .dispositions
            .iter()
            .any(|disposition| disposition.needs_clinic_reply());
        apply(row, LoopEvent::Acknowledge { needs_reply }, now)?;
        let detail = AcknowledgmentDetail {
            comment: input
                .comment
                .clone()
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty()),
            call_number: input.call_number.clone(),
            call_from: input.call_from,
            call_until: input.call_until,
            contact_by: input.contact_by,
            opioid_change: input.opioid_change.clone(),
            spoken_with: who.spoken_with.clone(),
        };
        self.write_answers(tx, actor, row, &input.answers, &key).await?;
        let held = self.write_holds(tx, actor, row, input, &who, &key).await?;
        deliveries::cancel_of_recipient(tx, row.id, now).await?;
        call_tasks::cancel_waiting(tx, row.id, now).await?;
        if needs_reply {
            self.plan_reply(tx, actor, row, input).await?;
        }
        self.accept_redirect_of(tx, actor, row).await?;
        self.save_loop(tx, row).await?;
        self.tell_of_acknowledgment(tx, row, &input.dispositions, held, circumstances)
            .await?;
        // From here on rows are only added, all of them together.
        acknowledgments::insert(
            tx,
            &AcknowledgmentRow {
                id,
                recipient_id: row.id,
                share_id: row.share_id,
                note_version_id: row.note_version_id,
                patient_id: row.patient_id,
                user_id: who.author.and_then(Author::user_id),
                organization_id: who.organization_id,
                by_telephone: who.call_task_id.is_some(),
                recorded_by: who.recorded_by.user_id(),
                guest_id: who.recorded_by.guest_id(),
                call_task_id: who.call_task_id,
                dispositions: Json(input.dispositions.clone()),
                detail_sealed: Some(key.seal_json(detail_place(id), &detail, &*random)?),
                acknowledged_at: who.at,
                recorded_at: now,
            },
        );
        let fact = Fact {
            level: EvidenceLevel::Acknowledged,
            occurred_at: who.at,
            author: who.author,
            delivery: None,
            source: if who.call_task_id.is_some() {
                "call"
            } else {
                "acknowledge"
            },
            artefact: id.to_string(),
        };
        self.record_evidence(tx, actor, row, fact, false).await?;
        let mut entry = self.loop_entry(actor, "acknowledgment.create", row);
        entry.object_id = Some(id.to_string());
        let codes: Vec<_> = input
            .dispositions
            .iter()
            .map(|disposition| disposition.as_str())
            .collect();
        entry.detail.insert("dispositions", codes.join(","));
        entry
            .detail
            .insert("by_telephone", who.call_task_id.is_some().to_string());
        tx.record(entry);
        Ok(Acknowledged {
            acknowledgment_id: id,
            recipient_id: row.id,
            reply_due: row.reply_due,
        })
    }

    async fn write_answers(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &RecipientRow,
        answers: &[QuestionAnswer],
        key: &PatientKey,
    ) -> Result<()> {
        if answers.is_empty() {
            return Ok(());
        }
        let by = actor.author().ok_or(ServiceError::Unauthenticated)?;
        let random = self.store().random();
        let questions = shares::questions_of(tx, &[row.share_id.uuid()]).await?;
        let mut problems = Vec::new();
        for (index, answer) in answers.iter().enumerate() {
            let path = format!("answers[{index}].questionId");
            let Some(question) = questions.iter().find(|question| question.id == answer.question_id) else {
                problems.push(FieldProblem::unknown_id(path));
                continue;
            };
            if question.care_role.is_some_and(|role| role != row.care_role) {
                problems.push(FieldProblem::new(
                    path,
                    "NOT_FOR_YOU",
                    "this question is for another role",
                ));
                continue;
            }
            let sealed = key.seal(answer_place(question.id), answer.text.trim().as_bytes(), &*random)?;
            if !shares::answer(tx, question.id, sealed, by, row.id, self.now()).await? {
                problems.push(FieldProblem::new(
                    path,
                    "ANSWERED_BEFORE",
                    "this question was answered before",
                ));
                continue;
            }
            let mut entry = self.loop_entry(actor, "question.answer", row);
            entry.object_id = Some(question.id.to_string());
            tx.record(entry);
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::Invalid(problems))
        }
    }

    async fn write_holds(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &RecipientRow,
        input: &Acknowledge,
        who: &Acknowledger,
        key: &PatientKey,
    ) -> Result<bool> {
        let random = self.store().random();
        let mut held = false;
        for &disposition in input
            .dispositions
            .iter()
            .filter(|disposition| disposition.holds_infusions())
        {
            let id: HoldId = self.id();
            let reason = input.comment.clone().unwrap_or_default();
            acknowledgments::insert_hold(
                tx,
                &HoldRow {
                    id,
                    patient_id: row.patient_id,
                    organization_id: row.organization_id,
                    recipient_id: row.id,
                    disposition,
                    until_date: input.hold_until,
                    detail_sealed: Some(key.seal_json(hold_place(id), &reason, &*random)?),
                    requested_by: who.author.and_then(Author::user_id),
                    guest_id: who.author.and_then(Author::guest_id),
                    requested_at: who.at,
                    accepted_by: None,
                    accepted_at: None,
                    lifted_by: None,
                    lifted_at: None,
                },
            )
            .await?;
            let mut entry = self.loop_entry(actor, "hold.request", row);
            entry.object_id = Some(id.to_string());
            entry.detail.insert("disposition", disposition.as_str().to_owned());
            tx.record(entry);
            held = true;
        }
        Ok(held)
    }

    /// The call that the clinic owes after `request_call`, `hold_infusions` or `concern_identified`.
    async fn plan_reply(&self, tx: &mut Tx, actor: &Actor, row: &RecipientRow, input: &Acknowledge) -> Result<()> {
        let calls = input.dispositions.contains(&Disposition::RequestCall);
        let reason = if calls {
            CallReason::CallRequested
        } else {
            CallReason::ReplyDue
        };
        let owner = self.clinic_owner(tx, row).await?;
        let due_at = match input.call_until.filter(|_| calls) {
            Some(until) => until.max(self.now()),
            None => self.end_of_clinic_day(tx, row).await?,
        };
        let task = self.call_task(row, owner, reason, due_at, None);
        self.write_call_task(tx, actor, row, task).await
    }

    /// The end of today at the clinic: "same day" where no window was stated; an hour at least.
    async fn end_of_clinic_day(&self, tx: &mut Tx, row: &RecipientRow) -> Result<DateTime<Utc>> {
        let now = self.now();
        let found = liaison_store::directory::organizations_by_ids(tx, &[row.organization_id]).await?;
        let zone = found
            .first()
            .and_then(|clinic| clinic.time_zone.parse().ok())
            .unwrap_or(chrono_tz::UTC);
        let day_ends = liaison_domain::calendar::Calendar::office_hours(zone).end_of_day(now);
        Ok(day_ends.max(now + chrono::TimeDelta::hours(1)))
    }

    async fn tell_of_acknowledgment(
        &self,
        tx: &mut Tx,
        row: &RecipientRow,
        dispositions: &[Disposition],
        held: bool,
        circumstances: Circumstances,
    ) -> Result<()> {
        let alerts = dispositions.iter().any(|disposition| disposition.alerts_sender());
        let kind = if held {
            NoticeKind::HoldRequested
        } else if dispositions.iter().any(|disposition| disposition.needs_clinic_reply()) {
            NoticeKind::ReplyRequested
        } else {
            NoticeKind::Acknowledged
        };
        let mut users = vec![row.shared_by];
        if circumstances.owner != row.shared_by {
            users.push(circumstances.owner);
        }
        let urgency = if alerts {
            row.urgency.max(Urgency::Urgent)
        } else {
            row.urgency
        };
        self.tell_clinic_of(tx, row, kind, users, (urgency, alerts), circumstances)
            .await
    }

    /// What telling the clinic about a loop takes from the directory. It may be read before the writer is held.
    pub(crate) async fn circumstances(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        row: &RecipientRow,
    ) -> Result<Circumstances> {
        Ok(Circumstances {
            owner: self.clinic_owner(conn, row).await?,
            clinic: self.organization_name(conn, row.organization_id).await?,
            recipient: self.recipient_name(conn, row).await?,
            by: self.named_by(conn, actor).await?,
        })
    }

    /// Tells people of the clinic about a loop.
    pub(crate) async fn tell_clinic(
        &self,
        tx: &mut Tx,
        row: &RecipientRow,
        kind: NoticeKind,
        users: Vec<UserId>,
        urgency: Urgency,
        by_mail: bool,
    ) -> Result<()> {
        self.tell_clinic_by(tx, row, kind, users, (urgency, by_mail), None)
            .await
    }

    /// As [`Service::tell_clinic`], with the name of the guest who did it. Urgency, and whether it goes by e-mail too.
    pub(crate) async fn tell_clinic_by(
        &self,
        tx: &mut Tx,
        row: &RecipientRow,
        kind: NoticeKind,
        users: Vec<UserId>,
        (urgency, by_mail): (Urgency, bool),
        by: Option<String>,
    ) -> Result<()> {
        let circumstances = Circumstances {
            // Whom to tell is decided by the caller.
            owner: row.shared_by,
            clinic: self.organization_name(tx, row.organization_id).await?,
            recipient: self.recipient_name(tx, row).await?,
            by,
        };
        self.tell_clinic_of(tx, row, kind, users, (urgency, by_mail), circumstances)
            .await
    }

    async fn tell_clinic_of(
        &self,
        tx: &mut Tx,
        row: &RecipientRow,
        kind: NoticeKind,
        users: Vec<UserId>,
        (urgency, by_mail): (Urgency, bool),
        circumstances: Circumstances,
    ) -> Result<()> {
        let mut facts = BTreeMap::from([("recipient".to_owned(), circumstances.recipient)]);
        if let Some(by) = circumstances.by {
            facts.insert("by".to_owned(), by);
        }
        let clinic = circumstances.clinic;
        self.tell(
            tx,
            Tell {
                users,
                organization_id: row.organization_id,
                clinic,
                kind,
                urgency,
                recipient: Some((row.share_id, row.id, row.patient_id)),
                object_id: None,
                link: self.link(&format!("shares/{}", row.share_id)),
                facts,
                by_mail,
            },
        )
        .await
    }
}

fn problems_of(input: &Acknowledge, row: &RecipientRow) -> Vec<FieldProblem> {
    let answer = Answer {
        dispositions: input.dispositions.clone(),
        comment: input.comment.clone(),
        call_number: input.call_number.clone(),
        call_from: input.call_from,
        call_until: input.call_until,
        hold_until: input.hold_until,
        answered_questions: input.answers.len(),
    };
    let mut problems: Vec<_> = check_answer(&answer, row.care_role)
        .into_iter()
        .map(|problem| FieldProblem::new(problem.field, "INVALID", problem.message))
        .collect();
    for (index, answer) in input.answers.iter().enumerate() {
        let length = answer.text.trim().chars().count();
        if length == 0 || length > MAX_COMMENT {
            let path = format!("answers[{index}].text");
            problems.push(FieldProblem::new(
                path,
                "OUT_OF_RANGE",
                format!("1 to {MAX_COMMENT} characters"),
            ));
        }
    }
    if input.answers.len() > super::share_note::MAX_QUESTIONS {
        problems.push(FieldProblem::new("answers", "OUT_OF_RANGE", "at most 20 answers"));
    }
    if input
        .call_number
        .as_deref()
        .is_some_and(|number| number.chars().count() > 40)
    {
        problems.push(FieldProblem::new("callNumber", "OUT_OF_RANGE", "at most 40 characters"));
    }
    if input.contact_by.is_some() && !input.dispositions.contains(&Disposition::WillContactPatient) {
        problems.push(FieldProblem::new(
            "contactBy",
            "INVALID",
            "only with WILL_CONTACT_PATIENT",
        ));
    }
    if let Some(change) = &input.opioid_change {
        if !input.dispositions.contains(&Disposition::OpioidChangePlanned) {
            problems.push(FieldProblem::new(
                "opioidChange",
                "INVALID",
                "only with OPIOID_CHANGE_PLANNED",
            ));
        }
        let texts = [Some(&change.drug), change.from.as_ref(), change.to.as_ref()];
        if change.drug.trim().is_empty() || texts.into_iter().flatten().any(|text| text.chars().count() > 200) {
            problems.push(FieldProblem::new(
                "opioidChange",
                "OUT_OF_RANGE",
                "drug is required; at most 200 characters each",
            ));
        }
    }
    problems
}
