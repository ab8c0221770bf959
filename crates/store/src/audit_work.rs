//! What auditors keep: signed-off reviews, and their filters.

use chrono::{DateTime, Utc};
use liaison_domain::{AuditReviewId, OrganizationId, SavedFilterId, UserId};

use crate::{args, conn::Conn, error::Result, keys::Place, row::row, sql::sql, tx::Tx};

row! {
    /// A signed-off review.
    pub struct AuditReviewRow {
        /// Its id.
        id: AuditReviewId,
        /// Whose records were looked at.
        organization_id: OrganizationId,
        /// Who signed it off.
        signed_by: UserId,
        /// From which moment the records were looked at.
        from_at: DateTime<Utc>,
        /// Until which.
        until_at: DateTime<Utc>,
        /// Which entries: the filter as JSON, ids and codes.
        scope: String,
        /// What was found: sealed under the service's own key.
        findings_sealed: Vec<u8>,
        /// The size of the newest checkpoint at that moment: what was examined stands in it.
        checkpoint_size: i64,
        /// When.
        signed_at: DateTime<Utc>,
    }
}

row! {
    /// A filter that a person keeps.
    pub struct SavedFilterRow {
        /// Its id.
        id: SavedFilterId,
        /// Whose it is.
        user_id: UserId,
        /// As a member of which organization.
        organization_id: OrganizationId,
        /// Its name.
        name: String,
        /// The filter as JSON, ids and codes.
        filter: String,
        /// When it was saved.
        created_at: DateTime<Utc>,
    }
}

/// Where a review's findings stand.
pub fn findings_place(id: AuditReviewId) -> Place {
    Place::new("audit_review", "findings_sealed", id.uuid())
}

sql! {
    INSERT_REVIEW = "insert into audit_review (id, organization_id, signed_by, from_at, until_at, scope,
        findings_sealed, checkpoint_size, signed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    REVIEWS = "select * from audit_review where organization_id = $1
        and (signed_at < $2 or (signed_at = $2 and id < $3) or $2 is null) order by signed_at desc, id desc limit $4";
    INSERT_FILTER = "insert into saved_filter (id, user_id, organization_id, name, filter, created_at)
        values ($1, $2, $3, $4, $5, $6)";
    FILTERS = "select * from saved_filter where user_id = $1 and organization_id = $2 order by name, id";
    DELETE_FILTER = "delete from saved_filter where id = $1 and user_id = $2 and organization_id = $3";
}

/// Adds a review.
pub async fn insert_review(tx: &mut Tx, row: &AuditReviewRow) -> Result<()> {
    let values = args![
        row.id,
        row.organization_id,
        row.signed_by,
        row.from_at,
        row.until_at,
        row.scope.as_str(),
        row.findings_sealed.clone(),
        row.checkpoint_size,
        row.signed_at,
    ];
    tx.change_one(INSERT_REVIEW, values).await
}

/// An organization's reviews, newest first.
pub async fn reviews(
    conn: &mut Conn,
    organization: OrganizationId,
    after: Option<(DateTime<Utc>, AuditReviewId)>,
    limit: u32,
) -> Result<Vec<AuditReviewRow>> {
    let (at, id) = after.unzip();
    conn.all(REVIEWS, args![organization, at, id, limit]).await
}

/// Adds a filter; a unique violation when the person has one of that name.
pub async fn insert_filter(tx: &mut Tx, row: &SavedFilterRow) -> Result<()> {
    let values = args![
        row.id,
        row.user_id,
        row.organization_id,
        row.name.as_str(),
        row.filter.as_str(),
        row.created_at,
    ];
    tx.change_one(INSERT_FILTER, values).await
}

/// A person's filters by their names.
pub async fn filters(conn: &mut Conn, user: UserId, organization: OrganizationId) -> Result<Vec<SavedFilterRow>> {
    conn.all(FILTERS, args![user, organization]).await
}

/// Removes a person's own filter; whether there was one.
pub async fn delete_filter(tx: &mut Tx, id: SavedFilterId, user: UserId, organization: OrganizationId) -> Result<bool> {
    Ok(tx.execute(DELETE_FILTER, args![id, user, organization]).await? == 1)
}
