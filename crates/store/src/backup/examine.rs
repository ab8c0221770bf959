//! Whether a copy is whole, whether the keys open it, and what a restored one needs before it is used. The ledger's
//! proof is the service's (`verify_ledger_against`).

use std::path::Path;

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, EntryId, PatientId};
use sqlx::Connection;
use uuid::Uuid;

use super::{BackupError, open};
use crate::{
    NewEntry, Place, Store, StoreError, args,
    conn::Conn,
    error::Result,
    sql::{Sql, sql},
};

/// What a sound copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The file's size.
    pub bytes: u64,
    /// How many ledger entries its newest checkpoint signs; 0 without one.
    pub tree_size: u64,
    /// That checkpoint (a C2SP signed note); `None` before the first.
    pub checkpoint: Option<String>,
    /// Entries that were committed and wait for their index.
    pub pending: u64,
}

/// SQLite's own checks (`integrity_check`, `foreign_key_check`), and that the tables are Liaison's.
pub(super) async fn examine(path: &Path) -> Result<Examined, BackupError> {
    let damaged = |findings| BackupError::Damaged {
        path: path.to_owned(),
        findings,
    };
    let failed = |error: sqlx::Error| damaged(vec![error.to_string()]);
    let bytes = std::fs::metadata(path).map_err(BackupError::file(path))?.len();
    let mut conn = open(path, true).await.map_err(failed)?;
    let findings: Vec<String> = sqlx::query_scalar("pragma integrity_check(20)")
        .fetch_all(&mut conn)
        .await
        .map_err(failed)?;
    if findings != ["ok"] {
        return Err(damaged(findings));
    }
    let dangling: i64 = sqlx::query_scalar("select count(*) from pragma_foreign_key_check")
        .fetch_one(&mut conn)
        .await
        .map_err(failed)?;
    if dangling > 0 {
        return Err(damaged(vec![format!(
            "{dangling} rows refer to rows that are not there"
        )]));
    }
    let ours: i64 = sqlx::query_scalar(
        "select count(*) from sqlite_master where type = 'table' and name in ('liaison_migrations', 'ledger_checkpoint')",
    )
    .fetch_one(&mut conn)
    .await
    .map_err(failed)?;
    if ours != 2 {
        return Err(BackupError::Foreign(path.to_owned()));
    }
    let newest: Option<(i64, String)> =
        sqlx::query_as("select tree_size, note from ledger_checkpoint order by tree_size desc limit 1")
            .fetch_optional(&mut conn)
            .await
            .map_err(failed)?;
    let pending: i64 = sqlx::query_scalar("select count(*) from ledger_pending")
        .fetch_one(&mut conn)
        .await
        .map_err(failed)?;
    conn.close().await.map_err(failed)?;
    Ok(Examined {
        bytes,
        tree_size: newest.as_ref().map_or(0, |(size, _)| size.unsigned_abs()),
        checkpoint: newest.map(|(_, note)| note),
        pending: pending.unsigned_abs(),
    })
}

sql! {
    SECRETS = "select id as a, id as b, secret_sealed as c from endpoint
        where id > $1 and secret_sealed is not null order by id limit $2";
    IDENTITIES = "select id as a, id as b, identity_sealed as c from patient where id > $1 order by id limit $2";
    DRAFTS = "select id as a, patient_id as b, draft_sealed as c from note
        where id > $1 and draft_sealed is not null order by id limit $2";
    VERSIONS = "select id as a, patient_id as b, content_sealed as c from note_version
        where id > $1 order by id limit $2";
    SHARES = "select id as a, patient_id as b, detail_sealed as c from share
        where id > $1 and detail_sealed is not null order by id limit $2";
    QUESTIONS = "select id as a, patient_id as b, text_sealed as c from share_question
        where id > $1 order by id limit $2";
    ACKNOWLEDGMENTS = "select id as a, patient_id as b, detail_sealed as c from acknowledgment
        where id > $1 and detail_sealed is not null order by id limit $2";
    REPLIES = "select id as a, patient_id as b, body_sealed as c from reply where id > $1 order by id limit $2";
    END_SESSIONS = "update session set ended_at = $1, end_reason = 'REVOKED' where ended_at is null";
    END_CEREMONIES = "delete from sign_in_ceremony";
    END_ACCOUNT_LINKS = "update account_link set used_at = $1 where used_at is null";
    END_CODES = "update link_code set used_at = $1 where used_at is null";
    END_GUESTS = "update guest set ended_at = $1 where ended_at is null";
}

/// Where sealed values stand: statement, table, column. The rest of a patient's sealed columns stand under the same key.
const SEALED: [(Sql, &str, &str); 7] = [
    (IDENTITIES, "patient", "identity_sealed"),
    (DRAFTS, "note", "draft_sealed"),
    (VERSIONS, "note_version", "content_sealed"),
    (SHARES, "share", "detail_sealed"),
    (QUESTIONS, "share_question", "text_sealed"),
    (ACKNOWLEDGMENTS, "acknowledgment", "detail_sealed"),
    (REPLIES, "reply", "body_sealed"),
];

/// Rows that are read at a time.
const BATCH: i64 = 500;

/// What the keys opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SealedCheck {
    /// Patients with their identity.
    pub patients: u64,
    /// Values that opened, the identities among them.
    pub opened: u64,
    /// Values that did not, as `table.column of id`; at most 20 are named.
    pub closed: Vec<String>,
}

/// Opens every identity, draft, signed version, share, question, answer and endpoint's secret with the keys, and throws
/// the plain text away.
///
/// # Errors
/// When the database does not answer. A value that does not open is a finding, not an error.
pub async fn check_sealed(conn: &mut Conn) -> Result<SealedCheck> {
    let store = conn.store().clone();
    let keyring = store.keyring()?;
    let mut check = SealedCheck::default();
    for (sql, table, column) in SEALED {
        let mut after = Uuid::nil();
        loop {
            let rows: Vec<(Uuid, PatientId, Vec<u8>)> = conn.all(sql, args![after, BATCH]).await?;
            let Some((last, ..)) = rows.last() else { break };
            after = *last;
            for (id, patient, sealed) in rows {
                let opened = match keyring.patient_key(conn, patient).await {
                    Ok(key) => key.open(Place::new(table, column, id), &sealed).map(drop),
                    Err(error @ StoreError::Database { .. }) => return Err(error),
                    Err(error) => Err(error),
                };
                check.count(opened.is_ok(), table, column, id);
                check.patients += u64::from(table == "patient");
            }
        }
    }
    let mut after = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, Uuid, Vec<u8>)> = conn.all(SECRETS, args![after, BATCH]).await?;
        let Some((last, ..)) = rows.last() else { break };
        after = *last;
        for (id, _, sealed) in rows {
            let place = Place::new("endpoint", "secret_sealed", id);
            let opened = keyring.open_secret(place, &sealed).is_ok();
            check.count(opened, "endpoint", "secret_sealed", id);
        }
    }
    Ok(check)
}

impl SealedCheck {
    fn count(&mut self, opened: bool, table: &str, column: &str, id: Uuid) {
        if opened {
            self.opened += 1;
        } else if self.closed.len() < 20 {
            self.closed.push(format!("{table}.{column} of {id}"));
        }
    }
}

/// Makes a restored copy fit for use: whatever lets somebody in for a while and may have been ended since the backup
/// (sessions, half sign-ins, single-use links and codes) is ended, and the ledger says that and up to where the database
/// was restored. `kept` is the size of the newest checkpoint kept elsewhere which the copy was held against.
///
/// # Errors
/// When the database refuses.
pub async fn settle_restored(store: &Store, tree_size: u64, kept: Option<u64>) -> Result<()> {
    let now: DateTime<Utc> = store.clock().now();
    let id: EntryId = store.random().id(now);
    let mut tx = store.begin().await?;
    for sql in [END_SESSIONS, END_ACCOUNT_LINKS, END_CODES, END_GUESTS] {
        tx.execute(sql, args![now]).await?;
    }
    tx.execute(END_CEREMONIES, args![]).await?;
    let mut entry = NewEntry::new(id, now, &Actor::system(), "database.restore");
    entry.purpose = liaison_domain::PurposeOfUse::Operations;
    entry.detail.insert("restored_size", tree_size.to_string());
    if let Some(kept) = kept {
        entry.detail.insert("kept_size", kept.to_string());
    }
    tx.record(entry);
    tx.commit().await
}
