//! The workers' part, by hand: do what is due at the set clock, or let time pass from one due moment to the next.

use chrono::{DateTime, Utc};
use liaison_service::Service;
use liaison_store::schedule;

use crate::App;

/// Rounds after which a test is taken for stuck: something makes itself due again and again.
const ROUNDS: usize = 1_000;

impl App {
    /// Delivers, notifies, escalates, sends digests and sequences until nothing is due at the set clock.
    pub async fn work(&self) {
        work(&self.service).await;
    }

    /// Lets time pass up to `until`, stopping to work at every moment at which something is due.
    pub async fn run_until(&self, until: DateTime<Utc>) {
        for _ in 0..ROUNDS {
            self.work().await;
            let mut conn = self.service.store().read().await.expect("a connection");
            let next = schedule::next_due(&mut conn, self.now())
                .await
                .expect("the timers read");
            drop(conn);
            match next.filter(|next| *next <= until) {
                Some(next) => self.clock.set(next),
                None => {
                    self.clock.set(until);
                    return self.work().await;
                }
            }
        }
        panic!("the clock did not reach {until}: it stands at {}", self.now());
    }
}

/// Works as one process until nothing is due at the set clock.
pub(crate) async fn work(service: &Service) {
    for _ in 0..ROUNDS {
        let mut done = service.escalate_due(100).await.expect("escalation").done;
        done += service.deliver_due(false, 1_000).await.expect("deliveries").done;
        done += service.deliver_due(true, 1_000).await.expect("notices").done;
        done += service.digest_due().await.expect("digests").done;
        if done == 0 {
            service.sequence().await.expect("the sequencer");
            return;
        }
    }
    panic!("there is always something due");
}
