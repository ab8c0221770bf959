//! Notices to people: what happened, by ids and codes, without clinical content.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use liaison_domain::{NoticeId, NoticeKind, OrganizationId, PatientId, RecipientId, ShareId, Urgency, UserId};
use uuid::Uuid;

use crate::{Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// One notice to one person.
    pub struct NoticeRow {
        /// Its id.
        id: NoticeId,
        /// Who is told.
        user_id: UserId,
        /// As a member of which organization.
        organization_id: OrganizationId,
        /// About what.
        kind: NoticeKind,
        /// How urgent.
        urgency: Urgency,
        /// The patient.
        patient_id: Option<PatientId>,
        /// The share.
        share_id: Option<ShareId>,
        /// The loop.
        recipient_id: Option<RecipientId>,
        /// Another object.
        object_id: Option<Uuid>,
        /// Further facts: codes and numbers, no PHI.
        facts: Json<BTreeMap<String, String>>,
        /// When.
        created_at: DateTime<Utc>,
        /// When the person saw it.
        seen_at: Option<DateTime<Utc>>,
    }
}

sql! {
    INSERT = "insert into notice (id, user_id, organization_id, kind, urgency, patient_id, share_id, recipient_id,
        object_id, facts, created_at) values {rows:11}";
    LIST = "select * from notice where user_id = $1 and (created_at < $2 or (created_at = $2 and id < $3) or $2 is null)
        order by created_at desc, id desc limit $4";
    BY_IDS = "select * from notice where id in ({ids})";
    SEE = "update notice set seen_at = $2 where user_id = $1 and seen_at is null and id in ({ids})";
}

/// Adds notices.
pub async fn insert(tx: &mut Tx, notices: &[NoticeRow]) -> Result<()> {
    let rows = notices
        .iter()
        .map(|row| {
            args![
                row.id,
                row.user_id,
                row.organization_id,
                row.kind,
                row.urgency,
                row.patient_id,
                row.share_id,
                row.recipient_id,
                row.object_id,
                Json(&row.facts.0),
                row.created_at,
            ]
        })
        .collect();
    tx.insert_all(INSERT, rows).await
}

/// A person's notices, newest first.
pub async fn list(
    conn: &mut Conn,
    user: UserId,
    after: Option<(DateTime<Utc>, NoticeId)>,
    limit: u32,
) -> Result<Vec<NoticeRow>> {
    let (at, id) = after.unzip();
    conn.all(LIST, args![user, at, id, limit]).await
}

/// Notices by their ids.
pub async fn by_ids(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<NoticeRow>> {
    conn.all_in(BY_IDS, args![], ids).await
}

/// Marks a person's notices as seen; how many were new.
pub async fn see(tx: &mut Tx, user: UserId, ids: &[Uuid], now: DateTime<Utc>) -> Result<u64> {
    tx.execute_in(SEE, args![user, now], ids).await
}
