//! The directory: organizations, teams, people and their places, endpoints, coverage, escalation policies, API tokens.
//!
//! One file per act or small group of acts. Sign-in by password is not here; it asks [`Service::acting_person`] for the
//! actor of a person it checked.
//!
//! Who changes what: the admins of an organization change its directory. A partner that keeps no directory of its own
//! names the clinic that keeps it ([`Organization::managed_by`]), whose admins may then do the same. No other clinic
//! may: whoever puts people into a partner's team lets them read what was shared with it.

mod authenticate;
mod check;
mod coverage;
mod endpoint;
mod find;
mod load;
mod membership;
mod organization;
mod person;
mod policy;
mod read;
mod team;
mod team_member;
mod test_endpoint;
mod token;

pub use authenticate::FailedSignIns;
pub(crate) use authenticate::mark;
pub(crate) use check::check_visitor;
pub use coverage::{CreateCoverage, MAX_ABSENCE_DAYS, READERS};
pub use endpoint::{CreateEndpoint, EndpointCreated, EndpointOwner, MAX_ENDPOINTS};
pub use find::{Addressee, AddresseeId, AddresseePage, FindAddressees};
pub use liaison_store::directory::{
    CoverageRow as Coverage, MembershipRow as Membership, OrganizationRow as Organization, TeamMemberRow as TeamMember,
    TeamRow as Team, TokenRow as ApiToken,
};
pub use membership::SetRoles;
pub use organization::{CreateOrganization, UpdateOrganization};
pub use person::{AddPerson, OrganizationChoice, PersonAdded, UpdatePerson, next_digest};
pub use policy::{EscalationPreview, PolicyInForce, PreviewEscalation, SetPolicy};
pub use read::{Contact, Endpoint, ListOrganizations, OrganizationPage, Person};
pub use team::{CreateTeam, TeamSettings, UpdateTeam};
pub use team_member::PutTeamMember;
pub use test_endpoint::{BETWEEN_TESTS, EndpointTest};
pub use token::{CreateToken, MAX_TOKENS, TokenCreated};

use liaison_domain::{
    Actor, OrganizationId, PurposeOfUse,
    access::{Action, Relation},
};
use liaison_store::{NewEntry, directory as rows};

use crate::{Result, Service, ServiceError};

/// How the actor stands to an organization's directory.
pub(crate) fn relation(actor: &Actor, organization: &Organization) -> Relation {
    let keeps = actor.is_clinic() && organization.managed_by.is_some_and(|clinic| actor.acts_for(clinic));
    if keeps || actor.acts_for(organization.id) {
        Relation::Own
    } else {
        Relation::None
    }
}

impl Service {
    /// The organization, when the actor may do this to its directory. Unknown and another's look alike: `what` is not
    /// found.
    async fn managed(
        &self,
        actor: &Actor,
        action: Action,
        id: Option<OrganizationId>,
        what: &'static str,
    ) -> Result<Organization> {
        let found = match id {
            Some(id) => rows::organization::find(&mut self.read().await?, id).await?,
            None => None,
        };
        let relation = found
            .as_ref()
            .map_or(Relation::None, |organization| relation(actor, organization));
        match self.authorize(actor, action, relation).await {
            Err(ServiceError::NotFound(_)) => Err(ServiceError::NotFound(what)),
            Err(other) => Err(other),
            Ok(()) => found.ok_or(ServiceError::NotFound(what)),
        }
    }

    /// A ledger entry of a change to an organization's directory.
    fn directory_entry(
        &self,
        actor: &Actor,
        action: &'static str,
        organization: OrganizationId,
        object: impl std::fmt::Display,
    ) -> NewEntry {
        let mut entry = self.entry(actor, action);
        entry.purpose = PurposeOfUse::Operations;
        entry.organization_id = Some(organization);
        entry.object_id = Some(object.to_string());
        entry
    }
}

/// The names of the fields that differ, for the ledger.
fn changed(fields: &[(&str, bool)]) -> String {
    let names: Vec<&str> = fields
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(" ")
    }
}
