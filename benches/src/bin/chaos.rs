//! The fault run; started by `cargo xtask chaos`, which builds the binary and keeps the private PostgreSQL.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command talks to its terminal"
)]

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use liaison_bench::chaos::{self, Wanted};
use liaison_testkit::Engine;

#[derive(Parser)]
#[command(about = "Faults for real, at the liaison binary that LIAISON_BINARY names")]
struct Arguments {
    /// For how long faults strike, over all engines that are wanted.
    #[arg(long, default_value_t = 4.0)]
    minutes: f64,
    /// Decides the order of the faults and what the clients do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// On which engine. PostgreSQL is the one of LIAISON_TEST_POSTGRES_URL.
    #[arg(long, value_enum, default_value_t = On::Both)]
    engine: On,
}

#[derive(Clone, Copy, ValueEnum)]
enum On {
    Sqlite,
    Postgres,
    Both,
}

#[tokio::main]
async fn main() -> ExitCode {
    liaison_bench::prepare();
    let arguments = Arguments::parse();
    let engines: &[Engine] = match arguments.engine {
        On::Sqlite => &[Engine::Sqlite],
        On::Postgres => &[Engine::Postgres],
        On::Both => &[Engine::Sqlite, Engine::Postgres],
    };
    let share = u32::try_from(engines.len()).unwrap_or(1);
    let length = Duration::from_secs_f64((arguments.minutes.clamp(0.05, 600.0)) * 60.0) / share;
    let mut good = true;
    for &engine in engines {
        let wanted = Wanted {
            seed: arguments.seed,
            length,
            engine,
        };
        match chaos::run(wanted).await {
            Ok(report) => {
                println!("{report}");
                good &= report.is_good();
            }
            Err(error) => {
                eprintln!("chaos: {engine}: {error:#}");
                good = false;
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
