//! Creating and changing organizations.

use liaison_domain::{
    Actor, OrganizationId, OrganizationKind,
    access::{Action, Relation},
    people::ActorKind,
};
use liaison_store::{Tx, directory as rows};
use serde::{Deserialize, Serialize};

use super::{Organization, changed, check::Check};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// A new organization. The operator creates any; an admin of a clinic creates partners, whose directory that clinic
/// then keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateOrganization {
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// What it is to the clinic's patients.
    pub kind: OrganizationKind,
    /// Its IANA time zone.
    pub time_zone: String,
    /// Its telephone line.
    pub phone: Option<String>,
    /// The clinic that keeps its directory. For the operator alone; an admin's own clinic is taken otherwise.
    pub managed_by: Option<OrganizationId>,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// Everything of an organization that can be changed, as it shall be from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpdateOrganization {
    /// Which.
    pub organization_id: OrganizationId,
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// Its IANA time zone.
    pub time_zone: String,
    /// Its telephone line.
    pub phone: Option<String>,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

impl Service {
    /// Creates an organization; its id.
    pub async fn create_organization(&self, actor: &Actor, input: CreateOrganization) -> Result<OrganizationId> {
        // An admin acts within their own clinic: the partner is entered in its directory.
        let relation = if actor.is_clinic() {
            Relation::Own
        } else {
            Relation::None
        };
        match self.authorize(actor, Action::ManageDirectory, relation).await {
            Err(ServiceError::NotFound(_)) => return Err(ServiceError::Forbidden),
            other => other?,
        }
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(done) = replay(&mut tx, actor, key, "createOrganization", &input).await? {
            return Ok(done);
        }
        let id = self.insert_organization(&mut tx, actor, &input, "").await?;
        keep(self, &mut tx, actor, key, "createOrganization", &input, &id).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Checks and adds an organization; `prefix` stands before the paths of problems.
    pub(super) async fn insert_organization(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        input: &CreateOrganization,
        prefix: &str,
    ) -> Result<OrganizationId> {
        let mut check = Check::default();
        let path = |field: &str| format!("{prefix}{field}");
        let name = check.name(&path("name"), &input.name);
        let zone = check.zone(&path("timeZone"), &input.time_zone);
        let phone = check.phone(&path("phone"), input.phone.as_deref());
        let by_admin = actor.kind == ActorKind::Person;
        if by_admin && input.kind == OrganizationKind::Clinic {
            check.problem(
                &path("kind"),
                "NOT_ALLOWED",
                "only the operator adds a clinic; choose a partner's kind",
            );
        }
        let managed_by = if by_admin {
            actor.organization_id
        } else {
            input.managed_by
        };
        if by_admin && input.managed_by.is_some() && input.managed_by != managed_by {
            check.unknown_id(path("managedBy"));
        } else if let Some(clinic) = managed_by {
            let found = rows::organization::find(tx, clinic).await?;
            if found.is_none_or(|found| found.kind != OrganizationKind::Clinic) {
                check.unknown_id(path("managedBy"));
            }
            if input.kind == OrganizationKind::Clinic {
                check.problem(&path("managedBy"), "NOT_ALLOWED", "a clinic keeps its own directory");
            }
        }
        check.done()?;
        let now = self.now();
        let row = Organization {
            id: self.id(),
            name,
            kind: input.kind,
            time_zone: zone.map(|zone| zone.name().to_owned()).unwrap_or_default(),
            phone,
            managed_by,
            created_at: now,
            updated_at: now,
        };
        rows::organization::insert(tx, &row).await?;
        let mut entry = self.directory_entry(actor, "organization.create", row.id, row.id);
        entry.detail.insert("kind", row.kind.to_string());
        tx.record(entry);
        Ok(row.id)
    }

    /// Changes an organization.
    pub async fn update_organization(&self, actor: &Actor, input: UpdateOrganization) -> Result<Organization> {
        self.managed(
            actor,
            Action::ManageDirectory,
            Some(input.organization_id),
            "organization",
        )
        .await?;
        let mut check = Check::default();
        let name = check.name("name", &input.name);
        let zone = check.zone("timeZone", &input.time_zone);
        let phone = check.phone("phone", input.phone.as_deref());
        check.done()?;
        let time_zone = zone.map(|zone| zone.name().to_owned()).unwrap_or_default();
        let mut tx = self.begin().await?;
        let missing = || ServiceError::NotFound("organization");
        let mut row = rows::organization::lock(&mut tx, input.organization_id)
            .await?
            .ok_or_else(missing)?;
        let key = input.idempotency_key.as_deref();
        if replay::<_, ()>(&mut tx, actor, key, "updateOrganization", &input)
            .await?
            .is_some()
        {
            return Ok(row);
        }
        let what = changed(&[
            ("name", row.name != name),
            ("time_zone", row.time_zone != time_zone),
            ("phone", row.phone != phone),
        ]);
        row = Organization {
            name,
            time_zone,
            phone,
            updated_at: self.now(),
            ..row
        };
        rows::organization::update(&mut tx, &row).await?;
        let mut entry = self.directory_entry(actor, "organization.update", row.id, row.id);
        entry.detail.insert("changed", what);
        tx.record(entry);
        keep(self, &mut tx, actor, key, "updateOrganization", &input, &()).await?;
        tx.commit().await?;
        Ok(row)
    }
}
