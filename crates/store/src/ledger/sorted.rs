//! The auditor's search in other orders than time's: by what an entry's columns show, both ways; keyset paging.
//!
//! No index serves these orders. Their cost is bounded by the number of entries that fit, which the caller bounds before
//! it asks; one page is kept in memory. Entries alike in the column stand in the order of time.

use chrono::{DateTime, Utc};
use liaison_domain::{EntryId, OrganizationId};

use super::filter::{EntryFilter, EntryRow, columns, ends, for_each_lead, own, rest};
use crate::{args, conn::Conn, error::Result, sql::Sql};

/// A column to sort by. Names are sorted without regard to case; ids by the time at which they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EntryColumn {
    /// Who acted, by name; after all names those who have none.
    Person,
    /// For which organization they acted, by name.
    Organization,
    /// In which role.
    Role,
    /// What was done, by its code.
    Action,
    /// Why, by its code.
    Purpose,
    /// How it ended, by its code.
    Outcome,
    /// The patient concerned: one patient's entries stand together.
    Patient,
    /// What it concerns: the other object, else the loop, the share, the note.
    Object,
    /// The channel of a delivery or endpoint.
    Channel,
    /// The session.
    Session,
    /// The request.
    Request,
    /// The network address.
    Peer,
    /// The entry's index; after all indexes those that wait for theirs.
    Index,
}

impl EntryColumn {
    /// Every column.
    pub const ALL: &[Self] = &[
        Self::Person,
        Self::Organization,
        Self::Role,
        Self::Action,
        Self::Purpose,
        Self::Outcome,
        Self::Patient,
        Self::Object,
        Self::Channel,
        Self::Session,
        Self::Request,
        Self::Peer,
        Self::Index,
    ];

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "PERSON",
            Self::Organization => "ORGANIZATION",
            Self::Role => "ROLE",
            Self::Action => "ACTION",
            Self::Purpose => "PURPOSE",
            Self::Outcome => "OUTCOME",
            Self::Patient => "PATIENT",
            Self::Object => "OBJECT",
            Self::Channel => "CHANNEL",
            Self::Session => "SESSION",
            Self::Request => "REQUEST",
            Self::Peer => "PEER",
            Self::Index => "INDEX",
        }
    }
}

/// Where an entry stands in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    text: String,
    recorded_at: DateTime<Utc>,
    id: EntryId,
}

/// What an entry is sorted by, as text that both engines compare byte by byte. `$column` is the argument that names it.
macro_rules! key_sqlite {
    ($column:literal) => {
        concat!(
            "case ",
            $column,
            " when 'PERSON' then lower(coalesce(p.display_name, '~' || e.actor_kind))
            when 'ORGANIZATION' then lower(coalesce(o.name, ''))
            when 'ROLE' then coalesce(e.role, '')
            when 'ACTION' then e.action
            when 'PURPOSE' then coalesce(e.purpose, '')
            when 'OUTCOME' then e.outcome
            when 'PATIENT' then hex(e.patient_id)
            when 'OBJECT' then coalesce(e.object_id, 'recipient_' || nullif(hex(e.recipient_id), ''),
                'share_' || nullif(hex(e.share_id), ''), 'note_' || nullif(hex(e.note_id), ''), '')
            when 'CHANNEL' then coalesce(e.channel, '')
            when 'SESSION' then hex(e.session_id)
            when 'REQUEST' then coalesce(e.request_id, '')
            when 'PEER' then coalesce(e.peer, '')
            when 'INDEX' then printf('%019d', coalesce(l.leaf_index, 9223372036854775807))
            else '' end"
        )
    };
}

macro_rules! key_postgres {
    ($column:literal) => {
        concat!(
            "(case ",
            $column,
            " when 'PERSON' then lower(coalesce(p.display_name, '~' || e.actor_kind) collate \"C\")
            when 'ORGANIZATION' then lower(coalesce(o.name, '') collate \"C\")
            when 'ROLE' then coalesce(e.role, '')
            when 'ACTION' then e.action
            when 'PURPOSE' then coalesce(e.purpose, '')
            when 'OUTCOME' then e.outcome
            when 'PATIENT' then coalesce(cast(e.patient_id as text), '')
            when 'OBJECT' then coalesce(e.object_id, 'recipient_' || cast(e.recipient_id as text),
                'share_' || cast(e.share_id as text), 'note_' || cast(e.note_id as text), '')
            when 'CHANNEL' then coalesce(e.channel, '')
            when 'SESSION' then coalesce(cast(e.session_id as text), '')
            when 'REQUEST' then coalesce(e.request_id, '')
            when 'PEER' then coalesce(e.peer, '')
            when 'INDEX' then lpad(cast(coalesce(l.leaf_index, 9223372036854775807) as text), 19, '0')
            else '' end) collate \"C\""
        )
    };
}

macro_rules! named {
    () => {
        " as sort_key from ledger_entry e left join ledger_leaf l on l.entry_id = e.id
            left join person p on p.id = e.user_id left join organization o on o.id = e.actor_organization_id where "
    };
}

macro_rules! up {
    () => {
        " and e.recorded_at < $19) found where (sort_key, recorded_at, id) > ($21, $22, $23)
            order by sort_key, recorded_at, id limit $24"
    };
}

macro_rules! down {
    () => {
        " and e.recorded_at < $19) found where (sort_key, recorded_at, id) < ($21, $22, $23)
            order by sort_key desc, recorded_at desc, id desc limit $24"
    };
}

macro_rules! statement {
    ($name:expr, $lead:literal, $end:ident) => {
        Sql {
            name: concat!(module_path!(), "::", $name),
            sqlite: concat!(
                "select * from (select ",
                columns!(),
                ", ",
                key_sqlite!("$20"),
                named!(),
                $lead,
                own!(),
                rest!(),
                $end!()
            ),
            postgres: concat!(
                "select * from (select ",
                columns!(),
                ", ",
                key_postgres!("$20"),
                named!(),
                $lead,
                own!(),
                rest!(),
                $end!()
            ),
        }
    };
}

macro_rules! pairs {
    ($($name:ident $lead:literal;)*) => {
        /// Up and down, in the order of [`Lead`](super::filter::Lead).
        const PAIRS: &[[Sql; 2]] = &[
            $([
                statement!(concat!(stringify!($name), "::UP"), $lead, up),
                statement!(concat!(stringify!($name), "::DOWN"), $lead, down),
            ],)*
            [
                statement!("Organization::UP", "(e.organization_id = $1 or (e.actor_organization_id = $1
                    and e.organization_id is distinct from e.actor_organization_id))", up),
                statement!("Organization::DOWN", "(e.organization_id = $1 or (e.actor_organization_id = $1
                    and e.organization_id is distinct from e.actor_organization_id))", down),
            ],
            [statement!("All::UP", "true", up), statement!("All::DOWN", "true", down)],
        ];
    };
}
for_each_lead!(pairs);

const PLACE: Sql = Sql {
    name: concat!(module_path!(), "::PLACE"),
    sqlite: concat!(
        "select sort_key as a, recorded_at as b from (select e.recorded_at, ",
        key_sqlite!("$1"),
        named!(),
        "e.id = $2 and (e.organization_id = $3 or e.actor_organization_id = $3 or $3 is null)) found"
    ),
    postgres: concat!(
        "select sort_key as a, recorded_at as b from (select e.recorded_at, ",
        key_postgres!("$1"),
        named!(),
        "e.id = $2 and (e.organization_id = $3 or e.actor_organization_id = $3 or $3 is null)) found"
    ),
};

/// This module's statements.
pub(crate) const STATEMENTS: &[Sql] = &flat();

const fn flat() -> [Sql; 2 * PAIRS.len() + 1] {
    let mut all = [PLACE; 2 * PAIRS.len() + 1];
    let mut place = 0;
    while place < PAIRS.len() {
        all[2 * place] = PAIRS[place][0];
        all[2 * place + 1] = PAIRS[place][1];
        place += 1;
    }
    all
}

/// Where an entry of the organization's records or people (of any, without one) stands in an order; `None` when there
/// is none of this id.
pub async fn place(
    conn: &mut Conn,
    column: EntryColumn,
    id: EntryId,
    organization: Option<OrganizationId>,
) -> Result<Option<SortKey>> {
    let row: Option<(String, DateTime<Utc>)> = conn.one(PLACE, args![column.as_str(), id, organization]).await?;
    Ok(row.map(|(text, recorded_at)| SortKey { text, recorded_at, id }))
}

/// Entries that fit in the order of a column, after a place in it. The filter's own `after` and `oldest_first` are not
/// looked at.
pub async fn sorted(
    conn: &mut Conn,
    filter: &EntryFilter,
    column: EntryColumn,
    ascending: bool,
    after: Option<&SortKey>,
    limit: u32,
) -> Result<Vec<EntryRow>> {
    let mut args = filter.args();
    args.extend(args![filter.until.unwrap_or(ends().1), column.as_str()]);
    let nil = EntryId::from_uuid(uuid::Uuid::nil());
    args.extend(match after {
        Some(key) => args![key.text.as_str(), key.recorded_at, key.id],
        None if ascending => args!["", ends().0, nil],
        // After every text that an entry has.
        None => args!["\u{10ffff}", ends().1, nil],
    });
    args.extend(args![limit]);
    let [up, down] = PAIRS[filter.lead() as usize];
    conn.all_among(if ascending { up } else { down }, args, &filter.actions())
        .await
}
