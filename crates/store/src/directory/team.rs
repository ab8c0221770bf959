//! Teams and who belongs to them.

use chrono::{DateTime, Utc};
use liaison_domain::{CareRole, OrganizationId, TeamId, UserId, calendar::Calendar};

use super::uuids;
use crate::{arg::Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A team: an inbox of an organization.
    pub struct TeamRow {
        /// Its id.
        id: TeamId,
        /// Its organization.
        organization_id: OrganizationId,
        /// Its name.
        name: String,
        /// The part it plays for patients.
        care_role: CareRole,
        /// When it works, in its own zone.
        calendar: Json<Calendar>,
        /// Its telephone line.
        phone: Option<String>,
        /// Whether it can be addressed.
        active: bool,
        /// When it was entered.
        created_at: DateTime<Utc>,
        /// When it was last changed.
        updated_at: DateTime<Utc>,
    }
}

row! {
    /// A person's place in a team.
    pub struct TeamMemberRow {
        /// The team.
        team_id: TeamId,
        /// The person.
        user_id: UserId,
        /// Whether the person is told when the team's loops are late.
        is_lead: bool,
        /// Since when.
        created_at: DateTime<Utc>,
    }
}

row! {
    /// A person of a team who can be told something: enabled, and with a current place in the team's organization.
    pub struct TeamPersonRow {
        /// The team.
        team_id: TeamId,
        /// The person.
        user_id: UserId,
        /// Whether the person leads the team.
        is_lead: bool,
        /// The person's name.
        display_name: String,
        /// The person's address.
        email: String,
        /// The person's telephone.
        phone: Option<String>,
    }
}

sql! {
    INSERT = "insert into team (id, organization_id, name, care_role, calendar, phone, active, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    UPDATE = "update team set name = $2, care_role = $3, calendar = $4, phone = $5, active = $6, updated_at = $7
        where id = $1";
    LOCK = "select id, organization_id, name, care_role, calendar, phone, active, created_at, updated_at from team
        where id = $1 {for_update}";
    BY_IDS = "select id, organization_id, name, care_role, calendar, phone, active, created_at, updated_at from team
        where id in ({ids})";
    OF_ORGANIZATIONS = "select id, organization_id, name, care_role, calendar, phone, active, created_at, updated_at
        from team where organization_id in ({ids}) order by name, id";
    PUT_MEMBER = "insert into team_member (team_id, user_id, is_lead, created_at) values ($1, $2, $3, $4)
        on conflict (team_id, user_id) do update set is_lead = excluded.is_lead";
    REMOVE_MEMBER = "delete from team_member where team_id = $1 and user_id = $2";
    REMOVE_FROM_ORGANIZATION = "delete from team_member where user_id = $1
        and team_id in (select id from team where organization_id = $2)";
    MEMBERS = "select m.team_id, m.user_id, m.is_lead, m.created_at from team_member m
        join person p on p.id = m.user_id where m.team_id in ({ids}) order by p.display_name, p.id";
    OF_PEOPLE = "select m.team_id, m.user_id, m.is_lead, m.created_at from team_member m
        join team t on t.id = m.team_id where m.user_id in ({ids}) order by t.name, t.id";
    OF_PERSON_IN = "select m.team_id as a from team_member m join team t on t.id = m.team_id
        where m.user_id = $1 and t.organization_id = $2 order by t.name, t.id";
    PEOPLE = "select m.team_id, m.user_id, m.is_lead, p.display_name, p.email, p.phone from team_member m
        join team t on t.id = m.team_id
        join person p on p.id = m.user_id
        join membership s on s.user_id = m.user_id and s.organization_id = t.organization_id and s.until_at is null
        where p.disabled_at is null and m.team_id in ({ids}) order by p.display_name, p.id";
}

impl TeamRow {
    /// When the team works.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar.0
    }
}

/// Adds a team.
pub async fn insert(tx: &mut Tx, row: &TeamRow) -> Result<()> {
    let values = args![
        row.id,
        row.organization_id,
        &row.name,
        row.care_role,
        Json(&row.calendar.0),
        row.phone.as_deref(),
        row.active,
        row.created_at,
    ];
    tx.change_one(INSERT, values).await
}

/// Changes everything but the team's organization.
pub async fn update(tx: &mut Tx, row: &TeamRow) -> Result<()> {
    let values = args![
        row.id,
        &row.name,
        row.care_role,
        Json(&row.calendar.0),
        row.phone.as_deref(),
        row.active,
        row.updated_at,
    ];
    tx.change_one(UPDATE, values).await
}

/// Reads a team and holds it until the transaction ends.
pub async fn lock(tx: &mut Tx, id: TeamId) -> Result<Option<TeamRow>> {
    tx.one(LOCK, args![id]).await
}

/// Teams by their ids, in no order.
pub async fn teams_by_ids(conn: &mut Conn, ids: &[TeamId]) -> Result<Vec<TeamRow>> {
    conn.all_in(BY_IDS, vec![], &uuids(ids)).await
}

/// A team.
pub async fn find(conn: &mut Conn, id: TeamId) -> Result<Option<TeamRow>> {
    Ok(teams_by_ids(conn, &[id]).await?.pop())
}

/// The teams of organizations, by name.
pub async fn teams_of_organizations(conn: &mut Conn, ids: &[OrganizationId]) -> Result<Vec<TeamRow>> {
    conn.all_in(OF_ORGANIZATIONS, vec![], &uuids(ids)).await
}

/// Puts a person into a team, or changes whether they lead it.
pub async fn put_member(tx: &mut Tx, row: &TeamMemberRow) -> Result<()> {
    tx.change_one(PUT_MEMBER, args![row.team_id, row.user_id, row.is_lead, row.created_at])
        .await
}

/// Takes a person out of a team; whether they were in it.
pub async fn remove_member(tx: &mut Tx, team: TeamId, user: UserId) -> Result<bool> {
    Ok(tx.execute(REMOVE_MEMBER, args![team, user]).await? == 1)
}

/// Takes a person out of every team of an organization.
pub async fn remove_from_organization(tx: &mut Tx, user: UserId, organization: OrganizationId) -> Result<u64> {
    tx.execute(REMOVE_FROM_ORGANIZATION, args![user, organization]).await
}

/// The members of teams, by name, whoever they are now.
pub async fn members_of_teams(conn: &mut Conn, teams: &[TeamId]) -> Result<Vec<TeamMemberRow>> {
    conn.all_in(MEMBERS, vec![], &uuids(teams)).await
}

/// The places in teams that people have, by the team's name.
pub async fn teams_of_people(conn: &mut Conn, users: &[UserId]) -> Result<Vec<TeamMemberRow>> {
    conn.all_in(OF_PEOPLE, vec![], &uuids(users)).await
}

/// The teams of one person in one organization.
pub async fn teams_of_person_in(conn: &mut Conn, user: UserId, organization: OrganizationId) -> Result<Vec<TeamId>> {
    let rows: Vec<(TeamId,)> = conn.all(OF_PERSON_IN, args![user, organization]).await?;
    Ok(rows.into_iter().map(|(team,)| team).collect())
}

/// The people of teams who can be told something, by name.
pub async fn team_people(conn: &mut Conn, teams: &[TeamId]) -> Result<Vec<TeamPersonRow>> {
    conn.all_in(PEOPLE, vec![], &uuids(teams)).await
}

/// The people who lead a team and can be told something, by name.
pub async fn leads(conn: &mut Conn, team: TeamId) -> Result<Vec<TeamPersonRow>> {
    let mut people = team_people(conn, &[team]).await?;
    people.retain(|person| person.is_lead);
    Ok(people)
}
