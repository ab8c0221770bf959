//! Random histories against the real service and store: whatever people, channels, clocks and crashes do, the promise
//! holds. A history is a list of acts from a seed; after each act the invariants are checked, and a history that breaks
//! one is made shorter before it is shown.
//!
//! `LIAISON_HISTORIES` sets how many are tried and `LIAISON_SEED` where they begin; `LIAISON_TALLY` shows what was asked
//! and answered.

#![expect(clippy::unwrap_used, reason = "a history stops where the harness cannot work")]

mod act;
mod invariants;
mod regressions;
mod request;
mod snapshot;
mod world;

use std::fmt::Write;

use act::{Act, Answers, acts};
use chrono::TimeDelta;
use futures::FutureExt;
use invariants::{Broken, Memory, check_ledger};
use liaison_service::channel::SendOutcome;
use liaison_testkit::{Dies, Engine, cut_short};
use regressions::regressions;
pub(crate) use request::broken;
use world::{Beginning, Tally, World};

/// How many re-runs may be spent on making a history shorter.
const RERUNS: usize = 60;

/// An invariant broke.
struct Failure {
    invariant: &'static str,
    what: String,
    /// The act after which it was seen; the number of acts for one that was seen at the end.
    after: usize,
}

impl Failure {
    fn at(after: usize) -> impl FnOnce(Broken) -> Self {
        move |(invariant, what)| Self { invariant, what, after }
    }
}

/// Lives a history.
async fn live(world: &mut World, acts: &[(usize, Act)]) -> Result<(), Failure> {
    let mut memory = Memory::default();
    let mut seen = world.look().await;
    for (index, (number, act)) in acts.iter().enumerate() {
        happen(world, act, *number, &seen).await.map_err(Failure::at(index))?;
        seen = world.look().await;
        memory.check(world, &seen).map_err(Failure::at(index))?;
    }
    let end = Failure::at;
    let after = acts.len();
    // What is still at work would write into the ledger while it is counted.
    typed(world.fleet.arrive().await.map(|()| String::new())).map_err(end(after))?;
    let seen = world.look().await;
    memory.check(world, &seen).map_err(end(after))?;
    check_ledger(world, &seen).await.map_err(end(after))?;
    wait_it_out(world, &mut memory).await.map_err(end(after))
}

async fn happen(world: &mut World, act: &Act, number: usize, seen: &snapshot::Snapshot) -> Result<(), Broken> {
    match act {
        Act::Time { minutes } => world.fleet.app.advance(TimeDelta::minutes(*minutes)),
        Act::Answer { webhook, with, times } => {
            let channel = if *webhook {
                &world.fleet.app.webhook
            } else {
                &world.fleet.app.email
            };
            for _ in 0..*times {
                channel.push_outcome(match with {
                    Answers::Refuses => SendOutcome::Permanent { endpoint_gone: false },
                    Answers::Gone => SendOutcome::Permanent { endpoint_gone: true },
                    Answers::Later => SendOutcome::Transient { retry_after: None },
                    Answers::Silence => SendOutcome::Unknown,
                });
            }
        }
        Act::Restart { process } => world.fleet.restart(usize::from(*process)).await,
        Act::Die { process, notices, sent } => {
            let dies = if *sent { Dies::AfterSending } else { Dies::BeforeSending };
            world.fleet.die_delivering(usize::from(*process), *notices, dies).await;
        }
        Act::DeliverLate { process, notices } => {
            let late = world.fleet.deliver_late(usize::from(*process), *notices).await;
            typed(late.map(|_| String::new()))?;
        }
        Act::Arrive => {
            typed(world.fleet.arrive().await.map(|()| String::new()))?;
        }
        Act::Doubled(act) => {
            if let Some(request) = world.request(act, seen, number) {
                let (one, two) = tokio::join!(request.make(world, 0), request.make(world, 1));
                let (one, two) = (typed(one)?, typed(two)?);
                if let (Some(one), Some(two), true) = (&one, &two, request.repeats())
                    && one != two
                {
                    return Err((
                        "I11",
                        format!("{one:?} and {two:?} were answered to one request made twice"),
                    ));
                }
            }
        }
        Act::Crash {
            process,
            statements,
            polls,
            act,
        } => {
            let Some(request) = world.request(act, seen, number) else {
                return Ok(());
            };
            let which = usize::from(*process);
            let store = world.fleet.processes[which].store().clone();
            let work = request.make(world, which);
            let answer = cut_short(&store, u64::from(*statements), u32::from(*polls), work).await;
            if let Some(answer) = answer {
                typed(answer)?;
            }
            world.fleet.restart(which).await;
            world.remember_a_crash(&request, seen).await;
            // Whoever asked has no answer, and may ask again.
            world.last = Some((request, None));
        }
        Act::Again => {
            let Some((request, first)) = world.last.clone() else {
                return Ok(());
            };
            let again = typed(request.make(world, 1).await)?;
            if request.repeats() && first.is_some() && first != again {
                return Err(("I11", format!("{first:?} became {again:?} when it was repeated")));
            }
        }
        Act::Together(one, two) => {
            let first = world.request(one, seen, number);
            let second = world.request(two, seen, number + 10_000);
            if let (Some(first), Some(second)) = (first, second) {
                let (one, two) = tokio::join!(first.make(world, 0), second.make(world, 1));
                typed(one)?;
                typed(two)?;
            }
        }
        _ => {
            let process = match act {
                Act::Deliver { process, .. }
                | Act::Escalate { process }
                | Act::Sequence { process }
                | Act::Nudge { process, .. } => *process,
                _ => 0,
            };
            if let Some(request) = world.request(act, seen, number) {
                let answer = typed(request.make(world, usize::from(process)).await)?;
                world.last = Some((request, answer));
            }
        }
    }
    Ok(())
}

/// I8: a refusal is an answer; something broken is not.
fn typed(result: liaison_service::Result<String>) -> Result<Option<String>, Broken> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if broken(&error) => Err(("I8", format!("{error:?}"))),
        Err(_) => Ok(None),
    }
}

/// I10: when everybody keeps silent from now on, the clinic owes a call for every open loop in the end.
async fn wait_it_out(world: &mut World, memory: &mut Memory) -> Result<(), Broken> {
    typed(world.fleet.arrive().await.map(|()| String::new()))?;
    for _ in 0..12 {
        let seen = world.look().await;
        let Some(last) = seen.loops.iter().filter_map(|row| row.next_step_at).max() else {
            break;
        };
        world.fleet.app.clock.set(last.max(world.now()) + TimeDelta::minutes(2));
        for process in &world.fleet.processes {
            typed(process.escalate_due(200).await.map(|_| String::new()))?;
            typed(process.deliver_due(false, 200).await.map(|_| String::new()))?;
        }
        memory.check(world, &world.look().await)?;
    }
    let seen = world.look().await;
    let running = seen.loops.iter().find(|row| row.next_step_at.is_some());
    match running {
        Some(row) => Err(("I10", format!("{} never comes to an end", world.name(row.id, &seen)))),
        None => check_ledger(world, &seen).await,
    }
}

/// Lives a history in a world of its own; a panic breaks an invariant too.
async fn try_out(beginning: &Source, seed: u64, acts: &[(usize, Act)], tally: &mut Tally) -> Option<Failure> {
    let mut world = beginning.world(seed).await;
    let lived = std::panic::AssertUnwindSafe(live(&mut world, acts))
        .catch_unwind()
        .await;
    world.fleet.stop().await;
    for (asked, times) in world.tally.into_inner().unwrap() {
        *tally.entry(asked).or_default() += times;
    }
    match lived {
        Ok(result) => result.err(),
        Err(panic) => {
            let what = panic.downcast_ref::<String>().cloned();
            let what = what.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(Failure {
                invariant: "panic",
                what: what.unwrap_or_default(),
                after: acts.len(),
            })
        }
    }
}

/// Where worlds come from: copies of one on SQLite, each its own on PostgreSQL.
enum Source {
    Copies(Box<Beginning>),
    Postgres,
}

impl Source {
    async fn new(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let beginning = Beginning::build(engine, 1).await;
                beginning.fleet.stop().await;
                Self::Copies(Box::new(beginning))
            }
            Engine::Postgres => Self::Postgres,
        }
    }

    async fn world(&self, seed: u64) -> World {
        match self {
            Self::Copies(beginning) => beginning.world(seed).await,
            Self::Postgres => {
                let Beginning {
                    fleet,
                    fixture,
                    patients,
                } = Beginning::build(Engine::Postgres, seed).await;
                World::over(fleet, fixture, &patients, seed)
            }
        }
    }
}

/// The shortest list of acts that was found to break the same invariant.
async fn shorten(
    beginning: &Source,
    seed: u64,
    mut acts: Vec<(usize, Act)>,
    mut failure: Failure,
) -> (Vec<(usize, Act)>, Failure) {
    acts.truncate(failure.after + 1);
    let mut reruns = 0;
    let mut size = acts.len().div_ceil(2);
    while size >= 1 && reruns < RERUNS {
        let mut from = 0;
        let mut shorter = false;
        while from < acts.len() && reruns < RERUNS {
            let mut fewer = acts.clone();
            fewer.drain(from..(from + size).min(acts.len()));
            reruns += 1;
            match try_out(beginning, seed, &fewer, &mut Tally::new()).await {
                Some(found) if found.invariant == failure.invariant => {
                    fewer.truncate(found.after + 1);
                    (acts, failure, shorter) = (fewer, found, true);
                }
                _ => from += size,
            }
        }
        if size == 1 && !shorter {
            break;
        }
        size = if size == 1 { 1 } else { size.div_ceil(2) };
    }
    simplify(beginning, seed, acts, failure).await
}

/// Acts that are made of others become one of them where the same invariant still breaks.
async fn simplify(
    beginning: &Source,
    seed: u64,
    mut acts: Vec<(usize, Act)>,
    mut failure: Failure,
) -> (Vec<(usize, Act)>, Failure) {
    for index in 0..acts.len() {
        let Some((number, act)) = acts.get(index).cloned() else {
            break;
        };
        for part in act.parts() {
            let mut simpler = acts.clone();
            simpler[index] = (number, part);
            if let Some(found) = try_out(beginning, seed, &simpler, &mut Tally::new()).await
                && found.invariant == failure.invariant
            {
                simpler.truncate(found.after + 1);
                (acts, failure) = (simpler, found);
                break;
            }
        }
    }
    (acts, failure)
}

fn number_of(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

async fn run(engine: Engine, count: u64) {
    let beginning = Source::new(engine).await;
    let first = number_of("LIAISON_SEED", 1);
    let count = number_of("LIAISON_HISTORIES", count);
    let mut report = String::new();
    let mut tally = Tally::new();
    let known = regressions();
    let histories = (first..first + count).map(|seed| (seed, acts(seed)));
    for (seed, all) in known.into_iter().chain(histories) {
        let all: Vec<_> = all.into_iter().enumerate().collect();
        let Some(failure) = try_out(&beginning, seed, &all, &mut tally).await else {
            continue;
        };
        let (acts, failure) = shorten(&beginning, seed, all, failure).await;
        writeln!(report, "seed {seed} breaks {}: {}", failure.invariant, failure.what).unwrap();
        for (number, act) in acts {
            writeln!(report, "    {number}: {act:?}").unwrap();
        }
        if report.lines().count() > 200 {
            break;
        }
    }
    assert!(report.is_empty(), "\n{report}");
    let done = |asked: &str| tally.get(&(asked, "done".to_owned())).copied().unwrap_or_default();
    for asked in [
        "share",
        "amend",
        "recall",
        "acknowledge",
        "decline",
        "redirect",
        "reply",
        "call",
        "escalate",
        "guest enters",
        "guest acknowledges",
        "break glass",
        "read",
    ] {
        // Whoever lives one seed again asks for no more than that.
        assert!(count < 25 || done(asked) > 0, "no history had a {asked}: {tally:#?}");
    }
    if std::env::var_os("LIAISON_TALLY").is_some() {
        show(count, first, &tally);
    }
}

#[expect(clippy::print_stdout, reason = "a long run tells what it tried")]
fn show(count: u64, first: u64, tally: &Tally) {
    println!("{count} histories from seed {first}");
    for ((asked, answered), times) in tally {
        println!("{times:>8}  {asked}: {answered}");
    }
}

#[tokio::test]
async fn every_history_keeps_the_promise_on_sqlite() {
    run(Engine::Sqlite, 40).await;
}

#[tokio::test]
async fn every_history_keeps_the_promise_on_postgres() {
    run(Engine::Postgres, 10).await;
}
