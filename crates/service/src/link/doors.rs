//! Where a code can go: the e-mail addresses that the directory itself keeps for the recipient, and no other.

use liaison_domain::{ChannelKind, EndpointId, UserId};
use liaison_store::{Conn, recipients::RecipientRow};

use crate::{Result, Service, loops::who::Addressed};

/// An address to which a code can go, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkAddress {
    /// Its number, to choose it by.
    pub number: usize,
    /// Such as `o•••@oncology.example`.
    pub masked: String,
}

/// An address of the directory.
pub(super) struct Door {
    pub(super) address: String,
    pub(super) endpoint_id: Option<EndpointId>,
    /// Whose own it is; none for a team's.
    pub(super) user_id: Option<UserId>,
}

/// The first character and the host: enough for its owner to know it, not enough to write to it.
pub(super) fn masked(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, host)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}•••@{host}")
        }
        None => "•••".to_owned(),
    }
}

impl Service {
    /// Where a code can be sent.
    ///
    /// # Errors
    /// `NotFound` for an unknown, ended, revoked or expired link, all alike.
    pub async fn link_addresses(&self, token: &str) -> Result<Vec<LinkAddress>> {
        let row = self.loop_of_link(token).await?;
        let doors = self.link_doors(&mut self.read().await?, &row).await?;
        Ok(doors
            .iter()
            .enumerate()
            .map(|(number, door)| LinkAddress {
                number,
                masked: masked(&door.address),
            })
            .collect())
    }

    /// The addresses of a loop's recipient, always in the same order. A person who was disabled or left has none.
    pub(super) async fn link_doors(&self, conn: &mut Conn, row: &RecipientRow) -> Result<Vec<Door>> {
        let teams: Vec<_> = row.to_team_id.into_iter().collect();
        let users: Vec<_> = row.to_user_id.into_iter().collect();
        let known = Addressed::load(conn, &teams, &users, self.now()).await?;
        let routes = match (row.to_team_id, row.to_user_id) {
            (Some(team), _) => known.routes_to_team(team),
            (None, Some(user)) if known.is_of(user, row.to_organization_id) => known.routes_to_user(user),
            _ => Vec::new(),
        };
        let user_id = row.to_user_id.filter(|_| row.to_team_id.is_none());
        Ok(routes
            .into_iter()
            .filter(|route| route.channel == ChannelKind::Email)
            .map(|route| Door {
                address: route.address,
                endpoint_id: route.endpoint_id,
                user_id,
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn an_address_keeps_its_first_character_and_its_host() {
        assert_eq!(masked("oncology-team@cancer.example"), "o•••@cancer.example");
        assert_eq!(masked("ö@x.example"), "ö•••@x.example");
        assert_eq!(masked("nonsense"), "•••");
    }
}
