//! A patient's signed versions and open drafts in one order of time, without what they say.

use chrono::{DateTime, Utc};
use liaison_domain::{NoteId, NoteKind, NoteStatus, NoteVersionId, PatientId, Urgency, UserId};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql};

row! {
    /// A signed version or an open draft.
    pub struct TimelineRow {
        /// The version's id; the note's for a draft.
        item_id: Uuid,
        /// When it was signed; when a draft was begun.
        occurred_at: DateTime<Utc>,
        /// The note.
        note_id: NoteId,
        /// The version; absent for a draft.
        note_version_id: Option<NoteVersionId>,
        /// Which of the two kinds.
        kind: NoteKind,
        /// Where the note stands.
        status: NoteStatus,
        /// The version's number; absent for a draft.
        version: Option<i64>,
        /// The urgency at signature; absent for a draft.
        urgency: Option<Urgency>,
        /// Who signed; who began a draft.
        by_user: UserId,
        /// When the version was withdrawn.
        withdrawn_at: Option<DateTime<Utc>>,
    }
}

sql! {
    TIMELINE = "select item_id, occurred_at, note_id, note_version_id, kind, status, version, urgency, by_user,
            withdrawn_at from (
            select v.id as item_id, v.signed_at as occurred_at, v.note_id as note_id, v.id as note_version_id,
                v.kind as kind, n.status as status, v.version as version, v.urgency as urgency,
                v.signed_by as by_user, v.withdrawn_at as withdrawn_at
            from note_version v join note n on n.id = v.note_id where v.patient_id = $1
            union all
            select id, created_at, id, null, kind, status, null, null, author_id, null
            from note where patient_id = $1 and draft_sealed is not null and status <> 'ENTERED_IN_ERROR'
        ) items
        where (occurred_at < $2 or (occurred_at = $2 and item_id < $3) or $2 is null)
        order by occurred_at desc, item_id desc limit $4";
}

/// A patient's timeline, newest first.
pub async fn timeline(
    conn: &mut Conn,
    patient: PatientId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: u32,
) -> Result<Vec<TimelineRow>> {
    conn.all(
        TIMELINE,
        args![patient, after.map(|(at, _)| at), after.map(|(_, id)| id), limit],
    )
    .await
}
