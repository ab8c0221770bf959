//! The session of a guest: idle for 15 minutes at most, an hour in all, bound to one loop, ended with its link.

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, Guest, GuestId, PurposeOfUse, RecipientId, people::ActorKind};
use liaison_store::{
    Conn,
    directory::{membership, people_by_ids},
    links::{self, GuestRow},
    recipients::{self, RecipientRow},
};

use super::{GuestName, hash_of, holds, is_secret, visitor};
use crate::{Result, Service, ServiceError};

/// For how long a session holds without being used.
pub const IDLE_LIFE: TimeDelta = TimeDelta::minutes(15);
/// For how long a session holds at all.
pub const ABSOLUTE_LIFE: TimeDelta = TimeDelta::minutes(60);
/// A session's end is moved when it would move by this much at least, so that a page with many parts writes once.
const TOUCH_BY: TimeDelta = TimeDelta::seconds(30);

/// A session in force.
#[derive(Debug, Clone)]
pub struct LinkSession {
    /// Who acts: on the one loop alone, and there opens, acknowledges, declines, redirects, answers and writes.
    pub actor: Actor,
    /// The guest.
    pub guest_id: GuestId,
    /// The loop.
    pub recipient_id: RecipientId,
    /// Who they said they are.
    pub named: GuestName,
    /// The recipient's IANA time zone.
    pub time_zone: &'static str,
    /// Until when the session holds without being used.
    pub idle_until: DateTime<Utc>,
    /// Until when it holds at all.
    pub absolute_until: DateTime<Utc>,
}

impl Service {
    /// The session of a secret. `touch` says that a person used it, rather than a page that looks again by itself.
    ///
    /// # Errors
    /// `Unauthenticated` for an unknown, ended or expired session, and when its link opens nothing any more.
    pub async fn link_session(
        &self,
        secret: &str,
        peer: Option<&str>,
        request_id: Option<&str>,
        touch: bool,
    ) -> Result<LinkSession> {
        let (guest, row) = self.guest_of(secret).await?.ok_or(ServiceError::Unauthenticated)?;
        let now = self.now();
        let mut idle_until = guest.idle_until;
        let wanted = (now + IDLE_LIFE).min(guest.absolute_until);
        if touch && wanted >= idle_until + TOUCH_BY {
            let mut tx = self.begin().await?;
            links::touch(&mut tx, guest.id, wanted).await?;
            tx.commit().await?;
            idle_until = wanted;
        }
        let actor = Actor {
            kind: ActorKind::Guest,
            guest: Some(Guest {
                id: guest.id,
                recipient_id: row.id,
                user_id: guest.user_id,
            }),
            organization_id: Some(row.to_organization_id),
            ..visitor(peer, request_id)
        };
        Ok(LinkSession {
            actor,
            guest_id: guest.id,
            recipient_id: row.id,
            time_zone: row.calendar.0.time_zone.name(),
            idle_until,
            absolute_until: guest.absolute_until,
            named: guest.into(),
        })
    }

    /// Ends a session; whether there was one.
    pub async fn end_link_session(&self, secret: &str, peer: Option<&str>, request_id: Option<&str>) -> Result<bool> {
        let Ok(session) = self.link_session(secret, peer, request_id, false).await else {
            return Ok(false);
        };
        let mut tx = self.begin().await?;
        let ended = links::end(&mut tx, session.guest_id, self.now()).await?;
        let row = recipients::find(&mut tx, session.recipient_id).await?;
        if let (true, Some(row)) = (ended, row) {
            let mut entry = self.loop_entry(&session.actor, "link.leave", &row);
            entry.purpose = PurposeOfUse::Operations;
            tx.record(entry);
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// The guest whose session a secret opens, with the loop, while both hold.
    async fn guest_of(&self, secret: &str) -> Result<Option<(GuestRow, RecipientRow)>> {
        if !is_secret(secret) {
            return Ok(None);
        }
        let now = self.now();
        let mut conn = self.read().await?;
        let Some(guest) = links::guest_by_secret(&mut conn, hash_of(secret)).await? else {
            return Ok(None);
        };
        let Some(row) = recipients::find(&mut conn, guest.recipient_id).await? else {
            return Ok(None);
        };
        let runs = guest.ended_at.is_none() && now < guest.idle_until && now < guest.absolute_until;
        let same_link = guest.link_version == row.link_version;
        if !runs || !same_link || !holds(&row, now) || !self.still_there(&mut conn, &guest, &row).await? {
            return Ok(None);
        }
        Ok(Some((guest, row)))
    }

    /// A person who was disabled or left the organization has no session any more; a guest without a person does.
    async fn still_there(&self, conn: &mut Conn, guest: &GuestRow, row: &RecipientRow) -> Result<bool> {
        let Some(user) = guest.user_id else { return Ok(true) };
        let enabled = people_by_ids(conn, &[user])
            .await?
            .iter()
            .any(|person| person.disabled_at.is_none());
        Ok(enabled && membership::current(conn, user, row.to_organization_id).await?.is_some())
    }
}
