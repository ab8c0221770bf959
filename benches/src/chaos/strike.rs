//! Faults strike: those of the machine and those of the receivers each one after another, side by side, at moments that
//! the dice and the machine decide.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use liaison_testkit::Engine;
use rustix::process::Signal;
use tokio::time::sleep;

use super::{
    bed::{Bed, GONE, LEASE, STOP_LIMIT},
    database::Held,
    dice::Dice,
    faults::{Machine, Peer},
    report::Report,
};
use crate::{cluster, process::free_address, sinks::Certificate};

/// Another process holds SQLite's write lock for so long.
const LOCKED: Duration = Duration::from_secs(30);

/// Faults until `end`.
pub(super) async fn strike(bed: &Bed, dice: &mut Dice, end: Instant, report: &mut Report) -> Result<()> {
    let (mut machine, mut peers) = (dice.split(), dice.split());
    let striking = strike_machine(bed, &mut machine, end, report);
    let (struck, failing) = tokio::join!(striking, strike_peers(bed, &mut peers, end));
    struck?;
    for name in failing? {
        report.fault(name);
    }
    Ok(())
}

async fn strike_peers(bed: &Bed, dice: &mut Dice, end: Instant) -> Result<Vec<&'static str>> {
    let mut struck = Vec::new();
    loop {
        let mut order = Peer::all();
        dice.shuffle(&mut order);
        for peer in order {
            sleep(dice.millis(300, 1_500)).await;
            if Instant::now() >= end {
                return Ok(struck);
            }
            strike_peer(bed, dice, &peer).await?;
            struck.push(peer.name());
        }
    }
}

async fn strike_peer(bed: &Bed, dice: &mut Dice, peer: &Peer) -> Result<()> {
    let plain: Vec<_> = (0..GONE).filter_map(|team| bed.hooks[team].as_ref()).collect();
    match peer {
        Peer::Hook(_, reply) => {
            let hook = plain[dice.below(plain.len())].lock().await;
            hook.answer_with(2 + dice.below(4), reply);
        }
        Peer::HookRefuses => {
            let mut hook = plain[dice.below(plain.len())].lock().await;
            hook.close().await;
            sleep(dice.millis(500, 3_000)).await;
            hook.open().await?;
        }
        Peer::HookCertificate(_, shown) => {
            bed.front.show(*shown);
            sleep(dice.millis(1_500, 4_000)).await;
            bed.front.show(Certificate::Good);
        }
        Peer::HookGone => {
            if let Some(hook) = &bed.hooks[GONE] {
                let gone = crate::sinks::WebhookReply::status(410);
                hook.lock().await.answer_with(1, &gone);
            }
        }
        Peer::Mail(_, fault) => bed.post.lock().await.fail_with(2 + dice.below(4), fault),
        Peer::MailRefuses => {
            let mut post = bed.post.lock().await;
            post.close().await;
            sleep(dice.millis(500, 3_000)).await;
            post.open().await?;
        }
    }
    Ok(())
}

async fn strike_machine(bed: &Bed, dice: &mut Dice, end: Instant, report: &mut Report) -> Result<()> {
    loop {
        let mut order = Machine::of(bed.engine);
        dice.shuffle(&mut order);
        for fault in order {
            sleep(dice.millis(400, 1_600)).await;
            if Instant::now() >= end {
                return Ok(());
            }
            let struck = strike_one(bed, dice, fault, report)
                .await
                .with_context(|| fault.name())?;
            if struck {
                report.fault(fault.name());
            } else {
                report.skipped(fault.name());
            }
        }
    }
}

/// Strikes once; whether it could.
async fn strike_one(bed: &Bed, dice: &mut Dice, fault: Machine, report: &mut Report) -> Result<bool> {
    let slot = dice.below(bed.slots.len());
    match fault {
        Machine::Kill => kill(bed, dice, slot, report).await?,
        Machine::Terminate => {
            end(bed, slot, report).await?;
            bed.start(slot).await?;
        }
        Machine::Pause => {
            // The others go on; what it held is theirs once the lease is over, and its own late answers change nothing.
            bed.process(slot)
                .await
                .as_ref()
                .context("no process")?
                .signal(Signal::STOP)?;
            sleep(LEASE + Duration::from_secs(2)).await;
            bed.process(slot)
                .await
                .as_ref()
                .context("no process")?
                .signal(Signal::CONT)?;
        }
        Machine::DoubleStart => double_start(bed, slot, report).await?,
        Machine::NoStartTls => {
            end(bed, slot, report).await?;
            bed.start_with(slot, &[("LIAISON_EMAIL__TLS", "start_tls_required")])
                .await?;
            sleep(dice.millis(2_000, 4_000)).await;
            end(bed, slot, report).await?;
            bed.start(slot).await?;
        }
        Machine::ServerCrash => {
            let Some(control) = &bed.control else { return Ok(false) };
            let held = busy(bed, None).await;
            control.stop().await?;
            sleep(dice.millis(300, 4_000)).await;
            control.start().await?;
            let since = Instant::now();
            report.resumed(fault.name(), bed.resumed(&held, since).await?);
        }
        Machine::ConnectionsCut => {
            let held = busy(bed, None).await;
            cluster::cut_connections(bed.world.database_url()).await?;
            let since = Instant::now();
            report.resumed(fault.name(), bed.resumed(&held, since).await?);
        }
        Machine::PoolExhausted => {
            let mut kept = bed.database.keep().await?;
            kept.run("begin; lock table ledger_entry in access exclusive mode")
                .await?;
            sleep(dice.millis(4_000, 8_000)).await;
            kept.run("rollback").await?;
            kept.let_go().await?;
        }
        Machine::SlowCommits => slow_commits(bed, dice).await?,
        Machine::Locked => {
            let mut kept = bed.database.keep().await?;
            kept.run("begin immediate").await?;
            sleep(LOCKED).await;
            kept.run("rollback").await?;
            kept.let_go().await?;
        }
        Machine::DiskFull => {
            let Some(disk) = &bed.disk else { return Ok(false) };
            disk.fill()?;
            sleep(dice.millis(2_000, 6_000)).await;
            disk.clear()?;
        }
        Machine::ReadOnly => {
            let Some(disk) = &bed.disk else { return Ok(false) };
            if let Some(process) = bed.process(slot).await.take() {
                process.terminate(STOP_LIMIT).await?;
            }
            disk.read_only(true).await?;
            if bed.start(slot).await.is_ok() {
                report.wrong("a process works on a read-only disk".to_owned());
                if let Some(process) = bed.process(slot).await.take() {
                    process.kill().await?;
                }
            }
            disk.read_only(false).await?;
            bed.start(slot).await?;
        }
    }
    Ok(true)
}

/// What a process (or any) is sending, once there is something, for a moment at most.
async fn busy(bed: &Bed, pid: Option<u32>) -> Vec<Held> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        match bed.database.held(pid).await {
            Ok(held) if !held.is_empty() => return held,
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
    Vec::new()
}

async fn kill(bed: &Bed, dice: &mut Dice, slot: usize, report: &mut Report) -> Result<()> {
    let pid = bed.process(slot).await.as_ref().and_then(crate::process::Process::pid);
    busy(bed, pid).await;
    let process = bed.process(slot).await.take().context("no process")?;
    process.kill().await?;
    let held = bed.database.held(pid).await.unwrap_or_default();
    sleep(dice.millis(0, 1_500)).await;
    let since = Instant::now();
    bed.start(slot).await?;
    report.resumed(Machine::Kill.name(), bed.resumed(&held, since).await?);
    Ok(())
}

/// SIGTERM: it must end in time and well, and hold nothing afterwards.
async fn end(bed: &Bed, slot: usize, report: &mut Report) -> Result<()> {
    let process = bed.process(slot).await.take().context("no process")?;
    let pid = process.pid();
    match process.terminate(STOP_LIMIT).await {
        Ok((took, status)) if status.success() => report.stopped_in(took),
        Ok((_, status)) => report.wrong(format!("SIGTERM ended {} with {status}", bed.slots[slot].name)),
        Err(error) => report.wrong(format!("{error:#}")),
    }
    if let Ok(held) = bed.database.held(pid).await
        && !held.is_empty()
    {
        report.wrong(format!(
            "SIGTERM left {} deliveries in the hand of who is gone",
            held.len()
        ));
    }
    Ok(())
}

/// A second process on the same address must refuse to start; on SQLite also one on an address of its own.
async fn double_start(bed: &Bed, slot: usize, report: &mut Report) -> Result<()> {
    let of = &bed.slots[slot];
    let own = bed.process(slot).await.as_ref().map(crate::process::Process::base);
    let taken = own.as_deref().and_then(|base| base.strip_prefix("http://"));
    let mut addresses: Vec<std::net::SocketAddr> = Vec::new();
    if of.role != crate::process::Role::Worker {
        addresses.extend(taken.and_then(|address| address.parse::<std::net::SocketAddr>().ok()));
    }
    if bed.engine == Engine::Sqlite {
        addresses.push(free_address()?);
    }
    for address in addresses {
        if let Ok(second) = bed.deployment.start("second", of.role, address, &[]).await {
            report.wrong(format!("a second process works on {address}"));
            second.kill().await?;
        }
    }
    Ok(())
}

/// Commits take 100 ms for a while (PostgreSQL), or wait their turn behind another process's (SQLite).
async fn slow_commits(bed: &Bed, dice: &mut Dice) -> Result<()> {
    let length = dice.millis(3_000, 6_000);
    let mut kept = bed.database.keep().await?;
    match bed.engine {
        Engine::Postgres => {
            kept.run("alter system set commit_delay = 100000").await?;
            kept.run("alter system set commit_siblings = 0").await?;
            kept.run("select pg_reload_conf()").await?;
            sleep(length).await;
            kept.run("alter system reset commit_delay").await?;
            kept.run("alter system reset commit_siblings").await?;
            kept.run("select pg_reload_conf()").await?;
        }
        Engine::Sqlite => {
            let began = Instant::now();
            while began.elapsed() < length {
                kept.run("begin immediate").await?;
                sleep(dice.millis(100, 400)).await;
                kept.run("rollback").await?;
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
    kept.let_go().await
}
