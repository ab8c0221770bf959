//! Guests as they are shown: with the words "named themself", because nobody checked more than that they read the
//! recipient's address.

use std::{collections::HashMap, fmt};

use liaison_domain::{Actor, Author, GuestId, RecipientId, UserId};
use liaison_store::{
    Conn,
    links::{self, GuestRow},
};
use uuid::Uuid;

use crate::{Result, Service};

/// Somebody who came in by a secure link. Shown as `Dr. X (oncologist), named themself; code to o•••@oncology.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestName {
    /// The guest.
    pub id: GuestId,
    /// The loop they reach.
    pub recipient_id: RecipientId,
    /// The person, where the code went to a person's own address of the directory.
    pub user_id: Option<UserId>,
    /// As they named themself.
    pub name: String,
    /// Their profession, as they gave it.
    pub profession: String,
    /// Where the code went, masked.
    pub verified_by: String,
}

impl fmt::Display for GuestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            profession,
            verified_by,
            ..
        } = self;
        write!(f, "{name} ({profession}), named themself; code to {verified_by}")
    }
}

impl From<GuestRow> for GuestName {
    fn from(row: GuestRow) -> Self {
        Self {
            id: row.id,
            recipient_id: row.recipient_id,
            user_id: row.user_id,
            name: row.name,
            profession: row.profession,
            verified_by: row.verified_by,
        }
    }
}

/// Guests by their ids.
pub(crate) type GuestNames = HashMap<GuestId, GuestName>;

impl Service {
    /// The guests among those who acted; no statement where there is none.
    pub(crate) async fn guests_named(
        &self,
        conn: &mut Conn,
        ids: impl IntoIterator<Item = Option<GuestId>>,
    ) -> Result<GuestNames> {
        let mut ids: Vec<Uuid> = ids.into_iter().flatten().map(|id| id.uuid()).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = links::guests_by_ids(conn, &ids).await?;
        Ok(found.into_iter().map(|row| (row.id, row.into())).collect())
    }

    /// The words for who did it, where a guest did to whom it is attributed.
    pub(crate) async fn named_by(&self, conn: &mut Conn, actor: &Actor) -> Result<Option<String>> {
        let Some(Author::Guest(id)) = actor.author() else {
            return Ok(None);
        };
        let named = self.guests_named(conn, [Some(id)]).await?;
        Ok(named.get(&id).map(ToString::to_string))
    }
}
