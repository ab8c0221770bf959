//! The keys in use: unwrapped on demand, cached within bounds, wiped when dropped.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, RwLock},
};

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use liaison_domain::{PatientId, Random};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    BlindIndex, MasterKeys, MasterSource, Place,
    file::MasterKey,
    seal::{open_with, seal_with, version_of},
};
use crate::{
    args,
    conn::Conn,
    error::{Result, StoreError},
    row::row,
    sql::sql,
    tx::Tx,
};

/// How many patients' keys are held unwrapped.
const CACHED: usize = 10_000;

sql! {
    /// Held to the end of the transaction: a rotation waits until keys wrapped by the old master key are committed, and
    /// finds them.
    WRAPPING_MASTER = sqlite "select master_id as a from service_key where purpose = $1"
        postgres "select master_id as a from service_key where purpose = $1 for share";
    LOCK_SERVICE_KEYS = "select purpose as a from service_key order by purpose {for_update}";
    SERVICE_KEY = "select wrapped, master_id from service_key where purpose = $1";
    INSERT_SERVICE_KEY = "insert into service_key (purpose, wrapped, master_id, created_at) values ($1, $2, $3, $4)
        on conflict (purpose) do nothing";
    PATIENT_KEYS = "select version, wrapped, master_id from patient_key where patient_id = $1 order by version";
    PATIENT_KEYS_IN = "select patient_id, version, wrapped, master_id from patient_key where patient_id in ({ids})
        order by patient_id, version";
    INSERT_PATIENT_KEY = "insert into patient_key (patient_id, version, wrapped, master_id, created_at)
        values ($1, $2, $3, $4, $5)";
    SERVICE_KEYS_NOT_UNDER = "select purpose as a, wrapped as b, master_id as c from service_key where master_id <> $1";
    PATIENT_KEYS_NOT_UNDER = "select patient_id, version, wrapped, master_id from patient_key where master_id <> $1
        order by patient_id, version limit $2";
    REWRAP_SERVICE_KEY = "update service_key set wrapped = $2, master_id = $3 where purpose = $1";
    REWRAP_PATIENT_KEY = "update patient_key set wrapped = $3, master_id = $4 where patient_id = $1 and version = $2";
}

row! {
    struct WrappedKey {
        wrapped: Vec<u8>,
        master_id: String,
    }
}

row! {
    struct PatientKeyRow {
        version: u32,
        wrapped: Vec<u8>,
        master_id: String,
    }
}

row! {
    struct OwnedKeyRow {
        patient_id: PatientId,
        version: u32,
        wrapped: Vec<u8>,
        master_id: String,
    }
}

/// A patient's keys with their version numbers, rising.
type Versions = Vec<(u32, Zeroizing<[u8; 32]>)>;

/// A patient's keys by version, the last of which seals.
#[derive(Clone)]
pub struct PatientKey {
    patient: PatientId,
    versions: Arc<Versions>,
}

impl PatientKey {
    /// Seals a value.
    pub fn seal(&self, place: Place, plain: &[u8], random: &dyn Random) -> Result<Vec<u8>> {
        let (version, key) = self.versions.last().ok_or_else(|| place.error())?;
        seal_with(key, *version, self.patient.uuid(), place, plain, random)
    }

    /// Opens a value.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let version = version_of(place, sealed)?;
        let (_, key) = self
            .versions
            .iter()
            .find(|(known, _)| *known == version)
            .ok_or_else(|| place.error())?;
        open_with(key, self.patient.uuid(), place, sealed)
    }

    /// Seals a value as JSON.
    pub fn seal_json<T: serde::Serialize>(&self, place: Place, value: &T, random: &dyn Random) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(value).map_err(|_| StoreError::Encode(place.column.to_owned()))?;
        self.seal(place, &Zeroizing::new(json), random)
    }

    /// Opens a value that was sealed as JSON.
    pub fn open_json<T: serde::de::DeserializeOwned>(&self, place: Place, sealed: &[u8]) -> Result<T> {
        serde_json::from_slice(&self.open(place, sealed)?).map_err(|_| StoreError::Row {
            column: place.column,
            message: "sealed JSON of another form".to_owned(),
        })
    }
}

/// The keys of a running process.
pub struct Keyring {
    source: MasterSource,
    master: RwLock<MasterKeys>,
    index: BlindIndex,
    system: Zeroizing<[u8; 32]>,
    derive: Zeroizing<[u8; 32]>,
    patients: Mutex<HashMap<PatientId, PatientKey>>,
}

fn place_of(purpose: &'static str, row: Uuid) -> Place {
    Place::new("key", purpose, row)
}

fn wrap(master: &MasterKeys, place: Place, key: &[u8; 32], random: &dyn Random) -> Result<(Vec<u8>, String)> {
    wrap_by(master.current()?, place, key, random)
}

fn wrap_by(by: &MasterKey, place: Place, key: &[u8; 32], random: &dyn Random) -> Result<(Vec<u8>, String)> {
    Ok((seal_with(&by.key, 0, Uuid::nil(), place, key, random)?, by.id.clone()))
}

fn missing(id: &str) -> StoreError {
    StoreError::Keys(format!(
        "the database's keys are wrapped by master key {id}, which is missing"
    ))
}

fn unwrap(master: &MasterKeys, place: Place, wrapped: &[u8], id: &str) -> Result<Zeroizing<[u8; 32]>> {
    let key = master.get(id).ok_or_else(|| missing(id))?;
    let plain = open_with(&key.key, Uuid::nil(), place, wrapped)?;
    <[u8; 32]>::try_from(plain.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| place.error())
}

async fn service_key(
    tx: &mut Tx,
    master: &MasterKeys,
    purpose: &'static str,
    now: DateTime<Utc>,
    random: &dyn Random,
) -> Result<Zeroizing<[u8; 32]>> {
    let place = place_of(purpose, Uuid::nil());
    let fresh = Zeroizing::new(random.bytes::<32>());
    let (wrapped, id) = wrap(master, place, &fresh, random)?;
    // Two processes may start at once: the first insert wins and both read it.
    tx.execute(INSERT_SERVICE_KEY, args![purpose, wrapped, id, now]).await?;
    let row: Option<WrappedKey> = tx.one(SERVICE_KEY, args![purpose]).await?;
    let row = row.ok_or_else(|| StoreError::Keys(format!("the {purpose} key vanished")))?;
    unwrap(master, place, &row.wrapped, &row.master_id)
}

const INDEX: &str = "index";
const SYSTEM: &str = "system";
const DERIVE: &str = "derive";
/// Every service-wide key, by the name that is part of its seal.
const SERVICE_KEYS: [&str; 3] = [INDEX, SYSTEM, DERIVE];

impl Keyring {
    /// Unwraps the service-wide keys, making them on first use.
    pub(crate) async fn load(
        tx: &mut Tx,
        source: MasterSource,
        now: DateTime<Utc>,
        random: &dyn Random,
    ) -> Result<Self> {
        let master = source.load_or_create(random)?;
        let index = BlindIndex::new(service_key(tx, &master, INDEX, now, random).await?);
        let system = service_key(tx, &master, SYSTEM, now, random).await?;
        let derive = service_key(tx, &master, DERIVE, now, random).await?;
        Ok(Self {
            source,
            master: RwLock::new(master),
            index,
            system,
            derive,
            patients: Mutex::default(),
        })
    }

    /// The blind index.
    pub fn index(&self) -> &BlindIndex {
        &self.index
    }

    /// Seals a secret that belongs to no patient, such as an endpoint's.
    pub fn seal_secret(&self, place: Place, plain: &[u8], random: &dyn Random) -> Result<Vec<u8>> {
        seal_with(&self.system, 0, Uuid::nil(), place, plain, random)
    }

    /// Opens such a secret.
    pub fn open_secret(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        open_with(&self.system, Uuid::nil(), place, sealed)
    }

    /// A secret of 256 bits that belongs to a purpose and some bytes (such as a row's id): the same every time, and not
    /// to be guessed without the service's key (HMAC-SHA-256, RFC 2104). So the secret of a link in a mail is made when
    /// the mail leaves and stands nowhere at rest; the database keeps a hash of it, or nothing.
    ///
    /// `purpose` names one use and holds no NUL byte: secrets of two uses never meet.
    pub fn derive(&self, purpose: &str, bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
        // HMAC takes a key of any length, so this cannot fail for 32 bytes; a guessable secret would be the worse answer.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.derive.as_slice())
            .map_err(|_| StoreError::Keys("the key for derived secrets is unfit".to_owned()))?;
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(bytes);
        Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
    }

    fn unwrap_patient(&self, patient: PatientId, wrapped: &[u8], id: &str) -> Result<Zeroizing<[u8; 32]>> {
        let place = place_of("patient_key", patient.uuid());
        let known = self
            .master
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        match unwrap(&known, place, wrapped, id) {
            // Another process rotated: the file has the newer key.
            Err(StoreError::Keys(_)) => {
                let fresh = self.source.load()?;
                let key = unwrap(&fresh, place, wrapped, id)?;
                *self.master.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = fresh;
                Ok(key)
            }
            other => other,
        }
    }

    /// The master key that wraps, as the database says: another process may have rotated since we read the file.
    async fn wrapping_master(&self, tx: &mut Tx) -> Result<MasterKey> {
        let row: Option<(String,)> = tx.one(WRAPPING_MASTER, args![INDEX]).await?;
        let (id,) = row.ok_or_else(|| StoreError::Keys("the service keys vanished".to_owned()))?;
        let known = self
            .master
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .get(&id)
            .cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let fresh = self.source.load()?;
        let key = fresh.get(&id).cloned().ok_or_else(|| missing(&id))?;
        *self.master.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = fresh;
        Ok(key)
    }

    /// Makes the first key of a new patient.
    pub async fn create_patient_key(&self, tx: &mut Tx, patient: PatientId, now: DateTime<Utc>) -> Result<PatientKey> {
        let random = tx.store().random();
        let key = Zeroizing::new(random.bytes::<32>());
        let by = self.wrapping_master(tx).await?;
        let (wrapped, id) = wrap_by(&by, place_of("patient_key", patient.uuid()), &key, &*random)?;
        tx.change_one(INSERT_PATIENT_KEY, args![patient, 1i64, wrapped, id, now])
            .await?;
        // Not cached: the transaction may yet fail.
        Ok(PatientKey {
            patient,
            versions: Arc::new(vec![(1, key)]),
        })
    }

    /// The key of a patient.
    pub async fn patient_key(&self, conn: &mut Conn, patient: PatientId) -> Result<PatientKey> {
        if let Some(key) = self
            .patients
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .get(&patient)
        {
            return Ok(key.clone());
        }
        let rows: Vec<PatientKeyRow> = conn.all(PATIENT_KEYS, args![patient]).await?;
        let mut versions = Vec::with_capacity(rows.len());
        for row in rows {
            versions.push((row.version, self.unwrap_patient(patient, &row.wrapped, &row.master_id)?));
        }
        if versions.is_empty() {
            return Err(StoreError::Keys(format!("{patient} has no key")));
        }
        let key = PatientKey {
            patient,
            versions: Arc::new(versions),
        };
        self.remember(key.clone());
        Ok(key)
    }

    /// The keys of many patients, by one statement for those not held yet.
    pub async fn patient_keys(
        &self,
        conn: &mut Conn,
        patients: &[PatientId],
    ) -> Result<HashMap<PatientId, PatientKey>> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        {
            let cache = self.patients.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            for &patient in patients {
                match cache.get(&patient) {
                    Some(key) => drop(found.insert(patient, key.clone())),
                    None => missing.push(patient.uuid()),
                }
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(found);
        }
        let rows: Vec<OwnedKeyRow> = conn.all_in(PATIENT_KEYS_IN, args![], &missing).await?;
        let mut grouped: HashMap<PatientId, Versions> = HashMap::new();
        for row in rows {
            let key = self.unwrap_patient(row.patient_id, &row.wrapped, &row.master_id)?;
            grouped.entry(row.patient_id).or_default().push((row.version, key));
        }
        for (patient, versions) in grouped {
            let key = PatientKey {
                patient,
                versions: Arc::new(versions),
            };
            self.remember(key.clone());
            found.insert(patient, key);
        }
        Ok(found)
    }

    fn remember(&self, key: PatientKey) {
        let mut cache = self.patients.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(key.patient, key);
    }
}

/// Adds a master key and wraps every key anew, in batches of 500 that each commit; afterwards the old master keys open
/// nothing any more and are dropped. Interrupted, it goes on where it was when called again. Returns how many keys were
/// wrapped anew.
pub async fn rotate_master(store: &crate::Store, source: &MasterSource) -> Result<u64> {
    let random = store.random();
    let mut tx = store.begin().await?;
    // One rotation adds its key at a time, and no patient's key is wrapped by the old one meanwhile.
    tx.all::<(String,)>(LOCK_SERVICE_KEYS, args![]).await?;
    let mut master = source.load()?;
    master.add(&*random);
    // The new key is on disk before anything is wrapped by it.
    source.save(&master)?;
    let current = master.current()?.id.clone();
    let mut done = 0;
    let service: Vec<(String, Vec<u8>, String)> = tx.all(SERVICE_KEYS_NOT_UNDER, args![current.as_str()]).await?;
    for (purpose, wrapped, id) in service {
        let name = SERVICE_KEYS
            .into_iter()
            .find(|known| *known == purpose)
            .ok_or_else(|| StoreError::Keys(format!("a service key of another version: {purpose}")))?;
        let place = place_of(name, Uuid::nil());
        let key = unwrap(&master, place, &wrapped, &id)?;
        let (wrapped, id) = wrap(&master, place, &key, &*random)?;
        tx.change_one(REWRAP_SERVICE_KEY, args![purpose, wrapped, id]).await?;
        done += 1;
    }
    tx.commit().await?;
    loop {
        let mut tx = store.begin().await?;
        let rows: Vec<OwnedKeyRow> = tx.all(PATIENT_KEYS_NOT_UNDER, args![current.as_str(), 500i64]).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let place = place_of("patient_key", row.patient_id.uuid());
            let key = unwrap(&master, place, &row.wrapped, &row.master_id)?;
            let (wrapped, id) = wrap(&master, place, &key, &*random)?;
            tx.change_one(REWRAP_PATIENT_KEY, args![row.patient_id, row.version, wrapped, id])
                .await?;
            done += 1;
        }
        tx.commit().await?;
    }
    let mut tx = store.begin().await?;
    tx.all::<(String,)>(LOCK_SERVICE_KEYS, args![]).await?;
    let mut kept = source.load()?;
    // Another rotation may have begun since: then dropping the old keys is its affair.
    if kept.current()?.id == current {
        kept.keep_current();
        source.save(&kept)?;
    }
    tx.commit().await?;
    Ok(done)
}
