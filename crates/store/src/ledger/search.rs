//! The auditor's filters over the ledger, each element of an entry; keyset paging.
//!
//! A filter is answered by the statement whose index fits it best, so that the cost follows the answer and not the
//! ledger's size: by patient, share, loop, note or person; else by organization; else by time.

use chrono::{DateTime, Utc};
use liaison_domain::{
    EntryId, NoteId, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, ShareId, TokenId, UserId,
    people::ActorKind,
};
use uuid::Uuid;

use crate::{arg::Arg, args, conn::Conn, error::Result, row::row, sql::Sql};

/// The most actions one filter may name.
pub const MAX_ACTIONS: usize = 64;

/// What to look for. Every field that is set must fit.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Entries of this organization's records, or by its people.
    pub organization_id: Option<OrganizationId>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// By this person.
    pub user_id: Option<UserId>,
    /// About this patient.
    pub patient_id: Option<PatientId>,
    /// About this note.
    pub note_id: Option<NoteId>,
    /// About this share.
    pub share_id: Option<ShareId>,
    /// About this loop.
    pub recipient_id: Option<RecipientId>,
    /// One of these acts, such as `share.create`; none means any. At most [`MAX_ACTIONS`].
    pub actions: Vec<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// For this purpose.
    pub purpose: Option<PurposeOfUse>,
    /// In this request.
    pub request_id: Option<String>,
    /// From this network address.
    pub peer: Option<String>,
    /// About this other object.
    pub object_id: Option<String>,
    /// After this entry (its time and id), in the order of the answer of [`search`].
    pub after: Option<(DateTime<Utc>, EntryId)>,
    /// The oldest first instead of the newest.
    pub oldest_first: bool,
}

row! {
    /// An entry as the audit shows it.
    pub struct EntryRow {
        /// Its id.
        id: EntryId,
        /// When it was recorded.
        recorded_at: DateTime<Utc>,
        /// What was done.
        action: String,
        /// How it ended.
        outcome: String,
        /// Person or system.
        actor_kind: ActorKind,
        /// Who.
        user_id: Option<UserId>,
        /// With which API token.
        token_id: Option<TokenId>,
        /// For which organization the actor acted.
        actor_organization_id: Option<OrganizationId>,
        /// In whose records it falls.
        organization_id: Option<OrganizationId>,
        /// Why.
        purpose: PurposeOfUse,
        /// The patient.
        patient_id: Option<PatientId>,
        /// The note.
        note_id: Option<NoteId>,
        /// The version.
        note_version_id: Option<NoteVersionId>,
        /// The share.
        share_id: Option<ShareId>,
        /// The loop.
        recipient_id: Option<RecipientId>,
        /// Another object.
        object_id: Option<String>,
        /// The request.
        request_id: Option<String>,
        /// From where.
        peer: Option<String>,
        /// The canonical bytes.
        leaf: Vec<u8>,
        /// Its index, once sequenced.
        leaf_index: Option<i64>,
    }
}

macro_rules! entry_columns {
    () => {
        "select e.id, e.recorded_at, e.action, e.outcome, e.actor_kind, e.user_id, e.token_id,
            e.actor_organization_id, e.organization_id, e.purpose, e.patient_id, e.note_id, e.note_version_id,
            e.share_id, e.recipient_id, e.object_id, e.request_id, e.peer, e.leaf, l.leaf_index
        from ledger_entry e left join ledger_leaf l on l.entry_id = e.id where "
    };
}
pub(super) use entry_columns;

/// What every filter has: arguments 1 to 13, of which those the index serves are given twice.
macro_rules! rest {
    () => {
        " and e.recorded_at >= $2 and (e.user_id = $3 or $3 is null) and (e.patient_id = $4 or $4 is null)
            and (e.note_id = $5 or $5 is null) and (e.share_id = $6 or $6 is null)
            and (e.recipient_id = $7 or $7 is null) and (e.outcome = $8 or $8 is null)
            and (e.purpose = $9 or $9 is null) and (e.request_id = $10 or $10 is null)
            and (e.peer = $11 or $11 is null) and (e.object_id = $12 or $12 is null)
            and (e.action in ({ids}) or $13 = true) "
    };
}

macro_rules! own {
    () => {
        " and (e.organization_id = $1 or e.actor_organization_id = $1 or $1 is null) "
    };
}

macro_rules! newest_first {
    () => {
        " and (e.recorded_at, e.id) < ($14, $15) order by e.recorded_at desc, e.id desc limit $16"
    };
}

macro_rules! oldest_first {
    () => {
        " and (e.recorded_at, e.id) > ($14, $15) and e.recorded_at < $17
            order by e.recorded_at, e.id limit $16"
    };
}

macro_rules! counted {
    () => {
        "select count(*) as a from (select e.id from ledger_entry e where "
    };
}

macro_rules! some {
    () => {
        " and e.recorded_at < $14 limit $15) found"
    };
}

macro_rules! by_index {
    () => {
        " and +l.leaf_index >= $14 and +l.leaf_index < $15 order by l.leaf_index limit $16"
    };
}

macro_rules! leaf_columns {
    () => {
        "select l.leaf_index as a, e.leaf as b from ledger_leaf l join ledger_entry e on e.id = l.entry_id where "
    };
}

macro_rules! statements {
    ($($name:ident = $($part:expr),+;)*) => {
        $(const $name: Sql = Sql {
            name: concat!(module_path!(), "::", stringify!($name)),
            sqlite: concat!($($part),+),
            postgres: concat!($($part),+),
        };)*
        /// This module's statements.
        pub(crate) const STATEMENTS: &[Sql] = &[$($name),*];
    };
}

statements! {
    BY_PATIENT = entry_columns!(), "e.patient_id = $4", own!(), rest!(), newest_first!();
    BY_SHARE = entry_columns!(), "e.share_id = $6", own!(), rest!(), newest_first!();
    BY_RECIPIENT = entry_columns!(), "e.recipient_id = $7", own!(), rest!(), newest_first!();
    BY_NOTE = entry_columns!(), "e.note_id = $5", own!(), rest!(), newest_first!();
    BY_USER = entry_columns!(), "e.user_id = $3", own!(), rest!(), newest_first!();
    BY_TIME = entry_columns!(), "(e.organization_id = $1 or $1 is null)", rest!(), newest_first!();
    // Each half reads its own index in order and stops at the limit; an entry of both stands in the first alone.
    BY_ORGANIZATION = "select * from (select * from (", entry_columns!(), "e.organization_id = $1", rest!(),
        newest_first!(), ") records union all select * from (", entry_columns!(),
        "e.actor_organization_id = $1 and e.organization_id is distinct from $1", rest!(), newest_first!(),
        ") people) both_halves order by recorded_at desc, id desc limit $16";
    OLDEST_BY_PATIENT = entry_columns!(), "e.patient_id = $4", own!(), rest!(), oldest_first!();
    OLDEST_BY_SHARE = entry_columns!(), "e.share_id = $6", own!(), rest!(), oldest_first!();
    OLDEST_BY_RECIPIENT = entry_columns!(), "e.recipient_id = $7", own!(), rest!(), oldest_first!();
    OLDEST_BY_NOTE = entry_columns!(), "e.note_id = $5", own!(), rest!(), oldest_first!();
    OLDEST_BY_USER = entry_columns!(), "e.user_id = $3", own!(), rest!(), oldest_first!();
    OLDEST_BY_TIME = entry_columns!(), "(e.organization_id = $1 or $1 is null)", rest!(), oldest_first!();
    OLDEST_BY_ORGANIZATION = "select * from (select * from (", entry_columns!(), "e.organization_id = $1", rest!(),
        oldest_first!(), ") records union all select * from (", entry_columns!(),
        "e.actor_organization_id = $1 and e.organization_id is distinct from $1", rest!(), oldest_first!(),
        ") people) both_halves order by recorded_at, id limit $16";
    COUNT_BY_PATIENT = counted!(), "e.patient_id = $4", own!(), rest!(), some!();
    COUNT_BY_SHARE = counted!(), "e.share_id = $6", own!(), rest!(), some!();
    COUNT_BY_RECIPIENT = counted!(), "e.recipient_id = $7", own!(), rest!(), some!();
    COUNT_BY_NOTE = counted!(), "e.note_id = $5", own!(), rest!(), some!();
    COUNT_BY_USER = counted!(), "e.user_id = $3", own!(), rest!(), some!();
    COUNT_BY_TIME = counted!(), "(e.organization_id = $1 or $1 is null)", rest!(), some!();
    COUNT_BY_ORGANIZATION = "select count(*) as a from (select id from (select e.id from ledger_entry e where ",
        "e.organization_id = $1", rest!(), " and e.recorded_at < $14 limit $15) records
        union all select id from (select e.id from ledger_entry e where ",
        "e.actor_organization_id = $1 and e.organization_id is distinct from $1", rest!(),
        " and e.recorded_at < $14 limit $15) people) found";
    EXPORT_BY_PATIENT = leaf_columns!(), "e.patient_id = $4", own!(), rest!(), " and e.recorded_at < $17", by_index!();
    EXPORT_BY_SHARE = leaf_columns!(), "e.share_id = $6", own!(), rest!(), " and e.recorded_at < $17", by_index!();
    EXPORT_BY_RECIPIENT = leaf_columns!(), "e.recipient_id = $7", own!(), rest!(), " and e.recorded_at < $17",
        by_index!();
    EXPORT_BY_NOTE = leaf_columns!(), "e.note_id = $5", own!(), rest!(), " and e.recorded_at < $17", by_index!();
    EXPORT_BY_USER = leaf_columns!(), "e.user_id = $3", own!(), rest!(), " and e.recorded_at < $17", by_index!();
    EXPORT = leaf_columns!(), "l.leaf_index >= $14 and l.leaf_index < $15", own!(), rest!(),
        " and e.recorded_at < $17 order by l.leaf_index limit $16";
}

/// Before every entry, and after every entry.
fn ends() -> (DateTime<Utc>, DateTime<Utc>) {
    const YEAR_9999: i64 = 253_402_300_799;
    (
        DateTime::UNIX_EPOCH,
        DateTime::from_timestamp(YEAR_9999, 0).unwrap_or(DateTime::UNIX_EPOCH),
    )
}

impl EntryFilter {
    /// The one of a family of statements whose index fits best.
    fn choose(&self, [patient, share, recipient, note, user, organization, all]: [Sql; 7]) -> Sql {
        if self.recipient_id.is_some() {
            recipient
        } else if self.share_id.is_some() {
            share
        } else if self.note_id.is_some() {
            note
        } else if self.patient_id.is_some() {
            patient
        } else if self.user_id.is_some() {
            user
        } else if self.organization_id.is_some() {
            organization
        } else {
            all
        }
    }

    fn args(&self) -> Vec<Arg> {
        args![
            self.organization_id,
            self.from.unwrap_or(ends().0),
            self.user_id,
            self.patient_id,
            self.note_id,
            self.share_id,
            self.recipient_id,
            self.outcome.as_deref(),
            self.purpose,
            self.request_id.as_deref(),
            self.peer.as_deref(),
            self.object_id.as_deref(),
            self.actions.is_empty(),
        ]
    }

    /// Never empty, because a list of placeholders must not be.
    fn actions(&self) -> Vec<&str> {
        let named: Vec<&str> = self.actions.iter().take(MAX_ACTIONS).map(String::as_str).collect();
        if named.is_empty() { vec![""] } else { named }
    }
}

/// Entries that fit, in the order the filter asks for.
pub async fn search(conn: &mut Conn, filter: &EntryFilter, limit: u32) -> Result<Vec<EntryRow>> {
    let until = filter.until.unwrap_or(ends().1);
    let mut args = filter.args();
    let sql = if filter.oldest_first {
        let (past, past_id) = filter.after.map_or((ends().0, Uuid::nil()), |(at, id)| (at, id.uuid()));
        args.extend(args![past, past_id, limit, until]);
        filter.choose([
            OLDEST_BY_PATIENT,
            OLDEST_BY_SHARE,
            OLDEST_BY_RECIPIENT,
            OLDEST_BY_NOTE,
            OLDEST_BY_USER,
            OLDEST_BY_ORGANIZATION,
            OLDEST_BY_TIME,
        ])
    } else {
        // The cursor and the end of the time range are one bound: whichever is earlier.
        let (before, before_id) = match filter.after {
            Some((at, id)) if at < until => (at, id.uuid()),
            _ => (until, Uuid::nil()),
        };
        args.extend(args![before, before_id, limit]);
        filter.choose([
            BY_PATIENT,
            BY_SHARE,
            BY_RECIPIENT,
            BY_NOTE,
            BY_USER,
            BY_ORGANIZATION,
            BY_TIME,
        ])
    };
    conn.all_among(sql, args, &filter.actions()).await
}

/// How many entries fit, wherever a page begins; counting stops at `most`.
pub async fn count(conn: &mut Conn, filter: &EntryFilter, most: u32) -> Result<u64> {
    let sql = filter.choose([
        COUNT_BY_PATIENT,
        COUNT_BY_SHARE,
        COUNT_BY_RECIPIENT,
        COUNT_BY_NOTE,
        COUNT_BY_USER,
        COUNT_BY_ORGANIZATION,
        COUNT_BY_TIME,
    ]);
    let mut args = filter.args();
    args.extend(args![filter.until.unwrap_or(ends().1), most]);
    let rows: Vec<(i64,)> = conn.all_among(sql, args, &filter.actions()).await?;
    let found = rows.first().map_or(0, |row| row.0.unsigned_abs());
    Ok(found.min(u64::from(most)))
}

/// Sequenced leaves that fit with indexes in `from..until`, in the ledger's order; `after` is not looked at.
pub async fn export(
    conn: &mut Conn,
    filter: &EntryFilter,
    from: u64,
    until: u64,
    limit: u32,
) -> Result<Vec<(u64, Vec<u8>)>> {
    let sql = filter.choose([
        EXPORT_BY_PATIENT,
        EXPORT_BY_SHARE,
        EXPORT_BY_RECIPIENT,
        EXPORT_BY_NOTE,
        EXPORT_BY_USER,
        EXPORT,
        EXPORT,
    ]);
    let mut args = filter.args();
    args.extend(args![
        super::signed(from),
        super::signed(until),
        limit,
        filter.until.unwrap_or(ends().1)
    ]);
    let rows: Vec<(i64, Vec<u8>)> = conn.all_among(sql, args, &filter.actions()).await?;
    Ok(rows
        .into_iter()
        .map(|(index, leaf)| (index.unsigned_abs(), leaf))
        .collect())
}
