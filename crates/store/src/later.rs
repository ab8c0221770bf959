//! Changes that nothing waits for: they run together, in one round trip, before the next statement of their transaction or
//! with its commit.

use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::{
    arg::{Arg, sqlite_arguments},
    conn::{Conn, Inner},
    engine::Engine,
    error::{Result, StoreError},
    row::FromRow,
    sql::Sql,
};

/// A change that waits to be made.
pub(crate) struct Queued {
    pub(crate) sql: Sql,
    /// How many rows of an insert's values there are; one for what names its values itself.
    pub(crate) rows: usize,
    pub(crate) args: Vec<Arg>,
    /// How many rows must change; any number where it is not said.
    pub(crate) expected: Option<u64>,
    /// The row that an update changes.
    pub(crate) of: Option<Uuid>,
}

/// The most arguments of one statement: PostgreSQL counts them in 16 bits.
const MAX_ARGS: usize = 30_000;

impl Conn {
    /// Makes the changes that wait, in one round trip: on SQLite as several statements sent together, on PostgreSQL as one
    /// statement of several parts.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        while !self.queued.is_empty() {
            let mut count = 0;
            let mut size = 0;
            while let Some(next) = self.queued.get(count)
                && (count == 0 || size + next.args.len() <= MAX_ARGS)
            {
                size += next.args.len();
                count += 1;
            }
            let batch: Vec<Queued> = self.queued.drain(..count).collect();
            self.change_now(batch).await?;
        }
        Ok(())
    }

    async fn change_now(&mut self, batch: Vec<Queued>) -> Result<()> {
        let Some(sql) = batch.first().map(|first| first.sql) else {
            return Ok(());
        };
        let engine = self.engine();
        let mut texts = Vec::with_capacity(batch.len());
        let mut expected = Vec::with_capacity(batch.len());
        let mut args = Vec::new();
        for part in batch {
            texts.push(part.sql.text_after(engine, args.len(), part.rows));
            expected.push((part.sql.name, part.expected));
            args.extend(part.args);
        }
        let changed = match (engine, texts.as_slice()) {
            (_, [_]) => vec![self.run_now(sql, texts.remove(0), args).await?],
            (Engine::Sqlite, _) => self.run_each(sql, texts.join(";\n").into(), args).await?,
            (Engine::Postgres, _) => self.run_parts(sql, &texts, args).await?,
        };
        for ((statement, expected), affected) in expected.into_iter().zip(changed) {
            if let Some(expected) = expected.filter(|expected| *expected != affected) {
                return Err(StoreError::Affected {
                    statement,
                    affected,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// Several statements sent together to SQLite; how many rows each changed.
    async fn run_each(&mut self, sql: Sql, text: std::borrow::Cow<'static, str>, args: Vec<Arg>) -> Result<Vec<u64>> {
        let Inner::SqliteTx(turn) = &mut self.inner else {
            return Err(StoreError::database(sql.name, sqlx::Error::PoolClosed));
        };
        let arguments = sqlite_arguments(args)?;
        self.store.count_statement();
        let opening = turn.opening();
        let opens = opening.map_or(0, |opening| opening.split(';').count());
        let text = match opening {
            Some(opening) => format!("{opening};\n{text}").into(),
            None => text,
        };
        let done = match turn.conn(true) {
            Ok(conn) => {
                conn.fetch_many(sqlx::query_with(AssertSqlSafe(text), arguments))
                    .try_filter_map(async |step| Ok(step.left().map(|done| done.rows_affected())))
                    .try_collect::<Vec<u64>>()
                    .await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &done {
            turn.failed(error);
        }
        let mut changed = done.map_err(|error| StoreError::database(sql.name, error))?;
        changed.drain(..opens.min(changed.len()));
        Ok(changed)
    }

    /// Several changes as parts of one statement of PostgreSQL; how many rows each changed.
    async fn run_parts(
        &mut self,
        sql: Sql,
        texts: &[std::borrow::Cow<'static, str>],
        args: Vec<Arg>,
    ) -> Result<Vec<u64>> {
        let parts: Vec<String> = (0..)
            .zip(texts)
            .map(|(number, text)| format!("part{number} as ({text} returning 1)"))
            .collect();
        let counts: Vec<String> = (0..texts.len())
            .map(|number| format!("(select count(*) from part{number})"))
            .collect();
        let text = format!(
            "with {} select concat_ws(',', {}) as a",
            parts.join(", "),
            counts.join(", ")
        );
        let rows = self.rows_now(sql, text.into(), args).await?;
        let counted: Option<(String,)> = rows.first().map(FromRow::from_row).transpose()?;
        let counted = counted.map(|(counted,)| counted).unwrap_or_default();
        Ok(counted.split(',').map(|count| count.parse().unwrap_or(0)).collect())
    }
}
