//! A transaction happens whole or not at all: rows, ledger entries and tasks.

use liaison_domain::{Clock, SystemClock, UserId};
use liaison_store::{
    Engine, StoreError, args, idempotency,
    tasks::{Nudge, Queue, pending, push},
};
use liaison_testkit::both_engines;

use crate::support::{count, entry, id, sql};

both_engines! {
    async fn a_dropped_transaction_leaves_nothing(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let subject = id::<liaison_domain::ShareId>(store).uuid();
        {
            let mut tx = store.begin().await.unwrap();
            idempotency::insert(&mut tx, user, "key", "act", vec![0; 32], "{}", app.now());
            tx.record(entry(store, "test.act"));
            tx.nudge(Queue::Deliver, Some(subject));
        }
        assert_eq!(count(store, "select count(*) as a from idempotency").await, 0);
        assert_eq!(count(store, "select count(*) as a from ledger_entry").await, 0);
        assert_eq!(count(store, "select count(*) as a from ledger_pending").await, 0);
        assert_eq!(pending(&store.task_pool(), 10).await.unwrap(), vec![]);
    }

    async fn a_commit_writes_rows_entries_and_tasks_together(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let subject = id::<liaison_domain::ShareId>(store).uuid();
        let mut tx = store.begin().await.unwrap();
        idempotency::insert(&mut tx, user, "key", "act", vec![0; 32], "{}", app.now());
        tx.record(entry(store, "test.act"));
        tx.nudge(Queue::Deliver, Some(subject));
        tx.nudge(Queue::Deliver, Some(subject));
        tx.commit().await.unwrap();
        assert_eq!(count(store, "select count(*) as a from idempotency").await, 1);
        assert_eq!(count(store, "select count(*) as a from ledger_entry").await, 1);
        assert_eq!(count(store, "select count(*) as a from ledger_pending").await, 1);
        let tasks = pending(&store.task_pool(), 10).await.unwrap();
        assert_eq!(tasks.iter().filter(|task| **task == Nudge::about(Queue::Deliver, subject)).count(), 1);
        assert!(tasks.contains(&Nudge::due(Queue::Sequence)), "the sequencer is told of the entry");
    }

    async fn a_task_of_a_commit_is_the_row_that_apalis_writes(app: App) {
        let store = app.service.store();
        let nudge = Nudge::about(Queue::Deliver, id::<liaison_domain::ShareId>(store).uuid());
        let mut tx = store.begin().await.unwrap();
        tx.nudge(nudge.queue, nudge.subject);
        tx.commit().await.unwrap();
        let mut number = 1u128 << 100;
        let now = SystemClock.now();
        let next = || {
            number += 1;
            number
        };
        push(&store.task_pool(), &[nudge], now, next).await.unwrap();
        // One kind of row: everything but its id and its second is alike.
        let columns = "job, job_type, status, attempts, max_attempts, last_result, lock_at, lock_by, done_at, priority, metadata,
            idempotency_key";
        let table = match store.engine() {
            Engine::Sqlite => "Jobs",
            Engine::Postgres => "apalis.jobs",
        };
        let text = format!("select count(*) as a from (select {columns} from {table} group by {columns}) as kinds");
        let kinds = sql(Box::leak(text.into_boxed_str()));
        let mut conn = store.read().await.unwrap();
        assert_eq!(conn.one::<(i64,)>(kinds, args![]).await.unwrap(), Some((1,)));
        let near = match store.engine() {
            Engine::Sqlite => sql("select max(run_at) - min(run_at) as a from Jobs"),
            Engine::Postgres => sql("select extract(epoch from max(run_at) - min(run_at))::bigint as a from apalis.jobs"),
        };
        let (seconds,): (i64,) = conn.one(near, args![]).await.unwrap().unwrap();
        assert!((0..5).contains(&seconds), "{seconds}");
        assert_eq!(pending(&store.task_pool(), 10).await.unwrap(), vec![nudge, nudge]);
    }

    async fn a_failed_statement_before_the_commit_takes_the_entry_with_it(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        for round in 0..2 {
            let mut tx = store.begin().await.unwrap();
            tx.record(entry(store, "test.act"));
            idempotency::insert(&mut tx, user, "key", "act", vec![0; 32], "{}", app.now());
            // It is written before the next statement.
            let found = idempotency::find(&mut tx, user, "key").await;
            match round {
                0 => tx.commit().await.unwrap(),
                _ => assert!(found.expect_err("the key is taken").is_repeat()),
            }
        }
        assert_eq!(count(store, "select count(*) as a from ledger_entry").await, 1);
    }

    async fn an_entry_with_free_text_refuses_the_whole_transaction(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let mut tx = store.begin().await.unwrap();
        idempotency::insert(&mut tx, user, "key", "act", vec![0; 32], "{}", app.now());
        let mut bad = entry(store, "test.act");
        bad.object_id = Some("Synthia Testpatient".to_owned());
        tx.record(bad);
        let error = tx.commit().await.expect_err("a name is no id");
        assert!(matches!(error, StoreError::Encode(_)), "{error}");
        assert!(!error.to_string().contains("Synthia"), "{error}");
        assert_eq!(count(store, "select count(*) as a from idempotency").await, 0);
    }

    async fn an_update_left_for_later_that_meets_no_row_ends_the_transaction(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let mut tx = store.begin().await.unwrap();
        idempotency::insert(&mut tx, user, "key", "act", vec![0; 32], "{}", app.now());
        let nobody = sql("update schedule set lease_owner = $2 where name = $1");
        let of = id::<liaison_domain::ShareId>(store).uuid();
        tx.update_later(nobody, of, args!["nothing", "me"], None).await.unwrap();
        // The same update of the same row again: what waits is written first.
        tx.update_later(nobody, of, args!["nothing", "me"], Some(1)).await.unwrap();
        tx.record(entry(store, "test.act"));
        let error = tx.commit().await.expect_err("no row");
        assert!(error.is_conflict(), "{error}");
        assert_eq!(count(store, "select count(*) as a from idempotency").await, 0);
        assert_eq!(count(store, "select count(*) as a from ledger_entry").await, 0);
    }

    async fn a_conditional_update_that_meets_no_row_is_a_conflict(app: App) {
        let mut tx = app.service.store().begin().await.unwrap();
        let error = tx
            .change_one(sql("update schedule set lease_owner = $2 where name = $1"), args!["nothing", "me"])
            .await
            .expect_err("no row");
        assert!(error.is_conflict(), "{error}");
    }

    async fn concurrent_writers_wait_for_each_other_and_never_see_a_locked_database(app: App) {
        // On SQLite the second handle stands for another process over the same file.
        let other = app.another_process().await;
        let writers = (0..8u32).map(|writer| {
            let store = if writer % 2 == 0 { app.service.store().clone() } else { other.store().clone() };
            tokio::spawn(async move {
                for round in 0..15u32 {
                    let mut tx = store.begin().await?;
                    let user: UserId = id(&store);
                    let key = format!("{writer}-{round}");
                    let now = store.clock().now();
                    let found = idempotency::find(&mut tx, user, &key).await?;
                    assert!(found.is_none());
                    idempotency::insert(&mut tx, user, &key, "act", vec![0; 32], "{}", now);
                    tx.record(entry(&store, "test.act"));
                    tx.commit().await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        for writer in futures::future::join_all(writers).await {
            writer.unwrap().unwrap();
        }
        assert_eq!(count(app.service.store(), "select count(*) as a from ledger_pending").await, 120);
        let engine = app.service.store().engine();
        assert_eq!(engine, app.database.engine);
        assert!(matches!(engine, Engine::Sqlite | Engine::Postgres));
        other.store().close().await;
    }
}
