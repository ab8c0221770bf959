//! Looking up the directory: lists and single things, and who sees how much of them.
//!
//! Organizations, teams and names are for everybody who signed in: recipients are chosen from them. Addresses and
//! telephones of people, and endpoints, are for the same organization and for clinics. Endpoint secrets are for nobody.

use std::collections::HashSet;

use liaison_domain::{
    Actor, CoverageId, EndpointId, OrganizationId, OrganizationKind, Role, TeamId, UserId,
    access::{Action, Relation},
    people::ActorKind,
};
use liaison_store::{
    Conn,
    directory::{self as rows, EndpointRow, PersonRow},
};

use super::{Coverage, Organization, Team};
use crate::{Result, Service, ServiceError};

pub use liaison_store::directory::EndpointRow as Endpoint;

/// The most items of a page.
pub(super) const MAX_PAGE: u32 = 100;
/// The most coverages a list shows.
const LISTED: u32 = 500;

/// How to reach a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Their e-mail address.
    pub email: String,
    /// Their telephone.
    pub phone: Option<String>,
}

/// A person, as far as the actor may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub display_name: String,
    /// Their IANA time zone.
    pub time_zone: String,
    /// Whether they may not sign in.
    pub disabled: bool,
    /// How to reach them: for their own organizations and clinics.
    pub contact: Option<Contact>,
    /// The local hour of their digest: for themself and for admins who see how to reach them.
    pub digest_hour: Option<u32>,
}

/// Which organizations to list.
#[derive(Debug, Clone, Default)]
pub struct ListOrganizations {
    /// Only of this kind.
    pub kind: Option<OrganizationKind>,
    /// After the one of this name and id.
    pub after: Option<(String, OrganizationId)>,
    /// How many: 1 to 100.
    pub first: u32,
}

/// A page of organizations, by name.
#[derive(Debug, Clone)]
pub struct OrganizationPage {
    /// The organizations.
    pub items: Vec<Organization>,
    /// Whether more follow.
    pub has_next: bool,
}

/// Whether the actor sees everything that is for the same organization and for clinics.
pub(super) fn sees_contacts(actor: &Actor) -> bool {
    actor.kind == ActorKind::System || actor.is_clinic()
}

pub(super) fn sees_endpoint(actor: &Actor, endpoint: &EndpointRow) -> bool {
    sees_contacts(actor) || actor.acts_for(endpoint.organization_id)
}

/// People as the actor may see them, by at most two statements.
pub(super) async fn people(conn: &mut Conn, actor: &Actor, found: Vec<PersonRow>) -> Result<Vec<Person>> {
    let colleagues: Option<HashSet<UserId>> = if sees_contacts(actor) {
        None
    } else {
        let ids: Vec<UserId> = found.iter().map(|person| person.id).collect();
        let places = rows::memberships_of(conn, &ids).await?;
        Some(
            places
                .iter()
                .filter(|place| actor.acts_for(place.organization_id))
                .map(|place| place.user_id)
                .collect(),
        )
    };
    let view = |row: PersonRow| {
        let themself = actor.user_id == Some(row.id);
        let seen = themself
            || colleagues
                .as_ref()
                .is_none_or(|colleagues| colleagues.contains(&row.id));
        Person {
            id: row.id,
            display_name: row.display_name,
            time_zone: row.time_zone,
            disabled: row.disabled_at.is_some(),
            contact: seen.then_some(Contact {
                email: row.email,
                phone: row.phone,
            }),
            digest_hour: row.digest_hour.filter(|_| themself || (seen && actor.has(Role::Admin))),
        }
    };
    Ok(found.into_iter().map(view).collect())
}

impl Service {
    pub(super) async fn reads_directory(&self, actor: &Actor) -> Result<Conn> {
        self.authorize(actor, Action::ReadDirectory, Relation::None).await?;
        self.read().await
    }

    /// An organization.
    pub async fn organization_by_id(&self, actor: &Actor, id: OrganizationId) -> Result<Option<Organization>> {
        Ok(rows::organization::find(&mut self.reads_directory(actor).await?, id).await?)
    }

    /// A page of the organizations, by name.
    pub async fn organizations(&self, actor: &Actor, input: ListOrganizations) -> Result<OrganizationPage> {
        if !(1..=MAX_PAGE).contains(&input.first) {
            return Err(ServiceError::invalid(
                "first",
                "OUT_OF_RANGE",
                format!("1 to {MAX_PAGE}"),
            ));
        }
        let mut conn = self.reads_directory(actor).await?;
        let after = input.after.as_ref().map(|(name, id)| (name.as_str(), *id));
        let mut items = rows::organization::list(&mut conn, input.kind, after, input.first + 1).await?;
        let has_next = items.len() > input.first as usize;
        items.truncate(input.first as usize);
        Ok(OrganizationPage { items, has_next })
    }

    /// A team.
    pub async fn team_by_id(&self, actor: &Actor, id: TeamId) -> Result<Option<Team>> {
        Ok(rows::team::find(&mut self.reads_directory(actor).await?, id).await?)
    }

    /// A person.
    pub async fn person_by_id(&self, actor: &Actor, id: UserId) -> Result<Option<Person>> {
        Ok(self.people_by_ids(actor, &[id]).await?.pop())
    }

    /// An endpoint, for its organization and for clinics.
    pub async fn endpoint_by_id(&self, actor: &Actor, id: EndpointId) -> Result<Option<Endpoint>> {
        let found = rows::endpoint::find(&mut self.reads_directory(actor).await?, id).await?;
        Ok(found.filter(|endpoint| sees_endpoint(actor, endpoint)))
    }

    /// The present and coming absences of an organization, soonest first, at most 500: for its people and for clinics.
    pub async fn coverages(&self, actor: &Actor, organization: OrganizationId) -> Result<Vec<Coverage>> {
        let mut conn = self.reads_directory(actor).await?;
        if !sees_contacts(actor) && !actor.acts_for(organization) {
            return Ok(Vec::new());
        }
        Ok(rows::coverage::list(&mut conn, organization, self.now(), LISTED).await?)
    }

    /// A coverage, for the people of its organization and for clinics.
    pub async fn coverage_by_id(&self, actor: &Actor, id: CoverageId) -> Result<Option<Coverage>> {
        let found = rows::coverage::find(&mut self.reads_directory(actor).await?, id).await?;
        Ok(found.filter(|row| sees_contacts(actor) || actor.acts_for(row.organization_id)))
    }
}
