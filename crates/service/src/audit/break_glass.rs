//! Break the glass: an admin reads one patient's record in an emergency, for an hour at most, with a reason.
//!
//! The clinic's leads are told in the same transaction, both ends are in the ledger as a FHIR security alert (DCM 110113)
//! with purpose ETREAT, every reading carries the case, and the case stays in the queue until another person gave a
//! verdict. That the admin proved themself again just before is the page's to check.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, BreakGlassId, BreakGlassVerdict, NoticeKind, OrganizationId, PatientId, Phi, PurposeOfUse, Role, Urgency,
    UserId,
    access::{Action, Relation, decide},
};
use liaison_store::{
    Conn, NewEntry, Place, Tx,
    break_glass::{self as rows, BreakGlassRow},
    directory::{membership::enabled_memberships_in, people_by_ids},
    patients,
};
use serde::{Deserialize, Serialize};

use crate::{
    Result, Service, ServiceError,
    loops::message::Tell,
    patients::Checks,
    reading::{decode, encode, size},
};

/// For how long the record stays open at most.
pub const BREAK_GLASS_LIFE: TimeDelta = TimeDelta::minutes(60);
/// The shortest reason, in characters.
pub const MIN_REASON: usize = 10;
/// How many cases that ran out are ended in one transaction.
const AT_ONCE: u32 = 50;

/// FHIR R4 AuditEvent: type Security Alert (DCM 110113), with Emergency Override Started or Stopped.
const SECURITY_ALERT: &str = "110113";
const OVERRIDE_STARTED: &str = "110127";
const OVERRIDE_STOPPED: &str = "110138";

/// Open one patient's record in an emergency.
#[derive(Debug, Clone)]
pub struct BeginBreakGlass {
    /// The patient: no other.
    pub patient_id: PatientId,
    /// Why: at least 10 characters. PHI.
    pub reason: String,
}

/// A case.
#[derive(Debug, Clone)]
pub struct BreakGlassCase {
    /// Its id.
    pub id: BreakGlassId,
    /// Who broke the glass.
    pub user_id: UserId,
    /// The patient.
    pub patient_id: PatientId,
    /// Why; for the reviewers.
    pub reason: Option<Phi<String>>,
    /// From when.
    pub started_at: DateTime<Utc>,
    /// Until when at most.
    pub expires_at: DateTime<Utc>,
    /// When it ended before or at that time.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether it runs now.
    pub is_active: bool,
    /// Who judged it, and when.
    pub reviewed: Option<(UserId, DateTime<Utc>)>,
    /// What they found.
    pub verdict: Option<BreakGlassVerdict>,
    /// In words; for the reviewers.
    pub finding: Option<Phi<String>>,
    /// Its place in a list; empty outside of one.
    pub cursor: String,
}

/// Which cases.
#[derive(Debug, Clone, Default)]
pub struct BreakGlassQuery {
    /// Only those without a verdict, or only those with one.
    pub open: Option<bool>,
    /// 1 to 100; 50 when not given.
    pub first: Option<u32>,
    /// Go on after the case of this cursor.
    pub after: Option<String>,
}

/// A page of cases, newest first.
#[derive(Debug, Clone)]
pub struct BreakGlassPage {
    /// The cases.
    pub entries: Vec<BreakGlassCase>,
    /// Whether more follow.
    pub has_more: bool,
}

/// Judge a case.
#[derive(Debug, Clone)]
pub struct ReviewBreakGlass {
    /// The case.
    pub break_glass_id: BreakGlassId,
    /// Whether it was justified.
    pub verdict: BreakGlassVerdict,
    /// What was found: at least one character. PHI.
    pub finding: String,
}

#[derive(Serialize, Deserialize)]
struct Position {
    at: DateTime<Utc>,
    id: BreakGlassId,
}

fn reason_place(id: BreakGlassId) -> Place {
    Place::new("break_glass", "reason_sealed", id.uuid())
}

fn finding_place(id: BreakGlassId) -> Place {
    Place::new("break_glass", "finding_sealed", id.uuid())
}

fn case(row: &BreakGlassRow, now: DateTime<Utc>) -> BreakGlassCase {
    BreakGlassCase {
        id: row.id,
        user_id: row.user_id,
        patient_id: row.patient_id,
        reason: None,
        started_at: row.started_at,
        expires_at: row.expires_at,
        ended_at: row.ended_at,
        is_active: row.ended_at.is_none() && now < row.expires_at,
        reviewed: row.reviewed_by.zip(row.reviewed_at),
        verdict: row.verdict,
        finding: None,
        cursor: String::new(),
    }
}

/// A ledger entry of a reading under a case stands out by its purpose and names the case.
pub(crate) fn mark(entry: &mut NewEntry, case: Option<BreakGlassId>) {
    if let Some(case) = case {
        entry.purpose = PurposeOfUse::EmergencyTreatment;
        entry.detail.insert("break_glass_id", case.to_string());
    }
}

impl Service {
    /// Opens one patient's record to an admin for an hour. Where it is open to them already, that case is answered.
    ///
    /// # Errors
    /// `NotFound` for a patient of another clinic; `Invalid` for a reason that is none; `NOT_NEEDED` for somebody whose
    /// role reads records anyway.
    pub async fn begin_break_glass(&self, actor: &Actor, input: BeginBreakGlass) -> Result<BreakGlassCase> {
        let patient = self.own_patient(actor, Action::BreakGlass, input.patient_id).await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        if decide(actor, Action::ReadNote, Relation::Own).is_ok() {
            return Err(ServiceError::conflict(
                "NOT_NEEDED",
                "your role reads this record without breaking the glass",
            ));
        }
        let mut checks = Checks::default();
        let reason = checks.text("reason", &input.reason);
        if !reason.is_empty() && reason.chars().count() < MIN_REASON {
            checks.problem("reason", "TOO_SHORT", format!("at least {MIN_REASON} characters"));
        }
        checks.finish()?;
        let now = self.now();
        let mut tx = self.begin().await?;
        // Held, so that two requests at once make one case.
        patients::lock(&mut tx, patient.id).await?;
        let running = rows::active(&mut tx, user, patient.organization_id, now).await?;
        if let Some(row) = running.iter().find(|row| row.patient_id == patient.id) {
            tx.settle_earlier().await?;
            return Ok(case(row, now));
        }
        let id: BreakGlassId = self.id();
        let key = self.store().keyring()?.patient_key(&mut tx, patient.id).await?;
        let row = BreakGlassRow {
            id,
            organization_id: patient.organization_id,
            user_id: user,
            patient_id: patient.id,
            reason_sealed: key.seal_json(reason_place(id), &reason, &*self.store().random())?,
            started_at: now,
            expires_at: now + BREAK_GLASS_LIFE,
            ended_at: None,
            reviewed_by: None,
            reviewed_at: None,
            verdict: None,
            finding_sealed: None,
        };
        rows::insert(&mut tx, &row).await?;
        let mut entry = self.glass_entry(actor, "break_glass.started", &row, OVERRIDE_STARTED);
        entry.detail.insert("expires_at", row.expires_at.to_rfc3339());
        tx.record(entry);
        self.tell_leads(&mut tx, &row).await?;
        tx.commit().await?;
        Ok(case(&row, now))
    }

    /// The actor's own cases that run now; without their reasons.
    pub async fn active_break_glass(&self, actor: &Actor) -> Result<Vec<BreakGlassCase>> {
        let (Some(user), Some(organization)) = (actor.user_id, actor.organization_id) else {
            return Ok(Vec::new());
        };
        let now = self.now();
        let mut conn = self.read().await?;
        let found = rows::active(&mut conn, user, organization, now).await?;
        Ok(found.iter().map(|row| case(row, now)).collect())
    }

    /// Ends an own case before its time; whether it ran.
    ///
    /// # Errors
    /// `NotFound` for another's.
    pub async fn end_break_glass(&self, actor: &Actor, id: BreakGlassId) -> Result<bool> {
        let mut tx = self.begin().await?;
        let row = rows::lock(&mut tx, id)
            .await?
            .filter(|row| actor.user_id == Some(row.user_id) && actor.acts_for(row.organization_id))
            .ok_or(ServiceError::NotFound("case"))?;
        let ended = self.now() < row.expires_at && self.end_case(&mut tx, actor, &row, self.now(), "hand").await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Records the end of cases whose time is over; how many. Nothing depends on it: a case past its time opens nothing.
    /// Called every hour, and whenever somebody looks at the queue.
    pub async fn end_run_out_break_glass(&self) -> Result<u32> {
        if !rows::any_run_out(&mut self.read().await?, self.now()).await? {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let over = rows::run_out(&mut tx, self.now(), AT_ONCE).await?;
        for row in &over {
            self.end_case(&mut tx, &Actor::system(), row, row.expires_at, "time")
                .await?;
        }
        tx.commit().await?;
        Ok(u32::try_from(over.len()).unwrap_or(u32::MAX))
    }

    /// The clinic's cases with their reasons and findings; one ledger entry for the page.
    ///
    /// # Errors
    /// `Invalid` for a page size out of range or another list's cursor.
    pub async fn break_glass_cases(&self, actor: &Actor, query: BreakGlassQuery) -> Result<BreakGlassPage> {
        // Looking at the queue writes nothing, so a read-only token may.
        let reader = Actor {
            read_only: false,
            ..actor.clone()
        };
        self.authorize(&reader, Action::ReviewBreakGlass, Relation::Own).await?;
        let organization = self.organization(actor)?;
        self.end_run_out_break_glass().await?;
        let mut problems = Vec::new();
        let first = size(query.first, &mut problems);
        let after: Option<Position> = decode(query.after.as_deref(), &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let after = after.map(|position| (position.at, position.id));
        let mut conn = self.read().await?;
        let mut found = rows::list(&mut conn, organization, query.open, after, first + 1).await?;
        let wanted = usize::try_from(first).unwrap_or(usize::MAX);
        let has_more = found.len() > wanted;
        found.truncate(wanted);
        let entries = self.open_cases(&mut conn, &found).await?;
        drop(conn);
        if !entries.is_empty() {
            let mut entry = self.entry(actor, "break_glass.read");
            entry.purpose = PurposeOfUse::Operations;
            entry.detail.insert("count", entries.len().to_string());
            self.record_readings(vec![entry]).await?;
        }
        Ok(BreakGlassPage { entries, has_more })
    }

    async fn open_cases(&self, conn: &mut Conn, found: &[BreakGlassRow]) -> Result<Vec<BreakGlassCase>> {
        let patients: Vec<PatientId> = found.iter().map(|row| row.patient_id).collect();
        let keys = self.store().keyring()?.patient_keys(conn, &patients).await?;
        let now = self.now();
        let mut cases = Vec::with_capacity(found.len());
        for row in found {
            let mut case = case(row, now);
            if let Some(key) = keys.get(&row.patient_id) {
                case.reason = Some(Phi::new(key.open_json(reason_place(row.id), &row.reason_sealed)?));
                if let Some(sealed) = &row.finding_sealed {
                    case.finding = Some(Phi::new(key.open_json(finding_place(row.id), sealed)?));
                }
            }
            case.cursor = encode(&Position {
                at: row.started_at,
                id: row.id,
            });
            cases.push(case);
        }
        Ok(cases)
    }

    /// Judges a case that somebody else made. A case that still runs ends with its verdict.
    ///
    /// # Errors
    /// `NotFound` for another clinic's; `OWN_CASE`; `REVIEWED_BEFORE`; `Invalid` for a finding that says nothing.
    pub async fn review_break_glass(&self, actor: &Actor, input: ReviewBreakGlass) -> Result<()> {
        let found = rows::find(&mut self.read().await?, input.break_glass_id).await?;
        let relation = match &found {
            Some(row) if actor.acts_for(row.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        self.authorize_own(actor, Action::ReviewBreakGlass, relation, "case")
            .await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut checks = Checks::default();
        let finding = checks.text("finding", &input.finding);
        checks.finish()?;
        let mut tx = self.begin().await?;
        let row = rows::lock(&mut tx, input.break_glass_id)
            .await?
            .ok_or(ServiceError::NotFound("case"))?;
        if row.user_id == user {
            return Err(ServiceError::conflict(
                "OWN_CASE",
                "another person must judge what you did",
            ));
        }
        let now = self.now();
        let ends = now.min(row.expires_at);
        self.end_case(&mut tx, actor, &row, ends, "review").await?;
        let key = self.store().keyring()?.patient_key(&mut tx, row.patient_id).await?;
        let sealed = key.seal_json(finding_place(row.id), &finding, &*self.store().random())?;
        if !rows::review(&mut tx, row.id, user, now, input.verdict, sealed).await? {
            return Err(ServiceError::conflict(
                "REVIEWED_BEFORE",
                "somebody gave a verdict before; look again",
            ));
        }
        let mut entry = self.entry(actor, "break_glass.reviewed");
        entry.purpose = PurposeOfUse::EmergencyTreatment;
        entry.organization_id = Some(row.organization_id);
        entry.patient_id = Some(row.patient_id);
        entry.object_id = Some(row.id.to_string());
        entry.detail.insert("verdict", input.verdict.as_str().to_owned());
        tx.record(entry);
        Ok(tx.commit().await?)
    }

    /// As [`Service::authorize_own`] for reading a patient's record: what the role does not allow, a running case for
    /// this patient does. Answers that case, for the ledger entry of the reading.
    pub(crate) async fn authorize_record(
        &self,
        actor: &Actor,
        action: Action,
        relation: Relation,
        patient: Option<PatientId>,
        what: &'static str,
    ) -> Result<Option<BreakGlassId>> {
        let may_break = decide(actor, Action::BreakGlass, relation).is_ok();
        if let (true, Err(_), Some(patient)) = (may_break, decide(actor, action, relation), patient) {
            let running = self.active_break_glass(actor).await?;
            if let Some(case) = running.iter().find(|case| case.patient_id == patient) {
                return Ok(Some(case.id));
            }
        }
        self.authorize_own(actor, action, relation, what).await?;
        Ok(None)
    }

    async fn end_case(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &BreakGlassRow,
        at: DateTime<Utc>,
        by: &'static str,
    ) -> Result<bool> {
        if !rows::end(tx, row.id, at).await? {
            return Ok(false);
        }
        let mut entry = self.glass_entry(actor, "break_glass.ended", row, OVERRIDE_STOPPED);
        entry.detail.insert("by", by.to_owned());
        entry.detail.insert("whose", row.user_id.to_string());
        tx.record(entry);
        Ok(true)
    }

    fn glass_entry(&self, actor: &Actor, action: &'static str, row: &BreakGlassRow, subtype: &'static str) -> NewEntry {
        let mut entry = self.entry(actor, action);
        entry.purpose = PurposeOfUse::EmergencyTreatment;
        entry.organization_id = Some(row.organization_id);
        entry.patient_id = Some(row.patient_id);
        entry.object_id = Some(row.id.to_string());
        entry.detail.insert("fhir_type", format!("DCM|{SECURITY_ALERT}"));
        entry.detail.insert("fhir_subtype", format!("DCM|{subtype}"));
        entry
    }

    /// Tells the clinic's team leads, else its physicians, else its other admins and auditors.
    async fn tell_leads(&self, tx: &mut Tx, row: &BreakGlassRow) -> Result<()> {
        let leads = self.leads(tx, row.organization_id, row.user_id).await?;
        let clinic = self.organization_name(tx, row.organization_id).await?;
        let name = people_by_ids(tx, &[row.user_id])
            .await?
            .pop()
            .map(|person| person.display_name);
        self.tell(
            tx,
            Tell {
                users: leads,
                organization_id: row.organization_id,
                clinic,
                kind: NoticeKind::BreakGlass,
                urgency: Urgency::Urgent,
                recipient: None,
                object_id: Some(row.id.uuid()),
                link: self.link("audit/break-glass"),
                facts: BTreeMap::from([("by".to_owned(), name.unwrap_or_default())]),
                by_mail: true,
            },
        )
        .await
    }

    async fn leads(&self, tx: &mut Tx, organization: OrganizationId, but: UserId) -> Result<Vec<UserId>> {
        let members = enabled_memberships_in(tx, organization).await?;
        let with = |roles: &[Role]| -> Vec<UserId> {
            members
                .iter()
                .filter(|member| member.user_id != but && member.roles().iter().any(|role| roles.contains(role)))
                .map(|member| member.user_id)
                .collect()
        };
        let groups: [&[Role]; 3] = [&[Role::TeamLead], &[Role::Physician], &[Role::Admin, Role::Auditor]];
        Ok(groups
            .into_iter()
            .map(with)
            .find(|group| !group.is_empty())
            .unwrap_or_default())
    }
}
