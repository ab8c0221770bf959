//! The work behind the queues: each nudge becomes a use case of the service. No decisions here.

use std::time::Duration;

use async_trait::async_trait;
use liaison_domain::{RecipientId, ShareId};
use liaison_service::{Service, ServiceError, work::reclaim::Absences};
use liaison_store::tasks::{Nudge, Queue};
use tokio::sync::Mutex;

use crate::{Handle, HandleError};

/// How many rows one task takes on before it hands the rest to the next, so that a stop never waits long.
const BATCH: u32 = 200;
/// How many deliveries one look claims before it lets the next go on.
const CLAIMS: u32 = 5_000;

/// For how long a send may still wait for its answer once the process is asked to stop.
const SEND_GRACE: Duration = Duration::from_secs(3);

/// Handles nudges by the use cases of a service.
pub struct ServiceHandler {
    service: Service,
    /// Who was missed when it was last looked for what is due.
    absences: Mutex<Absences>,
}

impl ServiceHandler {
    /// A handler over a service. Cheap; the service is shared.
    pub fn new(service: Service) -> Self {
        Self {
            service,
            absences: Mutex::default(),
        }
    }

    /// Does what a nudge hints at; whether more may be due.
    async fn work(&self, nudge: Nudge) -> Result<bool, ServiceError> {
        let service = &self.service;
        match (nudge.queue, nudge.subject) {
            (Queue::Deliver, subject) => {
                let share = subject.map(ShareId::from_uuid);
                Ok(service.deliver_nudged(share, CLAIMS).await?.more)
            }
            (Queue::Notify, _) => Ok(service.deliver_due(true, BATCH).await?.more),
            (Queue::Escalate, subject) => {
                if let Some(recipient) = subject {
                    service.escalate(RecipientId::from_uuid(recipient)).await?;
                }
                Ok(service.escalate_due(BATCH).await?.more)
            }
            (Queue::Digest, _) => Ok(service.digest_due().await?.more),
            (Queue::Sequence, _) => {
                service.sequence().await?;
                Ok(false)
            }
            (Queue::Reconcile, _) => {
                let due = service.due_nudges().await?;
                service.nudge(&due).await?;
                Ok(false)
            }
            (Queue::Retain, _) => Ok(service.retain().await?.more),
        }
    }
}

#[async_trait]
impl Handle for ServiceHandler {
    async fn handle(&self, nudge: Nudge) -> Result<(), HandleError> {
        if self.work(nudge).await.map_err(failed)? {
            self.service.nudge(&[Nudge::due(nudge.queue)]).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn due(&self) -> Result<Vec<Nudge>, HandleError> {
        // What nobody is at any more is due again.
        let mut absences = self.absences.lock().await;
        self.service.reclaim_abandoned(&mut absences).await.map_err(failed)?;
        self.service.due_nudges().await.map_err(failed)
    }

    fn stopping(&self) {
        self.service.stop_sending(SEND_GRACE);
    }

    async fn next_due(&self) -> Result<Option<Duration>, HandleError> {
        let next = self.service.next_due().await.map_err(failed)?;
        // Beyond what a duration holds is no matter of the next seconds.
        Ok(next.and_then(|at| (at - self.service.now()).to_std().ok()))
    }
}

/// The whole chain of causes: the outermost text is for people and says little. Errors of the store hold no PHI.
fn failed(error: ServiceError) -> HandleError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    HandleError::new(text)
}
