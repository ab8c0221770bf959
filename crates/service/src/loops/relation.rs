//! How an actor stands to a loop: addressed, of the addressed team, or covering somebody who is.

use liaison_domain::{Actor, Guest, access::Relation};
use liaison_store::{
    Conn,
    directory::{covering, team_people},
    patients::restrictions_of,
    recipients::RecipientRow,
};

use crate::{Result, Service, patients::restriction_applies};

impl Service {
    /// The relation of an actor to a loop as its recipient. A copy that was sealed from the recipient is nobody's.
    pub(crate) async fn recipient_relation(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        row: &RecipientRow,
    ) -> Result<Relation> {
        if let Some(guest) = actor.guest {
            return self.guest_relation(conn, guest, row).await;
        }
        let Some(user) = actor.user_id else {
            return Ok(Relation::None);
        };
        if row.sealed_from_recipient || !actor.acts_for(row.to_organization_id) {
            return Ok(Relation::None);
        }
        if row.to_user_id == Some(user) {
            return Ok(Relation::Recipient);
        }
        // A restriction on one person holds however the team was addressed, and whomever that person covers.
        let restrictions = restrictions_of(conn, &[row.patient_id]).await?;
        let alone: Vec<_> = restrictions
            .into_iter()
            .filter(|restriction| restriction.user_id == Some(user))
            .collect();
        if restriction_applies(&alone, row.to_organization_id, None, Some(user), self.now()) {
            return Ok(Relation::None);
        }
        if row.to_team_id.is_some_and(|team| actor.teams.contains(&team)) {
            return Ok(Relation::Recipient);
        }
        let addressed = match (row.to_user_id, row.to_team_id) {
            (Some(person), _) => vec![person],
            (None, Some(team)) => team_people(conn, &[team])
                .await?
                .into_iter()
                .map(|person| person.user_id)
                .collect(),
            (None, None) => Vec::new(),
        };
        let covers = covering(conn, &addressed, self.now()).await?;
        let covered = covers.values().any(|covering| *covering == user);
        Ok(if covered { Relation::Recipient } else { Relation::None })
    }

    /// A guest reaches the loop of their link and no other. Where the guest is a person of the directory, a restriction
    /// on that person holds here too.
    async fn guest_relation(&self, conn: &mut Conn, guest: Guest, row: &RecipientRow) -> Result<Relation> {
        if row.sealed_from_recipient || row.id != guest.recipient_id {
            return Ok(Relation::None);
        }
        let Some(user) = guest.user_id else {
            return Ok(Relation::Recipient);
        };
        let restrictions = restrictions_of(conn, &[row.patient_id]).await?;
        let alone: Vec<_> = restrictions
            .into_iter()
            .filter(|restriction| restriction.user_id == Some(user))
            .collect();
        let restricted = restriction_applies(&alone, row.to_organization_id, None, Some(user), self.now());
        Ok(if restricted {
            Relation::None
        } else {
            Relation::Recipient
        })
    }

    /// The relation of an actor to a loop, as its clinic or as its recipient.
    pub(crate) async fn loop_relation(&self, conn: &mut Conn, actor: &Actor, row: &RecipientRow) -> Result<Relation> {
        if actor.acts_for(row.organization_id) && actor.is_clinic() {
            return Ok(Relation::Own);
        }
        self.recipient_relation(conn, actor, row).await
    }
}

impl Service {
    /// A loop that the actor may act on as its recipient. Refusals are in the ledger; an unknown loop and another's
    /// loop look alike.
    pub(crate) async fn loop_as_recipient(
        &self,
        actor: &Actor,
        id: liaison_domain::RecipientId,
        action: liaison_domain::access::Action,
    ) -> Result<RecipientRow> {
        let (row, relation) = {
            let mut conn = self.read().await?;
            let row = liaison_store::recipients::find(&mut conn, id).await?;
            let row = row.ok_or(crate::ServiceError::NotFound("this"))?;
            let relation = self.recipient_relation(&mut conn, actor, &row).await?;
            (row, relation)
        };
        self.authorize(actor, action, relation).await?;
        Ok(row)
    }
}
