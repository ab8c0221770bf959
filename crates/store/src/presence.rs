//! Which processes live, on PostgreSQL: each holds a lock under its name in a session of its own. The server frees it
//! the moment the session ends, so that others learn of a killed process at once and need not wait for its leases to
//! run out.
//!
//! On SQLite one process works; who it is, the `serve` command's own lock decides.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use crate::{Pools, Result, Store, StoreError, args, conn::Conn, sql::sql};

sql! {
    /// PostgreSQL only; the SQLite text exists so that every statement prepares on both.
    ABSENT = sqlite "select distinct lease_owner as a from delivery where lease_until is not null and lease_owner <> $1"
        postgres "select d.lease_owner as a from (select distinct lease_owner from delivery
            where lease_until is not null and lease_owner <> $1) d where not exists (select 1 from pg_locks l where l.locktype = 'advisory' and l.granted
                and l.objsubid = 1
                and l.database = (select oid from pg_database where datname = current_database())
                and l.classid::bigint = (hashtextextended(d.lease_owner, 0) >> 32) & 4294967295
                and l.objid::bigint = hashtextextended(d.lease_owner, 0) & 4294967295)";
}

/// Names of processes that hold leases and do not live, other than `own`. On SQLite: all others.
pub async fn absent(conn: &mut Conn, own: &str) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = conn.all(ABSENT, args![own]).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// How often a session that only holds a name is asked whether it still does.
const EVERY: Duration = Duration::from_secs(2);
/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process's name, held for as long as this session lasts.
pub struct Presence(Option<PgConnection>);

impl Store {
    /// Takes a process's name. On SQLite there is nothing to take.
    pub async fn be_present(&self, process: &str) -> Result<Presence> {
        let Pools::Postgres(pool) = self.pools() else {
            return Ok(Presence(None));
        };
        let failed = |error| StoreError::database("be_present", error);
        let options = pool.connect_options();
        let mut session = PgConnection::connect_with(&options).await.map_err(failed)?;
        // A name of before this process lost its session is free as soon as the server has noticed.
        sqlx::query("select pg_advisory_lock(hashtextextended($1, 0))")
            .bind(process)
            .execute(&mut session)
            .await
            .map_err(failed)?;
        Ok(Presence(Some(session)))
    }
}

impl Presence {
    /// Comes back when the name is no longer held. On SQLite never.
    pub async fn lost(mut self) -> StoreError {
        let Some(session) = &mut self.0 else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(EVERY).await;
            match tokio::time::timeout(PATIENCE, session.ping()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return StoreError::database("be_present", error),
                Err(_) => return StoreError::database("be_present", sqlx::Error::PoolTimedOut),
            }
        }
    }
}
