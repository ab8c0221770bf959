//! Transactions that are under way together: each happens whole or not at all, whatever the others do, and nobody is told
//! before it is durable. On SQLite they share one commit.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use liaison_domain::UserId;
use liaison_store::{Store, args, idempotency};
use liaison_testkit::both_engines;

use crate::support::{count, entry, id, sql};

async fn act(store: &Store, user: UserId, number: usize, fails: bool) -> bool {
    let now = store.clock().now();
    let mut tx = store.begin().await.unwrap();
    let key = format!("key-{number}");
    idempotency::insert(&mut tx, user, &key, "act", vec![0; 32], "{}", now);
    // It is written before the next statement.
    assert!(idempotency::find(&mut tx, user, &key).await.unwrap().is_some());
    tx.record(entry(store, "test.act"));
    // The others get their turn in the middle of this one's.
    tokio::task::yield_now().await;
    if fails {
        return false;
    }
    tx.commit().await.unwrap();
    true
}

both_engines! {
    async fn those_that_end_without_a_commit_take_nothing_of_the_others(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let acts = (0..40).map(|number| act(store, user, number, number % 3 == 1));
        let done = join_all(acts).await;
        let kept: i64 = done.iter().map(|done| i64::from(*done)).sum();
        assert_eq!(kept, 27);
        assert_eq!(count(store, "select count(*) as a from idempotency").await, kept);
        assert_eq!(count(store, "select count(*) as a from ledger_entry").await, kept);
        assert_eq!(count(store, "select count(*) as a from ledger_pending").await, kept);
    }

    async fn a_broken_constraint_is_its_own_acts_affair(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let acts = (0..20).map(|number| async move {
            let now = store.clock().now();
            let mut tx = store.begin().await.unwrap();
            tx.record(entry(store, "test.act"));
            // Every other one takes the key of all the odd ones.
            let key = if number % 2 == 0 { format!("own-{number}") } else { "shared".to_owned() };
            idempotency::insert(&mut tx, user, &key, "act", vec![0; 32], "{}", now);
            match tx.commit().await {
                Ok(()) => true,
                Err(error) => {
                    assert!(error.is_repeat(), "{error}");
                    false
                }
            }
        });
        let done = join_all(acts).await;
        assert_eq!(done.iter().filter(|done| **done).count(), 11);
        assert_eq!(count(store, "select count(*) as a from idempotency").await, 11);
        assert_eq!(count(store, "select count(*) as a from ledger_entry").await, 11);
    }

    async fn who_is_told_finds_it_at_once(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let acts = (0..30).map(|number| async move {
            act(store, user, number, false).await;
            let mut reader = store.read().await.unwrap();
            let mine = sql("select count(*) as a from idempotency where key = $1");
            let found: Option<(i64,)> = reader.one(mine, args![format!("key-{number}")]).await.unwrap();
            found == Some((1,))
        });
        assert!(join_all(acts).await.into_iter().all(|found| found), "a reader of its own sees it");
    }

    async fn one_that_goes_away_while_it_waits_stops_nobody(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        let first = store.begin().await.unwrap();
        let waiting: Vec<_> = (0..8)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move { act(&store, user, number, false).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        for gone in waiting.iter().step_by(2) {
            gone.abort();
        }
        drop(first);
        let mut done = BTreeSet::new();
        for (number, one) in waiting.into_iter().enumerate() {
            if one.await.is_ok_and(|done| done) {
                done.insert(number);
            }
        }
        assert!(done.is_superset(&BTreeSet::from([1, 3, 5, 7])), "{done:?}");
        assert!(act(store, user, 100, false).await, "and the next one has its turn");
        let kept = count(store, "select count(*) as a from idempotency").await;
        assert!(kept > done.len() as i64, "{kept} of {done:?}");
    }

    async fn an_answer_that_rests_on_another_waits_for_it(app: App) {
        let store = app.service.store();
        let user: UserId = id(store);
        act(store, user, 0, false).await;
        let mut tx = store.begin().await.unwrap();
        assert!(idempotency::find(&mut tx, user, "key-0").await.unwrap().is_some());
        tx.settle_earlier().await.unwrap();
        // It still is a transaction that can write and end.
        idempotency::insert(&mut tx, user, "later", "act", vec![0; 32], "{}", app.now());
        tx.settle_earlier().await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count(store, "select count(*) as a from idempotency").await, 2);
    }

    async fn rows_that_wait_are_seen_by_the_next_statement_of_their_own(app: App) {
        let store = app.service.store();
        let mut tx = store.begin().await.unwrap();
        let insert = sql("insert into schedule (name, next_at) values {rows:2}");
        let now = app.now();
        tx.insert_all(insert, vec![args!["one", now], args!["two", now]]).await.unwrap();
        tx.insert_one(sql("insert into schedule (next_at, name) values ($2, $1)"), args!["three", now]);
        let found: Option<(i64,)> = tx.one(sql("select count(*) as a from schedule where name in ('one', 'two', 'three')"), args![]).await.unwrap();
        assert_eq!(found, Some((3,)));
        tx.insert_one(sql("insert into schedule (next_at, name) values ($2, $1)"), args!["one", now]);
        let error = tx.commit().await.expect_err("it is there already");
        assert!(error.is_unique_violation(), "{error}");
        assert_eq!(count(store, "select count(*) as a from schedule where name in ('one', 'two', 'three')").await, 0);
    }
}
