//! Values between the two drivers, and the digest by which a table is compared.

use chrono::{DateTime, Timelike, Utc};
use futures::TryStreamExt;
use sha2::{Digest as _, Sha256};
use sqlx::{
    Arguments, AssertSqlSafe, PgConnection, Row,
    postgres::{PgArguments, PgRow},
    sqlite::SqliteRow,
};

use super::{
    CopyError, failed,
    shape::{Kind, Table},
};
use crate::{arg::Arg, error::StoreError};

/// How many rows, and the sum (exclusive or) of their hashes: the same whatever the order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) rows: u64,
    sum: [u8; 32],
}

impl Digest {
    pub(super) fn add(&mut self, values: &[Arg]) {
        let mut hash = Sha256::new();
        for value in values {
            let bytes = match value {
                Arg::Uuid(value) => value.map(|value| value.as_bytes().to_vec()),
                Arg::Text(value) => value.as_ref().map(|value| value.as_bytes().to_vec()),
                Arg::Int(value) => value.map(|value| value.to_be_bytes().to_vec()),
                Arg::Bool(value) => value.map(|value| vec![u8::from(value)]),
                Arg::Time(value) => value.map(|value| value.timestamp_micros().to_be_bytes().to_vec()),
                Arg::Bytes(value) => value.clone(),
            };
            match bytes {
                None => hash.update([0]),
                Some(bytes) => {
                    hash.update([1]);
                    hash.update((bytes.len() as u64).to_be_bytes());
                    hash.update(bytes);
                }
            }
        }
        for (sum, byte) in self.sum.iter_mut().zip(hash.finalize()) {
            *sum ^= byte;
        }
        self.rows += 1;
    }
}

macro_rules! values_of {
    ($table:expr, $row:expr) => {{
        let mut values = Vec::with_capacity($table.columns.len());
        for (place, (name, kind)) in $table.columns.iter().enumerate() {
            let value = match kind {
                Kind::Uuid => $row.try_get(place).map(Arg::Uuid),
                Kind::Text => $row.try_get(place).map(Arg::Text),
                Kind::Int => $row.try_get(place).map(Arg::Int),
                Kind::Bool => $row.try_get(place).map(Arg::Bool),
                Kind::Time => $row.try_get(place).map(Arg::Time),
                Kind::Bytes => $row.try_get(place).map(Arg::Bytes),
            };
            // The driver's words name the column's type and no value.
            values.push(value.map_err(|error| CopyError::Shape(format!("{}.{name}: {error}", $table.name)))?);
        }
        values
    }};
}

impl Table {
    /// A row's values. A time finer than microseconds, which PostgreSQL would round, is refused.
    pub(super) fn values_of_sqlite(&self, row: &SqliteRow) -> Result<Vec<Arg>, CopyError> {
        let values = values_of!(self, row);
        for ((name, _), value) in self.columns.iter().zip(&values) {
            if let Arg::Time(Some(time)) = value
                && !time.nanosecond().is_multiple_of(1_000)
            {
                return Err(CopyError::Shape(format!(
                    "{}.{name}: a time finer than microseconds",
                    self.name
                )));
            }
        }
        Ok(values)
    }

    fn values_of_postgres(&self, row: &PgRow) -> Result<Vec<Arg>, CopyError> {
        Ok(values_of!(self, row))
    }

    pub(super) async fn digest_of_target(&self, conn: &mut PgConnection) -> Result<Digest, CopyError> {
        let mut digest = Digest::default();
        let mut rows = sqlx::query(AssertSqlSafe(self.select_text())).fetch(conn);
        while let Some(row) = rows.try_next().await.map_err(failed("read a row back"))? {
            digest.add(&self.values_of_postgres(&row)?);
        }
        Ok(digest)
    }

    /// The rows as one array for each column.
    pub(super) fn arrays(&self, rows: Vec<Vec<Arg>>) -> Result<PgArguments, StoreError> {
        let mut arguments = PgArguments::default();
        let mut columns: Vec<Vec<Arg>> = self.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        for (place, values) in columns.into_iter().enumerate() {
            macro_rules! array {
                ($arg:ident, $type:ty) => {{
                    let empty = self.is_own(place);
                    let values: Vec<Option<$type>> = values
                        .into_iter()
                        .map(|value| match value {
                            Arg::$arg(value) if !empty => value,
                            _ => None,
                        })
                        .collect();
                    arguments.add(values)
                }};
            }
            let added = match self.columns[place].1 {
                Kind::Uuid => array!(Uuid, uuid::Uuid),
                Kind::Text => array!(Text, String),
                Kind::Int => array!(Int, i64),
                Kind::Bool => array!(Bool, bool),
                Kind::Time => array!(Time, DateTime<Utc>),
                Kind::Bytes => array!(Bytes, Vec<u8>),
            };
            added.map_err(|error| StoreError::Encode(error.to_string()))?;
        }
        Ok(arguments)
    }
}
