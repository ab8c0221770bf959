//! What the faults strike: the processes of the binary, their receivers and their database.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use liaison_testkit::Engine;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::sleep,
};

use super::{
    database::{Database, Held},
    disk::Disk,
    report::Report,
};
use crate::{
    client::Client,
    cluster::Control,
    process::{Deployment, Process, Role, free_address},
    sinks::{Hook, Post, TEST_ROOT, TlsFront},
    world::{Reach, World},
};

/// How long a send may take; a receiver that takes longer is taken for silent.
pub(super) const ATTEMPT: Duration = Duration::from_secs(3);
/// How long a claimed delivery belongs to its process.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// SIGTERM must have ended a process by then, whoever says nothing meanwhile.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);
const PATIENTS: usize = 16;
/// The team whose webhook is gone for good now and then; it also has mail.
pub(super) const GONE: usize = 4;
/// The team whose webhook is called over TLS.
const SECURED: usize = 2;
/// Room for the SQLite file, in megabytes.
const DISK: u32 = 512;

/// A process of the binary that is started again and again on the same address.
pub(super) struct Slot {
    pub(super) name: &'static str,
    pub(super) role: Role,
    address: SocketAddr,
    process: Mutex<Option<Process>>,
}

/// Work that was interrupted runs again.
#[derive(Debug)]
pub(super) struct Resumed {
    /// How long after the moment that counts the first of it did.
    pub(super) first: Duration,
    /// And the last: it may stand behind what was due before it, in the lane of a receiver that is slow.
    pub(super) all: Duration,
    /// How many deliveries were under way.
    pub(super) of: usize,
    /// Where those go that were the last to run again.
    pub(super) last: Vec<String>,
}

/// Everything.
pub(super) struct Bed {
    pub(super) engine: Engine,
    pub(super) world: World,
    /// By note: the revision of an amendment that can be signed.
    pub(super) amendments: Vec<i64>,
    pub(super) deployment: Deployment,
    pub(super) database: Database,
    pub(super) slots: Vec<Slot>,
    /// By team; a team without a webhook has none.
    pub(super) hooks: Vec<Option<Mutex<Hook>>>,
    /// The TLS of the one webhook that has it.
    pub(super) front: TlsFront,
    pub(super) post: Mutex<Post>,
    pub(super) client: Client,
    pub(super) control: Option<Control>,
    pub(super) disk: Option<Disk>,
    over: AtomicBool,
}

impl Bed {
    /// Prepares the world and starts every process.
    pub(super) async fn make(engine: Engine) -> Result<Self> {
        let post = Post::start().await?;
        let mut hooks: Vec<Option<Hook>> = Vec::new();
        let mut front = None;
        let mut reach = Vec::new();
        for (team, (email, webhook)) in [(true, true), (false, true), (true, true), (true, false), (true, true)]
            .into_iter()
            .enumerate()
        {
            let hook = if webhook {
                Some(Hook::start(u8::try_from(team)? + 2).await?)
            } else {
                None
            };
            let mut url = hook.as_ref().map(Hook::url);
            if let (SECURED, Some(hook)) = (team, &hook) {
                let before = TlsFront::start_on((Ipv4Addr::LOCALHOST, 0).into(), hook.address()).await?;
                url = Some(format!("https://{}/liaison", before.address()));
                front = Some(before);
            }
            reach.push(Reach { email, webhook: url });
            hooks.push(hook);
        }
        let mut world = World::prepare(engine, &reach, PATIENTS).await?;
        for (hook, team) in hooks.iter_mut().zip(&world.teams) {
            if let (Some(hook), Some((_, secret))) = (hook, &team.webhook) {
                hook.trust(secret);
            }
        }
        let mut amendments = Vec::new();
        for signed in &world.notes {
            amendments.push(world.begin_amendment(signed).await?);
        }
        world.close().await;
        let disk = match engine {
            Engine::Sqlite => move_to_small_disk(&mut world).await?,
            Engine::Postgres => None,
        };
        std::fs::write(world.folder().join(ROOT_FILE), TEST_ROOT)?;
        let deployment = Deployment::create(world.folder(), world.database_url(), &sections(&post)).await?;
        let slot = |name, role| -> Result<Slot> {
            Ok(Slot {
                name,
                role,
                address: free_address()?,
                process: Mutex::new(None),
            })
        };
        let slots = match engine {
            Engine::Sqlite => vec![slot("server", Role::Serve)?],
            Engine::Postgres => vec![
                slot("server-1", Role::Serve)?,
                slot("server-2", Role::Serve)?,
                slot("worker", Role::Worker)?,
            ],
        };
        let bed = Self {
            engine,
            database: Database::new(engine, world.database_url()),
            amendments,
            deployment,
            world,
            slots,
            hooks: hooks.into_iter().map(|hook| hook.map(Mutex::new)).collect(),
            front: front.context("no webhook is called over TLS")?,
            post: Mutex::new(post),
            client: Client::new(Duration::from_secs(12))?,
            control: Control::from_environment(),
            disk,
            over: AtomicBool::new(false),
        };
        for slot in 0..bed.slots.len() {
            bed.start(slot).await?;
        }
        Ok(bed)
    }

    /// The addresses that answer to clients.
    pub(super) fn bases(&self) -> Vec<String> {
        let serving = self.slots.iter().filter(|slot| slot.role != Role::Worker);
        serving.map(|slot| format!("http://{}", slot.address)).collect()
    }

    /// Whether the clients shall begin nothing new.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// The process of a slot.
    pub(super) async fn process(&self, slot: usize) -> MutexGuard<'_, Option<Process>> {
        self.slots[slot].process.lock().await
    }

    /// Starts a slot's process, if it is not there; the time from its start until it says that it works.
    pub(super) async fn start(&self, slot: usize) -> Result<Duration> {
        self.start_with(slot, &[]).await
    }

    /// The same, with more in its environment.
    pub(super) async fn start_with(&self, slot: usize, more: &[(&str, &str)]) -> Result<Duration> {
        let Slot {
            name,
            role,
            address,
            process,
        } = &self.slots[slot];
        let mut process = process.lock().await;
        if let Some(process) = process.as_mut().filter(|process| process.pid().is_some())
            && process.is_running()
        {
            return Ok(Duration::ZERO);
        }
        let started = self.deployment.start(name, *role, *address, more).await?;
        let took = started.started_in();
        *process = Some(started);
        Ok(took)
    }

    /// Waits until nothing of `before` is held by whoever held it, `since` some moment; how long after that moment.
    pub(super) async fn resumed(&self, before: &[Held], since: Instant) -> Result<Option<Resumed>> {
        if before.is_empty() {
            return Ok(None);
        }
        let mut last = Vec::new();
        let mut first = None;
        loop {
            // The database may still be on its way.
            if let Ok(left) = self.database.still_held(before).await {
                if left.len() < before.len() {
                    first.get_or_insert_with(|| since.elapsed());
                }
                if left.is_empty() {
                    return Ok(Some(Resumed {
                        first: first.unwrap_or_else(|| since.elapsed()),
                        all: since.elapsed(),
                        of: before.len(),
                        last,
                    }));
                }
                last = left;
            }
            if since.elapsed() > LEASE * 2 {
                return Ok(Some(Resumed {
                    first: first.unwrap_or_else(|| since.elapsed()),
                    all: since.elapsed(),
                    of: before.len(),
                    last,
                }));
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// All is well again, and the clients begin nothing new.
    pub(super) async fn heal(&self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        if let Some(disk) = &self.disk {
            disk.clear()?;
        }
        if let (Engine::Postgres, Some(control)) = (self.engine, &self.control) {
            control.start().await?;
        }
        for slot in 0..self.slots.len() {
            self.start(slot).await?;
        }
        Ok(())
    }

    /// Asks every process to end.
    pub(super) async fn stop(&self, report: &mut Report) {
        for slot in &self.slots {
            let Some(process) = slot.process.lock().await.take() else {
                report.wrong(format!("{} is gone at the end", slot.name));
                continue;
            };
            match process.terminate(STOP_LIMIT).await {
                Ok((took, status)) if status.success() => report.stopped_in(took),
                Ok((_, status)) => report.wrong(format!("{} ended with {status} on SIGTERM", slot.name)),
                Err(error) => report.wrong(format!("{error:#}")),
            }
        }
    }

    /// Takes the small disk away; everything else goes with the folder.
    pub(super) async fn clear(&self) -> Result<()> {
        match &self.disk {
            Some(disk) => disk.unmount().await,
            None => Ok(()),
        }
    }
}

/// The root of [`Bed::front`]'s certificates, beside the configuration.
const ROOT_FILE: &str = "receivers.pem";

/// The configuration that the faults want: quick attempts, long leases (so that only a reclaim, and no lease that runs
/// out, takes work up again in time), retries within seconds, and everything else as it is by default.
fn sections(post: &Post) -> String {
    let delays: Vec<String> = (0..30).map(|number| (1 + number / 4).to_string()).collect();
    let delays = delays.join(", ");
    format!(
        "[http]\nbase_url = \"https://liaison.example.test\"\n[webhooks]\nallow = [\"127.0.0.0/8\"]\nallow_http = true\nconnect_timeout_seconds = 2\n\
         extra_root_file = \"{ROOT_FILE}\"\n\
         [work]\nattempt_timeout_seconds = {}\nlease_seconds = {}\nretry_after_cap_seconds = 5\n\
         webhook_retry_seconds = [{delays}]\nemail_retry_seconds = [{delays}]\n{}",
        ATTEMPT.as_secs(),
        LEASE.as_secs(),
        post.section(),
    )
}

/// Moves the SQLite file onto a disk that can be filled, where this is allowed.
async fn move_to_small_disk(world: &mut World) -> Result<Option<Disk>> {
    let Some(disk) = Disk::mount(&world.folder().join("disk"), DISK).await? else {
        return Ok(None);
    };
    let path = world
        .database_url()
        .strip_prefix("sqlite:")
        .context("not an SQLite URL")?
        .to_owned();
    let moved = disk.folder().join("liaison.sqlite");
    std::fs::copy(&path, &moved).context("the database cannot be moved")?;
    std::fs::remove_file(&path)?;
    world.app.database.url = format!("sqlite:{}", moved.display());
    Ok(Some(disk))
}
