//! What is read when somebody asks: the database's counts and ages, the pools, the workers.
//!
//! The database's figures are of all processes, whichever is asked; the others are of this process alone.

use std::{sync::PoisonError, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{ChannelKind, Clock, SystemClock, Urgency};
use liaison_jobs::Health;
use liaison_service::Service;
use liaison_store::{Conn, ledger, measure, tasks};

use super::{ByChannel, ByLevel, ByPool, ByQueue, ByUrgency, Metrics};

/// The longest wait for the database's answers.
const PATIENCE: Duration = Duration::from_secs(3);
/// Evidence younger than this is left to the next look: its transaction may not have committed yet.
const SETTLED: TimeDelta = TimeDelta::seconds(5);
/// Facts that one look observes; the rest is the next one's.
const MOST: u32 = 5_000;

fn seconds(since: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    (now - since).as_seconds_f64().max(0.0)
}

impl Metrics {
    /// Brings what is read up to date. A database that does not answer makes `liaison_database_up` 0 and leaves the rest
    /// as it was.
    pub(crate) async fn look(&self, service: &Service, workers: Option<&Health>) {
        let series = &self.0;
        for used in service.store().pool_use() {
            let labels = ByPool { pool: used.pool };
            series.connections_open.get_or_create(&labels).set(used.open.into());
            series.connections_idle.get_or_create(&labels).set(used.idle.into());
            series.connections_most.get_or_create(&labels).set(used.most.into());
        }
        for worker in workers.map(Health::queues).unwrap_or_default() {
            let labels = ByQueue {
                queue: worker.queue.name(),
            };
            series
                .worker_up
                .get_or_create(&labels)
                .set(f64::from(u8::from(worker.alive)));
            series
                .worker_restarts
                .get_or_create(&labels)
                .set(worker.restarts.into());
        }
        let read = tokio::time::timeout(PATIENCE, self.read(service)).await;
        let up = match read {
            Ok(Ok(())) => 1.0,
            Ok(Err(error)) => {
                tracing::warn!(%error, "metrics: the database did not answer");
                0.0
            }
            Err(_) => {
                tracing::warn!(patience = ?PATIENCE, "metrics: the database did not answer in time");
                0.0
            }
        };
        series.database_up.set(up);
    }

    async fn read(&self, service: &Service) -> liaison_store::Result<()> {
        let series = &self.0;
        let now = service.now();
        // The task tables are dated by the system's clock.
        for depth in tasks::depth(&service.store().task_pool(), SystemClock.now()).await? {
            let labels = ByQueue {
                queue: depth.queue.name(),
            };
            series.queue_waiting.get_or_create(&labels).set(depth.waiting as f64);
            series.queue_claimed.get_or_create(&labels).set(depth.claimed as f64);
            let oldest = depth.oldest.unwrap_or_default().as_secs_f64();
            series.queue_oldest.get_or_create(&labels).set(oldest);
        }
        let mut conn = service.store().read().await?;
        self.read_loops(&mut conn, now).await?;
        self.read_deliveries(&mut conn, now).await?;
        self.read_evidence(&mut conn, now).await?;
        let (open, overdue) = measure::calls(&mut conn, now).await?;
        series.calls_open.set(open as f64);
        series.calls_overdue.set(overdue as f64);
        let (pending, oldest) = ledger::pending_count(&mut conn).await?;
        series.ledger_pending.set(pending as f64);
        series.ledger_lag.set(oldest.map_or(0.0, |oldest| seconds(oldest, now)));
        let size = ledger::latest_checkpoint(&mut conn)
            .await?
            .map_or(0, |row| row.tree_size);
        series.ledger_size.set(size as f64);
        Ok(())
    }

    async fn read_loops(&self, conn: &mut Conn, now: DateTime<Utc>) -> liaison_store::Result<()> {
        let series = &self.0;
        let found = measure::open_loops(conn, now).await?;
        for &urgency in Urgency::ALL {
            let labels = ByUrgency {
                urgency: urgency.as_str(),
            };
            let row = found.iter().find(|row| row.urgency == urgency);
            let (open, overdue) = row.map_or((0, 0), |row| (row.open, row.overdue));
            series.loops_open.get_or_create(&labels).set(open as f64);
            series.loops_overdue.get_or_create(&labels).set(overdue as f64);
            let age = row.map_or(0.0, |row| seconds(row.oldest, now));
            series.loop_oldest.get_or_create(&labels).set(age);
        }
        Ok(())
    }

    async fn read_deliveries(&self, conn: &mut Conn, now: DateTime<Utc>) -> liaison_store::Result<()> {
        let series = &self.0;
        let due = measure::deliveries_due(conn).await?;
        let dead = measure::deliveries_dead(conn, now - TimeDelta::days(1)).await?;
        for &channel in ChannelKind::ALL {
            let labels = ByChannel {
                channel: channel.as_str().to_ascii_lowercase(),
            };
            let row = due.iter().find(|(of, ..)| *of == channel);
            let waiting = row.map_or(0, |(_, count, _)| *count);
            series.deliveries_waiting.get_or_create(&labels).set(waiting as f64);
            let late = row.map_or(0.0, |(_, _, first)| seconds(*first, now));
            series.deliveries_late.get_or_create(&labels).set(late);
            let dead = dead
                .iter()
                .find(|(of, _)| *of == channel)
                .map_or(0, |(_, count)| *count);
            series.deliveries_dead.get_or_create(&labels).set(dead as f64);
        }
        Ok(())
    }

    async fn read_evidence(&self, conn: &mut Conn, now: DateTime<Utc>) -> liaison_store::Result<()> {
        let seen = || self.0.evidence_seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, mut until) = (*seen(), now - SETTLED);
        if until <= since {
            return Ok(());
        }
        let mut rows = measure::evidence(conn, since, until, MOST).await?;
        if rows.len() == MOST as usize
            && let Some(last) = rows.last().map(|row| row.recorded_at)
            && last > since
        {
            // Facts of one moment stay together: those of the last one are read again, whole.
            rows.retain(|row| row.recorded_at < last);
            until = rows.last().map_or(last, |row| row.recorded_at);
        }
        let mut seen = seen();
        if *seen != since {
            // Another look was faster and has observed them.
            return Ok(());
        }
        for row in rows {
            let labels = ByLevel {
                level: row.level.as_str().to_ascii_lowercase(),
                urgency: row.urgency.as_str(),
            };
            let latency = seconds(row.shared_at, row.occurred_at);
            self.0.evidence_seconds.get_or_create(&labels).observe(latency);
        }
        *seen = until;
        Ok(())
    }
}
