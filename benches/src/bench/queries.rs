//! Board, inbox and timeline as the number of loops grows: they must not notice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use liaison_domain::Actor;
use liaison_service::{
    Service,
    reading::{BoardQuery, InboxQuery},
};

use super::{
    Plan, TO,
    database::service,
    millis, percentile,
    report::Report,
    shares::{share, teams_of},
};
use crate::{cluster::connect, world::World};

/// How many shares the patient has whose timeline is asked for, whatever the others have.
const OF_ONE: usize = 12;

/// The medians of the three queries.
struct Asked {
    board: Duration,
    inbox: Duration,
    timeline: Duration,
}

pub(super) async fn all(report: &mut Report, world: &World, plan: &Plan) -> Result<()> {
    let open = service(world).await?;
    let (one, others) = world.notes.split_first().context("no patients")?;
    for turn in 0..OF_ONE {
        share(&open, world, one, &teams_of(world, turn)).await?;
    }
    let mut loops = count(world, &open).await?;
    report.section("Queries in process: p50");
    let mut first: Option<Asked> = None;
    for &size in &plan.sizes {
        let missing = size.saturating_sub(loops).div_ceil(TO);
        let each = (0..missing).map(|turn| {
            let open = &open;
            async move { share(open, world, &others[turn % others.len()], &teams_of(world, turn)).await }
        });
        stream::iter(each).buffer_unordered(32).try_collect::<Vec<()>>().await?;
        close_most(world).await?;
        loops = count(world, &open).await?;
        let asked = ask(&open, world, plan.samples).await?;
        let what = format!("{loops} loops: board / inbox / timeline");
        let value = format!(
            "{} / {} / {}",
            millis(asked.board),
            millis(asked.inbox),
            millis(asked.timeline)
        );
        match &first {
            None => {
                report.line(what, value);
                first = Some(asked);
            }
            Some(first) => {
                let flat = |now: Duration, then: Duration| now.as_secs_f64() <= then.as_secs_f64() * 1.5;
                let met = flat(asked.board, first.board)
                    && flat(asked.inbox, first.inbox)
                    && flat(asked.timeline, first.timeline);
                report.goal(what, value, "within 1.5 x of the first", met);
            }
        }
    }
    open.store().close().await;
    Ok(())
}

/// Nine of ten loops are done, as after months of use; written into the rows, since acknowledging each would take longer
/// than everything else here.
async fn close_most(world: &World) -> Result<()> {
    const DONE: &str = "update recipient set level = 5, opened_at = shared_at, acknowledged_at = shared_at,
        next_step_at = null, is_open = ";
    let url = world.database_url();
    match world.app.database.engine {
        liaison_testkit::Engine::Sqlite => {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(super::database::file(url)?)
                .busy_timeout(Duration::from_secs(30));
            let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await?;
            let text = format!("{DONE} 0 where is_open = 1 and abs(random()) % 10 <> 0");
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut connection).await?;
        }
        liaison_testkit::Engine::Postgres => {
            let mut connection = connect(url).await?;
            let text = format!("{DONE} false where is_open and random() < 0.9");
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut connection).await?;
        }
    }
    Ok(())
}

/// How many loops there are.
async fn count(world: &World, open: &Service) -> Result<usize> {
    const COUNT: &str = "select count(*) from recipient";
    let url = world.database_url();
    let loops: i64 = match open.store().engine() {
        liaison_testkit::Engine::Sqlite => {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(super::database::file(url)?)
                .read_only(true);
            let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await?;
            sqlx::query_scalar(COUNT).fetch_one(&mut connection).await?
        }
        liaison_testkit::Engine::Postgres => {
            let mut connection = connect(url).await?;
            // Statistics, as the server itself keeps them in a deployment that grew over months.
            sqlx::query("analyze").execute(&mut connection).await?;
            sqlx::query_scalar(COUNT).fetch_one(&mut connection).await?
        }
    };
    Ok(usize::try_from(loops)?)
}

async fn ask(open: &Service, world: &World, samples: usize) -> Result<Asked> {
    let (physician, member) = (&world.physician.actor, &world.teams[0].member);
    let patient = world.notes[0].patient_id;
    let board = async |actor: &Actor| open.board(actor, BoardQuery::default()).await.map(|_| ());
    let inbox = async |actor: &Actor| open.inbox(actor, InboxQuery::default()).await.map(|_| ());
    let timeline = async |actor: &Actor| open.patient_timeline(actor, patient, None, 50).await.map(|_| ());
    // The first look at an inbox notes that what stands in it was placed there.
    inbox(member).await?;
    let (mut boards, mut inboxes, mut timelines) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..samples {
        let began = Instant::now();
        board(physician).await?;
        boards.push(began.elapsed());
        let began = Instant::now();
        inbox(member).await?;
        inboxes.push(began.elapsed());
        let began = Instant::now();
        timeline(physician).await?;
        timelines.push(began.elapsed());
    }
    Ok(Asked {
        board: percentile(&mut boards, 0.5),
        inbox: percentile(&mut inboxes, 0.5),
        timeline: percentile(&mut timelines, 0.5),
    })
}
