//! Exports with proofs: NDJSON that anybody can check offline, made piece by piece in bounded memory.

use std::collections::VecDeque;

use liaison_domain::{
    Actor, EntryId,
    access::{Action, Relation},
};
use liaison_ledger::{Checkpoint, Exporter, Leaf, TlogProof, tree};
use liaison_store::ledger as rows;

use super::broken;
use crate::{Result, Service, ServiceError, audit::AuditFilter};

/// How many entries are loaded at a time.
const BATCH: u32 = 200;

/// What to export.
#[derive(Debug, Clone, Default)]
pub struct ExportLedger {
    /// Which entries; always bounded to the actor's organization, but for the operator's command.
    pub filter: AuditFilter,
    /// From this index on.
    pub from_index: Option<u64>,
    /// Below this index.
    pub until_index: Option<u64>,
}

enum Next {
    Header,
    Entries,
    Closing,
}

/// An export under way; see [`LedgerExport::next`].
pub struct LedgerExport {
    service: Service,
    filter: rows::EntryFilter,
    checkpoint: Checkpoint,
    /// Proofs of the entries since they were last taken; `None` unless they are wanted.
    proofs: Option<Vec<(u64, String)>>,
    /// `None` once the closing line was made.
    exporter: Option<Exporter>,
    next: Next,
    from: u64,
    until: u64,
    size: u64,
    /// The entry that records this export.
    pub entry_id: EntryId,
}

impl Service {
    /// Begins an export with proofs, for admins and auditors. That it was asked for is recorded (`audit.export`) before
    /// anything leaves. Entries that still wait for their index are not in it.
    pub async fn export_ledger(&self, actor: &Actor, input: ExportLedger) -> Result<LedgerExport> {
        self.authorize(actor, Action::ReadAudit, Relation::Own).await?;
        let filter = input.filter.compile(self.audit_scope(actor)?)?;
        let row = {
            let mut conn = self.read().await?;
            rows::latest_checkpoint(&mut conn).await?
        };
        let row = row.ok_or_else(|| {
            ServiceError::conflict(
                "NOT_SEQUENCED_YET",
                "the ledger has no checkpoint yet; ask again in a second",
            )
        })?;
        let checkpoint = self.open_checkpoint(&row)?;
        let size = checkpoint.size();
        let until = input.until_index.unwrap_or(size).min(size);
        let mut detail = vec![("format", "ndjson".to_owned()), ("tree_size", size.to_string())];
        detail.extend(input.from_index.map(|index| ("from_index", index.to_string())));
        detail.extend(input.until_index.map(|index| ("until_index", index.to_string())));
        let entry_id = self
            .record_audit(actor, "audit.export", &input.filter, &filter, detail)
            .await?;
        Ok(LedgerExport {
            service: self.clone(),
            filter,
            proofs: None,
            exporter: Some(Exporter::new(checkpoint.clone())),
            checkpoint,
            next: Next::Header,
            from: input.from_index.unwrap_or(0),
            until,
            size,
            entry_id,
        })
    }
}

impl LedgerExport {
    /// The checkpoint that every proof of the export leads to: its signed note.
    pub fn checkpoint(&self) -> &str {
        self.checkpoint.as_str()
    }

    /// From now on every entry's proof is kept in the text form of C2SP `tlog-proof`, until [`LedgerExport::take_proofs`].
    pub fn keep_proofs(&mut self) {
        self.proofs = Some(Vec::new());
    }

    /// The proofs of the entries of the pieces since the last call: index and text.
    pub fn take_proofs(&mut self) -> Vec<(u64, String)> {
        self.proofs.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The next piece of the export, whole lines; `None` after the last. After an error the export is worth nothing: it
    /// lacks its closing line, which every reader notices.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            let Some(exporter) = self.exporter.as_mut() else {
                return Ok(None);
            };
            match self.next {
                Next::Header => {
                    self.next = Next::Entries;
                    return Ok(Some(exporter.header()));
                }
                Next::Entries if self.from < self.until => {
                    let lines = self.batch().await?;
                    if !lines.is_empty() {
                        return Ok(Some(lines));
                    }
                }
                Next::Entries => self.next = Next::Closing,
                Next::Closing => return Ok(self.exporter.take().map(Exporter::closing)),
            }
        }
    }

    async fn batch(&mut self) -> Result<String> {
        let mut conn = self.service.read().await?;
        let leaves: VecDeque<_> = rows::export(&mut conn, &self.filter, self.from, self.until, BATCH)
            .await?
            .into();
        self.from = match leaves.back() {
            Some((last, _)) if leaves.len() == BATCH as usize => last + 1,
            _ => self.until,
        };
        let mut needs = Vec::new();
        for (index, _) in &leaves {
            needs.extend(tree::inclusion_needs(*index, self.size).map_err(broken)?);
        }
        let hashes = rows::hashes(&mut conn, &needs).await?;
        let mut lines = String::new();
        for (index, bytes) in leaves {
            let leaf = Leaf::parse(&bytes).map_err(|error| broken(format_args!("entry {index}: {error}")))?;
            let path = tree::prove_inclusion(index, self.size, &hashes).map_err(broken)?;
            if let Some(exporter) = self.exporter.as_mut() {
                let line = exporter.entry(index, &leaf, &path);
                lines.push_str(&line.map_err(|error| broken(format_args!("entry {index}: {error}")))?);
            }
            if let Some(proofs) = self.proofs.as_mut() {
                proofs.push((index, TlogProof::new(index, path, &self.checkpoint).to_string()));
            }
        }
        Ok(lines)
    }
}
