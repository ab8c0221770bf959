//! Putting a backup in the place of a database: staged beside it, examined there, then named.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use sqlx::Connection;

use super::{BackupError, Examined, Scratch, beside, examine::examine, open, side_files, sync, sync_folder};

/// A backup's copy beside the database that it is to become. Dropped, it goes away.
pub struct Staged {
    scratch: Scratch,
    target: PathBuf,
    examined: Examined,
}

impl Staged {
    /// Copies `from` beside `target` (mode 0600) and examines the copy; `from` is only read.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left behind.
    pub async fn new(from: &Path, target: &Path) -> Result<Self, BackupError> {
        let mut source = File::open(from).map_err(BackupError::file(from))?;
        let scratch = Scratch::new(beside(target, "restoring"))?;
        let mut copy = OpenOptions::new()
            .write(true)
            .open(&scratch.path)
            .map_err(BackupError::file(&scratch.path))?;
        io::copy(&mut source, &mut copy).map_err(BackupError::file(&scratch.path))?;
        let examined = examine(&scratch.path).await.map_err(|error| match error {
            BackupError::Damaged { findings, .. } => BackupError::Damaged {
                path: from.to_owned(),
                findings,
            },
            BackupError::Foreign(_) => BackupError::Foreign(from.to_owned()),
            other => other,
        })?;
        Ok(Self {
            scratch,
            target: target.to_owned(),
            examined,
        })
    }

    /// The copy, to be opened as a store; close that before [`Staged::put_in_place`].
    pub fn path(&self) -> &Path {
        &self.scratch.path
    }

    /// What the examination found.
    pub fn examined(&self) -> &Examined {
        &self.examined
    }

    /// Gives the copy the database's name. A database that is there is refused, or with `replace` kept beside under the
    /// name that is answered. The change is one rename: whoever is interrupted finds the old database or the new one.
    ///
    /// # Errors
    /// [`BackupError::Exists`] without `replace`, [`BackupError::InUse`] where a process has the old database open.
    pub async fn put_in_place(self, replace: bool) -> Result<Option<PathBuf>, BackupError> {
        let target = &self.target;
        let staged = &self.scratch.path;
        fold_log(staged).await?;
        sync(staged)?;
        if !target.exists() {
            // A log that outlived its database would be replayed into this one.
            set_aside_log(target, &free_name(target))?;
            std::fs::hard_link(staged, target).map_err(BackupError::file(target))?;
            sync_folder(target)?;
            return Ok(None);
        }
        if !replace {
            return Err(BackupError::Exists(target.clone()));
        }
        match fold_log(target).await {
            // One that is too damaged to be opened is set aside as it is.
            Ok(()) | Err(BackupError::Damaged { .. }) => {}
            Err(other) => return Err(other),
        }
        let aside = free_name(target);
        std::fs::hard_link(target, &aside).map_err(BackupError::file(&aside))?;
        set_aside_log(target, &aside)?;
        std::fs::rename(staged, target).map_err(BackupError::file(target))?;
        sync_folder(target)?;
        Ok(Some(aside))
    }
}

/// Folds the write-ahead log into the file. SQLite does this for the only connection and for nobody else, which also
/// proves that no other process has the database open.
async fn fold_log(path: &Path) -> Result<(), BackupError> {
    let damaged = |error: sqlx::Error| BackupError::Damaged {
        path: path.to_owned(),
        findings: vec![error.to_string()],
    };
    let in_use = || BackupError::InUse(path.to_owned());
    let locked = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(|inner| inner.code());
        // SQLITE_BUSY and SQLITE_LOCKED, with their extended codes.
        code.and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| matches!(code & 0xff, 5 | 6))
    };
    let mut conn = match open(path, false).await {
        Ok(conn) => conn,
        Err(error) if locked(&error) => return Err(in_use()),
        Err(error) => return Err(damaged(error)),
    };
    let mode: Result<String, _> = sqlx::query_scalar("pragma journal_mode = delete")
        .fetch_one(&mut conn)
        .await;
    // Nothing is written by this connection any more.
    let _ = conn.close().await;
    match mode {
        Ok(mode) if mode == "delete" => Ok(()),
        Ok(_) => Err(in_use()),
        Err(error) if locked(&error) => Err(in_use()),
        Err(error) => Err(damaged(error)),
    }
}

/// Moves SQLite's side files of a database to another's name.
fn set_aside_log(target: &Path, aside: &Path) -> Result<(), BackupError> {
    for (old, new) in side_files(target).into_iter().zip(side_files(aside)) {
        match std::fs::rename(&old, &new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(BackupError::file(&old)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// A name beside the database that neither a database nor a log has.
fn free_name(target: &Path) -> PathBuf {
    let named = |number: u32| {
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".before-restore-{number}"));
        PathBuf::from(name)
    };
    (1..u32::MAX)
        .map(named)
        .find(|path| !path.exists() && side_files(path).iter().all(|side| !side.exists()))
        .unwrap_or_else(|| named(u32::MAX))
}
