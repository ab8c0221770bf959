//! A person's own notices: what happened, by ids and codes. Nobody reads or marks another's.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, NoticeId};
use liaison_store::notices::{self, NoticeRow};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::{cut, decode, encode, size};
use crate::{Result, Service, ServiceError};

/// The most notices that are marked at once.
const MAX_MARKED: usize = 200;

/// A page of notices, newest first.
#[derive(Debug, Clone)]
pub struct NoticePage {
    /// The notices, each with its place in this list.
    pub entries: Vec<(NoticeRow, String)>,
    /// Whether more follow.
    pub has_more: bool,
}

#[derive(Serialize, Deserialize)]
struct Position {
    at: DateTime<Utc>,
    id: NoticeId,
}

impl Service {
    /// The reader's own notices. Without PHI, so without a ledger entry.
    ///
    /// # Errors
    /// `Invalid` for a page size outside of 1 to 100 or another list's cursor.
    pub async fn notices(&self, actor: &Actor, first: Option<u32>, after: Option<&str>) -> Result<NoticePage> {
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let mut problems = Vec::new();
        let first = size(first, &mut problems);
        let after: Option<Position> = decode(after, &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let after = after.map(|position| (position.at, position.id));
        let mut conn = self.read().await?;
        let mut rows = notices::list(&mut conn, user, after, first + 1).await?;
        let has_more = cut(&mut rows, first);
        let entries = rows
            .into_iter()
            .map(|row| {
                let cursor = encode(&Position {
                    at: row.created_at,
                    id: row.id,
                });
                (row, cursor)
            })
            .collect();
        Ok(NoticePage { entries, has_more })
    }

    /// Marks own notices as seen; how many were new. Others' ids change nothing.
    ///
    /// # Errors
    /// `Invalid` for none or more than 200 ids.
    pub async fn see_notices(&self, actor: &Actor, ids: &[NoticeId]) -> Result<u64> {
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        if actor.read_only {
            return Err(ServiceError::Forbidden);
        }
        if ids.is_empty() || ids.len() > MAX_MARKED {
            let allowed = format!("1 to {MAX_MARKED} notices");
            return Err(ServiceError::invalid("noticeIds", "OUT_OF_RANGE", allowed));
        }
        let mut uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        uuids.sort_unstable();
        uuids.dedup();
        let mut tx = self.begin().await?;
        let marked = notices::see(&mut tx, user, &uuids, self.now()).await?;
        let mut entry = self.entry(actor, "notice.seen");
        entry.detail.insert("count", marked.to_string());
        tx.record(entry);
        tx.commit().await?;
        Ok(marked)
    }
}
