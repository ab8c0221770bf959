//! What a handler is. Not what it does: the use cases are in `service`.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use liaison_store::tasks::Nudge;

/// The work behind the queues.
#[async_trait]
pub trait Handle: Send + Sync + 'static {
    /// Do what a nudge hints at, if it is still to be done.
    ///
    /// The same nudge may come twice, also at the same time, and may come when nothing is left to do:
    /// claim the row by a conditional update first. An error, a panic or running beyond the queue's
    /// timeout is logged and ends the task; when to try again stands in the row. Beyond the timeout the
    /// future is dropped at an await point, as it is when the grace of a stop is over.
    ///
    /// # Errors
    /// [`HandleError`] for what broke; expected outcomes are recorded in rows and are `Ok`.
    async fn handle(&self, nudge: Nudge) -> Result<(), HandleError>;

    /// The nudges for rows that are due and that nobody holds. Asked by the reconcile ticker, in every
    /// process, so keep it to an indexed look-up and answer at most one nudge for each queue or row.
    ///
    /// # Errors
    /// [`HandleError`] when the rows cannot be read; the next tick asks again.
    async fn due(&self) -> Result<Vec<Nudge>, HandleError>;

    /// The process is asked to stop: what runs should come to an end, and what waits for somebody outside should not wait
    /// for long. Called once, before the grace of the stop begins to run out.
    fn stopping(&self) {}

    /// How long until a row becomes due by its own timer, if one will: the ticker then asks for what is due at that time
    /// and not only at its next tick.
    ///
    /// # Errors
    /// [`HandleError`] when the rows cannot be read; the ticker keeps its pace.
    async fn next_due(&self) -> Result<Option<Duration>, HandleError> {
        Ok(None)
    }
}

/// A handler could not do its work. The text goes to the log: it must hold no PHI.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HandleError(#[source] Box<dyn Error + Send + Sync>);

impl HandleError {
    /// Wrap what went wrong; a `&str` or `String` will do.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}
