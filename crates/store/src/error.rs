//! What can go wrong with the store. Messages carry names of tables, columns and statements, never values.

use crate::tasks::TaskError;

/// A broken thing, as opposed to an expected outcome.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("{statement}: {message}")]
    Database {
        /// The statement's name.
        statement: &'static str,
        /// The driver's error, without values.
        message: String,
        /// A unique index refused the row.
        unique: bool,
        /// The index was that of idempotency keys.
        repeat: bool,
        /// Nothing was reached or the connection was lost: trying again may work.
        unavailable: bool,
    },
    /// A row did not read as its type.
    #[error("column {column}: {message}")]
    Row {
        /// The column.
        column: &'static str,
        /// What was expected.
        message: String,
    },
    /// A conditional update did not meet the rows it expected: another process was there first.
    #[error("{statement}: {affected} rows changed where {expected} were expected")]
    Affected {
        /// The statement's name.
        statement: &'static str,
        /// How many rows changed.
        affected: u64,
        /// How many should have.
        expected: u64,
    },
    /// Ciphertext did not open: the wrong key, or a row that was tampered with or moved.
    #[error("sealed value {place} does not open: the key is wrong or the row was changed")]
    Sealed {
        /// `table.column`.
        place: String,
    },
    /// The keys cannot be used.
    #[error("keys: {0}")]
    Keys(String),
    /// The schema is behind this version.
    #[error("the database has {0} pending migrations; run `liaison migrate`, or start with migration allowed")]
    PendingMigrations(usize),
    /// The schema is ahead of this version, or another program's.
    #[error("the database's migrations do not fit this version: {0}")]
    ForeignMigrations(String),
    /// The address is not one we know.
    #[error("database URL: {0}; expected sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Url(String),
    /// A task could not be handed over.
    #[error(transparent)]
    Tasks(#[from] TaskError),
    /// A value could not be encoded.
    #[error("cannot encode {0}")]
    Encode(String),
}

impl StoreError {
    /// Whether a unique index refused the row, other than that of idempotency keys.
    pub fn is_unique_violation(&self) -> bool {
        matches!(
            self,
            Self::Database {
                unique: true,
                repeat: false,
                ..
            }
        )
    }

    /// Whether the same request, under the same idempotency key, was committed meanwhile.
    pub fn is_repeat(&self) -> bool {
        matches!(self, Self::Database { repeat: true, .. })
    }

    /// Whether another process changed the row first.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Affected { .. })
    }

    pub(crate) fn database(statement: &'static str, error: sqlx::Error) -> Self {
        let unique = error
            .as_database_error()
            .is_some_and(|inner| inner.is_unique_violation());
        // PostgreSQL names the constraint, SQLite the columns.
        let repeat = unique
            && error.as_database_error().is_some_and(|inner| {
                inner.constraint() == Some("idempotency_pkey") || inner.message().contains(": idempotency.")
            });
        let unavailable = match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                true
            }
            // What stands in front of a server that is away takes the connection and closes it in the middle of the greeting.
            sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => true,
            sqlx::Error::Database(inner) => inner.code().is_some_and(|code| passes(&code)),
            _ => false,
        };
        // PostgreSQL puts the offending values into `detail`, which the message leaves out.
        let message = match &error {
            sqlx::Error::Database(inner) => inner.message().to_owned(),
            other => other.to_string(),
        };
        Self::Database {
            statement,
            message,
            unique,
            repeat,
            unavailable,
        }
    }
}

/// The store's results.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Whether a database's own refusal may pass by itself. PostgreSQL (SQLSTATE): connection exceptions, rollbacks for
/// concurrency, no room, and a server that is stopped or starts. SQLite (extended result codes): busy, locked, read-only,
/// I/O error, full, cannot open.
fn passes(code: &str) -> bool {
    const SQLITE: [u32; 6] = [5, 6, 8, 10, 13, 14];
    if code.len() == 5 && ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class)) {
        return true;
    }
    // The lowest byte is the primary code.
    code.parse::<u32>().is_ok_and(|code| SQLITE.contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::{StoreError, passes};

    #[test]
    fn what_may_pass_is_told_from_what_does_not() {
        for code in ["57P01", "57P03", "53300", "08006", "40001", "5", "13", "778", "8"] {
            assert!(passes(code), "{code}");
        }
        for code in ["23505", "42601", "1", "19", "2067", "HY000", ""] {
            assert!(!passes(code), "{code}");
        }
    }

    #[test]
    fn a_connection_that_ends_in_the_greeting_may_come_again() {
        let greeting = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned());
        let told = StoreError::database("begin", greeting);
        assert!(matches!(told, StoreError::Database { unavailable: true, .. }));
        let told = StoreError::database("begin", sqlx::Error::RowNotFound);
        assert!(matches!(told, StoreError::Database { unavailable: false, .. }));
    }
}
