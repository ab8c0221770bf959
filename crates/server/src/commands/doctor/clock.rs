//! This machine's clock beside the database's, and beside what was already written.

use chrono::TimeDelta;
use liaison_store::{Engine, Store, diagnose::Clocks};

use super::Findings;

/// Codes and leases bear this much.
const NOTICED: TimeDelta = TimeDelta::seconds(2);
/// One-time codes (30 s) and due times are wrong beyond this.
const WRONG: TimeDelta = TimeDelta::seconds(30);
/// What to do about any of it.
const SYNCHRONISE: &str =
    "let chrony or systemd-timesyncd keep both machines' clocks; due times and one-time codes hang on them";

pub(super) async fn compare(store: &Store, found: &mut Findings) {
    match store.clocks().await {
        Err(error) => found.fail("clock", error.to_string(), "see the database above"),
        Ok(clocks) => judge(store.engine(), clocks, found),
    }
}

fn judge(engine: Engine, clocks: Clocks, found: &mut Findings) {
    let ahead = clocks.ahead;
    let seconds = ahead.as_seconds_f64();
    let beside = match engine {
        Engine::Sqlite => "the database's clock is this machine's".to_owned(),
        Engine::Postgres => format!("the database's clock is {seconds:+.3} s from this machine's"),
    };
    if ahead.abs() > WRONG {
        found.fail("clock", beside, SYNCHRONISE);
    } else if ahead.abs() > NOTICED {
        found.warn("clock", beside, SYNCHRONISE);
    } else if let Some(newest) = clocks.newest_entry
        && newest > clocks.here + WRONG
    {
        let late = (newest - clocks.here).num_seconds();
        found.fail(
            "clock",
            format!(
                "the ledger's newest entry lies {late} s in the future: this clock is behind, or another was ahead"
            ),
            SYNCHRONISE,
        );
    } else {
        found.ok("clock", beside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(engine: Engine, ahead_ms: i64, newest_ms: Option<i64>) -> &'static str {
        let here = "2026-03-04T12:00:00Z".parse().expect("a time");
        let mut found = Findings::default();
        let clocks = Clocks {
            ahead: TimeDelta::milliseconds(ahead_ms),
            newest_entry: newest_ms.map(|ms| here + TimeDelta::milliseconds(ms)),
            here,
        };
        judge(engine, clocks, &mut found);
        found.worst()
    }

    #[test]
    fn the_bounds_are_two_and_thirty_seconds_either_way() {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            for sign in [1, -1] {
                assert_eq!(told(engine, sign * 2_000, None), "ok");
                assert_eq!(told(engine, sign * 2_001, None), "warn");
                assert_eq!(told(engine, sign * 30_000, None), "warn");
                assert_eq!(told(engine, sign * 30_001, None), "fail");
            }
            assert_eq!(told(engine, 0, Some(30_000)), "ok");
            assert_eq!(told(engine, 0, Some(30_001)), "fail");
            assert_eq!(told(engine, 0, Some(-86_400_000)), "ok");
        }
    }
}
