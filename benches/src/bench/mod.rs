//! How fast it is. Ratios within one run on one machine: each figure stands beside what the engine itself does there.
//! What is measured, the goals and their meaning stand in `benches/README.md`. Not for faults (`chaos`).

mod closed;
mod database;
mod lanes;
mod queries;
mod raw;
mod receiver;
mod report;
mod shares;
mod timers;

use std::time::Duration;

use anyhow::Result;
use liaison_testkit::Engine;

use crate::world::{Reach, World};
use receiver::Receiver;
pub use report::Report;
use report::{both, millis};

/// How many hosts receive webhooks: each team's is one of its own.
const HOSTS: u8 = 12;
/// How many teams one share goes to.
const TO: usize = 3;

/// How long and how much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Each throughput.
    pub window: Duration,
    /// Each latency: how often.
    pub samples: usize,
    /// Sizes at which queries are asked, in loops.
    pub sizes: Vec<usize>,
    /// Patients with a signed note.
    pub patients: usize,
    /// Timers that run out in one second.
    pub timers: usize,
    /// One part alone.
    pub only: Option<Part>,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Closed loops and all that is measured beside them over HTTP.
    Closed,
    /// A healthy endpoint beside one that hangs.
    Lanes,
    /// Escalation timers.
    Timers,
    /// The share's use case in process.
    Shares,
    /// Board, inbox and timeline as the loops grow.
    Queries,
}

impl Plan {
    /// Everything.
    #[must_use]
    pub fn full() -> Self {
        Self {
            window: Duration::from_secs(8),
            samples: 200,
            sizes: vec![1_000, 10_000, 100_000],
            patients: 64,
            timers: 1_000,
            only: None,
        }
    }

    /// A look.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            window: Duration::from_secs(3),
            samples: 60,
            sizes: vec![1_000, 10_000],
            patients: 32,
            timers: 1_000,
            only: None,
        }
    }
}

/// Measures one engine. PostgreSQL is the one of `LIAISON_TEST_POSTGRES_URL`.
///
/// # Errors
/// When something cannot be started, or an act is refused that must not be.
pub async fn measure(engine: Engine, plan: &Plan) -> Result<Report> {
    let mut report = Report::new(engine);
    let receivers = receivers().await?;
    let reach: Vec<Reach> = receivers
        .iter()
        .map(|receiver| Reach {
            email: false,
            webhook: Some(receiver.url()),
        })
        .collect();
    let world = World::prepare(engine, &reach, plan.patients).await?;
    world.close().await;

    let raw = raw::commits_per_second(engine, world.database_url(), world.folder(), 32, plan.window).await?;
    let raw_alone = raw::commits_per_second(engine, world.database_url(), world.folder(), 1, plan.window / 2).await?;
    report.section("The engine itself");
    report.line("R: durable commits of 8 rows, 32 writers", format!("{raw:.0}/s"));
    report.line("The same, 1 writer", format!("{raw_alone:.0}/s"));

    let wanted = |part| plan.only.is_none_or(|only| only == part);
    if wanted(Part::Closed) {
        closed::all(&mut report, &world, &receivers, plan, raw).await?;
    }
    if wanted(Part::Lanes) {
        lanes::hanging(&mut report, &world, &receivers, plan).await?;
    }
    if wanted(Part::Timers) {
        timers::all(&mut report, &world, plan).await?;
    }
    if wanted(Part::Shares) {
        shares::use_case(&mut report, &world, plan, raw).await?;
    }
    if wanted(Part::Queries) {
        // A world of its own: the smallest number of loops must still be to come.
        let fresh = World::prepare(engine, &reach, plan.patients).await?;
        fresh.close().await;
        queries::all(&mut report, &fresh, plan).await?;
    }
    report.note(format!(
        "{HOSTS} hosts receive webhooks; each share goes to {TO} teams; {} patients; {} s for each throughput.",
        plan.patients,
        plan.window.as_secs(),
    ));
    Ok(report)
}

async fn receivers() -> Result<Vec<Receiver>> {
    let mut all = Vec::new();
    for host in 0..HOSTS {
        all.push(Receiver::start(host + 2).await?);
    }
    Ok(all)
}

/// The value below which `share` (0 to 1) of the values lie; zero of none.
fn percentile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    // Truncation is meant: an index.
    let index = (last as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or_default()
}
