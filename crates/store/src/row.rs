//! Reading rows: one `Row` over both drivers and a macro that writes a row's type and its reader together.
//!
//! A value that does not fit its type is an error that names the column, never a panic.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain as domain;
use sqlx::{Row as _, ValueRef, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    arg::{Json, for_each_id, for_each_term},
    error::{Result, StoreError},
};

/// A row of either engine.
#[derive(Debug)]
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

macro_rules! either {
    ($row:expr, $inner:ident => $body:expr) => {
        match $row {
            Row::Sqlite($inner) => $body,
            Row::Postgres($inner) => $body,
        }
    };
}

fn bad(column: &'static str, message: impl ToString) -> StoreError {
    StoreError::Row {
        column,
        message: message.to_string(),
    }
}

impl Row {
    fn is_null(&self, column: &'static str) -> Result<bool> {
        either!(self, row => row.try_get_raw(column).map(|value| value.is_null())).map_err(|error| bad(column, error))
    }
}

/// A type that a column can be read as.
pub trait Column: Sized {
    /// Reads it.
    fn read(row: &Row, column: &'static str) -> Result<Self>;
}

/// A type that a row can be read as.
pub trait FromRow: Sized {
    /// Reads it.
    fn from_row(row: &Row) -> Result<Self>;
}

impl<T: Column> Column for Option<T> {
    fn read(row: &Row, column: &'static str) -> Result<Self> {
        if row.is_null(column)? {
            Ok(None)
        } else {
            T::read(row, column).map(Some)
        }
    }
}

macro_rules! native {
    ($($type:ty),*) => {$(
        impl Column for $type {
            fn read(row: &Row, column: &'static str) -> Result<Self> {
                either!(row, row => row.try_get::<$type, _>(column)).map_err(|error| bad(column, error))
            }
        }
    )*};
}
native!(Uuid, String, i64, bool, DateTime<Utc>, Vec<u8>, f64);

macro_rules! id_columns {
    ($($id:ident)*) => {$(
        impl Column for domain::$id {
            fn read(row: &Row, column: &'static str) -> Result<Self> {
                Uuid::read(row, column).map(Self::from)
            }
        }
    )*};
}
for_each_id!(id_columns);

fn parsed<T: FromStr<Err: ToString>>(row: &Row, column: &'static str) -> Result<T> {
    String::read(row, column)?
        .parse()
        .map_err(|error: T::Err| bad(column, error.to_string()))
}

macro_rules! term_columns {
    ($($term:ty),*) => {$(
        impl Column for $term {
            fn read(row: &Row, column: &'static str) -> Result<Self> {
                parsed(row, column)
            }
        }
    )*};
}
for_each_term!(term_columns);

impl Column for NaiveDate {
    fn read(row: &Row, column: &'static str) -> Result<Self> {
        parsed(row, column)
    }
}

impl Column for u32 {
    fn read(row: &Row, column: &'static str) -> Result<Self> {
        u32::try_from(i64::read(row, column)?).map_err(|error| bad(column, error))
    }
}

impl Column for domain::EvidenceLevel {
    fn read(row: &Row, column: &'static str) -> Result<Self> {
        let number = i64::read(row, column)?;
        i16::try_from(number)
            .ok()
            .and_then(Self::from_number)
            .ok_or_else(|| bad(column, "an evidence level is 0 to 5"))
    }
}

impl Column for domain::Urgency {
    fn read(row: &Row, column: &'static str) -> Result<Self> {
        match i64::read(row, column)? {
            0 => Ok(Self::Routine),
            1 => Ok(Self::Urgent),
            2 => Ok(Self::Emergent),
            _ => Err(bad(column, "an urgency is 0 to 2")),
        }
    }
}

impl<T: serde::de::DeserializeOwned> Column for Json<T> {
    fn read(row: &Row, column: &'static str) -> Result<Self> {
        serde_json::from_str(&String::read(row, column)?)
            .map(Json)
            .map_err(|error| bad(column, error))
    }
}

impl<A: Column> FromRow for (A,) {
    fn from_row(row: &Row) -> Result<Self> {
        Ok((A::read(row, "a")?,))
    }
}

impl<A: Column, B: Column> FromRow for (A, B) {
    fn from_row(row: &Row) -> Result<Self> {
        Ok((A::read(row, "a")?, B::read(row, "b")?))
    }
}

impl<A: Column, B: Column, C: Column> FromRow for (A, B, C) {
    fn from_row(row: &Row) -> Result<Self> {
        Ok((A::read(row, "a")?, B::read(row, "b")?, C::read(row, "c")?))
    }
}

/// Declares a row's type and its reader: each field is the column of the same name.
macro_rules! row {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        $vis struct $name { $($(#[$fdoc])* pub $field: $type,)* }

        impl $crate::row::FromRow for $name {
            fn from_row(row: &$crate::row::Row) -> $crate::error::Result<Self> {
                Ok(Self { $($field: $crate::row::Column::read(row, stringify!($field))?,)* })
            }
        }
    };
}
pub(crate) use row;
