//! `liaison demo`: the synthetic journeys, replayed at their own times through the real services, workers, mails and
//! webhooks, in a fresh folder. Nothing leaves this machine, nobody in it is real, and nothing of it is for a deployment.

mod additions;
mod board;
mod check;
mod clock;
mod folder;
mod guide;
mod mailbox;
mod people;
mod play;
mod progress;
mod settle;
mod sign_in;
mod stage;
mod standing;
mod story;
mod world;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Instant};

use anyhow::Context;

use self::{
    clock::StoryClock,
    people::{House, Who},
    play::{Loop, Player},
    progress::Progress,
    settle::Time,
    stage::Stage,
    story::Story,
    world::World,
};
use crate::{exit, http, lifecycle::Stopping, out};

/// What the person at the terminal asked for.
pub(crate) struct Options {
    /// The folder to play in.
    pub(crate) folder: Option<PathBuf>,
    /// Where to serve HTTP.
    pub(crate) listen: SocketAddr,
    /// Check every loop and end, instead of staying up.
    pub(crate) once: bool,
}

/// Tells the story, then serves until `stop`; or checks how it ended.
pub(crate) async fn run(options: Options, stopping: Stopping) -> anyhow::Result<()> {
    let stop = stopping.stop.clone();
    let began = Instant::now();
    let story = Story::read()?;
    let folder = folder::fresh(options.folder.as_deref())?;
    let clock = StoryClock::new(story.begins);
    let stage = Stage::open(folder, options.listen, clock).await?;
    let workers = stage.parts.runtime(&stage.config, "demo", stop.clone())?;
    let health = workers.health();
    let working = tokio::spawn(workers.run());

    // An early end by signal is no failure: what there is so far stays in the folder.
    let told = match stop.run_until_cancelled(tell(&stage, story)).await {
        Some(told) => told.map(Some),
        None => Ok(None),
    };
    let outcome = match told {
        Ok(Some(told)) if options.once => verify(&stage, &told, began).await,
        Ok(Some(told)) => {
            stage.clock.run_on();
            show(&stage, &told, began).await?;
            let metrics = stage.parts.metrics.clone();
            let router = http::router(&stage.config, &stage.service, Some(health), metrics, &stopping)
                .merge(mailbox::router(stage.mailbox.clone()))
                .merge(sign_in::router(stage.service.clone()));
            let serving = http::serve(stage.listener, router, stop.clone(), stage.config.work.grace());
            serving.await.context("the HTTP server failed")
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    stop.cancel();
    let worked = working
        .await
        .context("the workers panicked")
        .and_then(|ended| Ok(ended?));
    stage.parts.close().await;
    stage.receiver.shutdown().await;
    stage.mailbox.shutdown().await;
    outcome.and(worked)
}

/// What the story left behind.
struct Told {
    world: World,
    loops: BTreeMap<String, Loop>,
    journeys: Vec<liaison_clinical::Journey>,
}

async fn tell(stage: &Stage, story: Story) -> anyhow::Result<Told> {
    let time = Time {
        service: stage.service.clone(),
        clock: stage.clock.clone(),
    };
    let mut world = World::build(&stage.service, &stage.receiver)
        .await
        .context("the world of the story")?;
    for journey in &story.journeys {
        world.register(&stage.service, journey).await.context("the patients")?;
    }
    let mut progress = Progress::new(story.events.len());
    let mut player = Player::new(&time, &world);
    for event in story.events {
        let what = event.act.to_string();
        progress.show(event.at, &what);
        let at = event.at;
        player
            .event(event)
            .await
            .with_context(|| format!("{}: {what}", at.to_rfc3339()))?;
    }
    let loops = player.loops;
    time.pass(story.ends).await?;
    progress.done();
    Ok(Told {
        world,
        loops,
        journeys: story.journeys,
    })
}

/// `--once`: every expectation with its verdict.
async fn verify(stage: &Stage, told: &Told, began: Instant) -> anyhow::Result<()> {
    let checks = check::all(stage, &told.world, &told.loops, &told.journeys).await?;
    for check in &checks {
        out::line(check.line())?;
    }
    out::line("")?;
    out::line(board::numbers(stage, told.world.house(House::Clinic)?).await?)?;
    let failed = checks.iter().filter(|check| !check.is_ok()).count();
    out::line(format_args!(
        "{} of {} as the story says, in {:.1} s; everything lies in {}",
        checks.len() - failed,
        checks.len(),
        began.elapsed().as_secs_f64(),
        stage.folder.display()
    ))?;
    if failed > 0 { Err(exit::Told.into()) } else { Ok(()) }
}

/// The board, the numbers and what to do next.
async fn show(stage: &Stage, told: &Told, began: Instant) -> anyhow::Result<()> {
    let physician = told.world.actor(Who::Physician)?;
    out::line(format_args!(
        "\nThe board of {}, {}:\n",
        Who::Physician.name(),
        board::local(stage.service.now())
    ))?;
    out::line(board::table(&stage.service, &told.world, physician, &told.loops).await?)?;
    out::line(board::numbers(stage, told.world.house(House::Clinic)?).await?)?;
    out::line(format_args!(
        "told in {:.1} s; from here the clock runs on\n",
        began.elapsed().as_secs_f64()
    ))?;
    let tokens = guide::tokens(&stage.service, &told.world).await?;
    sign_in::passwords(&stage.service, &told.world, &stage.mailbox).await?;
    let links = sign_in::links(&stage.service).await?;
    out::line(guide::text(stage, &links, &tokens, &told.loops)?)?;
    out::line("Ctrl-C ends it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_in_order_and_everything_happens_within_it() {
        let story = Story::read().unwrap();
        let letters: Vec<_> = story
            .journeys
            .iter()
            .map(|journey| journey.header.journey.as_str())
            .collect();
        assert_eq!(letters, ["A", "C", "D"]);
        assert!(story.events.is_sorted_by_key(|event| event.at));
        assert!(
            story
                .events
                .iter()
                .all(|event| story.begins < event.at && event.at < story.ends)
        );
        let told: Vec<String> = story.events.iter().map(|event| event.act.to_string()).collect();
        assert_eq!(told.first().unwrap(), "A1 is signed");
        // What is told on the way holds no clinical content.
        let journeys = story.journeys.iter();
        let names: Vec<_> = journeys.map(|journey| journey.header.patient.name.as_str()).collect();
        assert!(told.iter().all(|line| names.iter().all(|name| !line.contains(name))));
    }
}
