//! Room on the disks of the database and of the backups.

use std::path::{Path, PathBuf};

use super::Findings;
use crate::config::{Config, EngineUrl};

/// Below this, writes will fail soon (bytes).
const LITTLE: u64 = 100_000_000;
/// Below this, somebody should make room (bytes).
const SCARCE: u64 = 1_000_000_000;

pub(super) fn database(config: &Config, found: &mut Findings) {
    let EngineUrl::Sqlite(path) = config.database.engine() else {
        return found.ok("disk", "the database's disk is its server's: watch it there");
    };
    let folder = path
        .parent()
        .filter(|folder| folder.exists())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    match free(&folder) {
        Err(why) => found.warn("disk", why, "look whether the folder can be read"),
        Ok(free) => judge("disk", &path.display().to_string(), free, 0, found),
    }
}

/// The folder of backups: it is there, can be written to, and has room for one more copy of a database of `size` bytes.
pub(super) fn backups(folder: &Path, size: u64, found: &mut Findings) {
    let shown = folder.display().to_string();
    if !folder.is_dir() {
        return found.fail(
            "backup disk",
            format!("{shown} is no folder"),
            "make it, owned by the user that runs the backup: no copy is made at present",
        );
    }
    if let Err(error) = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        return found.fail(
            "backup disk",
            format!("{shown}: {error}"),
            "no copy can be written there: chown or chmod it",
        );
    }
    match free(folder) {
        Err(why) => found.warn("backup disk", why, "look whether the folder can be read"),
        Ok(free) => judge("backup disk", &shown, free, size, found),
    }
}

fn free(folder: &Path) -> Result<u64, String> {
    rustix::fs::statvfs(folder)
        .map(|space| space.f_bavail.saturating_mul(space.f_frsize))
        .map_err(|error| format!("{}: {error}", folder.display()))
}

fn judge(check: &'static str, shown: &str, free: u64, needed: u64, found: &mut Findings) {
    let text = format!("{} MB free for {shown}", free / 1_000_000);
    if free < needed {
        found.fail(
            check,
            format!("{text}, and the next copy takes {} MB", needed / 1_000_000),
            "remove old copies or give it more room: the next one will fail",
        );
    } else if free < LITTLE {
        found.fail(check, text, "make room now: writes will fail");
    } else if free < SCARCE || free < needed.saturating_mul(2) {
        found.warn(check, text, "make room");
    } else {
        found.ok(check, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(free: u64, needed: u64) -> &'static str {
        let mut found = Findings::default();
        judge("disk", "here", free, needed, &mut found);
        found.worst()
    }

    #[test]
    fn the_bounds_are_a_hundred_megabytes_a_gigabyte_and_the_next_copies() {
        assert_eq!(told(99_999_999, 0), "fail");
        assert_eq!(told(100_000_000, 0), "warn");
        assert_eq!(told(999_999_999, 0), "warn");
        assert_eq!(told(1_000_000_000, 0), "ok");
        assert_eq!(told(1_000_000_000, 1_000_000_001), "fail");
        assert_eq!(told(1_999_999_999, 1_000_000_000), "warn");
        assert_eq!(told(2_000_000_000, 1_000_000_000), "ok");
    }
}
