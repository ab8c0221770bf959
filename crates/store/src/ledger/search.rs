//! The auditor's search by time, its count and its export; keyset paging. Other orders are `sorted`'s.

use uuid::Uuid;

use super::filter::{EntryFilter, EntryRow, Lead, abroad, ends, entry_columns, for_each_lead, own, rest};
use crate::{args, conn::Conn, error::Result, sql::Sql};

macro_rules! newest_first {
    () => {
        " and (e.recorded_at, e.id) < ($19, $20) order by e.recorded_at desc, e.id desc limit $21"
    };
}

macro_rules! oldest_first {
    () => {
        " and (e.recorded_at, e.id) > ($19, $20) and e.recorded_at < $22
            order by e.recorded_at, e.id limit $21"
    };
}

macro_rules! counted {
    () => {
        "select count(*) as a from (select e.id from ledger_entry e where "
    };
}

macro_rules! some {
    () => {
        " and e.recorded_at < $19 limit $20) found"
    };
}

macro_rules! by_index {
    () => {
        " and e.recorded_at < $22 and +l.leaf_index >= $19 and +l.leaf_index < $20 order by l.leaf_index limit $21"
    };
}

macro_rules! leaf_columns {
    () => {
        "select l.leaf_index as a, e.leaf as b from ledger_leaf l join ledger_entry e on e.id = l.entry_id where "
    };
}

/// The statements of one lead.
struct Family {
    newest: Sql,
    oldest: Sql,
    count: Sql,
    export: Sql,
}

macro_rules! statement {
    ($name:expr, $($part:expr),+) => {
        Sql {
            name: concat!(module_path!(), "::", $name),
            sqlite: concat!($($part),+),
            postgres: concat!($($part),+),
        }
    };
}

macro_rules! families {
    ($($name:ident $lead:literal;)*) => {
        /// In the order of [`Lead`].
        const FAMILIES: &[Family] = &[
            $(Family {
                newest: statement!(concat!(stringify!($name), "::NEWEST"), entry_columns!(), $lead, own!(), rest!(),
                    newest_first!()),
                oldest: statement!(concat!(stringify!($name), "::OLDEST"), entry_columns!(), $lead, own!(), rest!(),
                    oldest_first!()),
                count: statement!(concat!(stringify!($name), "::COUNT"), counted!(), $lead, own!(), rest!(), some!()),
                export: statement!(concat!(stringify!($name), "::EXPORT"), leaf_columns!(), $lead, own!(), rest!(),
                    by_index!()),
            },)*
            BY_ORGANIZATION,
            BY_TIME,
        ];
    };
}
for_each_lead!(families);

const EXPORT: Sql = statement!(
    "EXPORT",
    leaf_columns!(),
    "l.leaf_index >= $19 and l.leaf_index < $20",
    own!(),
    rest!(),
    " and e.recorded_at < $22 order by l.leaf_index limit $21"
);

/// Each half reads its own index in order and stops at the limit; an entry of both stands in the first alone.
const BY_ORGANIZATION: Family = Family {
    newest: statement!(
        "by_organization::NEWEST",
        "select * from (select * from (",
        entry_columns!(),
        "e.organization_id = $1",
        rest!(),
        newest_first!(),
        ") records union all select * from (",
        entry_columns!(),
        abroad!(),
        rest!(),
        newest_first!(),
        ") people) both_halves order by recorded_at desc, id desc limit $21"
    ),
    oldest: statement!(
        "by_organization::OLDEST",
        "select * from (select * from (",
        entry_columns!(),
        "e.organization_id = $1",
        rest!(),
        oldest_first!(),
        ") records union all select * from (",
        entry_columns!(),
        abroad!(),
        rest!(),
        oldest_first!(),
        ") people) both_halves order by recorded_at, id limit $21"
    ),
    count: statement!(
        "by_organization::COUNT",
        "select count(*) as a from (select id from (select e.id from ledger_entry e where ",
        "e.organization_id = $1",
        rest!(),
        " and e.recorded_at < $19 limit $20) records
        union all select id from (select e.id from ledger_entry e where ",
        abroad!(),
        rest!(),
        " and e.recorded_at < $19 limit $20) people) found"
    ),
    export: EXPORT,
};

const BY_TIME: Family = Family {
    newest: statement!(
        "by_time::NEWEST",
        entry_columns!(),
        "(e.organization_id = $1 or $1 is null)",
        rest!(),
        newest_first!()
    ),
    oldest: statement!(
        "by_time::OLDEST",
        entry_columns!(),
        "(e.organization_id = $1 or $1 is null)",
        rest!(),
        oldest_first!()
    ),
    count: statement!(
        "by_time::COUNT",
        counted!(),
        "(e.organization_id = $1 or $1 is null)",
        rest!(),
        some!()
    ),
    export: EXPORT,
};

macro_rules! listed {
    ($($name:ident $lead:literal;)*) => {
        /// This module's statements.
        pub(crate) const STATEMENTS: &[Sql] = &[
            $(
                family(Lead::$name).newest,
                family(Lead::$name).oldest,
                family(Lead::$name).count,
                family(Lead::$name).export,
            )*
            BY_ORGANIZATION.newest, BY_ORGANIZATION.oldest, BY_ORGANIZATION.count, EXPORT,
            BY_TIME.newest, BY_TIME.oldest, BY_TIME.count,
        ];
    };
}
for_each_lead!(listed);

const fn family(lead: Lead) -> &'static Family {
    &FAMILIES[lead as usize]
}

/// Entries that fit, in the order the filter asks for.
pub async fn search(conn: &mut Conn, filter: &EntryFilter, limit: u32) -> Result<Vec<EntryRow>> {
    let until = filter.until.unwrap_or(ends().1);
    let mut args = filter.args();
    let sql = if filter.oldest_first {
        let (past, past_id) = filter.after.map_or((ends().0, Uuid::nil()), |(at, id)| (at, id.uuid()));
        args.extend(args![past, past_id, limit, until]);
        family(filter.lead()).oldest
    } else {
        // The cursor and the end of the time range are one bound: whichever is earlier.
        let (before, before_id) = match filter.after {
            Some((at, id)) if at < until => (at, id.uuid()),
            _ => (until, Uuid::nil()),
        };
        args.extend(args![before, before_id, limit]);
        family(filter.lead()).newest
    };
    conn.all_among(sql, args, &filter.actions()).await
}

/// How many entries fit, wherever a page begins; counting stops at `most`.
pub async fn count(conn: &mut Conn, filter: &EntryFilter, most: u32) -> Result<u64> {
    let sql = family(filter.lead()).count;
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
    let sql = family(filter.lead()).export;
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
