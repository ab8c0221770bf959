//! A person's roles in an organization, and the end of their place there.

use liaison_domain::{Actor, MembershipId, OrganizationKind, Role, access::Action};
use liaison_store::{Tx, directory as rows};
use serde::{Deserialize, Serialize};

use super::{Membership, check::Check};
use crate::{
    Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// Replaces a person's roles in an organization.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetRoles {
    /// Their place.
    pub membership_id: MembershipId,
    /// Their roles from now on: at least one.
    pub roles: Vec<Role>,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

pub(super) fn role_names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" ")
}

impl Service {
    /// Replaces a person's roles. Effective with their next request.
    pub async fn set_roles(&self, actor: &Actor, input: SetRoles) -> Result<()> {
        let place = self.managed_membership(actor, input.membership_id).await?;
        let mut check = Check::default();
        let roles = check.roles("roles", &input.roles);
        check.done()?;
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if replay::<_, ()>(&mut tx, actor, key, "setRoles", &input)
            .await?
            .is_some()
        {
            return Ok(());
        }
        if !roles.contains(&Role::Admin) {
            self.keeps_an_admin(&mut tx, &place).await?;
        }
        rows::membership::set_roles(&mut tx, place.id, &roles).await?;
        let mut entry = self.directory_entry(actor, "membership.roles", place.organization_id, place.id);
        entry.detail.insert("user_id", place.user_id.to_string());
        entry.detail.insert("from", role_names(place.roles()));
        entry.detail.insert("to", role_names(&roles));
        tx.record(entry);
        keep(self, &mut tx, actor, key, "setRoles", &input, &()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a person's place in an organization and in its teams. Their tokens for it answer no more. A repeat changes
    /// nothing.
    pub async fn end_membership(&self, actor: &Actor, membership_id: MembershipId) -> Result<()> {
        let place = self.managed_membership(actor, membership_id).await?;
        if place.until_at.is_some() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        self.keeps_an_admin(&mut tx, &place).await?;
        // Held, so that the person does not join a team at the same moment.
        rows::person::lock(&mut tx, place.user_id).await?;
        rows::membership::end(&mut tx, place.id, self.now()).await?;
        let teams = rows::team::remove_from_organization(&mut tx, place.user_id, place.organization_id).await?;
        self.end_sessions_for(&mut tx, place.user_id, place.organization_id)
            .await?;
        let mut entry = self.directory_entry(actor, "membership.end", place.organization_id, place.id);
        entry.detail.insert("user_id", place.user_id.to_string());
        entry.detail.insert("teams_left", teams.to_string());
        tx.record(entry);
        self.hand_on_calls(&mut tx, actor, place.user_id).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn managed_membership(&self, actor: &Actor, id: MembershipId) -> Result<Membership> {
        let found = rows::membership::memberships_by_ids(&mut self.read().await?, &[id])
            .await?
            .pop();
        let organization = found.as_ref().map(|place| place.organization_id);
        self.managed(actor, Action::ManageDirectory, organization, "membership")
            .await?;
        found.ok_or(ServiceError::NotFound("membership"))
    }

    /// Refuses to take the last admin from an organization that nobody else keeps. Holds the organization, so that two
    /// admins do not remove each other at the same moment.
    pub(super) async fn keeps_an_admin(&self, tx: &mut Tx, place: &Membership) -> Result<()> {
        let organization = rows::organization::lock(tx, place.organization_id).await?;
        let keeps_itself = organization.is_some_and(|organization| {
            organization.kind == OrganizationKind::Clinic || organization.managed_by.is_none()
        });
        if !keeps_itself || !place.roles().contains(&Role::Admin) {
            return Ok(());
        }
        let others = rows::membership::enabled_memberships_in(tx, place.organization_id).await?;
        if others
            .iter()
            .any(|other| other.user_id != place.user_id && other.roles().contains(&Role::Admin))
        {
            return Ok(());
        }
        Err(ServiceError::conflict(
            "LAST_ADMIN",
            "this is the last admin of the organization; name another one first",
        ))
    }
}
