//! Share a signed note version: check it before it leaves, plan the loops, their routes and timers, all in one
//! transaction.

use std::collections::{BTreeMap, btree_map::Entry};

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, CallReason, CareRole, DeliveryPurpose, Duty, EvidenceLevel, NoteVersionId, OrganizationId, PurposeOfUse,
    QuestionId, QuestionStatus, RecipientId, ShareId, TeamId, Urgency, UserId,
    access::{Action, Relation},
    escalation::Policy,
};
use liaison_store::{
    Conn, Json, Place, Tx, deliveries,
    directory::effective_policy,
    recipients::{self, RecipientRow},
    shares::{self, QuestionRow, ShareRow, ShareableRow},
    tasks::Queue,
};
use serde::{Deserialize, Serialize};

use super::{
    change::loop_event,
    message::{LoopMessage, Message},
    release_check::{ReleaseCheck, Target, unmet},
};
use crate::{FieldProblem, Result, Service, ServiceError, idempotency, link::FIRST_VERSION};

/// The most recipients of one share.
pub const MAX_RECIPIENTS: usize = 50;
/// The most questions of one share.
pub const MAX_QUESTIONS: usize = 20;
/// The longest text, in characters.
pub const MAX_TEXT: usize = 4_000;

/// Send a signed version to recipients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShareNote {
    /// The version: the newest of its note, not withdrawn.
    pub note_version_id: NoteVersionId,
    /// To whom: 1 to 50.
    pub recipients: Vec<NewRecipient>,
    /// Raises the urgency above the version's flags; never lowers it.
    pub urgency: Option<Urgency>,
    /// Questions: at most 20.
    pub questions: Vec<NewQuestion>,
    /// A few words to go with it: at most 4,000 characters. PHI.
    pub message: Option<String>,
    /// The telephone call that was made before.
    pub verbal: Option<VerbalCommunication>,
    /// The checks that the author saw and overrides, each with its reason.
    pub overrides: Vec<Override>,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// One addressed team or person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewRecipient {
    /// The team, or ...
    pub team_id: Option<TeamId>,
    /// ... the person. Exactly one of the two.
    pub user_id: Option<UserId>,
    /// For a person in several organizations: which one.
    pub organization_id: Option<OrganizationId>,
    /// The part they play; the care team's or the team's own where it is not given.
    pub care_role: Option<CareRole>,
    /// Must they acknowledge?
    pub duty: Duty,
}

/// A question to the recipients.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewQuestion {
    /// For whom; everyone where it is not given.
    pub care_role: Option<CareRole>,
    /// The question: 1 to 4,000 characters. PHI.
    pub text: String,
    /// By when an answer is wished for.
    pub respond_by: Option<DateTime<Utc>>,
}

/// A telephone call made before the share (`content.md` section 6.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerbalCommunication {
    /// When.
    pub at: DateTime<Utc>,
    /// With whom: a name. PHI.
    pub to: String,
    /// Did they read it back?
    pub read_back: bool,
    /// Notes. PHI.
    pub note: Option<String>,
}

/// A check that the author overrides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Override {
    /// Which check: its code.
    pub code: String,
    /// Why: 1 to 4,000 characters. PHI.
    pub reason: String,
}

/// What a share became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The share.
    pub share_id: ShareId,
    /// Its loops, in the order of the input.
    pub recipient_ids: Vec<RecipientId>,
}

/// What is sealed with a share.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ShareDetail {
    /// The message.
    #[serde(default)]
    pub message: Option<String>,
    /// The call made before.
    #[serde(default)]
    pub verbal: Option<VerbalCommunication>,
    /// The checks that were overridden, with reasons.
    #[serde(default)]
    pub overrides: BTreeMap<String, String>,
}

/// Where the sealed detail of a share stands.
pub(crate) fn detail_place(share: ShareId) -> Place {
    Place::new("share", "detail_sealed", share.uuid())
}

/// Where a question's text stands.
pub(crate) fn question_place(question: QuestionId) -> Place {
    Place::new("share_question", "text_sealed", question.uuid())
}

struct Plan {
    version: ShareableRow,
    targets: Vec<Target>,
    checks: Vec<ReleaseCheck>,
    basis: LoopBasis,
}

/// What loops need to know of the organizations beside their targets.
pub(crate) struct LoopBasis {
    /// The clinic's name.
    clinic: String,
    /// The escalation policies at the share's urgency.
    policies: BTreeMap<OrganizationId, Policy>,
}

impl Service {
    /// What the checks before release find, for the author to see before sharing.
    pub async fn release_checks(
        &self,
        actor: &Actor,
        version: NoteVersionId,
        recipients: &[NewRecipient],
    ) -> Result<Vec<ReleaseCheck>> {
        self.authorize(actor, Action::ShareNote, Relation::Own).await?;
        let mut conn = self.read().await?;
        Ok(self
            .plan_share(&mut conn, actor, version, recipients, None)
            .await?
            .checks)
    }

    /// Shares a signed version.
    pub async fn share_note(&self, actor: &Actor, input: ShareNote) -> Result<Shared> {
        self.authorize(actor, Action::ShareNote, Relation::Own).await?;
        let sender = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut problems = check_texts(&input, self.now());
        let key = input.idempotency_key.clone();
        // Planned before the writer is held; what concerns the patient is looked at again while it is.
        let mut conn = self.read().await?;
        let footing = shares::footing(&mut conn, input.note_version_id, self.now()).await?;
        let mut planned = self
            .plan_share(
                &mut conn,
                actor,
                input.note_version_id,
                &input.recipients,
                input.urgency,
            )
            .await;
        drop(conn);
        let mut tx = self.begin().await?;
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "shareNote", &input).await? {
            return Ok(earlier);
        }
        if shares::footing(&mut tx, input.note_version_id, self.now()).await? != footing {
            planned = self
                .plan_share(&mut tx, actor, input.note_version_id, &input.recipients, input.urgency)
                .await;
        }
        let plan = match planned {
            Ok(plan) => plan,
            Err(ServiceError::Invalid(more)) => {
                problems.extend(more);
                return Err(ServiceError::Invalid(problems));
            }
            Err(other) => return Err(other),
        };
        if input.urgency.is_some_and(|raised| raised < plan.version.urgency) {
            problems.push(FieldProblem::new(
                "urgency",
                "BELOW_FLAGS",
                format!(
                    "the note's flags make it {:?}; it can be raised, never lowered",
                    plan.version.urgency
                ),
            ));
        }
        problems.extend(unmet(&plan.checks, &input.overrides));
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let urgency = input.urgency.unwrap_or(plan.version.urgency).max(plan.version.urgency);
        let shared = self.write_share(&mut tx, actor, sender, &input, &plan, urgency).await?;
        idempotency::keep(self, &mut tx, actor, key.as_deref(), "shareNote", &input, &shared).await?;
        tx.commit().await?;
        Ok(shared)
    }

    async fn plan_share(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        version: NoteVersionId,
        recipients: &[NewRecipient],
        raised: Option<Urgency>,
    ) -> Result<Plan> {
        let version = shares::shareable(conn, version)
            .await?
            .filter(|found| actor.acts_for(found.organization_id))
            .ok_or(ServiceError::NotFound("note version"))?;
        if version.withdrawn_at.is_some() {
            return Err(ServiceError::conflict(
                "WITHDRAWN",
                "this note was withdrawn; it cannot be shared any more",
            ));
        }
        if version.version != version.newest {
            return Err(ServiceError::conflict(
                "NOT_NEWEST",
                "a newer version exists; share that one",
            ));
        }
        let (targets, circle) = self.resolve(conn, version.patient_id, recipients).await?;
        let checks = self.check_release(conn, &version, &targets, &circle).await?;
        let urgency = version.urgency.max(raised.unwrap_or(version.urgency));
        let basis = self
            .loop_basis(conn, version.organization_id, urgency, &targets)
            .await?;
        Ok(Plan {
            version,
            targets,
            checks,
            basis,
        })
    }

    /// Reads what loops of a clinic's share need to know beside their targets.
    pub(crate) async fn loop_basis(
        &self,
        conn: &mut Conn,
        clinic: OrganizationId,
        urgency: Urgency,
        targets: &[Target],
    ) -> Result<LoopBasis> {
        let mut policies = BTreeMap::new();
        for target in targets {
            if let Entry::Vacant(place) = policies.entry(target.organization_id) {
                place.insert(effective_policy(conn, target.organization_id, urgency).await?);
            }
        }
        Ok(LoopBasis {
            clinic: self.organization_name(conn, clinic).await?,
            policies,
        })
    }

    async fn write_share(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        sender: UserId,
        input: &ShareNote,
        plan: &Plan,
        urgency: Urgency,
    ) -> Result<Shared> {
        let now = self.now();
        let version = &plan.version;
        let share_id: ShareId = self.id();
        let random = self.store().random();
        let key = self.store().keyring()?.patient_key(tx, version.patient_id).await?;
        let detail = ShareDetail {
            message: input.message.clone().filter(|text| !text.trim().is_empty()),
            verbal: input.verbal.clone(),
            overrides: input
                .overrides
                .iter()
                .map(|given| (given.code.clone(), given.reason.clone()))
                .collect(),
        };
        let share = ShareRow {
            id: share_id,
            note_version_id: version.id,
            note_id: version.note_id,
            patient_id: version.patient_id,
            organization_id: version.organization_id,
            urgency,
            shared_by: sender,
            shared_at: now,
            detail_sealed: Some(key.seal_json(detail_place(share_id), &detail, &*random)?),
            verbal_made: input.verbal.is_some(),
            recalled_at: None,
            recalled_by: None,
            recall_reason_sealed: None,
            superseded_at: None,
        };
        shares::insert(tx, &share);
        let mut questions = Vec::with_capacity(input.questions.len());
        for (position, question) in (0..).zip(&input.questions) {
            let id: QuestionId = self.id();
            questions.push(QuestionRow {
                id,
                share_id,
                patient_id: version.patient_id,
                position,
                care_role: question.care_role,
                text_sealed: key.seal(question_place(id), question.text.trim().as_bytes(), &*random)?,
                respond_by: question.respond_by,
                status: QuestionStatus::Open,
                answer_sealed: None,
                answered_by: None,
                guest_id: None,
                answered_recipient_id: None,
                answered_at: None,
                created_at: now,
            });
        }
        shares::insert_questions(tx, &questions).await?;
        let rows = self
            .write_loops(tx, actor, &share, (&plan.targets, &plan.basis), None)
            .await?;

        let mut entry = self.entry(actor, "share.create");
        entry.purpose = if input.overrides.iter().any(|given| given.code == "RESTRICTED") {
            PurposeOfUse::EmergencyTreatment
        } else {
            PurposeOfUse::Treatment
        };
        entry.patient_id = Some(version.patient_id);
        entry.note_id = Some(version.note_id);
        entry.note_version_id = Some(version.id);
        entry.share_id = Some(share_id);
        entry.detail.insert("urgency", format!("{urgency:?}").to_lowercase());
        entry.detail.insert("recipients", rows.len().to_string());
        entry.detail.insert("questions", questions.len().to_string());
        for given in &input.overrides {
            // The reason is PHI and sealed; that there was one is not.
            entry.detail.insert(override_fact(&given.code), "given".to_owned());
        }
        tx.record(entry);
        Ok(Shared {
            share_id,
            recipient_ids: rows.iter().map(|row| row.id).collect(),
        })
    }

    /// Writes the loops of a share with their deliveries, timers and first calls.
    pub(crate) async fn write_loops(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        share: &ShareRow,
        (targets, basis): (&[Target], &LoopBasis),
        redirected_from: Option<RecipientId>,
    ) -> Result<Vec<RecipientRow>> {
        let now = self.now();
        let clinic = &basis.clinic;
        let mut rows = Vec::with_capacity(targets.len());
        let mut sent = Vec::new();
        let mut calls = Vec::new();
        for target in targets {
            let known = basis.policies.get(&target.organization_id);
            let policy = known.cloned().unwrap_or_else(|| Policy::default_for(share.urgency));
            let required = target.duty.is_required();
            let due_at = required.then(|| policy.due(share.urgency, now, &target.calendar));
            let next_step_at = required
                .then(|| {
                    policy
                        .schedule(share.urgency, now, &target.calendar)
                        .first()
                        .map(|step| step.due)
                })
                .flatten();
            let id: RecipientId = self.id();
            let link = self.secure_link(id, FIRST_VERSION)?;
            let row = RecipientRow {
                id,
                share_id: share.id,
                note_version_id: share.note_version_id,
                note_id: share.note_id,
                patient_id: share.patient_id,
                organization_id: share.organization_id,
                to_organization_id: target.organization_id,
                to_team_id: target.team_id,
                to_user_id: target.user_id,
                care_role: target.care_role,
                duty: target.duty,
                urgency: share.urgency,
                level: EvidenceLevel::Queued,
                outcome: None,
                reply_due: false,
                is_open: required,
                shared_at: now,
                shared_by: share.shared_by,
                due_at,
                calendar: Json(target.calendar.clone()),
                policy: Json(policy),
                step_number: 0,
                next_step_at,
                lease_owner: None,
                lease_until: None,
                opened_at: None,
                acknowledged_at: None,
                ended_at: None,
                redirected_to: None,
                redirected_from,
                redirect_accepted_at: None,
                sealed_from_recipient: false,
                link_version: FIRST_VERSION,
                link_hash: link.hash.to_vec(),
                revision: 0,
                updated_at: now,
            };
            sent.extend(self.plan_deliveries(&LoopMessage {
                recipient_id: id,
                share_id: share.id,
                organization_id: share.organization_id,
                routes: &target.routes,
                message: Message {
                    purpose: DeliveryPurpose::Notice,
                    clinic: clinic.clone(),
                    to: target.name.clone(),
                    urgency: share.urgency,
                    due_at,
                    time_zone: target.calendar.time_zone.name().to_owned(),
                    link: self.loop_link(id),
                    notice: None,
                    facts: BTreeMap::new(),
                    at: now,
                },
            }));
            if required && share.urgency == Urgency::Emergent && !share.verbal_made {
                calls.push((rows.len(), CallReason::VoiceFirst));
            } else if required && target.routes.is_empty() {
                calls.push((rows.len(), CallReason::Undeliverable));
            }
            tx.announce(loop_event(&row));
            rows.push(row);
        }
        recipients::insert(tx, &rows).await?;
        deliveries::insert(tx, &sent).await?;
        for (index, reason) in calls {
            let row = &rows[index];
            let owner = self.clinic_owner(tx, row).await?;
            let phone = self.phone_of(tx, row).await?;
            let task = self.call_task(row, owner, reason, self.call_due(row), phone);
            self.write_call_task(tx, actor, row, task).await?;
        }
        for row in &rows {
            let mut entry = self.loop_entry(actor, "recipient.create", row);
            entry.detail.insert("duty", row.duty.as_str().to_owned());
            entry
                .detail
                .insert("to_organization_id", row.to_organization_id.to_string());
            tx.record(entry);
        }
        if !sent.is_empty() {
            tx.nudge(Queue::Deliver, Some(share.id.uuid()));
        }
        Ok(rows)
    }

    /// An organization's name.
    pub(crate) async fn organization_name(&self, conn: &mut Conn, id: OrganizationId) -> Result<String> {
        let found = liaison_store::directory::organizations_by_ids(conn, &[id]).await?;
        found
            .into_iter()
            .next()
            .map(|row| row.name)
            .ok_or(ServiceError::NotFound("organization"))
    }
}

fn override_fact(code: &str) -> &'static str {
    match code {
        "NOT_ON_CARE_TEAM" => "override.not_on_care_team",
        "RESTRICTED" => "override.restricted",
        "LOOK_ALIKE" => "override.look_alike",
        "NOBODY_REACHABLE" => "override.nobody_reachable",
        _ => "override.other",
    }
}

fn check_texts(input: &ShareNote, now: DateTime<Utc>) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut text = |path: String, value: &str, required: bool| {
        let length = value.trim().chars().count();
        if (required && length == 0) || length > MAX_TEXT {
            let least = usize::from(required);
            problems.push(FieldProblem::new(
                path,
                "OUT_OF_RANGE",
                format!("{least} to {MAX_TEXT} characters"),
            ));
        }
    };
    if let Some(message) = &input.message {
        text("message".to_owned(), message, false);
    }
    for (index, question) in input.questions.iter().enumerate() {
        text(format!("questions[{index}].text"), &question.text, true);
    }
    for (index, given) in input.overrides.iter().enumerate() {
        text(format!("overrides[{index}].reason"), &given.reason, true);
    }
    if let Some(verbal) = &input.verbal {
        text("verbal.to".to_owned(), &verbal.to, true);
        text(
            "verbal.note".to_owned(),
            verbal.note.as_deref().unwrap_or_default(),
            false,
        );
        if verbal.at > now {
            problems.push(FieldProblem::new(
                "verbal.at",
                "IN_FUTURE",
                "a call that was made lies in the past",
            ));
        }
    }
    if input.questions.len() > MAX_QUESTIONS {
        problems.push(FieldProblem::new(
            "questions",
            "OUT_OF_RANGE",
            format!("at most {MAX_QUESTIONS} questions"),
        ));
    }
    if input.overrides.len() > 10 {
        problems.push(FieldProblem::new("overrides", "OUT_OF_RANGE", "at most 10 overrides"));
    }
    problems
}
