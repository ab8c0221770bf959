//! Enter a code: the person names themself, and a session opens for the one loop of the link.

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, Guest, GuestId, PurposeOfUse, RecipientId, people::ActorKind};
use liaison_store::{
    Tx,
    links::{self, GuestRow, LinkCodeRow},
    recipients::{self, RecipientRow},
};
use subtle::ConstantTimeEq;

use super::{
    GuestName,
    doors::masked,
    hash_of, holds, is_secret,
    session::{ABSOLUTE_LIFE, IDLE_LIFE},
    visitor,
};
use crate::{Result, Service, ServiceError, channel::Secret, directory::check_visitor};

/// How often a code may be tried.
pub const CODE_TRIES: u32 = 5;

/// Enter a code, and say who you are.
#[derive(Debug, Clone)]
pub struct EnterLinkCode {
    /// What [`Service::send_link_code`] answered.
    pub challenge: String,
    /// The six digits; spaces do not matter.
    pub code: String,
    /// The person's name: 1 to 200 characters.
    pub name: String,
    /// Their profession or role: 1 to 200 characters.
    pub profession: String,
    /// Their e-mail address at work.
    pub work_email: Option<String>,
    /// Their telephone number.
    pub phone: Option<String>,
    /// The network address the request came from, for the ledger.
    pub peer: Option<String>,
    /// The request's id, for the ledger.
    pub request_id: Option<String>,
}

/// A session that reaches one loop.
#[derive(Debug, Clone)]
pub struct LinkOpened {
    /// The session's secret, for a cookie; it is kept as a hash and never shown again.
    pub secret: Secret,
    /// The guest.
    pub guest_id: GuestId,
    /// The loop they reach.
    pub recipient_id: RecipientId,
    /// Who they said they are.
    pub named: GuestName,
    /// Until when the session holds without being used.
    pub idle_until: DateTime<Utc>,
    /// Until when it holds at all.
    pub absolute_until: DateTime<Utc>,
}

/// One answer for a wrong, used, burned, expired or unknown code, so that nothing is learned from it.
fn wrong() -> ServiceError {
    ServiceError::conflict(
        "WRONG_CODE",
        "this code is wrong, was used, or holds no more; check it or ask for a new one",
    )
}

impl Service {
    /// Opens a session by a code. A wrong try is counted and committed; after five the code is burned.
    ///
    /// # Errors
    /// `Invalid` for a name, a profession, an address or a number that is none, before the code is tried; `WRONG_CODE`
    /// for everything else that is not right.
    pub async fn enter_link_code(&self, input: EnterLinkCode) -> Result<LinkOpened> {
        let (name, profession, work_email, phone) = check_visitor(
            &input.name,
            &input.profession,
            input.work_email.as_deref(),
            input.phone.as_deref(),
        )?;
        if !is_secret(&input.challenge) {
            return Err(wrong());
        }
        let now = self.now();
        let mut tx = self.begin().await?;
        let code = links::lock_code(&mut tx, hash_of(&input.challenge))
            .await?
            .ok_or_else(wrong)?;
        let row = recipients::find(&mut tx, code.recipient_id).await?.ok_or_else(wrong)?;
        if let Some(reason) = self.refusal(&mut tx, &code, &row, &input.code).await? {
            self.refuse(tx, &input, &code, &row, reason).await?;
            return Err(wrong());
        }
        links::use_code(&mut tx, code.id, now).await?;
        let (secret, secret_hash) = self.new_secret_text();
        let guest = GuestRow {
            id: self.id(),
            recipient_id: row.id,
            code_id: code.id,
            user_id: code.user_id,
            name,
            profession,
            work_email,
            phone,
            verified_by: masked(&code.address),
            link_version: row.link_version,
            secret_hash: secret_hash.to_vec(),
            created_at: now,
            idle_until: now + IDLE_LIFE,
            absolute_until: now + ABSOLUTE_LIFE,
            ended_at: None,
            account_requested_at: None,
        };
        links::insert_guest(&mut tx, &guest).await?;
        let actor = Actor {
            kind: ActorKind::Guest,
            guest: Some(Guest {
                id: guest.id,
                recipient_id: row.id,
                user_id: guest.user_id,
            }),
            organization_id: Some(row.to_organization_id),
            ..visitor(input.peer.as_deref(), input.request_id.as_deref())
        };
        let mut entry = self.loop_entry(&actor, "link.enter", &row);
        entry.object_id = Some(code.id.to_string());
        let whose = if code.user_id.is_some() { "person" } else { "team" };
        entry.detail.insert("address_of", whose.to_owned());
        tx.record(entry);
        tx.commit().await?;
        Ok(LinkOpened {
            secret: Secret::new(secret.as_str()),
            guest_id: guest.id,
            recipient_id: row.id,
            idle_until: guest.idle_until,
            absolute_until: guest.absolute_until,
            named: GuestName::from(guest),
        })
    }

    /// Why a code opens nothing; for the ledger alone.
    async fn refusal(
        &self,
        tx: &mut Tx,
        code: &LinkCodeRow,
        row: &RecipientRow,
        given: &str,
    ) -> Result<Option<&'static str>> {
        let now = self.now();
        let given: String = given.chars().filter(|c| !c.is_whitespace()).collect();
        // Compared without telling by its time how much is right.
        let right: bool = given.as_bytes().ct_eq(self.link_code(code.id)?.as_bytes()).into();
        Ok(if code.used_at.is_some() {
            Some("USED")
        } else if code.tries >= CODE_TRIES {
            Some("BURNED")
        } else if code.expires_at <= now {
            Some("EXPIRED")
        } else if !holds(row, now) || code.link_version != row.link_version {
            Some("LINK_ENDED")
        } else if !self.still_a_door(tx, code, row).await? {
            Some("ADDRESS_GONE")
        } else if !right {
            Some("WRONG")
        } else {
            None
        })
    }

    /// Whether the directory still keeps the address that the code went to.
    async fn still_a_door(&self, tx: &mut Tx, code: &LinkCodeRow, row: &RecipientRow) -> Result<bool> {
        let doors = self.link_doors(tx, row).await?;
        Ok(doors.iter().any(|door| door.address == code.address))
    }

    async fn refuse(
        &self,
        mut tx: Tx,
        input: &EnterLinkCode,
        code: &LinkCodeRow,
        row: &RecipientRow,
        reason: &'static str,
    ) -> Result<()> {
        links::count_try(&mut tx, code.id).await?;
        let visitor = visitor(input.peer.as_deref(), input.request_id.as_deref());
        let mut entry = self.loop_entry(&visitor, "link.enter", row);
        entry.outcome = "failure";
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(code.id.to_string());
        entry.detail.insert("reason", reason.to_owned());
        // Whoever goes on trying a dead code does not fill the ledger.
        if code.tries < 4 * CODE_TRIES {
            tx.record(entry);
        }
        Ok(tx.commit().await?)
    }
}
