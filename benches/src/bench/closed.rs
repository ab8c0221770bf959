//! Closed loops over the binary: shared to three teams, delivered to their receivers, opened, acknowledged, and seen by
//! the sender. Beside them what a process costs: start, memory, growth, a full task table, latency, GraphQL itself.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use liaison_testkit::Engine;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    HOSTS, Plan, TO, both,
    database::{bytes, deploy, end, serve},
    millis, percentile, raw,
    receiver::Receiver,
    report::Report,
};
use crate::{
    client::{Answer, Client},
    cluster::connect,
    process::Process,
    world::World,
};

const PATIENCE: Duration = Duration::from_secs(30);
const FINISHED: i64 = 100_000;

/// The clients' side of one process.
pub(super) struct Clients<'a> {
    pub(super) world: &'a World,
    pub(super) receivers: &'a [Receiver],
    pub(super) client: Client,
    pub(super) base: String,
    turn: AtomicUsize,
}

static KEYS: AtomicU64 = AtomicU64::new(0);

/// A key that no request of this run had before.
pub(super) fn key() -> String {
    format!("bench-{}-{}", std::process::id(), KEYS.fetch_add(1, Ordering::Relaxed))
}

/// One loop of a share.
pub(super) struct Sent {
    pub(super) recipient: String,
    pub(super) team: usize,
}

impl<'a> Clients<'a> {
    pub(super) fn new(world: &'a World, receivers: &'a [Receiver], process: &Process) -> Result<Self> {
        Ok(Self {
            world,
            receivers,
            client: Client::new(PATIENCE)?,
            base: process.base(),
            turn: AtomicUsize::new(0),
        })
    }

    /// Shares the next patient's note with teams; its id and loops.
    pub(super) async fn share(&self, teams: &[usize]) -> Result<(String, Vec<Sent>)> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let note = &self.world.notes[turn % self.world.notes.len()];
        let ids: Vec<String> = teams
            .iter()
            .map(|&team| self.world.teams[team].id.to_string())
            .collect();
        let answer = self
            .client
            .share(
                &self.base,
                &self.world.physician.token,
                &note.version_id.to_string(),
                &ids,
                &key(),
            )
            .await;
        let share = &payload(answer)?["share"];
        let loops = share["recipients"].as_array().context("a share without recipients")?;
        let mut sent = Vec::with_capacity(loops.len());
        for one in loops {
            let team = ids
                .iter()
                .position(|id| *id == one["toTeam"]["id"])
                .context("another team")?;
            sent.push(Sent {
                recipient: text(&one["id"])?,
                team: teams[team],
            });
        }
        Ok((text(&share["id"])?, sent))
    }

    /// Teams for a share: three neighbours, others each time.
    pub(super) fn next_teams(&self) -> Vec<usize> {
        let first = self.turn.load(Ordering::Relaxed) * TO;
        (0..TO).map(|place| (first + place) % usize::from(HOSTS)).collect()
    }

    async fn one_loop(&self) -> Result<()> {
        let (share, sent) = self.share(&self.next_teams()).await?;
        try_join_all(sent.iter().map(|sent| self.answer(sent))).await?;
        const SEEN: &str = "query($id:ID!){share(id:$id){id recipients{id level}}}";
        let seen = self
            .client
            .ask(&self.base, &self.world.physician.token, SEEN, json!({"id": share}))
            .await;
        let seen = payload(seen)?;
        let loops = seen["recipients"].as_array().context("no recipients")?;
        ensure!(
            loops.iter().all(|one| one["level"] == "ACKNOWLEDGED"),
            "the sender sees {seen}"
        );
        Ok(())
    }

    async fn answer(&self, sent: &Sent) -> Result<()> {
        self.receivers[sent.team].came(&sent.recipient).await?;
        let token = &self.world.teams[sent.team].token;
        let opened = payload(self.client.open(&self.base, token, &sent.recipient).await)?;
        let version = text(&opened["recipient"]["noteVersionId"])?;
        let answer = self
            .client
            .acknowledge(&self.base, token, &sent.recipient, &version, &key())
            .await;
        payload(answer).map(|_| ())
    }

    /// So many clients, each with one loop after the other: loops a second, and how long each took.
    pub(super) async fn closed(&self, clients: usize, window: Duration) -> Result<(f64, Vec<Duration>)> {
        let began = Instant::now();
        let one = async || -> Result<Vec<Duration>> {
            let mut took = Vec::new();
            while began.elapsed() < window {
                let start = Instant::now();
                self.one_loop().await?;
                took.push(start.elapsed());
            }
            Ok(took)
        };
        let all = try_join_all((0..clients).map(|_| one())).await?;
        let took: Vec<Duration> = all.into_iter().flatten().collect();
        Ok((took.len() as f64 / began.elapsed().as_secs_f64(), took))
    }

    /// How many webhooks the receivers have answered.
    pub(super) fn came(&self) -> u64 {
        self.receivers.iter().map(Receiver::count).sum()
    }
}

pub(super) fn payload(answer: Answer) -> Result<Value> {
    match answer {
        Answer::Done(payload) => Ok(payload),
        other => bail!("an act that must be done: {other:?}"),
    }
}

fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("no text where one must be")
}

pub(super) async fn all(
    report: &mut Report,
    world: &World,
    receivers: &[Receiver],
    plan: &Plan,
    raw: f64,
) -> Result<()> {
    let engine = world.app.database.engine;
    let deployment = deploy(world).await?;
    let empty = bytes(engine, world.database_url()).await?;
    let began = Instant::now();
    let process = serve(&deployment, "bench").await?;
    let clients = Clients::new(world, receivers, &process)?;
    let health = format!("{}/healthz", clients.base);
    clients.client.http().get(&health).send().await?.error_for_status()?;
    let started = began.elapsed();
    process.ready(clients.client.http(), PATIENCE).await?;
    sleep(Duration::from_secs(2)).await;
    let idle = process.resident_bytes()?;

    report.section("Closed loops over HTTP: shared to 3, delivered, opened, acknowledged, seen");
    let mut loops = 0;
    let mut at_eight = 0.0;
    for count in [1, 8, 32] {
        clients.closed(count, Duration::from_millis(700)).await?;
        let (rate, mut took) = clients.closed(count, plan.window).await?;
        loops += took.len();
        let times = both(percentile(&mut took, 0.5), percentile(&mut took, 0.99));
        let what = format!("{count} clients: loops/s; p50 / p99");
        let value = format!("{rate:.0}/s; {times}");
        match count {
            32 => report.goal(what, value, &format!("R/16 = {:.0}/s", raw / 16.0), rate >= raw / 16.0),
            _ => report.line(what, value),
        }
        if count == 8 {
            at_eight = rate;
        }
    }
    shares_over_http(report, &clients, plan, raw).await?;
    latency(report, &clients, plan).await?;
    graphql(report, &clients, plan).await?;
    report.section("What a process costs");
    report.goal("Memory at rest", mebibytes(idle), "under 60 MiB", idle < 60 << 20);
    report.line(
        "Memory under load, now / most",
        format!(
            "{} / {}",
            mebibytes(process.resident_bytes()?),
            mebibytes(process.peak_bytes()?)
        ),
    );
    report.line("From start to the first answer", millis(started));
    let before_end = clients.came();
    end(process).await?;
    let grown = bytes(engine, world.database_url()).await?.saturating_sub(empty);
    // The shares over HTTP were delivered and not answered; each of their loops wrote most of what a closed one does.
    let all_loops = (before_end / TO as u64).max(loops as u64);
    report.line(
        "Growth of the database for each share to 3 (delivered; most also answered)",
        format!("{:.1} kB", grown as f64 / 1_000.0 / all_loops.max(1) as f64),
    );

    finished_tasks(world).await?;
    let process = serve(&deployment, "bench-finished").await?;
    let clients = Clients::new(world, receivers, &process)?;
    process.ready(clients.client.http(), PATIENCE).await?;
    clients.closed(8, Duration::from_millis(700)).await?;
    let (rate, _) = clients.closed(8, plan.window).await?;
    report.goal(
        "8 clients with 100,000 finished tasks in the table",
        format!("{rate:.0}/s"),
        "0.8 of without",
        rate >= at_eight * 0.8,
    );
    end(process).await
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

async fn shares_over_http(report: &mut Report, clients: &Clients<'_>, plan: &Plan, raw: f64) -> Result<()> {
    let before = clients.came();
    let began = Instant::now();
    let rate = raw::count(32, plan.window, async |_| {
        clients.share(&clients.next_teams()).await.map(|_| ())
    })
    .await?;
    let shared_for = began.elapsed();
    let wanted = before + (rate * shared_for.as_secs_f64() * TO as f64).round() as u64;
    let during = clients.came() - before;
    let rest = Instant::now();
    while clients.came() < wanted && rest.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(5)).await;
    }
    let after = clients.came() - before - during;
    report.section("Shares and deliveries");
    report.line(
        "shareNote over HTTP, 32 clients, workers delivering: shares/s (of R)",
        format!("{rate:.0}/s ({:.2} R)", rate / raw),
    );
    report.line(
        "Deliveries/s meanwhile",
        format!("{:.0}/s", during as f64 / shared_for.as_secs_f64()),
    );
    let drained = after as f64 / rest.elapsed().as_secs_f64();
    if after >= 100 {
        report.goal(
            "Deliveries/s of what was left then",
            format!("{drained:.0}/s"),
            "1,100/s",
            drained >= 1_100.0,
        );
    } else {
        report.line("Deliveries/s of what was left then", "nothing was left");
    }
    Ok(())
}

async fn latency(report: &mut Report, clients: &Clients<'_>, plan: &Plan) -> Result<()> {
    let mut from_answer = Vec::new();
    let mut from_request = Vec::new();
    for _ in 0..plan.samples {
        let asked = Instant::now();
        let (_, sent) = clients.share(&clients.next_teams()).await?;
        let answered = Instant::now();
        for one in &sent {
            let came = clients.receivers[one.team].came(&one.recipient).await?;
            from_answer.push(came.saturating_duration_since(answered));
            from_request.push(came.duration_since(asked));
        }
        sleep(Duration::from_millis(15)).await;
    }
    let (p50, p99) = (percentile(&mut from_answer, 0.5), percentile(&mut from_answer, 0.99));
    report.goal(
        "The share's answer to the webhook's arrival, unloaded: p50 / p99",
        both(p50, p99),
        "5 ms / 20 ms",
        p50 < Duration::from_millis(5) && p99 < Duration::from_millis(20),
    );
    report.line(
        "The share's request to the webhook's arrival: p50 / p99",
        both(percentile(&mut from_request, 0.5), percentile(&mut from_request, 0.99)),
    );
    Ok(())
}

async fn graphql(report: &mut Report, clients: &Clients<'_>, plan: &Plan) -> Result<()> {
    let http = clients.client.http();
    let (mut bare, mut alone, mut signed) = (Vec::new(), Vec::new(), Vec::new());
    let query = json!({"query": "{__typename}"});
    for _ in 0..plan.samples {
        let start = Instant::now();
        http.get(format!("{}/healthz", clients.base))
            .send()
            .await?
            .bytes()
            .await?;
        bare.push(start.elapsed());
        let url = format!("{}/graphql", clients.base);
        let start = Instant::now();
        http.post(&url).json(&query).send().await?.bytes().await?;
        alone.push(start.elapsed());
        let start = Instant::now();
        let token = &clients.world.physician.token;
        http.post(&url)
            .bearer_auth(token)
            .json(&query)
            .send()
            .await?
            .bytes()
            .await?;
        signed.push(start.elapsed());
    }
    report.section("GraphQL beside a bare handler: p50");
    report.line("A bare axum handler", millis(percentile(&mut bare, 0.5)));
    report.line("`{__typename}` by nobody", millis(percentile(&mut alone, 0.5)));
    report.line("`{__typename}` by a token", millis(percentile(&mut signed, 0.5)));
    Ok(())
}

/// Puts finished tasks into the task table, as many as retention would let gather in a busy week.
async fn finished_tasks(world: &World) -> Result<()> {
    let engine = world.app.database.engine;
    let url = world.database_url();
    match engine {
        Engine::Sqlite => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(super::database::file(url)?);
            let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await?;
            sqlx::query(
                "with recursive n (i) as (select 1 union all select i + 1 from n where i < $1)
                 insert into Jobs (job, id, job_type, status, attempts, max_attempts, run_at, done_at, priority)
                 select j.job, printf('%026d', n.i), j.job_type, 'Done', 1, 1, j.run_at, j.run_at + 60, j.priority
                 from n, (select * from Jobs where job_type = 'deliver' limit 1) j",
            )
            .bind(FINISHED)
            .execute(&mut connection)
            .await?;
            sqlx::Connection::close(connection).await?;
        }
        Engine::Postgres => {
            let mut connection = connect(url).await?;
            sqlx::query(
                "insert into apalis.jobs (job, id, job_type, status, attempts, max_attempts, run_at, done_at, priority)
                 select j.job, lpad(n.i::text, 26, '0'), j.job_type, 'Done', 1, 1, j.run_at,
                        j.run_at + interval '1 minute', j.priority
                 from generate_series(1, $1) as n (i),
                      (select * from apalis.jobs where job_type = 'deliver' limit 1) j",
            )
            .bind(FINISHED)
            .execute(&mut connection)
            .await?;
        }
    }
    Ok(())
}
