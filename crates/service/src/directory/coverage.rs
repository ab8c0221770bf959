//! "X is away, Y covers": entering and taking back.

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, CoverageId, Role, UserId,
    access::{Action, Relation},
    people::ActorKind,
};
use liaison_store::directory as rows;
use serde::{Deserialize, Serialize};

use super::{Coverage, check::Check};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// The longest absence, in days.
pub const MAX_ABSENCE_DAYS: i64 = 366;

/// An absence within an organization, and who covers it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateCoverage {
    /// Who is away: oneself, or as a team lead or admin anybody of the organization.
    pub absent_user_id: UserId,
    /// Who covers: another person of the same organization.
    pub covering_user_id: UserId,
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when, not included; after `from` and not past already.
    pub until: DateTime<Utc>,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// The roles that read and answer letters: whoever covers for one of them has one of them.
pub const READERS: [Role; 3] = [Role::Clinician, Role::TeamLead, Role::Physician];

impl Service {
    /// Enters that somebody of the actor's organization is away and who covers.
    ///
    /// # Errors
    /// `Forbidden` for somebody else's absence unless a team lead or admin; `Invalid` with every problem; `Conflict`
    /// `COVERAGE_OVERLAPS`.
    pub async fn create_coverage(&self, actor: &Actor, input: CreateCoverage) -> Result<CoverageId> {
        let organization_id = self.organization(actor)?;
        self.authorize_coverage(actor, input.absent_user_id).await?;
        let now = self.now();
        let mut check = Check::default();
        if input.absent_user_id == input.covering_user_id {
            check.problem("coveringUserId", "SELF", "somebody else must cover");
        }
        if input.from >= input.until {
            check.problem("until", "OUT_OF_RANGE", "must be after from");
        } else if input.until <= now {
            check.problem("until", "OUT_OF_RANGE", "is past already");
        } else if input.until - input.from > TimeDelta::days(MAX_ABSENCE_DAYS) {
            check.problem(
                "until",
                "OUT_OF_RANGE",
                format!("at most {MAX_ABSENCE_DAYS} days after from"),
            );
        }
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(done) = replay(&mut tx, actor, key, "createCoverage", &input).await? {
            return Ok(done);
        }
        let absent = rows::person::lock(&mut tx, input.absent_user_id).await?;
        let people = [
            (absent, "absentUserId"),
            (
                rows::person::find(&mut tx, input.covering_user_id).await?,
                "coveringUserId",
            ),
        ];
        let mut absent_reads = false;
        for (person, path) in people {
            let place = match &person {
                Some(person) => rows::membership::current(&mut tx, person.id, organization_id).await?,
                None => None,
            };
            let Some(place) = place else {
                check.unknown_id(path);
                continue;
            };
            let reads = place.roles().iter().any(|role| READERS.contains(role));
            if path == "absentUserId" {
                absent_reads = reads;
            } else if absent_reads && !reads {
                let message = "this person's roles do not let them read and answer letters; choose a clinician";
                check.problem(path, "CANNOT_READ", message);
            } else if path == "coveringUserId" && person.is_some_and(|person| person.disabled_at.is_some()) {
                check.problem(path, "DISABLED", "this person cannot sign in; choose somebody else");
            }
        }
        check.done()?;
        let (from, until) = (input.from, input.until);
        if let Some(other) =
            rows::coverage::overlapping(&mut tx, organization_id, input.absent_user_id, from, until).await?
        {
            return Err(ServiceError::conflict(
                "COVERAGE_OVERLAPS",
                format!(
                    "the absence from {} until {} overlaps; cancel it first",
                    other.from_at.format("%Y-%m-%d %H:%M UTC"),
                    other.until_at.format("%Y-%m-%d %H:%M UTC")
                ),
            ));
        }
        let row = Coverage {
            id: self.id(),
            organization_id,
            absent_user_id: input.absent_user_id,
            covering_user_id: input.covering_user_id,
            from_at: from,
            until_at: until,
            cancelled_at: None,
            created_by: actor.user_id,
            created_at: now,
        };
        rows::coverage::insert(&mut tx, &row).await?;
        let mut entry = self.directory_entry(actor, "coverage.create", organization_id, row.id);
        entry.detail.insert("absent_user_id", row.absent_user_id.to_string());
        entry
            .detail
            .insert("covering_user_id", row.covering_user_id.to_string());
        tx.record(entry);
        keep(self, &mut tx, actor, key, "createCoverage", &input, &row.id).await?;
        tx.commit().await?;
        Ok(row.id)
    }

    /// Takes a coverage back, from now on. A repeat changes nothing.
    pub async fn cancel_coverage(&self, actor: &Actor, id: CoverageId) -> Result<()> {
        let found = rows::coverage::find(&mut self.read().await?, id).await?;
        let here = found.filter(|row| actor.kind == ActorKind::System || actor.acts_for(row.organization_id));
        let Some(row) = here else {
            return Err(ServiceError::NotFound("coverage"));
        };
        self.authorize_coverage(actor, row.absent_user_id).await?;
        if row.cancelled_at.is_some() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        rows::coverage::cancel(&mut tx, id, self.now()).await?;
        let mut entry = self.directory_entry(actor, "coverage.cancel", row.organization_id, id);
        entry.detail.insert("absent_user_id", row.absent_user_id.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(())
    }

    /// Everybody for themself; team leads and admins for anybody of their organization.
    async fn authorize_coverage(&self, actor: &Actor, absent: UserId) -> Result<()> {
        self.authorize(actor, Action::ManageCoverage, Relation::Own).await?;
        let for_others = actor.kind == ActorKind::System || actor.has(Role::TeamLead) || actor.has(Role::Admin);
        if for_others || actor.user_id == Some(absent) {
            return Ok(());
        }
        let mut entry = self.entry(actor, "access.denied");
        entry.outcome = "denied";
        entry.detail.insert("wanted", Action::ManageCoverage.to_string());
        entry.detail.insert("reason", "somebody else's absence".to_owned());
        let mut tx = self.begin().await?;
        tx.record(entry);
        tx.commit().await?;
        Err(ServiceError::Forbidden)
    }
}
