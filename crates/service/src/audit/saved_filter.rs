//! Filters that an auditor keeps for the next time: their own, by name. A filter holds ids and codes; its name is not
//! sealed, so it is no place for a patient's name.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, PurposeOfUse, SavedFilterId,
    access::{Action, Relation},
};
use liaison_store::audit_work::{self as rows, SavedFilterRow};

use serde::{Deserialize, Serialize};

use super::{
    AuditFilter, AuditOrder,
    review::{kept, opened},
};
use crate::{Result, Service, ServiceError, patients::Checks};

/// The most filters that one person keeps.
pub const MAX_SAVED_FILTERS: usize = 50;
/// The longest name, in characters.
const MAX_NAME: usize = 80;

/// Keep a filter.
#[derive(Debug, Clone)]
pub struct SaveAuditFilter {
    /// Its name: 1 to 80 characters, no patient's.
    pub name: String,
    /// Which entries.
    pub filter: AuditFilter,
    /// In which order.
    pub order: AuditOrder,
}

/// A kept filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFilter {
    /// Its id.
    pub id: SavedFilterId,
    /// Its name.
    pub name: String,
    /// Which entries.
    pub filter: AuditFilter,
    /// In which order.
    pub order: AuditOrder,
    /// When it was saved.
    pub created_at: DateTime<Utc>,
}

/// A search as it is kept.
#[derive(Serialize, Deserialize)]
struct Search {
    #[serde(flatten)]
    filter: AuditFilter,
    order: AuditOrder,
}

impl Service {
    /// Keeps a filter under a name that the person does not use yet.
    ///
    /// # Errors
    /// `Invalid` for a name or a filter that is none, or a name that is taken.
    pub async fn save_audit_filter(&self, actor: &Actor, input: SaveAuditFilter) -> Result<SavedFilter> {
        self.authorize(actor, Action::ReviewAudit, Relation::Own).await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let organization = self.organization(actor)?;
        let mut checks = Checks::default();
        let name = checks.line("name", &input.name, MAX_NAME);
        for problem in input.filter.read(Some(organization)).1 {
            checks.add(problem);
        }
        let mut tx = self.begin().await?;
        let present = rows::filters(&mut tx, user, organization).await?;
        if present.iter().any(|row| row.name == name) {
            checks.problem("name", "DUPLICATE", "you have a filter of this name; delete it first");
        } else if present.len() >= MAX_SAVED_FILTERS {
            checks.problem("name", "TOO_MANY", format!("at most {MAX_SAVED_FILTERS} filters"));
        }
        checks.finish()?;
        let row = SavedFilterRow {
            id: self.id(),
            user_id: user,
            organization_id: organization,
            name,
            filter: kept(&Search {
                filter: input.filter.clone(),
                order: input.order,
            })?,
            created_at: self.now(),
        };
        match rows::insert_filter(&mut tx, &row).await {
            Err(error) if error.is_unique_violation() => {
                return Err(ServiceError::invalid(
                    "name",
                    "DUPLICATE",
                    "you have a filter of this name; delete it first",
                ));
            }
            other => other?,
        }
        let mut entry = self.entry(actor, "audit.filter.save");
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(row.id.to_string());
        entry.detail.insert("fields", input.filter.fields());
        tx.record(entry);
        tx.commit().await?;
        Ok(SavedFilter {
            id: row.id,
            name: row.name,
            filter: input.filter,
            order: input.order,
            created_at: row.created_at,
        })
    }

    /// The actor's own filters by their names.
    pub async fn saved_audit_filters(&self, actor: &Actor) -> Result<Vec<SavedFilter>> {
        self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let organization = self.organization(actor)?;
        let found = rows::filters(&mut self.read().await?, user, organization).await?;
        found
            .into_iter()
            .map(|row| {
                let search: Search = opened(&row.filter, "filter")?;
                Ok(SavedFilter {
                    id: row.id,
                    filter: search.filter,
                    order: search.order,
                    name: row.name,
                    created_at: row.created_at,
                })
            })
            .collect()
    }

    /// Deletes an own filter.
    ///
    /// # Errors
    /// `NotFound` for another's.
    pub async fn delete_audit_filter(&self, actor: &Actor, id: SavedFilterId) -> Result<()> {
        self.authorize(actor, Action::ReviewAudit, Relation::Own).await?;
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let organization = self.organization(actor)?;
        let mut tx = self.begin().await?;
        if !rows::delete_filter(&mut tx, id, user, organization).await? {
            return Err(ServiceError::NotFound("filter"));
        }
        let mut entry = self.entry(actor, "audit.filter.delete");
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(id.to_string());
        tx.record(entry);
        Ok(tx.commit().await?)
    }
}
