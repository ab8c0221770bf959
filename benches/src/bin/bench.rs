//! `cargo xtask bench`: how fast it is, beside what the engine itself can do in the same run. Prints Markdown tables.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for people")]

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use liaison_bench::bench::{Part, Plan, measure};
use liaison_testkit::Engine;

/// Measures speed on a quiet machine: closed loops, shares, deliveries, queries, memory, start.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Shorter measurements and at most 10,000 loops.
    #[arg(long)]
    quick: bool,
    /// On one engine alone: `sqlite` or `postgres`. PostgreSQL needs LIAISON_TEST_POSTGRES_URL.
    #[arg(long, value_parser = engine)]
    engine: Option<Engine>,
    /// This part alone, beside R; for a profiler.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

fn engine(name: &str) -> Result<Engine, String> {
    match name.to_lowercase().as_str() {
        "sqlite" => Ok(Engine::Sqlite),
        "postgres" | "postgresql" => Ok(Engine::Postgres),
        _ => Err("sqlite or postgres".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    liaison_bench::prepare();
    let arguments = Arguments::parse();
    let mut plan = if arguments.quick { Plan::quick() } else { Plan::full() };
    plan.only = arguments.only;
    let engines = arguments
        .engine
        .map_or_else(|| vec![Engine::Sqlite, Engine::Postgres], |engine| vec![engine]);
    let mut worst = ExitCode::SUCCESS;
    for engine in engines {
        match measure(engine, &plan).await {
            Ok(report) => println!("{report}"),
            Err(error) => {
                eprintln!("{engine}: {error:#}");
                worst = ExitCode::FAILURE;
            }
        }
    }
    worst
}
