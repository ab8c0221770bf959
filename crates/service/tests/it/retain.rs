//! What the hourly round removes: exactly what is over by more than its period, in batches, each in the ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{DeliveryState, Urgency};
use liaison_service::{
    Service, ServiceOptions, Settings,
    work::{Retention, Worked},
};
use liaison_store::{
    Sql,
    arg::{Arg, IntoArg},
    ledger,
    tasks::Queue,
};
use liaison_testkit::{App, Fixture, Signed, both_engines};

use super::work_support::{entries, sent_to, share_palliative, world};

/// Every period another one, so that none stands in for another.
pub(crate) fn periods() -> Retention {
    Retention {
        answers: TimeDelta::days(2),
        sessions: TimeDelta::days(3),
        account_links: TimeDelta::days(4),
        link_codes: TimeDelta::days(5),
        throttles: TimeDelta::days(6),
        read_notices: Some(TimeDelta::days(31)),
        attempt_replies: Some(TimeDelta::days(32)),
        unsigned_drafts: Some(TimeDelta::days(33)),
        ..Retention::default()
    }
}

/// A process that keeps for so long.
pub(crate) fn keeping(app: &App, retention: Retention) -> Service {
    let mut settings = Settings::new("https://liaison.example".parse().expect("a URL"), "retainer");
    settings.retention = retention;
    Service::new(ServiceOptions {
        store: app.service.store().clone(),
        settings,
        signer: liaison_testkit::signer(),
        channels: Vec::new(),
    })
}

pub(crate) async fn change(app: &App, text: String, args: Vec<Arg>) {
    let text: &'static str = text.leak();
    let sql = Sql {
        name: "test",
        sqlite: text,
        postgres: text,
    };
    let mut tx = app.service.store().begin().await.expect("it begins");
    tx.change_one(sql, args).await.expect(text);
    tx.commit().await.expect("it commits");
}

/// Adds a row.
pub(crate) async fn put(app: &App, table: &str, columns: Vec<(&str, Arg)>) {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let text = format!(
        "insert into {table} ({}) values ({})",
        names.join(", "),
        places.join(", ")
    );
    change(app, text, columns.into_iter().map(|(_, arg)| arg).collect()).await;
}

pub(crate) fn text(value: &str) -> Arg {
    value.into_arg()
}

pub(crate) fn number(value: u32) -> Arg {
    value.into_arg()
}

/// One row of each kind whose period began at `now - period - over`.
pub(crate) async fn specimens(app: &App, world: &World, mark: u32, over: TimeDelta) {
    let World {
        fixture,
        signed,
        loop_id,
        idle_delivery,
    } = world;
    let now = app.now();
    let at = |period: TimeDelta| now - period - over;
    let id = || Arg::Uuid(Some(app.service.store().random().uuid(now)));
    let bytes = |what: &str| format!("{what}-{mark}").into_bytes().into_arg();
    let user = fixture.physician.user_id.into_arg();
    let clinic = fixture.clinic.into_arg();
    let kept = periods();
    put(
        app,
        "sign_in_ceremony",
        vec![
            ("secret_hash", bytes("step")),
            ("kind", text("TEST")),
            ("expires_at", at(TimeDelta::zero()).into_arg()),
            ("created_at", now.into_arg()),
        ],
    )
    .await;
    put(
        app,
        "session",
        vec![
            ("id", id()),
            ("user_id", user.clone()),
            ("organization_id", clinic.clone()),
            ("secret_hash", bytes("session")),
            ("method", text("PASSWORD_TOTP")),
            ("is_full", true.into_arg()),
            ("authenticated_at", now.into_arg()),
            ("last_seen_at", now.into_arg()),
            ("absolute_until", at(kept.sessions).into_arg()),
            ("created_at", now.into_arg()),
        ],
    )
    .await;
    put(
        app,
        "account_link",
        vec![
            ("id", id()),
            ("user_id", user.clone()),
            ("purpose", text("RESET")),
            ("token_hash", bytes("link")),
            ("expires_at", at(kept.account_links).into_arg()),
            ("created_at", now.into_arg()),
        ],
    )
    .await;
    put(
        app,
        "sign_in_throttle",
        vec![
            ("subject", bytes("address")),
            ("failures", number(1)),
            ("last_failed_at", at(kept.throttles).into_arg()),
        ],
    )
    .await;
    put(
        app,
        "link_code",
        vec![
            ("id", id()),
            ("recipient_id", loop_id.clone()),
            ("challenge_hash", bytes("code")),
            ("address", text("a@b.example")),
            ("link_version", number(1)),
            ("tries", number(0)),
            ("created_at", now.into_arg()),
            ("expires_at", at(kept.link_codes).into_arg()),
        ],
    )
    .await;
    put(
        app,
        "idempotency",
        vec![
            ("user_id", user.clone()),
            ("key", text(&format!("key-{mark}"))),
            ("operation", text("test")),
            ("request_sha256", bytes("request")),
            ("response", text("{}")),
            ("created_at", at(kept.answers).into_arg()),
        ],
    )
    .await;
    put(
        app,
        "notice",
        vec![
            ("id", id()),
            ("user_id", user.clone()),
            ("organization_id", clinic.clone()),
            ("kind", text("ACKNOWLEDGED")),
            ("urgency", number(0)),
            ("patient_id", signed.patient_id.into_arg()),
            ("facts", text("{}")),
            ("created_at", at(TimeDelta::days(300)).into_arg()),
            ("seen_at", at(kept.read_notices.expect("a period")).into_arg()),
        ],
    )
    .await;
    put(
        app,
        "attempt",
        vec![
            ("id", id()),
            ("delivery_id", idle_delivery.clone()),
            ("number", number(100 + mark)),
            ("started_at", at(TimeDelta::days(300)).into_arg()),
            ("ended_at", at(kept.attempt_replies.expect("a period")).into_arg()),
            ("outcome", text("UNKNOWN")),
            ("artefact", text("451 greylisted")),
        ],
    )
    .await;
    put(
        app,
        "note",
        vec![
            ("id", id()),
            ("patient_id", signed.patient_id.into_arg()),
            ("organization_id", clinic.clone()),
            ("kind", text("CONSULTATION")),
            ("status", text("DRAFT")),
            ("author_id", user),
            ("draft_revision", number(1)),
            ("version", number(0)),
            ("created_at", at(TimeDelta::days(300)).into_arg()),
            ("updated_at", at(kept.unsigned_drafts.expect("a period")).into_arg()),
        ],
    )
    .await;
}

/// What the specimens hang on.
pub(crate) struct World {
    pub(crate) fixture: Fixture,
    pub(crate) signed: Signed,
    pub(crate) loop_id: Arg,
    pub(crate) idle_delivery: Arg,
}

/// A share whose delivery is done, long ago; everything that the fixture leaves over is removed.
pub(crate) async fn old_world(app: &App) -> World {
    let (fixture, signed) = world(app, "2026-06-01T15:00:00Z").await;
    let world = sent(app, fixture, signed).await;
    app.advance(TimeDelta::days(400));
    keeping(app, periods()).retain().await.expect("it runs");
    app.advance(TimeDelta::hours(2));
    world
}

/// A share whose delivery is done.
pub(crate) async fn sent(app: &App, fixture: Fixture, signed: Signed) -> World {
    let id = share_palliative(app, &fixture, &signed, Urgency::Routine).await;
    app.service.deliver_due(false, 10).await.expect("it is sent");
    let rows = sent_to(app, id).await;
    assert!(rows.iter().any(|row| row.state == DeliveryState::Delivered), "{rows:?}");
    let idle = rows.iter().find(|row| row.next_attempt_at.is_none()).expect("done");
    World {
        fixture,
        signed,
        loop_id: id.into_arg(),
        idle_delivery: idle.id.into_arg(),
    }
}

/// The rows by table, without those that every round touches.
pub(crate) async fn rows(app: &App) -> BTreeMap<String, Vec<String>> {
    let mut rows = app.database.rows().await;
    rows.retain(|table, _| {
        let table = table.to_lowercase();
        !["schedule", "jobs", "workers", "ledger_"]
            .iter()
            .any(|name| table.contains(name))
    });
    rows
}

/// What differs, as `table: rows before -> rows after`.
pub(crate) fn differences(
    before: &BTreeMap<String, Vec<String>>,
    after: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    before
        .iter()
        .filter(|(table, rows)| after[*table] != **rows)
        .map(|(table, rows)| {
            let name = table.rsplit('.').next().unwrap_or(table);
            format!("{name}: {} fewer", rows.len() - after[table].len())
        })
        .collect()
}

pub(crate) async fn removals(app: &App) -> Vec<BTreeMap<String, String>> {
    let filter = ledger::EntryFilter {
        actions: vec!["retention.remove".to_owned()],
        ..Default::default()
    };
    let mut conn = app.service.store().read().await.expect("a connection");
    let found = ledger::search(&mut conn, &filter, 500).await.expect("entries");
    found
        .iter()
        .map(|row| {
            let leaf: serde_json::Value = serde_json::from_slice(&row.leaf).expect("JSON");
            serde_json::from_value(leaf["detail"].clone()).expect("counts")
        })
        .collect()
}

const DONE: Worked = Worked { done: 1, more: false };

both_engines! {
    async fn what_is_over_by_more_than_its_period_goes_and_nothing_else(app: App) {
        let world = old_world(&app).await;
        let service = keeping(&app, periods());
        let before = removals(&app).await.len();
        // The last microsecond of a period belongs to it.
        specimens(&app, &world, 1, TimeDelta::zero()).await;
        specimens(&app, &world, 2, TimeDelta::microseconds(-1)).await;
        let all = rows(&app).await;
        assert_eq!(service.retain().await.expect("it runs"), DONE);
        assert_eq!(differences(&all, &rows(&app).await), [""; 0]);
        assert_eq!(removals(&app).await.len(), before, "nothing removed is nothing to record");

        // One microsecond more, and the round takes what came to its end: the first of the two.
        app.advance(TimeDelta::hours(2));
        specimens(&app, &world, 3, TimeDelta::microseconds(1)).await;
        let signed_and_sent = all;
        let all = rows(&app).await;
        let drafts = entries(&app, "note.expire").await;
        assert_eq!(service.retain().await.expect("it runs"), DONE);
        let left = rows(&app).await;
        // The first two are two hours over by now: three rows of each.
        let gone = ["account_link", "attempt", "idempotency", "link_code", "note", "notice", "session",
            "sign_in_ceremony", "sign_in_throttle"];
        let mut expected: Vec<String> = gone
            .iter()
            .map(|table| format!("{table}: {} fewer", if *table == "attempt" { 0 } else { 3 }))
            .collect();
        expected.sort();
        assert_eq!(differences(&all, &left), expected);
        for table in signed_and_sent.keys().filter(|table| table.ends_with("attempt")) {
            assert!(left[table].iter().all(|row| !row.contains("greylisted")), "the answers went, the tries stayed");
        }
        let entry = removals(&app).await.remove(0);
        let counts: BTreeMap<String, String> = gone.iter().map(|table| ((*table).to_owned(), "3".to_owned())).collect();
        assert_eq!((removals(&app).await.len(), entry), (before + 1, counts));
        assert_eq!(entries(&app, "note.expire").await, drafts + 3, "each draft by its id");
        assert_eq!(service.retain().await.expect("it runs"), Worked::default(), "once an hour");
    }

    async fn a_microsecond_decides(app: App) {
        let world = old_world(&app).await;
        specimens(&app, &world, 1, TimeDelta::zero()).await;
        specimens(&app, &world, 2, TimeDelta::microseconds(1)).await;
        let all = rows(&app).await;
        keeping(&app, periods()).retain().await.expect("it runs");
        let found = differences(&all, &rows(&app).await);
        let expected = ["account_link: 1 fewer", "attempt: 0 fewer", "idempotency: 1 fewer", "link_code: 1 fewer",
            "note: 1 fewer", "notice: 1 fewer", "session: 1 fewer", "sign_in_ceremony: 1 fewer",
            "sign_in_throttle: 1 fewer"];
        assert_eq!(found, expected);
    }

    async fn without_a_period_what_belongs_to_a_patient_stays(app: App) {
        let world = old_world(&app).await;
        specimens(&app, &world, 1, TimeDelta::days(3_000)).await;
        let all = rows(&app).await;
        keeping(&app, Retention::default()).retain().await.expect("it runs");
        let found = differences(&all, &rows(&app).await);
        let expected = ["account_link: 1 fewer", "idempotency: 1 fewer", "link_code: 1 fewer", "session: 1 fewer",
            "sign_in_ceremony: 1 fewer", "sign_in_throttle: 1 fewer"];
        assert_eq!(found, expected);
    }

    async fn what_is_in_use_stays_however_old(app: App) {
        let world = old_world(&app).await;
        specimens(&app, &world, 1, TimeDelta::days(100)).await;
        let user = world.fixture.physician.user_id;
        change(&app, "update notice set seen_at = null where seen_at is not null".to_owned(), vec![]).await;
        change(&app, "update sign_in_throttle set user_id = $1".to_owned(), vec![user.into_arg()]).await;
        // A try of a delivery that is under way again, and a draft that somebody came back to.
        let due = vec![app.now().into_arg(), world.idle_delivery.clone()];
        change(&app, "update delivery set next_attempt_at = $1 where id = $2".to_owned(), due).await;
        let now = vec![app.now().into_arg()];
        change(&app, "update note set updated_at = $1 where version = 0".to_owned(), now).await;
        let all = rows(&app).await;
        keeping(&app, periods()).retain().await.expect("it runs");
        let found = differences(&all, &rows(&app).await);
        let expected = ["account_link: 1 fewer", "idempotency: 1 fewer", "link_code: 1 fewer", "session: 1 fewer",
            "sign_in_ceremony: 1 fewer"];
        assert_eq!(found, expected);
    }

    async fn a_round_is_bounded_and_the_next_goes_on_at_once(app: App) {
        let world = old_world(&app).await;
        let before = removals(&app).await.len();
        let long_ago: DateTime<Utc> = app.now() - TimeDelta::days(90);
        for number in 0..12 {
            put(&app, "idempotency", vec![
                ("user_id", world.fixture.physician.user_id.into_arg()), ("key", text(&format!("many-{number}"))),
                ("operation", text("test")), ("request_sha256", vec![1_u8].into_arg()), ("response", text("{}")),
                ("created_at", long_ago.into_arg()),
            ]).await;
        }
        let service = keeping(&app, Retention { batch: 5, batches: 2, ..periods() });
        assert_eq!(service.retain().await.expect("it runs"), Worked { done: 1, more: true });
        let count = |entries: &[BTreeMap<String, String>]| -> Vec<String> {
            entries.iter().map(|entry| entry["idempotency"].clone()).collect()
        };
        let told = removals(&app).await;
        assert_eq!(count(&told[..told.len() - before]), ["5", "5"], "an entry with each transaction");
        let due = service.due_nudges().await.expect("due");
        assert!(due.iter().any(|nudge| nudge.queue == Queue::Retain), "whoever comes next goes on: {due:?}");
        app.advance(TimeDelta::seconds(1));
        assert_eq!(service.retain().await.expect("it runs"), DONE);
        let told = removals(&app).await;
        assert_eq!(count(&told[..told.len() - before]), ["2", "5", "5"]);
        assert_eq!(service.retain().await.expect("it runs"), Worked::default());
        let answers = rows(&app).await.into_iter().find(|(table, _)| table.ends_with("idempotency"));
        assert!(!answers.expect("the table").1.iter().any(|row| row.contains("many-")));
    }
}
