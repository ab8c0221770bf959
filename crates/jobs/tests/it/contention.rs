//! Many writers beside the workers: nobody sees "database is locked", nothing is lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bed::{Bed, Report, delivery, idle, next, on_both, settings};

on_both!(writers_and_workers_get_along);

const WRITERS: usize = 8;
const EACH: usize = 25;

async fn writers_and_workers_get_along(bed: Bed) {
    let bed = Arc::new(bed);
    let (handler, mut reports) = idle();
    let running = bed.start(settings(), handler).await;
    let began = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let bed = bed.clone();
            tokio::spawn(async move {
                let mut pushed = Vec::new();
                for _ in 0..EACH {
                    let nudge = delivery();
                    bed.use_case(&[nudge], true).await?;
                    bed.wake.ring_for(&[nudge]);
                    pushed.push(nudge);
                }
                Ok::<_, liaison_store::tasks::TaskError>(pushed)
            })
        })
        .collect();
    let mut waited_for = HashSet::new();
    for writer in writers {
        waited_for.extend(writer.await.unwrap().expect("no writer is locked out"));
    }
    assert_eq!(waited_for.len(), WRITERS * EACH);
    while !waited_for.is_empty() {
        if let (Report::Ended(nudge), _) = next(&mut reports, Duration::from_secs(5)).await {
            assert!(waited_for.remove(&nudge), "run twice");
        }
    }
    println!("{} tasks pushed and handled in {:?}", WRITERS * EACH, began.elapsed());
    // A worker that met an error would have been started again.
    assert!(
        running
            .health
            .queues()
            .iter()
            .all(|queue| queue.alive && queue.restarts == 0)
    );
    running.stop().await;
    assert_eq!(bed.unfinished().await, []);
    Arc::into_inner(bed).unwrap().remove().await;
}
