//! Rows around a patient: who looks after the patient, and with whom the clinic agreed not to share; and the few looks
//! into the directory that these need. Not the directory itself.

use chrono::{DateTime, Utc};
use liaison_domain::{CareRole, CareTeamEntryId, OrganizationId, PatientId, RestrictionId, Role, TeamId, UserId};
use uuid::Uuid;

use crate::{arg::Json, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A team or user that looks after a patient.
    pub struct CareTeamRow {
        /// Its id.
        id: CareTeamEntryId,
        /// The patient.
        patient_id: PatientId,
        /// The team; or else the user.
        team_id: Option<TeamId>,
        /// The user.
        user_id: Option<UserId>,
        /// In which part.
        care_role: CareRole,
        /// From when.
        from_at: DateTime<Utc>,
        /// Until when (not included); open when absent.
        until_at: Option<DateTime<Utc>>,
    }
}

row! {
    /// A sharing restriction (45 CFR 164.522(a)).
    pub struct RestrictionRow {
        /// Its id.
        id: RestrictionId,
        /// The patient.
        patient_id: PatientId,
        /// The clinic that agreed.
        clinic_id: OrganizationId,
        /// With nobody of this organization; all three absent: with nobody but the clinic.
        organization_id: Option<OrganizationId>,
        /// With nobody of this team.
        team_id: Option<TeamId>,
        /// Not with this user.
        user_id: Option<UserId>,
        /// What was agreed, in words, sealed.
        detail_sealed: Option<Vec<u8>>,
        /// The physician who agreed.
        agreed_by: UserId,
        /// When.
        agreed_at: DateTime<Utc>,
        /// When it ended.
        ended_at: Option<DateTime<Utc>>,
        /// Who ended it.
        ended_by: Option<UserId>,
    }
}

sql! {
    INSERT_ENTRY = "insert into care_team_entry (id, patient_id, team_id, user_id, care_role, from_at, until_at,
        created_by, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    END_ENTRY = "update care_team_entry set until_at = $2 where id = $1 and (until_at > $2 or until_at is null)";
    ENTRY = "select id, patient_id, team_id, user_id, care_role, from_at, until_at from care_team_entry where id = $1";
    ENTRIES_AT = "select id, patient_id, team_id, user_id, care_role, from_at, until_at from care_team_entry
        where from_at <= $1 and (until_at > $1 or until_at is null) and patient_id in ({ids}) order by from_at, id";
    INSERT_RESTRICTION = "insert into restriction (id, patient_id, organization_id, team_id, user_id, detail_sealed,
        agreed_by, agreed_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    END_RESTRICTION = "update restriction set ended_at = $2, ended_by = $3 where id = $1 and ended_at is null";
    RESTRICTION = "select r.id, r.patient_id, p.organization_id as clinic_id, r.organization_id, r.team_id, r.user_id,
            r.detail_sealed, r.agreed_by, r.agreed_at, r.ended_at, r.ended_by
        from restriction r join patient p on p.id = r.patient_id where r.id = $1";
    RESTRICTIONS_OF = "select r.id, r.patient_id, p.organization_id as clinic_id, r.organization_id, r.team_id,
            r.user_id, r.detail_sealed, r.agreed_by, r.agreed_at, r.ended_at, r.ended_by
        from restriction r join patient p on p.id = r.patient_id
        where r.patient_id in ({ids}) order by r.agreed_at, r.id";
    ACTIVE_TEAM = "select organization_id as a from team where id = $1 and active = $2";
    ACTIVE_PERSON = "select p.id as a from person p where p.id = $1 and p.disabled_at is null";
    CURRENT_ROLES = "select m.roles as a from membership m join person p on p.id = m.user_id
        where m.user_id = $1 and m.organization_id = $2 and m.until_at is null and p.disabled_at is null";
    ORGANIZATIONS_NAMED = "select id as a from organization where name = $1 order by id limit 2";
    TEAMS_OF = "select id as a, care_role as b from team where organization_id = $1 and active = $2 order by id";
    MEMBERS_NAMED = "select p.id as a, m.roles as b from person p join membership m on m.user_id = p.id
        where p.display_name = $1 and m.organization_id = $2 and m.until_at is null and p.disabled_at is null
        order by p.id";
    KNOWN_ORGANIZATIONS = "select id as a from organization where id in ({ids})";
}

/// A new care team entry: a team or a user, exactly one of them.
#[derive(Debug, Clone)]
pub struct NewCareTeamEntry {
    /// Its id.
    pub id: CareTeamEntryId,
    /// The patient.
    pub patient_id: PatientId,
    /// The team.
    pub team_id: Option<TeamId>,
    /// The user.
    pub user_id: Option<UserId>,
    /// In which part.
    pub care_role: CareRole,
    /// From when.
    pub from_at: DateTime<Utc>,
    /// Until when.
    pub until_at: Option<DateTime<Utc>>,
    /// Who adds it.
    pub created_by: Option<UserId>,
}

/// Adds a care team entry.
pub async fn add_care_team_entry(tx: &mut Tx, entry: &NewCareTeamEntry, now: DateTime<Utc>) -> Result<()> {
    let row = args![
        entry.id,
        entry.patient_id,
        entry.team_id,
        entry.user_id,
        entry.care_role,
        entry.from_at,
        entry.until_at,
        entry.created_by,
        now,
    ];
    tx.change_one(INSERT_ENTRY, row).await
}

/// Ends a care team entry that has not ended before that time.
pub async fn end_care_team_entry(tx: &mut Tx, id: CareTeamEntryId, at: DateTime<Utc>) -> Result<()> {
    tx.change_one(END_ENTRY, args![id, at]).await
}

/// One care team entry.
pub async fn care_team_entry(conn: &mut Conn, id: CareTeamEntryId) -> Result<Option<CareTeamRow>> {
    conn.one(ENTRY, args![id]).await
}

/// The entries of these patients that hold at a time, by one statement.
pub async fn care_team_at(conn: &mut Conn, patients: &[PatientId], at: DateTime<Utc>) -> Result<Vec<CareTeamRow>> {
    let ids: Vec<Uuid> = patients.iter().map(|id| id.uuid()).collect();
    conn.all_in(ENTRIES_AT, args![at], &ids).await
}

/// A new restriction.
#[derive(Debug, Clone)]
pub struct NewRestriction {
    /// Its id.
    pub id: RestrictionId,
    /// The patient.
    pub patient_id: PatientId,
    /// With nobody of this organization.
    pub organization_id: Option<OrganizationId>,
    /// With nobody of this team.
    pub team_id: Option<TeamId>,
    /// Not with this user.
    pub user_id: Option<UserId>,
    /// What was agreed, sealed.
    pub detail_sealed: Option<Vec<u8>>,
    /// The physician who agreed.
    pub agreed_by: UserId,
    /// When.
    pub agreed_at: DateTime<Utc>,
}

/// Adds a restriction.
pub async fn add_restriction(tx: &mut Tx, new: NewRestriction, now: DateTime<Utc>) -> Result<()> {
    let row = args![
        new.id,
        new.patient_id,
        new.organization_id,
        new.team_id,
        new.user_id,
        new.detail_sealed,
        new.agreed_by,
        new.agreed_at,
        now,
    ];
    tx.change_one(INSERT_RESTRICTION, row).await
}

/// Ends a restriction that has not ended.
pub async fn end_restriction(tx: &mut Tx, id: RestrictionId, at: DateTime<Utc>, by: Option<UserId>) -> Result<()> {
    tx.change_one(END_RESTRICTION, args![id, at, by]).await
}

/// One restriction.
pub async fn restriction(conn: &mut Conn, id: RestrictionId) -> Result<Option<RestrictionRow>> {
    conn.one(RESTRICTION, args![id]).await
}

/// Every restriction of these patients, ended ones too, by one statement.
pub async fn restrictions_of(conn: &mut Conn, patients: &[PatientId]) -> Result<Vec<RestrictionRow>> {
    let ids: Vec<Uuid> = patients.iter().map(|id| id.uuid()).collect();
    conn.all_in(RESTRICTIONS_OF, args![], &ids).await
}

/// The organization of a team that is in use.
pub async fn active_team(conn: &mut Conn, id: TeamId) -> Result<Option<OrganizationId>> {
    let row: Option<(OrganizationId,)> = conn.one(ACTIVE_TEAM, args![id, true]).await?;
    Ok(row.map(|(organization,)| organization))
}

/// Whether a person exists and is not disabled.
pub async fn person_is_active(conn: &mut Conn, id: UserId) -> Result<bool> {
    let row: Option<(UserId,)> = conn.one(ACTIVE_PERSON, args![id]).await?;
    Ok(row.is_some())
}

/// The roles a person has now in an organization; none when not a member or disabled.
pub async fn current_roles(conn: &mut Conn, user: UserId, organization: OrganizationId) -> Result<Vec<Role>> {
    let row: Option<(Json<Vec<Role>>,)> = conn.one(CURRENT_ROLES, args![user, organization]).await?;
    Ok(row.map(|(Json(roles),)| roles).unwrap_or_default())
}

/// Those of the given organizations that exist.
pub async fn known_organizations(conn: &mut Conn, ids: &[OrganizationId]) -> Result<Vec<OrganizationId>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<(OrganizationId,)> = conn.all_in(KNOWN_ORGANIZATIONS, args![], &ids).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The organization of this very name; none when several have it.
pub async fn organization_named(conn: &mut Conn, name: &str) -> Result<Option<OrganizationId>> {
    let rows: Vec<(OrganizationId,)> = conn.all(ORGANIZATIONS_NAMED, args![name]).await?;
    Ok(match rows.as_slice() {
        [(only,)] => Some(*only),
        _ => None,
    })
}

/// An organization's teams in use, each with the part it plays.
pub async fn active_teams_of(conn: &mut Conn, organization: OrganizationId) -> Result<Vec<(TeamId, CareRole)>> {
    conn.all(TEAMS_OF, args![organization, true]).await
}

/// The person of this very name who is a physician of the organization now; none when several are.
pub async fn physician_named(conn: &mut Conn, name: &str, organization: OrganizationId) -> Result<Option<UserId>> {
    let rows: Vec<(UserId, Json<Vec<Role>>)> = conn.all(MEMBERS_NAMED, args![name, organization]).await?;
    let mut physicians = rows
        .into_iter()
        .filter(|(_, Json(roles))| roles.contains(&Role::Physician));
    match (physicians.next(), physicians.next()) {
        (Some((only, _)), None) => Ok(Some(only)),
        _ => Ok(None),
    }
}
