//! Courses: the series of infusions planned for a patient.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};
use liaison_service::notes as use_cases;

use super::Note;
use crate::fail::{OrRefuse as _, present};
use crate::ids::shown;
use crate::session::asking;

pub(crate) struct Course(pub(crate) use_cases::CourseRow);

/// The series of infusions planned for a patient by a consultation.
#[Object]
impl Course {
    /// Its id (`course_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The consultation note that planned it.
    async fn consultation_note(&self, ctx: &Context<'_>) -> Result<Note> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.consultation_note_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "note").map(Note)
    }

    /// How many infusions were planned.
    async fn planned_infusions(&self) -> Option<i64> {
        self.0.planned_infusions
    }

    /// When the consultation was signed.
    async fn started_at(&self) -> DateTime<Utc> {
        self.0.started_at
    }

    /// When it ended: another course began, or the consultation no longer stands.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }
}
