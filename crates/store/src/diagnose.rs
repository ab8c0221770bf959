//! What a check of a deployment asks the database: its clock, whether it takes writes, its size, a sealed row, the
//! endpoints. Changes nothing.

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{ChannelKind, EndpointId, PatientId};

use crate::{Place, Store, args, error::Result, row::row, sql::sql};

sql! {
    NOW = sqlite "select strftime('%Y-%m-%dT%H:%M:%fZ', 'now') as a"
        postgres "select clock_timestamp() as a";
    NEWEST = "select recorded_at as a from ledger_entry order by recorded_at desc, id desc limit 1";
    // Sets a row to what it is, in a transaction that is never committed.
    TOUCH = "update ledger_lease set lease_owner = lease_owner where name = 'sequencer'";
    SIZE = sqlite "select page_count * page_size as a from pragma_page_count(), pragma_page_size()"
        postgres "select pg_database_size(current_database()) as a";
    SEALED = "select id as a, identity_sealed as b from patient order by id desc limit 1";
    ENDPOINTS = "select id, channel, address, failing_since from endpoint where status = 'ACTIVE'
        order by channel, id limit $1";
    DISABLED = "select count(*) as a from endpoint where status = 'DISABLED' and disabled_reason <> 'ADMIN'";
}

row! {
    /// An endpoint that is used.
    pub struct UsedEndpoint {
        /// Its id.
        id: EndpointId,
        /// By e-mail or webhook.
        channel: ChannelKind,
        /// The e-mail address or the URL.
        address: String,
        /// Since when every delivery to it failed.
        failing_since: Option<DateTime<Utc>>,
    }
}

/// The database's clock beside this process's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// How far the database's clock is ahead of ours; negative where it is behind.
    pub ahead: TimeDelta,
    /// When the newest entry of the ledger was recorded.
    pub newest_entry: Option<DateTime<Utc>>,
    /// Our own clock at that moment.
    pub here: DateTime<Utc>,
}

impl Store {
    /// Compares the database's clock with ours. On SQLite both are this machine's.
    pub async fn clocks(&self) -> Result<Clocks> {
        let mut conn = self.read().await?;
        let before = self.clock().now();
        let database: Option<(DateTime<Utc>,)> = conn.one(NOW, args![]).await?;
        let here = self.clock().now();
        let newest: Option<(DateTime<Utc>,)> = conn.one(NEWEST, args![]).await?;
        // The answer was given somewhere between asking and hearing.
        let midway = before + (here - before) / 2;
        Ok(Clocks {
            ahead: database.map_or(TimeDelta::zero(), |(at,)| at - midway),
            newest_entry: newest.map(|(at,)| at),
            here,
        })
    }

    /// Writes within a transaction that is rolled back: whether the database takes writes.
    pub async fn takes_writes(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.execute(TOUCH, args![]).await?;
        Ok(())
    }

    /// How large the database is, in bytes; on SQLite without its write-ahead log.
    pub async fn size(&self) -> Result<u64> {
        let mut conn = self.read().await?;
        let size: Option<(i64,)> = conn.one(SIZE, args![]).await?;
        Ok(size.map_or(0, |(bytes,)| bytes.unsigned_abs()))
    }

    /// Opens the newest patient's identity and throws it away: `None` where there is no patient yet.
    ///
    /// # Errors
    /// When the keys do not open it, or the database does not answer.
    pub async fn opens_a_sealed_row(&self) -> Result<Option<()>> {
        let mut conn = self.read().await?;
        let found: Option<(PatientId, Vec<u8>)> = conn.one(SEALED, args![]).await?;
        let Some((patient, sealed)) = found else {
            return Ok(None);
        };
        let key = self.keyring()?.patient_key(&mut conn, patient).await?;
        key.open(Place::new("patient", "identity_sealed", patient.uuid()), &sealed)?;
        Ok(Some(()))
    }

    /// The endpoints in use, at most `limit`, and how many were disabled because they failed.
    pub async fn used_endpoints(&self, limit: u32) -> Result<(Vec<UsedEndpoint>, u64)> {
        let mut conn = self.read().await?;
        let used = conn.all(ENDPOINTS, args![limit]).await?;
        let disabled: Option<(i64,)> = conn.one(DISABLED, args![]).await?;
        Ok((used, disabled.map_or(0, |(count,)| count.unsigned_abs())))
    }
}
