//! The integrity check of the whole ledger in the database: everything that the tree, the checkpoints and the entries'
//! columns say is computed again from the leaves' bytes. Reads only; memory stays bounded by one batch.

use std::collections::{HashMap, VecDeque};

use chrono::SecondsFormat;
use liaison_ledger::{Checkpoint, Hash, Leaf, tree};
use liaison_store::{
    Conn,
    ledger::{self as rows, EntryRow},
};

use super::broken;
use crate::{Result, Service};

/// How many leaves are read at a time.
const BATCH: u64 = 1_000;

/// The most problems a report lists; one is enough to act on.
const MOST_PROBLEMS: usize = 100;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerProblem {
    /// An index without an entry.
    #[error("entry {index} is missing")]
    Missing {
        /// Its index.
        index: u64,
    },
    /// A leaf that is none, or another entry's.
    #[error("entry {index} is not what was logged: {message}")]
    Leaf {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A searchable column says something else than the leaf.
    #[error("entry {index}: the column {column} differs from what was logged")]
    Column {
        /// Its index.
        index: u64,
        /// The column.
        column: &'static str,
    },
    /// A stored hash is missing or wrong.
    #[error("stored hash {hash_index} is missing or differs from the one computed from the entries")]
    StoredHash {
        /// Its index.
        hash_index: u64,
    },
    /// A checkpoint that is not ours, or signs another tree than the entries make.
    #[error("the checkpoint of {size} entries: {message}")]
    Checkpoint {
        /// Its size.
        size: u64,
        /// What is wrong with it.
        message: String,
    },
    /// Entries with an index which no checkpoint signs.
    #[error("{stored} entries have an index, the last checkpoint signs {signed}")]
    Unsigned {
        /// How many have one.
        stored: u64,
        /// How many are signed.
        signed: u64,
    },
    /// Entries that fell out of the bookkeeping.
    #[error("{count} entries {what}")]
    Strays {
        /// How many.
        count: i64,
        /// In which way.
        what: &'static str,
    },
}

/// What the check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerReport {
    /// How many entries have an index and were checked.
    pub entries: u64,
    /// How many checkpoints were checked.
    pub checkpoints: u64,
    /// How many entries wait for their index.
    pub pending: u64,
    /// The root of the tree as computed; `None` without entries.
    pub root: Option<Hash>,
    /// What is wrong, at most 100.
    pub problems: Vec<LedgerProblem>,
}

impl LedgerReport {
    /// Whether everything holds together.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, problem: LedgerProblem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }
}

impl Service {
    /// Checks the whole ledger. May run beside everything else: it looks at what was sequenced when it began.
    pub async fn verify_ledger(&self) -> Result<LedgerReport> {
        self.verify_ledger_against(&[]).await
    }

    /// Checks the whole ledger, and that it continues checkpoints which somebody kept outside the database: the only
    /// way to notice that an older copy of the whole database was put in its place.
    pub async fn verify_ledger_against(&self, kept: &[String]) -> Result<LedgerReport> {
        let mut report = LedgerReport::default();
        let mut conn = self.read().await?;
        let signed = rows::latest_checkpoint(&mut conn)
            .await?
            .map_or(0, |row| row.tree_size.unsigned_abs());
        let mut kept = self.kept(kept, signed, &mut report);
        let mut walk = Walk::default();
        loop {
            let batch = rows::checkpoints_from(&mut conn, walk.size, 100).await?;
            if batch.is_empty() {
                break;
            }
            for row in batch {
                let end = row.tree_size.unsigned_abs();
                // Kept checkpoints of sizes in between are compared on the way.
                while let Some(own) = kept.pop_front_if(|own| own.size() <= end) {
                    walk.go_to(&mut conn, own.size(), &mut report).await?;
                    walk.compare(&own, &mut report);
                }
                walk.go_to(&mut conn, end, &mut report).await?;
                report.checkpoints += 1;
                match self.open_checkpoint(&row) {
                    Ok(checkpoint) => walk.compare(&checkpoint, &mut report),
                    Err(error) => report.problem(LedgerProblem::Checkpoint {
                        size: end,
                        message: error.to_string(),
                    }),
                }
                if report.problems.len() >= MOST_PROBLEMS {
                    return Ok(report);
                }
            }
            if walk.size >= signed {
                break;
            }
        }
        report.entries = walk.size;
        report.root = walk.root;
        self.bookkeeping(&mut conn, signed, &mut report).await?;
        Ok(report)
    }

    fn kept(&self, kept: &[String], signed: u64, report: &mut LedgerReport) -> VecDeque<Checkpoint> {
        let mut opened = Vec::new();
        for note in kept {
            match self.signer().verifier().open(note) {
                Ok(checkpoint) if checkpoint.size() > signed => {
                    let message = format!("the ledger has only {signed}: entries that were signed are gone");
                    report.problem(LedgerProblem::Checkpoint {
                        size: checkpoint.size(),
                        message,
                    });
                }
                Ok(checkpoint) if checkpoint.size() > 0 => opened.push(checkpoint),
                Ok(_) => {}
                Err(error) => report.problem(LedgerProblem::Checkpoint {
                    size: 0,
                    message: error.to_string(),
                }),
            }
        }
        opened.sort_by_key(Checkpoint::size);
        opened.into()
    }

    async fn bookkeeping(&self, conn: &mut Conn, signed: u64, report: &mut LedgerReport) -> Result<()> {
        let stored = rows::stored_size(conn).await?;
        // A sequencer may have worked meanwhile: then the newer checkpoint covers the newer entries.
        let covered = rows::latest_checkpoint(conn)
            .await?
            .map_or(signed, |row| row.tree_size.unsigned_abs());
        if stored > covered {
            report.problem(LedgerProblem::Unsigned {
                stored,
                signed: covered,
            });
        }
        let strays = rows::strays(conn).await?;
        report.pending = strays.pending.unsigned_abs();
        for (count, what) in [
            (strays.lost, "have no index and do not wait for one"),
            (strays.without_entry, "have an index and are gone"),
            (strays.twice, "have an index and still wait for one"),
            (strays.pending_without_entry, "wait for an index and are gone"),
        ] {
            if count != 0 {
                report.problem(LedgerProblem::Strays { count, what });
            }
        }
        Ok(())
    }
}

/// The tree as computed so far: its size, its root, and the few hashes that a further append needs.
#[derive(Default)]
struct Walk {
    size: u64,
    root: Option<Hash>,
    frontier: HashMap<u64, Hash>,
    next_hash: u64,
}

impl Walk {
    async fn go_to(&mut self, conn: &mut Conn, end: u64, report: &mut LedgerReport) -> Result<()> {
        while self.size < end {
            let until = end.min(self.size + BATCH);
            let found = rows::sequenced(conn, self.size, until).await?;
            let mut hashes = Vec::with_capacity(found.len());
            let mut found = found.into_iter().peekable();
            for index in self.size..until {
                let row = found.next_if(|row| row.leaf_index.map(i64::unsigned_abs) == Some(index));
                let Some(row) = row else {
                    report.problem(LedgerProblem::Missing { index });
                    // Any hash does: the root is wrong from here on, and that is reported.
                    hashes.push([0; 32]);
                    continue;
                };
                hashes.push(liaison_ledger::leaf_hash(&row.leaf));
                check_entry(index, &row, report);
            }
            self.grow(conn, &hashes, report).await?;
        }
        Ok(())
    }

    async fn grow(&mut self, conn: &mut Conn, hashes: &[Hash], report: &mut LedgerReport) -> Result<()> {
        let grown = tree::append(self.size, hashes, &self.frontier).map_err(broken)?;
        let end = grown.new_hashes.last().map_or(self.next_hash, |(index, _)| index + 1);
        let stored: HashMap<u64, Hash> = rows::hash_range(conn, self.next_hash, end).await?.into_iter().collect();
        for (hash_index, hash) in &grown.new_hashes {
            if stored.get(hash_index) != Some(hash) {
                report.problem(LedgerProblem::StoredHash {
                    hash_index: *hash_index,
                });
            }
        }
        self.next_hash = end;
        self.size = grown.head.size;
        self.root = Some(grown.head.root);
        self.frontier.extend(grown.new_hashes);
        let needed = tree::append_needs(self.size).map_err(broken)?;
        self.frontier.retain(|index, _| needed.contains(index));
        Ok(())
    }

    fn compare(&self, checkpoint: &Checkpoint, report: &mut LedgerReport) {
        if checkpoint.size() != self.size || Some(checkpoint.root()) != self.root {
            report.problem(LedgerProblem::Checkpoint {
                size: checkpoint.size(),
                message: "it signs another tree than the entries make: entries were changed, removed or added"
                    .to_owned(),
            });
        }
    }
}

fn check_entry(index: u64, row: &EntryRow, report: &mut LedgerReport) {
    let leaf = match Leaf::parse(&row.leaf) {
        Ok(leaf) => leaf,
        Err(error) => {
            return report.problem(LedgerProblem::Leaf {
                index,
                message: error.to_string(),
            });
        }
    };
    let entry = leaf.into_entry();
    let text = |value: &Option<String>| value.clone();
    let shown = |value: Option<String>| value;
    let columns: [(&'static str, Option<String>, Option<String>); 20] = [
        ("id", Some(entry.id.clone()), Some(row.id.to_string())),
        (
            "recorded_at",
            Some(entry.recorded_at.clone()),
            Some(row.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        ),
        ("action", Some(entry.action.clone()), Some(row.action.clone())),
        ("outcome", Some(entry.outcome.clone()), Some(row.outcome.clone())),
        (
            "actor_kind",
            Some(entry.actor.kind.to_uppercase()),
            Some(row.actor_kind.to_string()),
        ),
        (
            "user_id",
            text(&entry.actor.user_id),
            shown(row.user_id.map(|id| id.to_string())),
        ),
        (
            "actor_organization_id",
            text(&entry.actor.organization_id),
            shown(row.actor_organization_id.map(|id| id.to_string())),
        ),
        (
            "organization_id",
            text(&entry.organization_id),
            shown(row.organization_id.map(|id| id.to_string())),
        ),
        (
            "purpose",
            Some(entry.purpose_of_use.clone()),
            Some(row.purpose.to_string()),
        ),
        (
            "patient_id",
            text(&entry.patient_id),
            shown(row.patient_id.map(|id| id.to_string())),
        ),
        (
            "note_id",
            text(&entry.note_id),
            shown(row.note_id.map(|id| id.to_string())),
        ),
        (
            "note_version_id",
            entry.detail.get("note_version_id").cloned(),
            shown(row.note_version_id.map(|id| id.to_string())),
        ),
        (
            "share_id",
            text(&entry.share_id),
            shown(row.share_id.map(|id| id.to_string())),
        ),
        (
            "recipient_id",
            text(&entry.recipient_id),
            shown(row.recipient_id.map(|id| id.to_string())),
        ),
        ("object_id", text(&entry.object_id), row.object_id.clone()),
        ("peer", text(&entry.peer), row.peer.clone()),
        ("request_id", text(&entry.request_id), row.request_id.clone()),
        ("role", text(&entry.actor.role), row.role.clone()),
        (
            "session_id",
            entry.detail.get(rows::SESSION_DETAIL).cloned(),
            shown(row.session_id.map(|id| id.to_string())),
        ),
        (
            "channel",
            entry.detail.get(rows::CHANNEL_DETAIL).cloned(),
            row.channel.clone(),
        ),
    ];
    for (column, logged, kept) in columns {
        if logged != kept {
            report.problem(LedgerProblem::Column { index, column });
        }
    }
}
