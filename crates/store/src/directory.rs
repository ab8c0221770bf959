//! The directory's rows: organizations, teams, people, their places, endpoints, coverage, policies and API tokens.
//!
//! One file per table group. Who may read or change what is decided in `service`.

pub mod coverage;
pub mod endpoint;
pub mod find;
pub mod membership;
pub mod organization;
pub mod person;
pub mod policy;
pub mod team;
pub mod token;

pub use coverage::{CoverageRow, covering};
pub use endpoint::{EndpointRow, endpoints_of_teams, endpoints_of_users};
pub use membership::{MembershipRow, memberships_of};
pub use organization::{OrganizationRow, organizations_by_ids};
pub use person::{PersonRow, people_by_ids};
pub use policy::{PolicyRow, effective_policy};
pub use team::{
    TeamMemberRow, TeamPersonRow, TeamRow, leads, members_of_teams, team_people, teams_by_ids, teams_of_people,
};
pub use token::TokenRow;

use liaison_domain::ids::TypedId;
use uuid::Uuid;

/// The ids as the database keeps them, each once.
pub(crate) fn uuids<T: TypedId>(ids: &[T]) -> Vec<Uuid> {
    let mut uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    uuids.sort_unstable();
    uuids.dedup();
    uuids
}
