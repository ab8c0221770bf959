//! Adding and changing people.
//!
//! A person is one across organizations. An admin changes a person only when every organization the person belongs to
//! is theirs to keep: whoever changes somebody's address could take over their sign-in elsewhere.

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use liaison_domain::{
    Actor, MembershipId, OrganizationId, Role, SignInChange, TeamId, UserId,
    access::{Action, Relation},
    calendar::Calendar,
    people::ActorKind,
};
use liaison_store::{
    Json, Tx,
    directory::{self as rows, PersonRow},
    sign_in::credential,
};
use serde::{Deserialize, Serialize};

use super::{CreateOrganization, Membership, Organization, TeamMember, changed, check::Check, relation};
use crate::{
    FieldProblem, Result, Service, ServiceError,
    idempotency::{keep, replay},
};

/// Where a person is added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum OrganizationChoice {
    /// To an organization there is.
    Existing(OrganizationId),
    /// To one that is created with them: for the operator alone.
    New(CreateOrganization),
}

/// A new person with their place; or a new place for a person who is known by their address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AddPerson {
    /// Where.
    pub organization: OrganizationChoice,
    /// Their e-mail address (RFC 5321), which becomes lower case: they sign in with it.
    pub email: String,
    /// Their name, 1 to 200 characters.
    pub display_name: String,
    /// Their telephone.
    pub phone: Option<String>,
    /// Their IANA time zone; the organization's where none is given.
    pub time_zone: Option<String>,
    /// The local hour (0 to 23) of their daily digest, where they want one.
    pub digest_hour: Option<u32>,
    /// Their roles in the organization.
    pub roles: Vec<Role>,
    /// The organization's teams they join.
    pub teams: Vec<TeamId>,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// What was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonAdded {
    /// The person.
    pub user_id: UserId,
    /// Their place.
    pub membership_id: MembershipId,
    /// Where.
    pub organization_id: OrganizationId,
    /// Whether the person was known before and got a further place. Their name and settings stay as they were.
    pub was_known: bool,
}

/// Everything of a person that can be changed, as it shall be from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UpdatePerson {
    /// Who.
    pub user_id: UserId,
    /// Their e-mail address. People cannot change their own: an admin does.
    pub email: String,
    /// Their name, 1 to 200 characters.
    pub display_name: String,
    /// Their telephone.
    pub phone: Option<String>,
    /// Their IANA time zone.
    pub time_zone: String,
    /// The local hour (0 to 23) of their daily digest, where they want one.
    pub digest_hour: Option<u32>,
    /// Makes a repeat harmless.
    pub idempotency_key: Option<String>,
}

/// When the next digest is due after `after`: at the given local hour, on the same day or the next. An hour that a
/// clock change skips is taken as the first moment after the gap.
pub fn next_digest(after: DateTime<Utc>, zone: Tz, hour: u32) -> DateTime<Utc> {
    let calendar = Calendar::office_hours(zone);
    let today = calendar.local_date(after);
    let mut days = [Days::new(0), Days::new(1), Days::new(2)].into_iter();
    days.find_map(|days| {
        let at = calendar.instant(today.checked_add_days(days)?.and_hms_opt(hour.min(23), 0, 0)?);
        (at > after).then_some(at)
    })
    .unwrap_or(after + Days::new(1))
}

fn digest_at(now: DateTime<Utc>, zone: &str, hour: Option<u32>) -> Option<DateTime<Utc>> {
    Some(next_digest(now, zone.parse().ok()?, hour?))
}

fn taken(path: &str, message: &str) -> ServiceError {
    ServiceError::Invalid(vec![FieldProblem::new(path, "TAKEN", message)])
}

impl Service {
    /// Adds a person, their place and, for the operator, the organization: all in one transaction.
    ///
    /// A known address gets a further place, when the operator adds it, or an admin who keeps an organization the
    /// person belongs to already.
    pub async fn add_person(&self, actor: &Actor, input: AddPerson) -> Result<PersonAdded> {
        match &input.organization {
            OrganizationChoice::Existing(id) => {
                self.managed(actor, Action::ManageDirectory, Some(*id), "organization")
                    .await?;
            }
            OrganizationChoice::New(_) => {
                self.authorize(actor, Action::ManageDirectory, Relation::Own).await?;
                if actor.kind != ActorKind::System {
                    return Err(ServiceError::Forbidden);
                }
            }
        }
        let mut check = Check::default();
        let email = check.email("email", &input.email).to_ascii_lowercase();
        let display_name = check.name("displayName", &input.display_name);
        let phone = check.phone("phone", input.phone.as_deref());
        let zone = input.time_zone.as_deref().and_then(|zone| check.zone("timeZone", zone));
        check.hour("digestHour", input.digest_hour);
        let roles = check.roles("roles", &input.roles);

        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if let Some(done) = replay(&mut tx, actor, key, "addPerson", &input).await? {
            return Ok(done);
        }
        let organization_id = match &input.organization {
            OrganizationChoice::Existing(id) => *id,
            OrganizationChoice::New(new) => {
                check.done()?;
                check = Check::default();
                self.insert_organization(&mut tx, actor, new, "organization.").await?
            }
        };
        let organization = rows::organization::lock(&mut tx, organization_id)
            .await?
            .ok_or(ServiceError::NotFound("organization"))?;
        let teams = rows::teams_by_ids(&mut tx, &input.teams).await?;
        for (index, id) in input.teams.iter().enumerate() {
            if !teams
                .iter()
                .any(|team| team.id == *id && team.organization_id == organization_id)
            {
                check.unknown_id(format!("teams[{index}]"));
            }
        }
        check.done()?;

        let now = self.now();
        let time_zone = zone.map_or_else(|| organization.time_zone.clone(), |zone| zone.name().to_owned());
        let person = PersonRow {
            id: self.id(),
            email,
            display_name,
            phone,
            digest_next_at: digest_at(now, &time_zone, input.digest_hour),
            time_zone,
            digest_hour: input.digest_hour,
            disabled_at: None,
            created_at: now,
            updated_at: now,
        };
        let (user_id, was_known) = self.insert_or_find(&mut tx, actor, &organization, person).await?;
        let membership_id = self
            .insert_membership(&mut tx, actor, organization_id, user_id, roles)
            .await?;
        for team_id in &input.teams {
            let member = TeamMember {
                team_id: *team_id,
                user_id,
                is_lead: false,
                created_at: now,
            };
            rows::team::put_member(&mut tx, &member).await?;
            let mut entry = self.directory_entry(actor, "team.member.put", organization_id, team_id);
            entry.detail.insert("user_id", user_id.to_string());
            entry.detail.insert("lead", false.to_string());
            tx.record(entry);
        }
        let added = PersonAdded {
            user_id,
            membership_id,
            organization_id,
            was_known,
        };
        keep(self, &mut tx, actor, key, "addPerson", &input, &added).await?;
        tx.commit().await?;
        Ok(added)
    }

    async fn insert_or_find(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        organization: &Organization,
        person: PersonRow,
    ) -> Result<(UserId, bool)> {
        if let Some(known) = rows::person::lock_by_email(tx, &person.email).await? {
            let places = rows::memberships_of(tx, &[known.id]).await?;
            if places.iter().any(|place| place.organization_id == organization.id) {
                return Err(taken(
                    "email",
                    "a person with this address belongs to the organization already",
                ));
            }
            let ids: Vec<_> = places.iter().map(|place| place.organization_id).collect();
            let known_here = rows::organizations_by_ids(tx, &ids)
                .await?
                .iter()
                .any(|place| relation(actor, place) == Relation::Own);
            if actor.kind == ActorKind::Person && !known_here {
                return Err(taken(
                    "email",
                    "this address is in use; ask the operator to add the person here too",
                ));
            }
            return Ok((known.id, true));
        }
        match rows::person::insert(tx, &person).await {
            Err(error) if error.is_unique_violation() => Err(taken("email", "this address is in use")),
            other => {
                other?;
                tx.record(self.directory_entry(actor, "person.add", organization.id, person.id));
                Ok((person.id, false))
            }
        }
    }

    async fn insert_membership(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        organization_id: OrganizationId,
        user_id: UserId,
        roles: Vec<Role>,
    ) -> Result<MembershipId> {
        let now = self.now();
        let mut entry = self.directory_entry(actor, "membership.create", organization_id, user_id);
        entry.detail.insert("roles", super::membership::role_names(&roles));
        let row = Membership {
            id: self.id(),
            user_id,
            organization_id,
            roles: Json(roles),
            from_at: now,
            until_at: None,
            created_at: now,
        };
        entry.detail.insert("membership_id", row.id.to_string());
        rows::membership::insert(tx, &row).await?;
        tx.record(entry);
        Ok(row.id)
    }

    /// Whether the actor may change a person: themself (`Some(true)`), or as an admin (`Some(false)`).
    pub(crate) async fn may_change_person(&self, actor: &Actor, user_id: UserId) -> Result<bool> {
        if actor.kind == ActorKind::Person && actor.user_id == Some(user_id) && !actor.has(Role::Admin) {
            if actor.read_only {
                return Err(ServiceError::Forbidden);
            }
            return Ok(true);
        }
        let mut conn = self.read().await?;
        let ids: Vec<_> = rows::memberships_of(&mut conn, &[user_id])
            .await?
            .iter()
            .map(|place| place.organization_id)
            .collect();
        let organizations = rows::organizations_by_ids(&mut conn, &ids).await?;
        drop(conn);
        let own = organizations
            .iter()
            .filter(|place| relation(actor, place) == Relation::Own)
            .count();
        let relation = if own == 0 { Relation::None } else { Relation::Own };
        match self.authorize(actor, Action::ManageDirectory, relation).await {
            Err(ServiceError::NotFound(_)) => return Err(ServiceError::NotFound("person")),
            other => other?,
        }
        if actor.kind == ActorKind::Person && own < organizations.len() {
            if actor.user_id == Some(user_id) {
                return Ok(true);
            }
            return Err(ServiceError::conflict(
                "ELSEWHERE_TOO",
                "this person belongs to another organization too; ask the operator to change them",
            ));
        }
        Ok(false)
    }

    /// Changes a person: themself (but for the address), or by an admin of every organization they belong to.
    pub async fn update_person(&self, actor: &Actor, input: UpdatePerson) -> Result<()> {
        let themself = self.may_change_person(actor, input.user_id).await?;
        let mut check = Check::default();
        let email = check.email("email", &input.email).to_ascii_lowercase();
        let display_name = check.name("displayName", &input.display_name);
        let phone = check.phone("phone", input.phone.as_deref());
        let zone = check.zone("timeZone", &input.time_zone);
        check.hour("digestHour", input.digest_hour);
        let mut tx = self.begin().await?;
        let key = input.idempotency_key.as_deref();
        if replay::<_, ()>(&mut tx, actor, key, "updatePerson", &input)
            .await?
            .is_some()
        {
            return Ok(());
        }
        let row = rows::person::lock(&mut tx, input.user_id)
            .await?
            .ok_or(ServiceError::NotFound("person"))?;
        if themself && email != row.email {
            check.problem("email", "NOT_ALLOWED", "an admin changes the address you sign in with");
        }
        check.done()?;
        let time_zone = zone.map(|zone| zone.name().to_owned()).unwrap_or_default();
        let moved = (email != row.email).then(|| row.email.clone());
        if moved.is_some() {
            // Links that were mailed to the old address open nothing any more.
            liaison_store::sign_in::account_link::end_of(&mut tx, row.id, self.now()).await?;
        }
        let digest_moves = row.time_zone != time_zone || row.digest_hour != input.digest_hour;
        let what = changed(&[
            ("email", row.email != email),
            ("display_name", row.display_name != display_name),
            ("phone", row.phone != phone),
            ("time_zone", row.time_zone != time_zone),
            ("digest_hour", row.digest_hour != input.digest_hour),
        ]);
        let now = self.now();
        let digest_next_at = if digest_moves {
            digest_at(now, &time_zone, input.digest_hour)
        } else {
            row.digest_next_at
        };
        let row = PersonRow {
            email,
            display_name,
            phone,
            time_zone,
            digest_hour: input.digest_hour,
            digest_next_at,
            updated_at: now,
            ..row
        };
        match rows::person::update(&mut tx, &row).await {
            Err(error) if error.is_unique_violation() => return Err(taken("email", "this address is in use")),
            other => other?,
        }
        let mut entry = self.person_entry(&mut tx, actor, "person.update", row.id).await?;
        entry.detail.insert("changed", what);
        tx.record(entry);
        // Who signs in is told at both addresses: the old one is where a person notices what they did not ask for.
        if let Some(old) = moved
            && credential::find(&mut tx, row.id).await?.is_some()
        {
            for address in [&old, &row.email] {
                self.tell_change_by(&mut tx, actor, &row, address, SignInChange::AddressChanged)
                    .await?;
            }
        }
        keep(self, &mut tx, actor, key, "updatePerson", &input, &()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Lets a person sign in no more (their tokens answer no more either), or again. A repeat changes nothing.
    pub async fn set_person_disabled(&self, actor: &Actor, user_id: UserId, disabled: bool) -> Result<()> {
        if self.may_change_person(actor, user_id).await? {
            return Err(ServiceError::Forbidden);
        }
        let mut tx = self.begin().await?;
        let places = rows::memberships_of(&mut tx, &[user_id]).await?;
        if disabled {
            for place in &places {
                self.keeps_an_admin(&mut tx, place).await?;
            }
        }
        let row = rows::person::lock(&mut tx, user_id)
            .await?
            .ok_or(ServiceError::NotFound("person"))?;
        if row.disabled_at.is_some() == disabled {
            tx.settle_earlier().await?;
            return Ok(());
        }
        let now = self.now();
        let row = PersonRow {
            disabled_at: disabled.then_some(now),
            updated_at: now,
            ..row
        };
        rows::person::update(&mut tx, &row).await?;
        let action = if disabled { "person.disable" } else { "person.enable" };
        let entry = self.person_entry(&mut tx, actor, action, user_id).await?;
        tx.record(entry);
        if disabled {
            self.end_sign_in_of(&mut tx, user_id).await?;
            self.hand_on_calls(&mut tx, actor, user_id).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// An entry in the records of the organization the actor acts for, else of the person's first.
    async fn person_entry(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        action: &'static str,
        user_id: UserId,
    ) -> Result<liaison_store::NewEntry> {
        let mut entry = self.entry(actor, action);
        entry.purpose = liaison_domain::PurposeOfUse::Operations;
        entry.object_id = Some(user_id.to_string());
        let places = rows::memberships_of(tx, &[user_id]).await?;
        let here = places
            .iter()
            .find(|place| actor.acts_for(place.organization_id))
            .or(places.first());
        entry.organization_id = here.map(|place| place.organization_id);
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_keeps_its_local_hour_over_the_clock_change() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let chicago = chrono_tz::America::Chicago;
        assert_eq!(
            next_digest(at("2026-01-05T12:59:00Z"), chicago, 7),
            at("2026-01-05T13:00:00Z")
        );
        assert_eq!(
            next_digest(at("2026-01-05T13:00:00Z"), chicago, 7),
            at("2026-01-06T13:00:00Z")
        );
        // 8 March 2026: clocks go forward at 02:00.
        assert_eq!(
            next_digest(at("2026-03-07T13:00:00Z"), chicago, 7),
            at("2026-03-08T12:00:00Z")
        );
        assert_eq!(
            next_digest(at("2026-03-08T07:30:00Z"), chicago, 2),
            at("2026-03-08T08:00:00Z")
        );
    }
}
