//! A patient's timeline, and the trend over a course.

use async_graphql::{Context, Object, Result};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::PatientId;
use liaison_service::notes as use_cases;

use super::{Note, NoteVersion};
use crate::directory::person::Person;
use crate::enums::{NoteKind, NoteStatus};
use crate::fail::{OrRefuse as _, present};
use crate::page::{self, connection};
use crate::session::asking;

pub(crate) struct TimelineItem(use_cases::TimelineRow);

connection! {
    /// A page of a patient's timeline.
    Timeline,
    /// An item in a page of the timeline.
    TimelineEdge of TimelineItem
}

const LIST: &str = "timeline";

impl Timeline {
    /// A page of the timeline; the use case writes its ledger entry.
    pub(crate) async fn load(
        ctx: &Context<'_>,
        patient: PatientId,
        first: Option<i32>,
        after: Option<String>,
    ) -> Result<Self> {
        let asking = asking(ctx)?;
        let place: Option<(DateTime<Utc>, _)> = page::after(ctx, LIST, after.as_deref())?;
        let place = place.map(|(occurred_at, item_id)| use_cases::TimelineCursor { occurred_at, item_id });
        let first = page::first(ctx, first)?;
        let found = asking
            .service
            .patient_timeline(&asking.actor, patient, place, first)
            .await
            .or_refuse(ctx)?;
        let items = found
            .items
            .into_iter()
            .map(|row| (page::cursor(LIST, &(row.occurred_at, row.item_id)), TimelineItem(row)));
        Ok(Self::of(items, found.next.is_some(), after.is_some()))
    }
}

/// A signed version or an open draft in a patient's timeline.
#[Object]
impl TimelineItem {
    /// When it was signed; when a draft was begun.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.occurred_at
    }

    /// The note.
    async fn note(&self, ctx: &Context<'_>) -> Result<Note> {
        let found = asking(ctx)?.load.load_one(self.0.note_id).await.or_refuse(ctx)?;
        present(ctx, found, "note").map(Note)
    }

    /// The version; null for a draft.
    async fn note_version(&self, ctx: &Context<'_>) -> Result<Option<NoteVersion>> {
        let Some(id) = self.0.note_version_id else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(NoteVersion))
    }

    /// Which of the two kinds.
    async fn kind(&self) -> NoteKind {
        self.0.kind.into()
    }

    /// Where the note stands.
    async fn status(&self) -> NoteStatus {
        self.0.status.into()
    }

    /// The version's number, from 1; null for a draft.
    async fn version(&self) -> Option<i64> {
        self.0.version
    }

    /// The urgency at signature; null for a draft.
    async fn urgency(&self) -> Option<Urgency> {
        self.0.urgency
    }

    /// Who signed; who began a draft.
    async fn by(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.0.by_user).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// When the version was withdrawn.
    async fn withdrawn_at(&self) -> Option<DateTime<Utc>> {
        self.0.withdrawn_at
    }
}

pub(crate) struct Trend(pub(crate) use_cases::PatientTrend);

/// The trend of a patient's present course: the newest version of each signed infusion summary since the consultation
/// that planned it, withdrawn ones left out. That it was read stands in the ledger.
#[Object(name = "PatientTrend")]
impl Trend {
    /// The version of the consultation that froze the baseline; without one, all infusions are shown against none.
    async fn consultation_version(&self, ctx: &Context<'_>) -> Result<Option<NoteVersion>> {
        let Some(id) = self.0.consultation_version_id else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(NoteVersion))
    }

    /// The versions of the infusion summaries, one for each row of the trend, in its order.
    async fn infusion_versions(&self, ctx: &Context<'_>) -> Result<Vec<NoteVersion>> {
        let ids = &self.0.infusion_version_ids;
        let mut found = asking(ctx)?.load.load_many(ids.iter().copied()).await.or_refuse(ctx)?;
        ids.iter()
            .map(|id| present(ctx, found.remove(id), "note version").map(NoteVersion))
            .collect()
    }

    /// The figures.
    async fn trend(&self) -> liaison_clinical::Trend {
        self.0.trend.reveal().clone()
    }
}
