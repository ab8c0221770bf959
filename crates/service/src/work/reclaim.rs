//! Taking up again what somebody held who is not at it any more, without waiting for the lease to run out: a killed
//! process, or this one, when the database was away as it wanted to record.
//!
//! A lease is live while its process lives and is at it. Whether another process lives, the store knows on PostgreSQL
//! ([`liaison_store::presence`]); what this one is at, it knows itself. A lease that neither of them ends runs out.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use liaison_store::{Engine, deliveries, presence};

use crate::{Result, Service};

/// Processes that were looked for and not found, and since when.
#[derive(Debug, Default)]
pub struct Absences(HashMap<String, Instant>);

/// A process that lost its session takes its name again within a moment; only one that is absent for longer is gone.
const PATIENCE: Duration = Duration::from_secs(2);

impl Service {
    /// At the start of a process: ends the leases of those who do not live. On SQLite nobody else can be sending.
    pub async fn reclaim(&self) -> Result<u64> {
        if self.store().engine() == Engine::Postgres {
            let absent = {
                let mut conn = self.read().await?;
                presence::absent(&mut conn, &self.settings().process).await?
            };
            return self.release_of(&absent).await;
        }
        let mut tx = self.begin().await?;
        let released = deliveries::release_all(&mut tx).await?;
        tx.commit().await?;
        Ok(released)
    }

    /// Now and then while a process works: ends the leases of those who have not lived for a while, and its own for what
    /// it is not at any more. How many there were.
    pub async fn reclaim_abandoned(&self, absences: &mut Absences) -> Result<u64> {
        let (own, absent) = {
            let mut conn = self.read().await?;
            let own = deliveries::held_by(&mut conn, &self.settings().process).await?;
            let absent = match self.store().engine() {
                Engine::Postgres => presence::absent(&mut conn, &self.settings().process).await?,
                Engine::Sqlite => Vec::new(),
            };
            (own, absent)
        };
        absences.0.retain(|process, _| absent.contains(process));
        let mut gone = Vec::new();
        for process in absent {
            if absences.0.entry(process.clone()).or_insert_with(Instant::now).elapsed() >= PATIENCE {
                gone.push(process);
            }
        }
        let mut released = self.release_of(&gone).await?;
        let left: Vec<_> = own.into_iter().filter(|(id, _)| !self.at_work().has(*id)).collect();
        if !left.is_empty() {
            let mut tx = self.begin().await?;
            for (id, attempts) in left {
                released += u64::from(deliveries::let_go(&mut tx, id, &self.settings().process, attempts).await?);
            }
            tx.commit().await?;
        }
        if released > 0 {
            tracing::info!(released, "deliveries that nobody was at are taken up again");
        }
        Ok(released)
    }

    async fn release_of(&self, processes: &[String]) -> Result<u64> {
        if processes.is_empty() {
            return Ok(0);
        }
        let mut released = 0;
        let mut tx = self.begin().await?;
        for process in processes {
            released += deliveries::release_of(&mut tx, process).await?;
        }
        tx.commit().await?;
        Ok(released)
    }
}
