//! A thousand escalation timers that run out in one second: how long after its time the last step was taken.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use liaison_domain::{Clock, Duty, SystemClock, Urgency};
use liaison_service::loops::share_note::{NewRecipient, ShareNote, VerbalCommunication};
use liaison_testkit::Engine;
use sqlx::{Connection, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    Plan,
    database::{deploy, end, file, serve, service},
    millis,
    report::Report,
};
use crate::{cluster::connect, world::World};

const GOAL: Duration = Duration::from_secs(2);
/// How long after the process is ready the timers run out.
const AHEAD: TimeDelta = TimeDelta::seconds(12);

pub(super) async fn all(report: &mut Report, world: &World, plan: &Plan) -> Result<()> {
    let loops = emergent_loops(world, plan.timers).await?;
    let mut table = Table::open(world).await?;
    let due = (SystemClock.now() + AHEAD).trunc_subsecs(0);
    for (id, number) in loops.iter().zip(0i64..) {
        // Spread over the second.
        let at = due + TimeDelta::milliseconds(number * 1_000 / i64::try_from(loops.len())?);
        table.move_timer(*id, at).await?;
    }
    let deployment = deploy(world).await?;
    let process = serve(&deployment, "bench-timers").await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    process.ready(&http, Duration::from_secs(10)).await?;
    let began = Instant::now();
    let wanted = i64::try_from(loops.len())?;
    while table.taken(due).await?.0 < wanted {
        ensure!(
            began.elapsed() < Duration::from_secs(60),
            "not every step was taken within 60 s"
        );
        sleep(Duration::from_millis(100)).await;
    }
    let (_, last) = table.taken(due).await?;
    let last = last.context("no step was taken")?;
    end(process).await?;
    // The last timer runs out at the end of that second.
    let late = (last - (due + TimeDelta::seconds(1))).to_std().unwrap_or_default();
    report.section("Timers");
    report.goal(
        format!("{wanted} escalation timers in one second: the last step after its time"),
        millis(late),
        "2 s",
        late <= GOAL,
    );
    Ok(())
}

/// Loops whose timers know no night, with their calls made.
async fn emergent_loops(world: &World, wanted: usize) -> Result<Vec<Uuid>> {
    let open = service(world).await?;
    let mut loops = Vec::with_capacity(wanted);
    let mut turn = 0;
    while loops.len() < wanted {
        let note = &world.notes[turn % world.notes.len()];
        turn += 1;
        let recipients = world.teams.iter().take(wanted - loops.len()).map(|team| NewRecipient {
            team_id: Some(team.id),
            user_id: None,
            organization_id: None,
            care_role: None,
            duty: Duty::Required,
        });
        let input = ShareNote {
            note_version_id: note.version_id,
            recipients: recipients.collect(),
            urgency: Some(Urgency::Emergent),
            questions: Vec::new(),
            message: None,
            verbal: Some(VerbalCommunication {
                at: open.now(),
                to: "Synthetic clinician".to_owned(),
                read_back: true,
                note: None,
            }),
            overrides: Vec::new(),
            idempotency_key: None,
        };
        let shared = open.share_note(&world.physician.actor, input).await?;
        loops.extend(shared.recipient_ids.iter().map(|id| id.uuid()));
    }
    open.store().close().await;
    Ok(loops)
}

/// The rows behind the timers.
enum Table {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

const TIMES: &str = "select shared_at, next_step_at from recipient where id = $1";
const MOVE: &str = "update recipient set shared_at = $2, next_step_at = $3 where id = $1";
const TAKEN: &str = "select count(*), max(taken_at) from escalation_step where taken_at >= $1";

impl Table {
    async fn open(world: &World) -> Result<Self> {
        let url = world.database_url();
        Ok(match world.app.database.engine {
            Engine::Sqlite => {
                let options = SqliteConnectOptions::new()
                    .filename(file(url)?)
                    .busy_timeout(Duration::from_secs(10));
                Self::Sqlite(SqliteConnection::connect_with(&options).await?)
            }
            Engine::Postgres => Self::Postgres(connect(url).await?),
        })
    }

    /// Moves a loop in time, so that its next step is due at a moment.
    async fn move_timer(&mut self, id: Uuid, at: DateTime<Utc>) -> Result<()> {
        macro_rules! moved {
            ($connection:expr) => {{
                let row = sqlx::query(TIMES).bind(id).fetch_one(&mut *$connection).await?;
                let (shared, next): (DateTime<Utc>, DateTime<Utc>) = (row.try_get(0)?, row.try_get(1)?);
                sqlx::query(MOVE)
                    .bind(id)
                    .bind(shared + (at - next))
                    .bind(at)
                    .execute(&mut *$connection)
                    .await?;
            }};
        }
        match self {
            Self::Sqlite(connection) => moved!(connection),
            Self::Postgres(connection) => moved!(connection),
        }
        Ok(())
    }

    /// How many steps were taken since a moment, and when the last was.
    async fn taken(&mut self, since: DateTime<Utc>) -> Result<(i64, Option<DateTime<Utc>>)> {
        macro_rules! read {
            ($connection:expr) => {{
                let row = sqlx::query(TAKEN)
                    .bind(since)
                    .fetch_one(&mut *$connection)
                    .await?;
                (row.try_get(0)?, row.try_get(1)?)
            }};
        }
        Ok(match self {
            Self::Sqlite(connection) => read!(connection),
            Self::Postgres(connection) => read!(connection),
        })
    }
}
