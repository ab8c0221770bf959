//! A signed head that somebody kept, compared with ours of the same size.

use liaison_store::ledger as rows;

use crate::{Result, Service, ServiceError};

impl Service {
    /// Whether a checkpoint that somebody kept is the one this ledger signed for its size: `None` where none was signed
    /// for exactly that size. Public: it shows what whoever asks holds already.
    ///
    /// # Errors
    /// `Invalid` where the text is no checkpoint that this ledger's key signed.
    pub async fn kept_root(&self, kept: &str) -> Result<Option<bool>> {
        let kept = self.signer().verifier().open(kept).map_err(|error| {
            ServiceError::invalid(
                "old",
                "NOT_SIGNED_BY_US",
                format!("not a checkpoint of this ledger: {error}"),
            )
        })?;
        let mut conn = self.read().await?;
        let row = rows::checkpoint_of(&mut conn, kept.size()).await?;
        row.map(|row| Ok(self.open_checkpoint(&row)?.head() == kept.head()))
            .transpose()
    }
}
