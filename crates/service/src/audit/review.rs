//! Audit reviews: an auditor looked at the records of a time and signs off what was found. The checkpoint of that moment
//! goes along, so that anybody can later prove which records were there to be looked at.
//!
//! Findings are free text and may name people: they are sealed under the service's own key, as endpoints' secrets are,
//! because they belong to no single patient.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, AuditReviewId, Phi, PurposeOfUse, UserId,
    access::{Action, Relation},
};
use liaison_store::{
    StoreError,
    audit_work::{self as rows, AuditReviewRow, findings_place},
    ledger,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::AuditFilter;
use crate::{
    FieldProblem, Result, Service, ServiceError, idempotency,
    patients::Checks,
    reading::{decode, encode, size},
};

/// Sign off a review.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignOffAuditReview {
    /// From which moment the records were looked at.
    pub from: DateTime<Utc>,
    /// Until which; in the past.
    pub until: DateTime<Utc>,
    /// Which of them: its own times are replaced by the two above.
    pub scope: AuditFilter,
    /// What was found: at least one character. May be PHI.
    pub findings: String,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// A review that was signed off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReviewSigned {
    /// The review.
    pub audit_review_id: AuditReviewId,
    /// How many entries the checkpoint of that moment covers.
    pub checkpoint_size: u64,
}

/// A review as its readers see it.
#[derive(Debug, Clone)]
pub struct AuditReview {
    /// Its id.
    pub id: AuditReviewId,
    /// Who signed it off.
    pub signed_by: UserId,
    /// When.
    pub signed_at: DateTime<Utc>,
    /// From which moment the records were looked at.
    pub from: DateTime<Utc>,
    /// Until which.
    pub until: DateTime<Utc>,
    /// Which of them.
    pub scope: AuditFilter,
    /// What was found.
    pub findings: Phi<String>,
    /// How many entries the checkpoint of that moment covered.
    pub checkpoint_size: u64,
    /// Its place in the list.
    pub cursor: String,
}

/// A page of reviews, newest first.
#[derive(Debug, Clone)]
pub struct AuditReviewPage {
    /// The reviews.
    pub entries: Vec<AuditReview>,
    /// Whether more follow.
    pub has_more: bool,
}

#[derive(Serialize, Deserialize)]
struct Position {
    at: DateTime<Utc>,
    id: AuditReviewId,
}

/// A filter as it is kept: ids and codes.
pub(super) fn kept<T: Serialize>(filter: &T) -> Result<String> {
    serde_json::to_string(filter).map_err(|error| ServiceError::Internal(StoreError::Encode(error.to_string())))
}

/// A kept filter.
pub(super) fn opened<T: DeserializeOwned>(filter: &str, column: &'static str) -> Result<T> {
    let bad = |error: serde_json::Error| StoreError::Row {
        column,
        message: error.to_string(),
    };
    Ok(serde_json::from_str(filter).map_err(bad)?)
}

impl Service {
    /// Signs off a review of the organization's records.
    ///
    /// # Errors
    /// `Invalid` for times, a scope or findings that are none.
    pub async fn sign_off_audit_review(&self, actor: &Actor, input: SignOffAuditReview) -> Result<AuditReviewSigned> {
        self.authorize(actor, Action::ReviewAudit, Relation::Own).await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let organization = self.organization(actor)?;
        let now = self.now();
        let scope = AuditFilter {
            from: Some(input.from),
            until: Some(input.until),
            ..input.scope.clone()
        };
        let mut checks = Checks::default();
        let findings = checks.text("findings", &input.findings);
        if input.until > now {
            checks.problem("until", "IN_FUTURE", "what is yet to come cannot have been looked at");
        }
        for problem in scope.read(Some(organization)).1 {
            let path = problem.path.replace("filter.", "scope.");
            checks.add(FieldProblem { path, ..problem });
        }
        checks.finish()?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.clone();
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "signOffAuditReview", &input).await?
        {
            return Ok(earlier);
        }
        let id: AuditReviewId = self.id();
        let checkpoint_size = ledger::latest_checkpoint(&mut tx).await?.map_or(0, |row| row.tree_size);
        let sealed =
            self.store()
                .keyring()?
                .seal_secret(findings_place(id), findings.as_bytes(), &*self.store().random())?;
        let row = AuditReviewRow {
            id,
            organization_id: organization,
            signed_by: user,
            from_at: input.from,
            until_at: input.until,
            scope: kept(&scope)?,
            findings_sealed: sealed,
            checkpoint_size,
            signed_at: now,
        };
        rows::insert_review(&mut tx, &row).await?;
        let mut entry = self.entry(actor, "audit.review");
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(id.to_string());
        entry.detail.insert("from", input.from.to_rfc3339());
        entry.detail.insert("until", input.until.to_rfc3339());
        entry.detail.insert("fields", scope.fields());
        entry.detail.insert("checkpoint_size", checkpoint_size.to_string());
        tx.record(entry);
        let signed = AuditReviewSigned {
            audit_review_id: id,
            checkpoint_size: checkpoint_size.unsigned_abs(),
        };
        idempotency::keep(
            self,
            &mut tx,
            actor,
            key.as_deref(),
            "signOffAuditReview",
            &input,
            &signed,
        )
        .await?;
        tx.commit().await?;
        Ok(signed)
    }

    /// The organization's reviews with their findings; one ledger entry for the page.
    ///
    /// # Errors
    /// `Invalid` for a page size out of range or another list's cursor.
    pub async fn audit_reviews(
        &self,
        actor: &Actor,
        first: Option<u32>,
        after: Option<&str>,
    ) -> Result<AuditReviewPage> {
        self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let mut problems = Vec::new();
        let first = size(first, &mut problems);
        let after: Option<Position> = decode(after, &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let after = after.map(|position| (position.at, position.id));
        let mut conn = self.read().await?;
        let mut found = rows::reviews(&mut conn, organization, after, first + 1).await?;
        drop(conn);
        let wanted = usize::try_from(first).unwrap_or(usize::MAX);
        let has_more = found.len() > wanted;
        found.truncate(wanted);
        let entries = found
            .into_iter()
            .map(|row| self.open_review(row))
            .collect::<Result<Vec<_>>>()?;
        if !entries.is_empty() {
            let mut entry = self.entry(actor, "audit.review.read");
            entry.purpose = PurposeOfUse::Operations;
            entry.detail.insert("count", entries.len().to_string());
            self.record_readings(vec![entry]).await?;
        }
        Ok(AuditReviewPage { entries, has_more })
    }

    fn open_review(&self, row: AuditReviewRow) -> Result<AuditReview> {
        let findings = self
            .store()
            .keyring()?
            .open_secret(findings_place(row.id), &row.findings_sealed)?;
        Ok(AuditReview {
            id: row.id,
            signed_by: row.signed_by,
            signed_at: row.signed_at,
            from: row.from_at,
            until: row.until_at,
            scope: opened(&row.scope, "scope")?,
            findings: Phi::new(String::from_utf8_lossy(&findings).into_owned()),
            checkpoint_size: row.checkpoint_size.unsigned_abs(),
            cursor: encode(&Position {
                at: row.signed_at,
                id: row.id,
            }),
        })
    }
}
