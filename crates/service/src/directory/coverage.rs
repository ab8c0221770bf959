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

impl Service {
    /// Enters that somebody of the actor's organization is away and who covers.
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
        for (person, path) in people {
            let here = match &person {
                Some(person) => rows::membership::current(&mut tx, person.id, organization_id)
                    .await?
                    .is_some(),
                None => false,
            };
            if !here {
                check.unknown_id(path);
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
