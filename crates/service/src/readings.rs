//! The ledger entries of readings: committed before what was read leaves the house. Those of one answer, such as a page
//! or a GraphQL response, go in one commit. Not for acts: they write their entry in their own transaction.

use std::{cell::RefCell, future::Future};

use liaison_store::NewEntry;

use crate::{Result, Service};

tokio::task_local! {
    /// What the answer under way has read so far.
    static GATHERED: RefCell<Vec<NewEntry>>;
}

impl Service {
    /// Lets an answer be made from several readings, and commits their ledger entries together when it is made.
    ///
    /// The answer is given back only after that commit; when it fails, the error is, and what was read must not leave.
    /// Readings in tasks that the answer spawns, or in a body that streams after it, commit their entries themselves.
    ///
    /// # Errors
    /// When the entries cannot be committed.
    pub async fn gathering<F: Future>(&self, answer: F) -> Result<F::Output> {
        let made = async {
            let made = answer.await;
            (made, GATHERED.with(RefCell::take))
        };
        let (made, entries) = GATHERED.scope(RefCell::default(), made).await;
        self.commit_readings(entries).await?;
        Ok(made)
    }

    /// Writes the entries of a reading: with the answer that gathers them, or at once where none does.
    pub(crate) async fn record_readings(&self, entries: Vec<NewEntry>) -> Result<()> {
        let mut entries = Some(entries);
        let gathered = GATHERED.try_with(|gathered| gathered.borrow_mut().extend(entries.take().into_iter().flatten()));
        match gathered {
            Ok(()) => Ok(()),
            Err(_) => self.commit_readings(entries.unwrap_or_default()).await,
        }
    }

    async fn commit_readings(&self, entries: Vec<NewEntry>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        for entry in entries {
            tx.record(entry);
        }
        Ok(tx.commit().await?)
    }
}
