//! Finds whom something can be addressed to by words of the name, however long the directory is.

use liaison_domain::{Actor, OrganizationId, TeamId, UserId, access::Action};
use liaison_store::directory::find as rows;
use uuid::Uuid;

use super::read::{MAX_PAGE, sees_contacts};
use crate::{Result, Service, ServiceError};

/// Somebody who can be addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddresseeId {
    /// A whole organization.
    Organization(OrganizationId),
    /// A team.
    Team(TeamId),
    /// A person, in the organization in which they were found.
    User(UserId),
}

/// Somebody who can be addressed, with the names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Who.
    pub id: AddresseeId,
    /// The name.
    pub name: String,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization: String,
}

impl Addressee {
    /// Where a page goes on after this one.
    pub fn cursor(&self) -> (String, String, Uuid) {
        let id = match self.id {
            AddresseeId::Organization(id) => id.uuid(),
            AddresseeId::Team(id) => id.uuid(),
            AddresseeId::User(id) => id.uuid(),
        };
        (self.organization.clone(), self.name.clone(), id)
    }
}

/// Whom to look for.
#[derive(Debug, Clone, Default)]
pub struct FindAddressees {
    /// Words that all stand in the name or in the organization's name: none for everybody, at most 4.
    pub wanted: String,
    /// Whole organizations too.
    pub organizations: bool,
    /// Teams that can be addressed.
    pub teams: bool,
    /// People who care for patients and may sign in: for clinics those of every organization, for others colleagues.
    pub people: bool,
    /// Within this organization only.
    pub within: Option<OrganizationId>,
    /// Anywhere but in this one.
    pub but: Option<OrganizationId>,
    /// After the one with this organization's name, name and id.
    pub after: Option<(String, String, Uuid)>,
    /// How many: 1 to 100.
    pub first: u32,
}

/// A page of those who can be addressed, by organization and name.
#[derive(Debug, Clone, Default)]
pub struct AddresseePage {
    /// The addressees.
    pub items: Vec<Addressee>,
    /// Whether more follow.
    pub has_next: bool,
}

impl Service {
    /// Finds whom something can be addressed to, by one statement. For those who read the directory, and for guests of a
    /// secure link: names alone.
    ///
    /// # Errors
    /// `Invalid` for `first` and for more than 4 words in `wanted`.
    pub async fn find_addressees(&self, actor: &Actor, input: FindAddressees) -> Result<AddresseePage> {
        if !(1..=MAX_PAGE).contains(&input.first) {
            return Err(ServiceError::invalid(
                "first",
                "OUT_OF_RANGE",
                format!("1 to {MAX_PAGE}"),
            ));
        }
        let words: Vec<&str> = input.wanted.split_whitespace().collect();
        if words.len() > rows::MOST_WORDS || input.wanted.chars().count() > 200 {
            let message = format!("at most {} words of the name, at most 200 characters", rows::MOST_WORDS);
            return Err(ServiceError::invalid("wanted", "TOO_LONG", message));
        }
        let mut conn = match actor.guest {
            // A guest of a secure link may pass their one message on, and finds for it whom a colleague would find.
            Some(guest) => {
                self.loop_as_recipient(actor, guest.recipient_id, Action::Acknowledge)
                    .await?;
                self.read().await?
            }
            None => self.reads_directory(actor).await?,
        };
        let colleagues = if sees_contacts(actor) {
            None
        } else {
            actor.organization_id
        };
        let find = rows::Find {
            organizations: input.organizations,
            teams: input.teams,
            people: input.people && (colleagues.is_some() || sees_contacts(actor)),
            people_of: colleagues,
            within: input.within,
            but: input.but,
            words: &words,
            after: input
                .after
                .as_ref()
                .map(|(place, name, id)| (place.as_str(), name.as_str(), *id)),
            limit: input.first + 1,
        };
        let mut found = rows::find(&mut conn, find).await?;
        let has_next = found.len() > input.first as usize;
        found.truncate(input.first as usize);
        let items = found.into_iter().map(|row| Addressee {
            id: match row.kind.as_str() {
                "organization" => AddresseeId::Organization(OrganizationId::from_uuid(row.id)),
                "team" => AddresseeId::Team(TeamId::from_uuid(row.id)),
                _ => AddresseeId::User(UserId::from_uuid(row.id)),
            },
            name: row.name,
            organization_id: row.organization_id,
            organization: row.place,
        });
        Ok(AddresseePage {
            items: items.collect(),
            has_next,
        })
    }
}
