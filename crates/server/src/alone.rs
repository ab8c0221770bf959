//! One process works on an SQLite file: a second one would take up what the first is sending.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::Context;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

/// The right to work on a file, for as long as this process lives: the system takes it back however the process ends.
#[derive(Debug)]
pub(crate) struct Alone {
    _lock: File,
}

/// Takes the right to work on an SQLite database, by a lock on a file beside it. Commands that only read or add, such as
/// `liaison token`, run beside the server and do not ask for it.
pub(crate) fn hold(database: &Path) -> anyhow::Result<Alone> {
    let path = lock_path(database);
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("the lock {} cannot be made", path.display()))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Alone { _lock: lock }),
        Err(Errno::WOULDBLOCK) => anyhow::bail!(
            "another `liaison serve` works on {}: SQLite is for one process; stop the other one, or move to PostgreSQL",
            database.display()
        ),
        Err(error) => Err(error).with_context(|| format!("the lock {} cannot be taken", path.display())),
    }
}

/// Beside the file itself, by whichever name or link it was found: SQLite's own files stand there too.
fn lock_path(database: &Path) -> PathBuf {
    let database = &std::fs::canonicalize(database).unwrap_or_else(|_| database.to_path_buf());
    let mut name = database.file_name().unwrap_or_default().to_os_string();
    name.push(".lock");
    database.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_it_and_its_end_frees_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("liaison.sqlite");
        let first = hold(&database).unwrap();
        let second = hold(&database).unwrap_err().to_string();
        assert!(second.contains("another `liaison serve`"), "{second}");
        drop(first);
        assert!(hold(&database).is_ok());
    }

    #[test]
    fn a_link_is_the_file_that_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("liaison.sqlite");
        std::fs::write(&database, "").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let _first = hold(&database).unwrap();
        assert!(hold(&link).is_err());
    }
}
