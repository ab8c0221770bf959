//! Which tables and columns there are, as the databases say, and in which order rows can be written.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use super::{CopyError, failed};
use crate::{arg::Arg, error::StoreError};

/// Tables that are not carried over, and why. A table that is neither here nor in both databases stops a move.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("liaison_migrations", "each engine has migrations of its own"),
    (
        "ledger_lease",
        "made by the migration; a lease belongs to a running process",
    ),
    ("apalis_migrations", "the task tables' own migrations"),
    ("apalis._sqlx_migrations", "the task tables' own migrations"),
    ("Jobs", "tasks are nudges: the reconciler makes them anew from the rows"),
    ("Workers", "workers that ended with their process"),
    (
        "apalis.jobs",
        "tasks are nudges: the reconciler makes them anew from the rows",
    ),
    ("apalis.workers", "workers that ended with their process"),
];

/// Why a table is not carried over; `None` for one that is.
pub fn left_out(table: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(name, _)| *name == table).map(|(_, why)| *why)
}

/// Every table of a database, by its URL; tables outside of the default schema with their schema's name.
///
/// # Errors
/// When the database cannot be read.
pub async fn tables(url: &str) -> Result<BTreeSet<String>, StoreError> {
    let connect = |error| StoreError::database("connect", error);
    if let Some(path) = url.strip_prefix("sqlite:") {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        return sqlite_tables(&mut options.connect().await.map_err(connect)?).await;
    }
    postgres_tables(&mut PgConnection::connect(url).await.map_err(connect)?).await
}

async fn sqlite_tables(conn: &mut SqliteConnection) -> Result<BTreeSet<String>, StoreError> {
    let names: Vec<String> = sqlx::query_scalar(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\'",
    )
    .fetch_all(conn)
    .await
    .map_err(failed("list the tables"))?;
    Ok(names.into_iter().collect())
}

async fn postgres_tables(conn: &mut PgConnection) -> Result<BTreeSet<String>, StoreError> {
    let names: Vec<String> = sqlx::query_scalar(
        "select case when table_schema = current_schema() then table_name else table_schema || '.' || table_name end::text
         from information_schema.tables where table_type = 'BASE TABLE'
            and table_schema not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(conn)
    .await
    .map_err(failed("list the tables"))?;
    Ok(names.into_iter().collect())
}

/// A column's type, by PostgreSQL's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Text,
    Int,
    Bool,
    Time,
    Bytes,
}

impl Kind {
    fn of(postgres: &str) -> Option<Self> {
        Some(match postgres {
            "uuid" => Self::Uuid,
            "text" => Self::Text,
            "int8" => Self::Int,
            "bool" => Self::Bool,
            "timestamptz" => Self::Time,
            "bytea" => Self::Bytes,
            _ => return None,
        })
    }

    fn array(self) -> &'static str {
        match self {
            Self::Uuid => "uuid[]",
            Self::Text => "text[]",
            Self::Int => "bigint[]",
            Self::Bool => "boolean[]",
            Self::Time => "timestamptz[]",
            Self::Bytes => "bytea[]",
        }
    }
}

/// A table of both databases.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// The column that refers to the table's own `id`: written when every row is there.
    own: Option<usize>,
}

/// The tables that are carried over, each after those that it refers to.
pub(super) async fn shared(read: &mut SqliteConnection, write: &mut PgConnection) -> Result<Vec<Table>, CopyError> {
    let versions = "select version from liaison_migrations order by version";
    let (of_source, of_target): (Vec<i64>, Vec<i64>) = (
        sqlx::query_scalar(versions)
            .fetch_all(&mut *read)
            .await
            .map_err(failed("read the source's version"))?,
        sqlx::query_scalar(versions)
            .fetch_all(&mut *write)
            .await
            .map_err(failed("read the target's version"))?,
    );
    if of_source != of_target {
        return Err(CopyError::Version);
    }
    let carried = |names: BTreeSet<String>| -> BTreeSet<String> {
        names.into_iter().filter(|name| left_out(name).is_none()).collect()
    };
    let (source, target) = (
        carried(sqlite_tables(read).await?),
        carried(postgres_tables(write).await?),
    );
    if let Some(odd) = source.symmetric_difference(&target).next() {
        return Err(CopyError::Shape(format!("the table {odd}")));
    }
    let references = references(write).await?;
    let mut found = BTreeMap::new();
    for name in source {
        let own = references
            .iter()
            .find(|(child, parent, _)| *child == name && *parent == name)
            .map(|(_, _, column)| column.clone());
        let table = table(&name, own, read, write).await?;
        found.insert(name, table);
    }
    // Parents first; a circle of tables would leave some over.
    let mut ordered: Vec<Table> = Vec::with_capacity(found.len());
    while !found.is_empty() {
        let ready = found.keys().find(|name| {
            let mut parents = references
                .iter()
                .filter(|(child, parent, _)| child == *name && parent != *name);
            parents.all(|(_, parent, _)| !found.contains_key(parent))
        });
        let Some(table) = ready.cloned().and_then(|name| found.remove(&name)) else {
            return Err(CopyError::Shape(
                "tables that refer to each other in a circle".to_owned(),
            ));
        };
        ordered.push(table);
    }
    Ok(ordered)
}

/// Child, parent and the child's column of each foreign key.
async fn references(conn: &mut PgConnection) -> Result<Vec<(String, String, String)>, StoreError> {
    sqlx::query_as(
        "select child.relname::text, parent.relname::text, a.attname::text
         from pg_constraint c join pg_class child on child.oid = c.conrelid join pg_class parent on parent.oid = c.confrelid
            join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
         where c.contype = 'f' and child.relnamespace = current_schema()::regnamespace",
    )
    .fetch_all(conn)
    .await
    .map_err(failed("list the references"))
}

async fn table(
    name: &str,
    own: Option<String>,
    read: &mut SqliteConnection,
    write: &mut PgConnection,
) -> Result<Table, CopyError> {
    let of_target: Vec<(String, String)> = sqlx::query_as(
        "select column_name::text, udt_name::text from information_schema.columns
         where table_schema = current_schema() and table_name = $1 order by ordinal_position",
    )
    .bind(name)
    .fetch_all(write)
    .await
    .map_err(failed("list the columns"))?;
    let of_source: Vec<String> = sqlx::query_scalar("select name from pragma_table_info($1) order by cid")
        .bind(name)
        .fetch_all(read)
        .await
        .map_err(failed("list the columns"))?;
    let names: BTreeSet<&String> = of_target.iter().map(|(column, _)| column).collect();
    if let Some(odd) = of_source
        .iter()
        .collect::<BTreeSet<_>>()
        .symmetric_difference(&names)
        .next()
    {
        return Err(CopyError::Shape(format!("the column {name}.{odd}")));
    }
    let mut columns = Vec::with_capacity(of_target.len());
    for (column, udt) in of_target {
        let kind = Kind::of(&udt).ok_or_else(|| CopyError::Shape(format!("the type {udt} of {name}.{column}")))?;
        columns.push((column, kind));
    }
    let own = own.and_then(|own| columns.iter().position(|(column, _)| *column == own));
    Ok(Table {
        name: name.to_owned(),
        columns,
        own,
    })
}

impl Table {
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    fn column_list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        names.join(", ")
    }

    pub(super) fn select_text(&self) -> String {
        format!("select {} from {}", self.column_list(), self.quoted())
    }

    pub(super) fn insert_text(&self) -> String {
        let arrays: Vec<String> = (1..)
            .zip(&self.columns)
            .map(|(number, (_, kind))| format!("${number}::{}", kind.array()))
            .collect();
        format!(
            "insert into {} ({}) select * from unnest({})",
            self.quoted(),
            self.column_list(),
            arrays.join(", ")
        )
    }

    pub(super) fn refer_text(&self) -> Option<String> {
        let (own, _) = &self.columns[self.own?];
        Some(format!("update {} set \"{own}\" = $2 where id = $1", self.quoted()))
    }

    /// A row's id and the row of the same table that it refers to.
    pub(super) fn reference(&self, values: &[Arg]) -> Option<(Uuid, Uuid)> {
        let id = self.columns.iter().position(|(name, _)| name == "id")?;
        match (&values[id], &values[self.own?]) {
            (Arg::Uuid(Some(id)), Arg::Uuid(Some(own))) => Some((*id, *own)),
            _ => None,
        }
    }

    /// Whether a column is written later.
    pub(super) fn is_own(&self, column: usize) -> bool {
        self.own == Some(column)
    }
}
