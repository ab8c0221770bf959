//! A guest asks for an account: the admins who keep the recipient's directory are told, and add the person. Nobody makes
//! an account for themself.

use std::collections::BTreeMap;

use liaison_domain::{Actor, NoticeKind, OrganizationId, PurposeOfUse, Role, Urgency, UserId};
use liaison_store::{
    Tx,
    directory::{membership::enabled_memberships_in, organizations_by_ids},
    links,
    recipients::{self, RecipientRow},
};

use super::GuestName;
use crate::{Result, Service, ServiceError, loops::message::Tell};

impl Service {
    /// Asks for an account; once for each guest, a repeat changes nothing. Whether this was the first time.
    ///
    /// # Errors
    /// `Forbidden` for anybody but a guest.
    pub async fn request_account(&self, actor: &Actor) -> Result<bool> {
        let guest = actor.guest.ok_or(ServiceError::Forbidden)?;
        let mut tx = self.begin().await?;
        let row = recipients::find(&mut tx, guest.recipient_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let Some(found) = links::guests_by_ids(&mut tx, &[guest.id.uuid()]).await?.pop() else {
            return Err(ServiceError::NotFound("this"));
        };
        if !links::request_account(&mut tx, guest.id, self.now()).await? {
            tx.settle_earlier().await?;
            return Ok(false);
        }
        let mut facts = BTreeMap::from([
            ("recipient".to_owned(), self.recipient_name(&mut tx, &row).await?),
            ("name".to_owned(), found.name.clone()),
            ("profession".to_owned(), found.profession.clone()),
        ]);
        facts.extend(found.work_email.clone().map(|email| ("work_email".to_owned(), email)));
        facts.extend(found.phone.clone().map(|phone| ("phone".to_owned(), phone)));
        let found_user = found.user_id;
        facts.insert("by".to_owned(), GuestName::from(found).to_string());
        // Whose own address the code went to is in the directory already: they are invited on their page.
        let door = match found_user {
            Some(user) => format!("directory/people/{user}"),
            None => format!("directory/organizations/{}", row.to_organization_id),
        };
        let (organization_id, users) = self.directory_admins(&mut tx, &row).await?;
        let clinic = self.organization_name(&mut tx, row.organization_id).await?;
        let mut entry = self.loop_entry(actor, "account.request", &row);
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(guest.id.to_string());
        tx.record(entry);
        self.tell(
            &mut tx,
            Tell {
                users,
                organization_id,
                clinic,
                kind: NoticeKind::AccountRequested,
                urgency: Urgency::Routine,
                recipient: None,
                object_id: Some(guest.id.uuid()),
                link: self.link(&door),
                facts,
                by_mail: true,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The admins of the recipient's organization, else of the clinic that keeps its directory, else of the clinic that
    /// sent.
    async fn directory_admins(&self, tx: &mut Tx, row: &RecipientRow) -> Result<(OrganizationId, Vec<UserId>)> {
        let kept_by = organizations_by_ids(tx, &[row.to_organization_id])
            .await?
            .first()
            .and_then(|organization| organization.managed_by);
        let candidates = [Some(row.to_organization_id), kept_by, Some(row.organization_id)];
        for organization in candidates.into_iter().flatten() {
            let admins: Vec<UserId> = enabled_memberships_in(tx, organization)
                .await?
                .into_iter()
                .filter(|member| member.roles().contains(&Role::Admin))
                .map(|member| member.user_id)
                .collect();
            if !admins.is_empty() {
                return Ok((organization, admins));
            }
        }
        Ok((row.organization_id, Vec::new()))
    }
}
