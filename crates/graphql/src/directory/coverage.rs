//! Coverage: "X is away, Y covers".

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_domain::CoverageId;
use liaison_service::directory as use_cases;

use super::{organization::Organization, person::Person};
use crate::fail::{OrRefuse as _, payload, present, settle};
use crate::ids::{Ids, parse, shown};
use crate::session::asking;

pub(crate) struct Coverage(pub(crate) use_cases::Coverage);

/// The coverage of an id, if there is one and it is for the actor.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Option<Coverage>> {
    let asking = asking(ctx)?;
    let id: CoverageId = parse("id", id).or_refuse(ctx)?;
    Ok(asking
        .service
        .coverage_by_id(&asking.actor, id)
        .await
        .or_refuse(ctx)?
        .map(Coverage))
}

/// An absence within an organization, and who covers it.
#[Object]
impl Coverage {
    /// Its id (`coverage_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The organization in which it holds.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// Who is away.
    async fn absent(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.0.absent_user_id).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// Who covers.
    async fn covering(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.covering_user_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// From when.
    async fn from(&self) -> DateTime<Utc> {
        self.0.from_at
    }

    /// Until when, not included.
    async fn until(&self) -> DateTime<Utc> {
        self.0.until_at
    }

    /// When it was taken back.
    async fn cancelled_at(&self) -> Option<DateTime<Utc>> {
        self.0.cancelled_at
    }

    /// Who entered it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.created_by else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }

    /// When it was entered.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// An absence within the actor's organization, and who covers it.
#[derive(InputObject)]
pub(crate) struct CreateCoverageInput {
    /// Who is away (`user_...`): oneself, or as a team lead or admin anybody of the organization.
    absent_user_id: ID,
    /// Who covers (`user_...`): another person of the organization.
    covering_user_id: ID,
    /// From when.
    from: DateTime<Utc>,
    /// Until when, not included; after `from`, at most 366 days.
    until: DateTime<Utc>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A coverage to be taken back.
#[derive(InputObject)]
pub(crate) struct CancelCoverageInput {
    /// Which (`coverage_...`).
    coverage_id: ID,
}

payload! {
    /// What came of entering an absence.
    CreateCoveragePayload {
        /// The coverage.
        coverage: Coverage,
    }
}

payload! {
    /// What came of taking a coverage back.
    CancelCoveragePayload {
        /// The coverage as it is now.
        coverage: Coverage,
    }
}

/// Changes to coverage.
#[derive(Default)]
pub(crate) struct CoverageMutation;

#[Object]
impl CoverageMutation {
    /// Enters that somebody is away and who covers.
    async fn create_coverage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The absence.")] input: CreateCoverageInput,
    ) -> Result<CreateCoveragePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let absent_user_id = ids.one("absentUserId", &input.absent_user_id);
            let covering_user_id = ids.one("coveringUserId", &input.covering_user_id);
            ids.done()?;
            let input = use_cases::CreateCoverage {
                absent_user_id,
                covering_user_id,
                from: input.from,
                until: input.until,
                idempotency_key: input.idempotency_key,
            };
            asking.service.create_coverage(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let found = asking.service.coverage_by_id(&asking.actor, id).await.or_refuse(ctx)?;
                CreateCoveragePayload {
                    coverage: found.map(Coverage),
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Takes a coverage back, from now on. A repeat changes nothing.
    async fn cancel_coverage(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The coverage.")] input: CancelCoverageInput,
    ) -> Result<CancelCoveragePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let id = ids.one("coverageId", &input.coverage_id);
            ids.done()?;
            asking.service.cancel_coverage(&asking.actor, id).await.map(|()| id)
        };
        Ok(match settle(ctx, done.await)? {
            Ok(id) => {
                let found = asking.service.coverage_by_id(&asking.actor, id).await.or_refuse(ctx)?;
                CancelCoveragePayload {
                    coverage: found.map(Coverage),
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }
}
