//! `cargo xtask chaos`: faults for real. Clients share, open, acknowledge, amend and recall at the `liaison` binary while
//! processes are killed, the database is taken away and receivers fail in every way; afterwards everything that was
//! accepted must be there, and every message must have arrived.
//!
//! A seed decides the order of the faults and what the clients do; when exactly a fault strikes is the machine's.

mod bed;
mod check;
mod clients;
mod database;
mod dice;
mod disk;
mod faults;
mod report;
mod strike;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use liaison_testkit::Engine;

use bed::Bed;
use clients::Crowd;
use dice::Dice;
pub use report::Report;

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Decides the order of the faults and what the clients do.
    pub seed: u64,
    /// For how long faults strike.
    pub length: Duration,
    /// On which engine.
    pub engine: Engine,
}

/// How long everything may take to come to rest once all is well again.
const QUIET_LIMIT: Duration = Duration::from_secs(240);

/// Lives one run.
///
/// # Errors
/// When the run itself cannot go on; what the product did wrong stands in the report.
pub async fn run(wanted: Wanted) -> Result<Report> {
    let bed = Arc::new(Bed::make(wanted.engine).await?);
    let mut report = Report::new(wanted);
    let mut dice = Dice::new(wanted.seed);
    let crowd = Crowd::gather(&bed, &mut dice);
    let began = Instant::now();
    strike::strike(&bed, &mut dice, began + wanted.length, &mut report).await?;
    report.faults_took = began.elapsed();
    bed.heal().await?;
    let logs = crowd.come_home(&mut report).await;
    let healed = Instant::now();
    check::until_quiet(&bed, QUIET_LIMIT, &mut report).await?;
    check::by_api(&bed, &logs, &mut report).await;
    check::until_quiet(&bed, QUIET_LIMIT, &mut report).await?;
    report.quiet_after = healed.elapsed();
    bed.stop(&mut report).await;
    check::by_database(&bed, &logs, &mut report).await?;
    check::by_receivers(&bed, &mut report).await?;
    check::ledger(&bed, &mut report).await;
    bed.clear().await?;
    Ok(report)
}
