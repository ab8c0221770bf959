//! Backups of an SQLite database: an online copy, its examination, and putting it in the place of a lost one.
//!
//! PostgreSQL has tools of its own for this. A backup holds everything but the keys: whoever finds it reads nothing of a
//! patient, and whoever lost the master key restores nothing.

pub(crate) mod examine;
mod place;

pub use examine::{Examined, SealedCheck, check_sealed, settle_restored};
pub use place::Staged;

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

/// Why a backup or a restore stopped.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file to be written is there already.
    #[error("{0} exists already; nothing is written over: choose another name")]
    Exists(PathBuf),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no database, or a damaged one.
    #[error("{path} is damaged or no SQLite database: {}; use another backup", findings.join("; "))]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What SQLite found, at most 20 findings.
        findings: Vec<String>,
    },
    /// A good database, but not one of Liaison's.
    #[error("{0} is a database of another program")]
    Foreign(PathBuf),
    /// Another process has the database open.
    #[error("{0} is in use: stop `liaison serve` first")]
    InUse(PathBuf),
    /// The copy could not be made.
    #[error("{path} cannot be copied: {message}")]
    Copy {
        /// The database that was to be copied.
        path: PathBuf,
        /// The driver's words.
        message: String,
    },
}

impl BackupError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Self::Exists(path.to_owned()),
            _ => Self::File {
                path: path.to_owned(),
                source,
            },
        }
    }
}

/// Copies a database that may be in use into the new file `to` (mode 0600), examines the copy and makes it last
/// (fsync of the file and its folder). The copy is one moment of the database, task tables included: SQLite's `VACUUM
/// INTO` reads in one transaction and writers go on meanwhile. `to` appears whole or not at all.
///
/// # Errors
/// [`BackupError`]; nothing is left behind.
pub async fn backup(database: &Path, to: &Path) -> Result<Examined, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let part = Scratch::new(beside(to, "part"))?;
    let copy_failed = |error: sqlx::Error| BackupError::Copy {
        path: database.to_owned(),
        message: error.to_string(),
    };
    let mut conn = open(database, true).await.map_err(copy_failed)?;
    // SQLite takes an empty file for a new one, so the copy has its mode from the first byte on.
    let copied = sqlx::query("vacuum into $1")
        .bind(part.path.to_string_lossy().into_owned())
        .execute(&mut conn)
        .await;
    // Reading leaves nothing to be lost when the connection ends.
    let _ = conn.close().await;
    copied.map_err(copy_failed)?;
    sync(&part.path)?;
    let examined = examine::examine(&part.path).await.map_err(|error| match error {
        BackupError::Damaged { findings, .. } => BackupError::Damaged {
            path: database.to_owned(),
            findings,
        },
        BackupError::Foreign(_) => BackupError::Foreign(database.to_owned()),
        other => other,
    })?;
    // A link fails where the name was taken meanwhile; a rename would write over it.
    std::fs::hard_link(&part.path, to).map_err(BackupError::file(to))?;
    drop(part);
    sync_folder(to)?;
    Ok(examined)
}

/// A connection without side effects on the file's settings.
async fn open(path: &Path, read_only: bool) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(if read_only { 30 } else { 0 }))
        .connect()
        .await
}

/// The name of a file of this process beside another.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{what}-{}", std::process::id()));
    PathBuf::from(name)
}

/// SQLite's files beside a database: its write-ahead log and the log's index.
fn side_files(path: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    })
}

/// A new, empty file with mode 0600 that goes away with this value, its side files too.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new(path: PathBuf) -> Result<Self, BackupError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map_err(BackupError::file(&path))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let [wal, shm] = side_files(&self.path);
        for path in [&self.path, &wal, &shm] {
            // What was moved away or never made is gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(BackupError::file(path))
}

/// Makes a new name last.
fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    sync(folder)
}
