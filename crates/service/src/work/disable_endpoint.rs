//! Disable an endpoint that is gone (HTTP 410) or on which nothing worked for five days: what waits for it is given up,
//! the admins are told by their own e-mail, and loops that nothing else reaches escalate at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use liaison_domain::{
    Actor, DeadReason, DeliveryPurpose, DeliveryState, EndpointId, EndpointStatus, NoticeKind, OrganizationId,
    PurposeOfUse, RecipientId, Role, Urgency,
};
use liaison_store::{
    Tx, deliveries,
    directory::{
        EndpointRow, endpoint, membership::enabled_memberships_in, organizations_by_ids, people_by_ids, teams_by_ids,
    },
    recipients::RecipientRow,
    schedule,
    tasks::Queue,
};
use uuid::Uuid;

use crate::{Result, Service, loops::message::Tell};

/// An endpoint to be disabled.
pub(crate) struct Disable {
    pub(crate) endpoint_id: EndpointId,
    /// `GONE` or `FAILING`.
    pub(crate) reason: &'static str,
    /// The clinics whose deliveries brought it to light.
    pub(crate) owners: BTreeSet<OrganizationId>,
}

/// What waits for one endpoint and is given up in the same transaction; a longer queue is given up when its turn comes.
const AT_ONCE: u32 = 500;

impl Service {
    /// Disables the endpoint, unless another process has.
    pub(crate) async fn disable_endpoint(&self, disable: Disable) -> Result<()> {
        let now = self.now();
        let mut tx = self.begin().await?;
        // Loops, deliveries, endpoint: everybody locks in this order.
        let waiting = deliveries::pending_of_endpoint(&mut tx, disable.endpoint_id, AT_ONCE).await?;
        let loop_ids: BTreeSet<Uuid> = waiting
            .iter()
            .filter_map(|row| row.recipient_id)
            .map(|id| id.uuid())
            .collect();
        let loop_ids: Vec<Uuid> = loop_ids.into_iter().collect();
        let rows = schedule::lock_loops(&mut tx, &loop_ids).await?;
        let mut loops: HashMap<RecipientId, RecipientRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        let mut ids: Vec<Uuid> = waiting.iter().map(|row| row.id.uuid()).collect();
        ids.sort_unstable();
        let mut killed = deliveries::lock_all(&mut tx, &ids).await?;
        killed.retain(|row| row.state == DeliveryState::Pending);
        let Some(mut row) = endpoint::lock(&mut tx, disable.endpoint_id).await? else {
            return Ok(());
        };
        if row.status != EndpointStatus::Active {
            return Ok(());
        }
        row.status = EndpointStatus::Disabled;
        row.disabled_reason = Some(disable.reason.to_owned());
        row.updated_at = now;
        endpoint::set_status(&mut tx, &row).await?;
        deliveries::kill(
            &mut tx,
            &killed.iter().map(|row| row.id.uuid()).collect::<Vec<_>>(),
            now,
        )
        .await?;

        let mut entry = self.entry(&Actor::system(), "endpoint.disable");
        entry.organization_id = Some(row.organization_id);
        entry.object_id = Some(row.id.to_string());
        entry.purpose = PurposeOfUse::Operations;
        entry.detail.insert("reason", disable.reason.to_owned());
        entry.detail.insert("given_up", killed.len().to_string());
        tx.record(entry);
        for delivery in &killed {
            let of = delivery.recipient_id.and_then(|id| loops.get(&id));
            let mut entry = self.entry_of_delivery("delivery.dead", delivery, of);
            entry.outcome = "failure";
            entry
                .detail
                .insert("reason", DeadReason::EndpointDisabled.as_str().to_owned());
            tx.record(entry);
        }
        let dead: BTreeSet<RecipientId> = killed
            .iter()
            .filter(|row| row.purpose == DeliveryPurpose::Notice)
            .filter_map(|row| row.recipient_id)
            .collect();
        let dead: Vec<RecipientId> = dead.into_iter().collect();
        for id in self.check_reachable(&mut tx, &mut loops, &dead).await? {
            if let Some(row) = loops.get_mut(&id) {
                self.save_loop(&mut tx, row).await?;
            }
        }
        let owners = disable
            .owners
            .into_iter()
            .chain(killed.iter().map(|row| row.organization_id))
            .collect();
        self.tell_admins(&mut tx, &row, disable.reason, owners).await?;
        tx.nudge(Queue::Notify, None);
        tx.commit().await?;
        Ok(())
    }

    async fn tell_admins(
        &self,
        tx: &mut Tx,
        row: &EndpointRow,
        reason: &'static str,
        mut owners: BTreeSet<OrganizationId>,
    ) -> Result<()> {
        owners.insert(row.organization_id);
        let of = organizations_by_ids(tx, &[row.organization_id]).await?;
        owners.extend(of.first().and_then(|organization| organization.managed_by));
        let name = match (row.team_id, row.user_id) {
            (Some(team), _) => teams_by_ids(tx, &[team])
                .await?
                .into_iter()
                .next()
                .map(|team| team.name),
            (None, Some(user)) => people_by_ids(tx, &[user])
                .await?
                .into_iter()
                .next()
                .map(|user| user.display_name),
            (None, None) => None,
        };
        let facts = BTreeMap::from([
            ("recipient".to_owned(), name.unwrap_or_else(|| row.id.to_string())),
            ("channel".to_owned(), row.channel.as_str().to_owned()),
            ("reason".to_owned(), reason.to_owned()),
        ]);
        for organization in owners {
            let members = enabled_memberships_in(tx, organization).await?;
            let users = members
                .iter()
                .filter(|member| member.roles().contains(&Role::Admin))
                .map(|member| member.user_id)
                .collect();
            let clinic = self.organization_name(tx, organization).await?;
            self.tell(
                tx,
                Tell {
                    users,
                    organization_id: organization,
                    clinic,
                    kind: NoticeKind::EndpointDisabled,
                    urgency: Urgency::Urgent,
                    recipient: None,
                    object_id: Some(row.id.uuid()),
                    link: self.link(&format!("directory/endpoints/{}", row.id)),
                    facts: facts.clone(),
                    by_mail: true,
                },
            )
            .await?;
        }
        Ok(())
    }
}
