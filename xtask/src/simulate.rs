//! Which commands `cargo xtask simulate` and `cargo xtask fuzz` run: tests of the workspace, for longer than every build
//! does.

use std::process::Command;

use clap::Args;

use crate::{engines::On, test::cargo};

/// Random histories.
#[derive(Args)]
pub(crate) struct Histories {
    /// How many random histories, on each engine.
    #[arg(long, default_value_t = 1_000)]
    histories: u64,
    /// The seed of the first; the others follow it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// On which engine.
    #[arg(long, value_enum, default_value_t = On::Both)]
    engine: On,
}

impl Histories {
    /// One run of the tests for all engines that are wanted.
    pub(crate) fn command(&self) -> Command {
        let mut command = cargo();
        command.args(self.arguments());
        command.env("LIAISON_HISTORIES", self.histories.to_string());
        command.env("LIAISON_SEED", self.seed.to_string());
        command.env("LIAISON_TALLY", "1");
        command
    }

    /// Whether a PostgreSQL is needed.
    pub(crate) fn needs_postgres(&self) -> bool {
        self.engine.needs_postgres()
    }

    fn arguments(&self) -> Vec<&'static str> {
        let name = match self.engine {
            On::Sqlite => "histories::every_history_keeps_the_promise_on_sqlite",
            On::Postgres => "histories::every_history_keeps_the_promise_on_postgres",
            On::Both => "histories::every_history_keeps_the_promise",
        };
        let run = ["test", "--locked", "-p", "liaison-service", "--test", "it"];
        [&run[..], &[name, "--", "--nocapture"]].concat()
    }
}

/// Bent input.
#[derive(Args)]
pub(crate) struct Bent {
    /// How long each reader is given bent input.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// From where the input is bent.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Bent {
    /// One run of every test that bends input.
    pub(crate) fn command(&self) -> Command {
        let mut command = cargo();
        let run = [
            "test",
            "--locked",
            "-p",
            "liaison-channels",
            "-p",
            "liaison-service",
            "-p",
            "liaison-web",
            "--test",
            "it",
        ];
        command.args(run).args(["fuzz::", "--", "--nocapture"]);
        command.env("LIAISON_FUZZ_SECONDS", self.seconds.to_string());
        command.env("LIAISON_SEED", self.seed.to_string());
        command
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn variable<'a>(command: &'a Command, name: &str) -> Option<&'a OsStr> {
        command
            .get_envs()
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| value)
    }

    #[test]
    fn an_engine_is_one_test_and_both_are_two() {
        let wanted = |engine| Histories {
            histories: 7,
            seed: 40,
            engine,
        };
        let last = |engine| wanted(engine).arguments()[6];
        assert!(last(On::Sqlite).ends_with("_on_sqlite") && last(On::Postgres).ends_with("_on_postgres"));
        assert!(last(On::Both).ends_with("keeps_the_promise"));
        assert!(!wanted(On::Sqlite).needs_postgres() && wanted(On::Both).needs_postgres());
        let command = wanted(On::Both).command();
        assert_eq!(variable(&command, "LIAISON_HISTORIES"), Some(OsStr::new("7")));
        assert_eq!(variable(&command, "LIAISON_SEED"), Some(OsStr::new("40")));
    }

    #[test]
    fn bent_input_goes_on_for_as_long_as_was_said() {
        let command = Bent { seconds: 90, seed: 3 }.command();
        assert_eq!(variable(&command, "LIAISON_FUZZ_SECONDS"), Some(OsStr::new("90")));
    }
}
