//! One write transaction: it carries the ledger entries, nudges and events of its use case and writes them with the commit.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
};

use liaison_domain::EntryId;
use uuid::Uuid;

use crate::{
    Store,
    arg::Arg,
    conn::{Conn, Inner},
    engine::Engine,
    error::{Result, StoreError},
    event::Event,
    later::Queued,
    ledger::NewEntry,
    sql::Sql,
    tasks::{Nudge, Queue},
};

/// One write transaction. Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    conn: Conn,
    entries: Vec<NewEntry>,
    nudges: Vec<Nudge>,
    events: Vec<Event>,
}

impl Deref for Tx {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl Tx {
    /// Runs a conditional update that must change exactly one row.
    pub async fn change_one(&mut self, sql: Sql, args: Vec<Arg>) -> Result<()> {
        match self.execute(sql, args).await? {
            1 => Ok(()),
            affected => Err(StoreError::Affected {
                statement: sql.name,
                affected,
                expected: 1,
            }),
        }
    }

    /// Inserts rows (the text's `{rows:N}`), together with others that nothing waits for: before the next statement of
    /// this transaction, or with its commit. What the database has against them is the error of that call.
    pub async fn insert_all(&mut self, sql: Sql, rows: Vec<Vec<Arg>>) -> Result<()> {
        const AT_ONCE: usize = 200;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let chunk: Vec<_> = rows.by_ref().take(AT_ONCE).collect();
            self.conn.queued.push(Queued {
                sql,
                rows: chunk.len(),
                expected: Some(chunk.len() as u64),
                of: None,
                args: chunk.into_iter().flatten().collect(),
            });
        }
        Ok(())
    }

    /// As [`Tx::insert_all`], for one row and a text that names its values itself (`$1`, `$2`, ...).
    pub fn insert_one(&mut self, sql: Sql, args: Vec<Arg>) {
        self.conn.queued.push(Queued {
            sql,
            rows: 1,
            args,
            expected: Some(1),
            of: None,
        });
    }

    /// As [`Tx::insert_one`], for an update that nothing waits for, of one row or of those that belong to `of`: so many
    /// rows must change, or any number of them.
    ///
    /// On PostgreSQL the changes that go together see the rows as they were before all of them; the same update of the
    /// same row is kept apart here, and two different updates of one row must not both be left for later.
    pub async fn update_later(&mut self, sql: Sql, of: Uuid, args: Vec<Arg>, expected: Option<u64>) -> Result<()> {
        let twice = |queued: &Queued| queued.sql.name == sql.name && queued.of == Some(of);
        if self.conn.queued.iter().any(twice) {
            self.conn.flush().await?;
        }
        self.conn.queued.push(Queued {
            sql,
            rows: 1,
            args,
            expected,
            of: Some(of),
        });
        Ok(())
    }

    /// From now on this transaction asks the directory (people, teams, endpoints, policies) each question once. For one
    /// that changes nothing of it and works on many loops.
    pub fn remember_directory(&mut self) {
        self.conn.remembered = Some(HashMap::new());
    }

    /// Makes durable what this transaction has seen of others that are being committed together with it: for an answer
    /// that says "this was done before" and ends without a commit. Only before this transaction writes.
    pub async fn settle_earlier(&mut self) -> Result<()> {
        match &mut self.conn.inner {
            Inner::SqliteTx(turn) => turn
                .settle_earlier()
                .await
                .map_err(|error| StoreError::database("commit", error)),
            // PostgreSQL shows a transaction nothing that is not committed.
            _ => Ok(()),
        }
    }

    /// Adds a ledger entry, which is written with the commit.
    pub fn record(&mut self, entry: NewEntry) -> EntryId {
        let id = entry.id;
        self.entries.push(entry);
        id
    }

    /// Adds a nudge for the workers, which is handed over with the commit. The same nudge twice is one.
    pub fn nudge(&mut self, queue: Queue, subject: Option<Uuid>) {
        let nudge = Nudge { queue, subject };
        if !self.nudges.contains(&nudge) {
            self.nudges.push(nudge);
        }
    }

    /// Adds an event for the subscribers, who hear it after the commit.
    pub fn announce(&mut self, event: Event) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    /// Writes the ledger entries and the nudges, commits, then wakes workers and subscribers.
    pub async fn commit(mut self) -> Result<()> {
        let store = self.conn.store.clone();
        let entries = std::mem::take(&mut self.entries);
        if !entries.is_empty() {
            crate::ledger::insert(&mut self, &entries).await?;
            if store.may_nudge_sequencer() {
                self.nudge(Queue::Sequence, None);
            }
        }
        let nudges = std::mem::take(&mut self.nudges);
        let events = std::mem::take(&mut self.events);
        if store.engine() == Engine::Postgres && !events.is_empty() {
            crate::event::notify(&mut self, &events).await?;
        }
        store.push_with(&mut self, &nudges)?;
        self.conn.flush().await?;
        let statement = "commit";
        match self.conn.inner {
            Inner::SqliteTx(turn) => {
                turn.commit()
                    .await
                    .map_err(|error| StoreError::database(statement, error))?;
                store.wake().ring_for(&nudges);
                store.publish(events);
            }
            Inner::PostgresTx(tx) => {
                tx.commit()
                    .await
                    .map_err(|error| StoreError::database(statement, error))?;
                store.wake().ring_for(&nudges);
            }
            Inner::SqliteRead(_) | Inner::PostgresRead(_) => {}
        }
        Ok(())
    }
}

impl Store {
    /// Begins a write transaction (`BEGIN IMMEDIATE` on SQLite: a deferred read-then-write would fail as locked).
    pub async fn begin(&self) -> Result<Tx> {
        let inner = match self.pools() {
            crate::Pools::Sqlite { writer, .. } => writer.begin().await.map(Inner::SqliteTx),
            crate::Pools::Postgres(pool) => pool.begin().await.map(Inner::PostgresTx),
        };
        let inner = inner.map_err(|error| StoreError::database("begin", error))?;
        Ok(Tx {
            conn: Conn {
                inner,
                store: self.clone(),
                queued: Vec::new(),
                remembered: None,
            },
            entries: Vec::new(),
            nudges: Vec::new(),
            events: Vec::new(),
        })
    }
}
