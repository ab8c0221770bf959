//! The share itself, without HTTP and workers: the use case beside the engine's raw commits, and with commits slowed to
//! those of a plain disk.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::Result;
use liaison_domain::{Duty, TeamId};
use liaison_service::{
    Service,
    loops::share_note::{NewRecipient, ShareNote},
};
use liaison_testkit::{Engine, Signed};

use super::{
    Plan, TO,
    database::{service, slow_commits},
    raw,
    report::Report,
};
use crate::world::World;

/// What a plain disk's commit takes.
const PLAIN_DISK: Duration = Duration::from_millis(5);

/// Shares a note with teams.
pub(super) async fn share(service: &Service, world: &World, note: &Signed, teams: &[TeamId]) -> Result<()> {
    let recipients = teams.iter().map(|team| NewRecipient {
        team_id: Some(*team),
        user_id: None,
        organization_id: None,
        care_role: None,
        duty: Duty::Required,
    });
    let input = ShareNote {
        note_version_id: note.version_id,
        recipients: recipients.collect(),
        urgency: None,
        questions: Vec::new(),
        message: None,
        verbal: None,
        overrides: Vec::new(),
        idempotency_key: None,
    };
    service.share_note(&world.physician.actor, input).await?;
    Ok(())
}

/// Three teams, others each time.
pub(super) fn teams_of(world: &World, turn: usize) -> Vec<TeamId> {
    (0..TO)
        .map(|place| world.teams[(turn * TO + place) % world.teams.len()].id)
        .collect()
}

async fn rate(service: &Service, world: &World, clients: usize, window: Duration) -> Result<f64> {
    let turn = AtomicUsize::new(0);
    raw::count(clients, window, async |_| {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let note = &world.notes[turn % world.notes.len()];
        share(service, world, note, &teams_of(world, turn)).await
    })
    .await
}

pub(super) async fn use_case(report: &mut Report, world: &World, plan: &Plan, raw: f64) -> Result<()> {
    let engine = world.app.database.engine;
    let open = service(world).await?;
    report.section("The share's use case, in process, nobody delivering");
    for clients in [1, 32] {
        rate(&open, world, clients, Duration::from_millis(500)).await?;
        let measured = rate(&open, world, clients, plan.window).await?;
        let value = format!("{measured:.0}/s ({:.2} R)", measured / raw);
        let what = format!("share_note to 3, {clients} at once");
        match clients {
            32 => report.goal(what, value, "0.5 R", measured >= raw * 0.5),
            _ => report.line(what, value),
        }
    }
    open.store().close().await;

    slow_commits(engine, world.database_url(), PLAIN_DISK).await?;
    let open = service(world).await?;
    open.store().slow_commits(PLAIN_DISK);
    let mut measured = Vec::new();
    for clients in [1, 32] {
        measured.push(rate(&open, world, clients, plan.window / 2).await?);
    }
    report.line(
        "The same with each commit slowed by 5 ms, 1 / 32 at once",
        format!("{:.0}/s / {:.0}/s", measured[0], measured[1]),
    );
    open.store().close().await;
    if engine == Engine::Postgres {
        slow_commits(engine, world.database_url(), Duration::ZERO).await?;
    }
    Ok(())
}
