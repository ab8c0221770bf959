//! The accounting of disclosures: which content of a patient left the clinic, to whom. A view over the ledger's entries
//! of openings, beside the loop, the note's version and the mis-send case. What it means stands in `service`.

use chrono::{DateTime, Utc};
use liaison_domain::{
    EntryId, MisSendId, NoteKind, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, UserId,
};
use uuid::Uuid;

use crate::{args, conn::Conn, error::Result, row::row, sql::sql};

/// Which disclosures.
#[derive(Debug, Clone)]
pub struct DisclosureFilter {
    /// Of this patient.
    pub patient_id: PatientId,
    /// First made at or after.
    pub from: DateTime<Utc>,
    /// Made before.
    pub until: DateTime<Utc>,
    /// Only those of a mis-send case.
    pub reportable_only: bool,
    /// After this one (its first time and entry), in the order of the answer.
    pub after: Option<(DateTime<Utc>, EntryId)>,
}

row! {
    /// One version that one person outside the clinic received in one loop, however often it was opened.
    pub struct DisclosureRow {
        /// The entry of the first opening in the time asked for.
        entry_id: EntryId,
        /// When that was.
        first_at: DateTime<Utc>,
        /// The last opening.
        last_at: DateTime<Utc>,
        /// How many openings.
        times: i64,
        /// The loop.
        recipient_id: RecipientId,
        /// Who received it; `None` for a person without an account.
        user_id: Option<UserId>,
        /// That person's name.
        user_name: Option<String>,
        /// The organization that received it.
        to_organization_id: OrganizationId,
        /// Its name.
        to_organization_name: String,
        /// The version.
        note_version_id: NoteVersionId,
        /// What kind of note.
        note_kind: NoteKind,
        /// Which version of it, from 1.
        version: u32,
        /// Why.
        purpose: PurposeOfUse,
        /// The case, where the copy went to the wrong recipient.
        mis_send_id: Option<MisSendId>,
    }
}

sql! {
    PATIENT_ORGANIZATION = "select organization_id as a from patient where id = $1";
    DISCLOSURES = "select * from (
            select e.id as entry_id, e.recorded_at as first_at, e.recipient_id, e.user_id, p.display_name as user_name,
                r.to_organization_id, o.name as to_organization_name, v.id as note_version_id, v.kind as note_kind,
                v.version, e.purpose, m.id as mis_send_id,
                row_number() over (partition by e.recipient_id, e.user_id order by e.recorded_at, e.id) as nth,
                count(*) over (partition by e.recipient_id, e.user_id) as times,
                max(e.recorded_at) over (partition by e.recipient_id, e.user_id) as last_at
            from ledger_entry e
            join recipient r on r.id = e.recipient_id
            join organization o on o.id = r.to_organization_id
            join note_version v on v.id = r.note_version_id
            left join person p on p.id = e.user_id
            left join mis_send m on m.recipient_id = e.recipient_id
            where e.patient_id = $1 and e.action = 'share.open' and e.outcome = 'success'
                and e.recorded_at >= $2 and e.recorded_at < $3
                and r.to_organization_id <> v.organization_id and (m.id is not null or $4 = false)
        ) disclosed
        where nth = 1 and (first_at, entry_id) < ($5, $6)
        order by first_at desc, entry_id desc limit $7";
}

/// The organization whose patient it is.
pub async fn patient_organization(conn: &mut Conn, patient: PatientId) -> Result<Option<OrganizationId>> {
    let row: Option<(OrganizationId,)> = conn.one(PATIENT_ORGANIZATION, args![patient]).await?;
    Ok(row.map(|(organization,)| organization))
}

/// Disclosures that fit, newest first.
pub async fn disclosures(conn: &mut Conn, filter: &DisclosureFilter, limit: u32) -> Result<Vec<DisclosureRow>> {
    let (before, before_id) = match filter.after {
        Some((at, id)) => (at, id.uuid()),
        None => (filter.until, Uuid::nil()),
    };
    conn.all(
        DISCLOSURES,
        args![
            filter.patient_id,
            filter.from,
            filter.until,
            filter.reportable_only,
            before,
            before_id,
            limit,
        ],
    )
    .await
}
