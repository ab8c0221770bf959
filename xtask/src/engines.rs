//! Which engines a command is wanted on.

use clap::ValueEnum;

/// An engine, or both.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum On {
    Sqlite,
    Postgres,
    Both,
}

impl On {
    /// As the tools take it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Both => "both",
        }
    }

    /// Whether a PostgreSQL is needed.
    pub(crate) fn needs_postgres(self) -> bool {
        self != Self::Sqlite
    }
}
