//! What one closed loop leaves in the database: `cargo run -p liaison-testkit --example growth -- sqlite 300`.
//!
//! Notes of the synthetic journeys are signed, shared with three teams, delivered, opened and acknowledged by all three,
//! and the ledger is sequenced. The tables with their indexes are weighed before and after, so that what stands there
//! once (directory, schema) does not count. Figures are of pages, as the engine keeps them. On PostgreSQL the tables are
//! vacuumed first: without it, room of dead rows that will be used again would count. What passes is shown apart: the
//! task tables, kept answers, entries without an index. No performance is measured here.
#![expect(clippy::print_stdout, reason = "a developer's command talks to its terminal")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use liaison_domain::{Actor, CareRole, ChannelKind, Disposition, PatientId, RecipientId};
use liaison_service::{
    directory::{CreateEndpoint, EndpointOwner},
    loops::{NewRecipient, ShareNote, acknowledge::Acknowledge},
    patients::AddCareTeamEntry,
};
use liaison_testkit::{
    App, Engine, Fixture, Signed,
    notes::{journey, overrides_for},
    to_team,
};
use sqlx::{Connection, PgConnection, SqliteConnection};

/// Pages are whole: the first loops fill what is half empty.
const WARM_UP: usize = 20;

/// Rows that are removed after a day, or when they were sequenced.
const PASSING: [&str; 2] = ["idempotency", "ledger_pending"];

type Weights = BTreeMap<String, i64>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let engine = match arguments.next().as_deref() {
        Some("sqlite") => Engine::Sqlite,
        Some("postgres") => Engine::Postgres,
        _ => panic!("growth sqlite|postgres [SHARES]"),
    };
    let shares: usize = arguments
        .next()
        .map_or(300, |text| text.parse().expect("a number of shares"));
    let app = App::start(engine).await;
    let fixture = app.fixture().await;
    third_team(&app, &fixture).await;
    let mut world = World {
        app: &app,
        fixture: &fixture,
        patients: 0,
        shares: 0,
        entries: 0,
    };
    world.play(WARM_UP).await;
    let before = weigh(&app).await;
    let (patients, played) = (world.patients, world.shares);
    let entries = world.entries().await;
    world.play(shares).await;
    let after = weigh(&app).await;
    let (patients, played) = (world.patients - patients, world.shares - played);
    let entries = world.entries().await - entries;
    print(&before, &after, played);
    println!("{played} shares with three recipients each, {patients} patients, {entries} ledger entries");
    println!("ledger entries a share: {:.1}", entries as f64 / played as f64);
}

fn print(before: &Weights, after: &Weights, shares: usize) {
    let grown = |name: &str| after[name] - before.get(name).copied().unwrap_or_default();
    let mut names: Vec<&String> = after.keys().filter(|name| grown(name) != 0).collect();
    names.sort_by_key(|name| -grown(name));
    let (mut kept, mut passing) = (0, 0);
    for name in names {
        let is_of_tasks = !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.contains('.');
        let is_passing = is_of_tasks || PASSING.contains(&name.as_str());
        *(if is_passing { &mut passing } else { &mut kept }) += grown(name);
        let mark = if is_passing { " (passing)" } else { "" };
        println!("{:>9} bytes a share  {name}{mark}", grown(name) / shares as i64);
    }
    println!(
        "{:>9} bytes a share that stay: {} a loop",
        kept / shares as i64,
        kept / shares as i64 / 3
    );
    println!("{:>9} bytes a share that pass", passing / shares as i64);
}

struct World<'a> {
    app: &'a App,
    fixture: &'a Fixture,
    patients: usize,
    shares: usize,
    entries: i64,
}

impl World<'_> {
    /// Patients with all notes of their journey, until so many shares more are closed.
    async fn play(&mut self, shares: usize) {
        let until = self.shares + shares;
        while self.shares < until {
            let letter = ["A", "C", "D"][self.patients % 3];
            self.patients += 1;
            let patient = self.app.patient_numbered(self.fixture, letter, self.patients).await;
            on_the_care_team(self.app, self.fixture, patient).await;
            for number in 0..journey(letter).documents.len() {
                let signed = self.app.sign(self.fixture, patient, letter, number).await;
                self.close(&signed).await;
                self.shares += 1;
            }
        }
    }

    async fn close(&self, signed: &Signed) {
        let app = self.app;
        let teams = [
            (self.fixture.oncology_team, &self.fixture.oncologist),
            (self.fixture.palliative_team, &self.fixture.palliative),
            (self.fixture.outside_team, &self.fixture.outsider),
        ];
        let recipients: Vec<NewRecipient> = teams.iter().map(|(team, _)| to_team(*team)).collect();
        let physician = &self.fixture.physician;
        let overrides = overrides_for(
            &app.service,
            physician,
            signed.version_id,
            &recipients,
            "Looked at before it was sent.",
        )
        .await
        .expect("the checks");
        let share = ShareNote {
            note_version_id: signed.version_id,
            recipients,
            urgency: None,
            questions: Vec::new(),
            message: None,
            verbal: None,
            overrides,
            idempotency_key: Some(format!("growth-{}", self.shares)),
        };
        let shared = app.service.share_note(physician, share).await.expect("a share");
        app.work().await;
        app.advance(TimeDelta::hours(1));
        for ((_, actor), recipient) in teams.iter().zip(&shared.recipient_ids) {
            app.open(actor, *recipient).await;
            self.acknowledge(actor, *recipient, signed).await;
        }
        app.work().await;
        app.email.take();
        app.webhook.take();
    }

    async fn acknowledge(&self, actor: &Actor, recipient: RecipientId, signed: &Signed) {
        let reviewed = Acknowledge {
            recipient_id: Some(recipient),
            note_version_id: Some(signed.version_id),
            dispositions: vec![Disposition::ReviewedNoChange],
            comment: Some("Seen, thank you. We keep the regimen and look again in two weeks.".to_owned()),
            ..Acknowledge::default()
        };
        let done = self.app.service.acknowledge(actor, reviewed).await;
        done.expect("an acknowledgment");
    }

    async fn entries(&mut self) -> i64 {
        let text = self.app.service.latest_checkpoint().await.expect("the store answers");
        let text = text.expect("a checkpoint");
        // C2SP tlog-checkpoint: the second line is the tree's size.
        self.entries = text.lines().nth(1).and_then(|line| line.parse().ok()).expect("a size");
        self.entries
    }
}

/// Gives the third team a way to be reached.
async fn third_team(app: &App, fixture: &Fixture) {
    let input = CreateEndpoint {
        owner: EndpointOwner::Team(fixture.outside_team),
        channel: ChannelKind::Email,
        address: "third-team@outside.example.test".to_owned(),
        idempotency_key: None,
    };
    app.service
        .create_endpoint(&fixture.system, input)
        .await
        .expect("an endpoint");
}

async fn on_the_care_team(app: &App, fixture: &Fixture, patient_id: PatientId) {
    let entry = AddCareTeamEntry {
        patient_id,
        team_id: Some(fixture.outside_team),
        user_id: None,
        care_role: CareRole::Oncologist,
        from: None,
        until: None,
        idempotency_key: None,
    };
    app.service
        .add_care_team_entry(&fixture.physician, entry)
        .await
        .expect("a care team entry");
}

/// Bytes of each table with its indexes.
async fn weigh(app: &App) -> Weights {
    let rows: Vec<(String, i64)> = match app.database.engine {
        Engine::Sqlite => {
            let mut conn = SqliteConnection::connect(&app.database.url)
                .await
                .expect("the file opens");
            sqlx::query_as(
                "select s.tbl_name, sum(d.pgsize) from dbstat d join sqlite_schema s on s.name = d.name group by s.tbl_name",
            )
            .fetch_all(&mut conn)
            .await
            .expect("dbstat is built in")
        }
        Engine::Postgres => {
            let mut conn = PgConnection::connect(&app.database.url)
                .await
                .expect("PostgreSQL answers");
            sqlx::query("vacuum").execute(&mut conn).await.expect("a vacuum");
            sqlx::query_as(
                "select case when n.nspname = 'public' then c.relname else n.nspname || '.' || c.relname end, \
                        pg_total_relation_size(c.oid) \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')",
            )
            .fetch_all(&mut conn)
            .await
            .expect("the catalog answers")
        }
    };
    rows.into_iter().collect()
}
