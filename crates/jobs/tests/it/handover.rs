//! Nudges are pushed in the caller's transaction, or not at all.

use std::time::Duration;

use liaison_store::tasks::{self, Depth, Nudge, Queue, TaskError};
use uuid::Uuid;

use crate::bed::{Bed, delivery, now, on_both};

on_both!(
    a_rolled_back_transaction_leaves_no_task,
    a_committed_transaction_leaves_its_tasks_and_ids_only,
    the_same_nudge_twice_in_one_transaction_survives,
    an_id_used_twice_is_an_error_and_nothing_is_pushed,
    depth_tells_what_waits_and_for_how_long,
    migrating_again_changes_nothing,
);

async fn a_rolled_back_transaction_leaves_no_task(bed: Bed) {
    bed.use_case(&[delivery(), Nudge::due(Queue::Sequence)], false)
        .await
        .unwrap();
    assert_eq!(bed.unfinished().await, []);
    assert_eq!(bed.number("SELECT COUNT(*) FROM business").await, 0);
    bed.remove().await;
}

async fn a_committed_transaction_leaves_its_tasks_and_ids_only(bed: Bed) {
    let about = Nudge::about(Queue::Escalate, Uuid::from_u128(7));
    let due = Nudge::due(Queue::Deliver);
    bed.use_case(&[about, due], true).await.unwrap();
    assert_eq!(bed.unfinished().await, [about, due]);
    assert_eq!(bed.number("SELECT COUNT(*) FROM business").await, 1);
    assert_eq!(
        serde_json::to_string(&about).unwrap(),
        r#"{"queue":"escalate","subject":"00000000-0000-0000-0000-000000000007"}"#
    );
    assert_eq!(serde_json::to_string(&due).unwrap(), r#"{"queue":"deliver"}"#);
    bed.remove().await;
}

async fn the_same_nudge_twice_in_one_transaction_survives(bed: Bed) {
    let nudge = delivery();
    bed.use_case(&[nudge, nudge], true).await.unwrap();
    bed.use_case(&[nudge], true).await.unwrap();
    assert_eq!(bed.unfinished().await, [nudge, nudge, nudge]);
    bed.remove().await;
}

async fn an_id_used_twice_is_an_error_and_nothing_is_pushed(bed: Bed) {
    let pushed = tasks::push(&bed.pool, &[delivery(), delivery()], now(), || 5).await;
    assert!(matches!(pushed, Err(TaskError::Database(_))), "{pushed:?}");
    assert_eq!(bed.unfinished().await, []);
    bed.remove().await;
}

async fn depth_tells_what_waits_and_for_how_long(bed: Bed) {
    bed.use_case(&[delivery(), delivery(), Nudge::due(Queue::Retain)], true)
        .await
        .unwrap();
    let depths = tasks::depth(&bed.pool, now() + chrono::Duration::seconds(90))
        .await
        .unwrap();
    assert_eq!(depths.iter().map(|depth| depth.queue).collect::<Vec<_>>(), Queue::ALL);
    for Depth {
        queue,
        waiting,
        claimed,
        oldest,
    } in depths
    {
        let expected = match queue {
            Queue::Deliver => 2,
            Queue::Retain => 1,
            _ => 0,
        };
        assert_eq!((waiting, claimed), (expected, 0), "{queue}");
        match oldest {
            Some(age) => assert!((89..=91).contains(&age.as_secs()), "{queue} {age:?}"),
            None => assert_eq!(waiting, 0, "{queue}"),
        }
    }
    // A clock that is behind the one that pushed gives no negative age.
    let depths = tasks::depth(&bed.pool, now() - chrono::Duration::hours(1))
        .await
        .unwrap();
    assert_eq!(depths[Queue::Deliver as usize].oldest, Some(Duration::ZERO));
    bed.remove().await;
}

async fn migrating_again_changes_nothing(bed: Bed) {
    bed.use_case(&[delivery()], true).await.unwrap();
    tasks::migrate(&bed.pool).await.unwrap();
    assert_eq!(bed.unfinished().await.len(), 1);
    bed.remove().await;
}

#[test]
fn bad_payloads_and_names_are_refused() {
    for bad in [
        r#"{"queue":"Deliver"}"#,
        r#"{"queue":"fax"}"#,
        r#"{"queue":"deliver","subject":"x"}"#,
        r#"{"queue":"deliver","name":"Jane"}"#,
        "{}",
        "",
    ] {
        assert!(serde_json::from_str::<Nudge>(bad).is_err(), "{bad}");
    }
    for queue in Queue::ALL {
        assert_eq!(queue.name().parse(), Ok(queue));
    }
    assert_eq!(
        "DELIVER".parse::<Queue>().unwrap_err().to_string(),
        "no queue is called \"DELIVER\": the task was written by another version or by hand"
    );
}
