//! What a person reaches as a recipient: what is addressed to them, to their teams, and to those whom they cover now and
//! their teams. The same rule as `loops::relation`, for a whole list at once.

use liaison_domain::{Actor, OrganizationId, UserId, access::Relation};
use liaison_store::{Conn, directory::covering, inbox, recipients::RecipientRow};
use uuid::Uuid;

use crate::{Result, Service, ServiceError};

/// How many covers in a row are followed, as in the directory.
const LONGEST_CHAIN: usize = 4;

/// The teams and people of one organization for whom a person may read.
pub(crate) struct Reach {
    /// The organization.
    pub(super) organization: OrganizationId,
    /// Teams and people.
    pub(super) addressees: Vec<Uuid>,
    /// Of these: the person.
    pub(super) mine: Vec<Uuid>,
    /// Of these: the person's teams.
    pub(super) teams: Vec<Uuid>,
    /// Of these: those whom the person covers, and their teams that are not the person's own.
    pub(super) covered: Vec<Uuid>,
}

impl Reach {
    /// The relation to a loop as its recipient. A copy that was sealed from the recipient is nobody's.
    pub(super) fn relation(&self, row: &RecipientRow) -> Relation {
        let addressed = row
            .to_team_id
            .map(|team| team.uuid())
            .or(row.to_user_id.map(|user| user.uuid()));
        let reached = addressed.is_some_and(|addressed| self.addressees.contains(&addressed));
        if reached && !row.sealed_from_recipient && row.to_organization_id == self.organization {
            Relation::Recipient
        } else {
            Relation::None
        }
    }
}

impl Service {
    /// What the actor reaches at this moment.
    pub(super) async fn reach(&self, conn: &mut Conn, actor: &Actor) -> Result<Reach> {
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let organization = self.organization(actor)?;
        let covered = self.covered(conn, user).await?;
        let mine = vec![user.uuid()];
        let teams: Vec<Uuid> = actor.teams.iter().map(|team| team.uuid()).collect();
        let mut others: Vec<Uuid> = Vec::new();
        if !covered.is_empty() {
            others.extend(covered.iter().map(|person| person.uuid()));
            let of_covered = inbox::teams_of(conn, organization, &covered).await?;
            others.extend(of_covered.iter().map(|team| team.uuid()));
            others.retain(|other| !teams.contains(other));
        }
        let mut addressees = [mine.as_slice(), &teams, &others].concat();
        addressees.sort_unstable();
        addressees.dedup();
        Ok(Reach {
            organization,
            addressees,
            mine,
            teams,
            covered: others,
        })
    }

    /// Those whose cover, followed to its end, is this person.
    async fn covered(&self, conn: &mut Conn, user: UserId) -> Result<Vec<UserId>> {
        let now = self.now();
        let mut candidates: Vec<UserId> = Vec::new();
        let mut ask = vec![user];
        for _ in 0..LONGEST_CHAIN {
            let mut next = inbox::covered_by(conn, &ask, now).await?;
            next.retain(|person| *person != user && !candidates.contains(person));
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                break;
            }
            candidates.extend(&next);
            ask = next;
        }
        if candidates.is_empty() {
            return Ok(candidates);
        }
        let covers = covering(conn, &candidates, now).await?;
        candidates.retain(|person| covers.get(person) == Some(&user));
        Ok(candidates)
    }
}
