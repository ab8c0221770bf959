//! Rows of patients: the sealed identity and the blind indexes that find it. Not for what an identity holds or who may
//! see it: that is the service's.

pub(crate) mod circle;

pub use circle::{
    CareTeamRow, NewCareTeamEntry, NewRestriction, RestrictionRow, active_team, active_teams_of, add_care_team_entry,
    add_restriction, care_team_at, care_team_entry, current_roles, end_care_team_entry, end_restriction,
    known_organizations, organization_named, person_is_active, physician_named, restriction, restrictions_of,
};

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, PatientId};
use uuid::Uuid;

use crate::{arg::Arg, args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A patient as the database keeps one.
    pub struct PatientRow {
        /// Its id.
        id: PatientId,
        /// The clinic that treats.
        organization_id: OrganizationId,
        /// The identity, sealed under the patient's key.
        identity_sealed: Vec<u8>,
        /// The blind index by which look-alikes are found.
        demographic_index: Vec<u8>,
        /// When it was registered.
        created_at: DateTime<Utc>,
        /// When it was last corrected.
        updated_at: DateTime<Utc>,
    }
}

sql! {
    INSERT = "insert into patient (id, organization_id, identity_sealed, mrn_index, demographic_index, created_at,
        updated_at) values ($1, $2, $3, $4, $5, $6, $6)";
    SEAL = "update patient set identity_sealed = $2 where id = $1";
    UPDATE = "update patient set identity_sealed = $2, mrn_index = $3, demographic_index = $4, updated_at = $5
        where id = $1";
    GET = "select id, organization_id, identity_sealed, demographic_index, created_at, updated_at
        from patient where id = $1";
    GET_LOCKED = "select id, organization_id, identity_sealed, demographic_index, created_at, updated_at
        from patient where id = $1 {for_update}";
    GET_MANY = "select id, organization_id, identity_sealed, demographic_index, created_at, updated_at
        from patient where id in ({ids})";
    BY_MRN = "select id, organization_id, identity_sealed, demographic_index, created_at, updated_at
        from patient where organization_id = $1 and mrn_index = $2";
    ALL = "select id, organization_id, identity_sealed, demographic_index, created_at, updated_at
        from patient where organization_id = $1 and (id > $2 or $2 is null) order by id limit $3";
    BY_TOKENS = "select p.id, p.organization_id, p.identity_sealed, p.demographic_index, p.created_at, p.updated_at
        from patient_token first join patient p on p.id = first.patient_id
        where first.organization_id = $1 and first.token = $2
            and (exists (select 1 from patient_token t where t.organization_id = $1 and t.token = $3
                and t.patient_id = p.id) or $3 is null)
            and (exists (select 1 from patient_token t where t.organization_id = $1 and t.token = $4
                and t.patient_id = p.id) or $4 is null)
            and (exists (select 1 from patient_token t where t.organization_id = $1 and t.token = $5
                and t.patient_id = p.id) or $5 is null)
            and (first.patient_id > $6 or $6 is null)
        order by first.patient_id limit $7";
    LOOK_ALIKES = "select id as a from patient
        where organization_id = $1 and demographic_index = $2 and id <> $3 order by id limit 20";
    LOOK_ALIKES_OF = "select o.id as a from patient p join patient o on o.organization_id = p.organization_id
        and o.demographic_index = p.demographic_index and o.id <> p.id where p.id = $1 order by o.id limit 20";
    DELETE_TOKENS = "delete from patient_token where patient_id = $1";
    INSERT_TOKENS = "insert into patient_token (organization_id, token, patient_id) values {rows:3}";
}

/// How many tokens of a name a search may hold.
pub const MAX_TOKENS: usize = 4;

/// The blind indexes of an identity.
#[derive(Debug, Clone)]
pub struct PatientIndexes {
    /// The medical record number's.
    pub mrn: Vec<u8>,
    /// The look-alike index.
    pub demographic: Vec<u8>,
    /// Those of the name's prefixes.
    pub name_prefixes: Vec<Vec<u8>>,
}

/// Adds a patient without an identity, which is sealed next: its key needs the row. A unique violation when the clinic
/// has this number already.
pub async fn insert(
    tx: &mut Tx,
    id: PatientId,
    organization: OrganizationId,
    indexes: &PatientIndexes,
    now: DateTime<Utc>,
) -> Result<()> {
    let nothing: &[u8] = &[];
    let row = args![
        id,
        organization,
        nothing,
        indexes.mrn.as_slice(),
        indexes.demographic.as_slice(),
        now
    ];
    tx.change_one(INSERT, row).await?;
    insert_tokens(tx, id, organization, indexes).await
}

/// Puts the sealed identity into a new row.
pub async fn seal_identity(tx: &mut Tx, id: PatientId, identity_sealed: Vec<u8>) -> Result<()> {
    tx.change_one(SEAL, args![id, identity_sealed]).await
}

/// Replaces identity and indexes. A unique violation when another patient of the clinic has this number.
pub async fn update(
    tx: &mut Tx,
    id: PatientId,
    organization: OrganizationId,
    identity_sealed: Vec<u8>,
    indexes: &PatientIndexes,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = args![
        id,
        identity_sealed,
        indexes.mrn.as_slice(),
        indexes.demographic.as_slice(),
        now
    ];
    tx.change_one(UPDATE, row).await?;
    tx.execute(DELETE_TOKENS, args![id]).await?;
    insert_tokens(tx, id, organization, indexes).await
}

async fn insert_tokens(
    tx: &mut Tx,
    id: PatientId,
    organization: OrganizationId,
    indexes: &PatientIndexes,
) -> Result<()> {
    let tokens = indexes
        .name_prefixes
        .iter()
        .map(|token| args![organization, token.as_slice(), id])
        .collect();
    tx.insert_all(INSERT_TOKENS, tokens).await
}

/// One patient.
pub async fn get(conn: &mut Conn, id: PatientId) -> Result<Option<PatientRow>> {
    conn.one(GET, args![id]).await
}

/// One patient, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, id: PatientId) -> Result<Option<PatientRow>> {
    tx.one(GET_LOCKED, args![id]).await
}

/// Those of the given patients that exist, by one statement.
pub async fn get_many(conn: &mut Conn, ids: &[PatientId]) -> Result<Vec<PatientRow>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let mut rows: Vec<PatientRow> = conn.all_in(GET_MANY, args![], &ids).await?;
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// The patient with this number in this clinic.
pub async fn by_mrn(conn: &mut Conn, organization: OrganizationId, mrn_index: &[u8]) -> Result<Option<PatientRow>> {
    conn.one(BY_MRN, args![organization, mrn_index]).await
}

/// The clinic's patients, in the order of registration.
pub async fn all(
    conn: &mut Conn,
    organization: OrganizationId,
    after: Option<PatientId>,
    limit: u32,
) -> Result<Vec<PatientRow>> {
    conn.all(ALL, args![organization, after, limit]).await
}

/// Patients whose name has every one of the tokens (1 to [`MAX_TOKENS`]; further ones are not looked at).
pub async fn by_tokens(
    conn: &mut Conn,
    organization: OrganizationId,
    tokens: &[Vec<u8>],
    after: Option<PatientId>,
    limit: u32,
) -> Result<Vec<PatientRow>> {
    let mut row = args![organization];
    row.extend((0..MAX_TOKENS).map(|n| Arg::Bytes(tokens.get(n).cloned())));
    row.extend(args![after, limit]);
    conn.all(BY_TOKENS, row).await
}

/// Other patients of the clinic with the same look-alike index; at most 20.
pub async fn look_alikes(
    conn: &mut Conn,
    organization: OrganizationId,
    demographic_index: &[u8],
    but: PatientId,
) -> Result<Vec<PatientId>> {
    let rows: Vec<(PatientId,)> = conn
        .all(LOOK_ALIKES, args![organization, demographic_index, but])
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// As [`look_alikes`], of a patient who is registered.
pub async fn look_alikes_of(conn: &mut Conn, patient: PatientId) -> Result<Vec<PatientId>> {
    let rows: Vec<(PatientId,)> = conn.all(LOOK_ALIKES_OF, args![patient]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
