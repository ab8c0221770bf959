//! Where PostgreSQL's server programs are, and how they come onto a machine that has none.
//!
//! Starting a server is not done here: see `guard`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::packages::{apt, may_install, succeed};

/// The folder of `initdb`, `pg_ctl`, `postgres` and `psql`, all of one version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Programs {
    pub(crate) folder: PathBuf,
}

/// Where Debian's packages keep one folder per version.
const PACKAGED: &str = "/usr/lib/postgresql";

const NEEDED: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];

/// Finds the programs, or installs them from the distribution when this is root on a machine with `apt-get`.
pub(crate) fn find_or_install() -> Result<Programs> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install()?;
    find().context("PostgreSQL was installed, but initdb, pg_ctl, postgres and psql are neither in PATH nor below /usr/lib/postgresql")
}

fn find() -> Option<Programs> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    in_path(std::env::split_paths(&path)).or_else(|| newest_packaged(Path::new(PACKAGED)))
}

/// The first `initdb` in PATH beside which the others stand, once links are followed: what PATH holds may be links or,
/// for `psql`, a wrapper that chooses a version of its own.
fn in_path(folders: impl Iterator<Item = PathBuf>) -> Option<Programs> {
    folders
        .filter_map(|folder| fs::canonicalize(folder.join("initdb")).ok())
        .filter_map(|initdb| initdb.parent().map(Path::to_path_buf))
        .find(|folder| is_complete(folder))
        .map(|folder| Programs { folder })
}

/// The highest version below `root` that has all programs: `<root>/<major>/bin`.
fn newest_packaged(root: &Path) -> Option<Programs> {
    fs::read_dir(root)
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let major: u32 = path.file_name()?.to_str()?.parse().ok()?;
            Some((major, path.join("bin")))
        })
        .filter(|(_, folder)| is_complete(folder))
        .max_by_key(|(major, _)| *major)
        .map(|(_, folder)| Programs { folder })
}

fn is_complete(folder: &Path) -> bool {
    NEEDED.iter().all(|program| folder.join(program).is_file())
}

/// Installs the server and the extensions that come with it, without the cluster the package would create and start.
fn install() -> Result<()> {
    const BY_HAND: &str = "install PostgreSQL's server programs and contrib extensions (Debian: postgresql \
                           postgresql-contrib), or put the folder of initdb into PATH";
    may_install("no PostgreSQL server found", BY_HAND)?;
    eprintln!("xtask: no PostgreSQL server found: installing it from the distribution");
    succeed(&mut apt("update"))?;
    succeed(apt("install").args(["-y", "--no-install-recommends", "postgresql-common"]))?;
    forbid_main_cluster(Path::new("/etc/postgresql-common/createcluster.conf"))?;
    succeed(apt("install").args(["-y", "--no-install-recommends", "postgresql", "postgresql-contrib"]))
}

/// Tells Debian's package not to create and start a cluster of its own. `postgresql-common` is on the machine by now,
/// so that this is a change to its settings and not a file it would ask about.
fn forbid_main_cluster(settings: &Path) -> Result<()> {
    let before = fs::read_to_string(settings).unwrap_or_default();
    let mut after: String = before
        .lines()
        .filter(|line| !line.trim_start().starts_with("create_main_cluster"))
        .flat_map(|line| [line, "\n"])
        .collect();
    after.push_str("create_main_cluster = false\n");
    fs::write(settings, after).with_context(|| format!("cannot write {}", settings.display()))
}

/// The numeric id of a user, or of whoever runs this.
pub(crate) fn user_id(name: Option<&str>) -> Result<u32> {
    identity("-u", name)
}

/// The numeric id of a user's own group.
pub(crate) fn group_id(name: &str) -> Result<u32> {
    identity("-g", Some(name))
}

fn identity(which: &str, name: Option<&str>) -> Result<u32> {
    let mut command = Command::new("id");
    command.arg(which).args(name).stderr(Stdio::null());
    let output = command.output().context("cannot run `id`")?;
    ensure!(output.status.success(), "no user {}", name.unwrap_or("of this process"));
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().with_context(|| format!("`id` printed {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(root: &Path, major: &str, programs: &[&str]) -> PathBuf {
        let folder = root.join(major).join("bin");
        fs::create_dir_all(&folder).unwrap();
        for program in programs {
            fs::write(folder.join(program), "").unwrap();
        }
        folder
    }

    #[test]
    fn the_newest_complete_version_is_chosen() {
        let root = tempfile::tempdir().unwrap();
        version(root.path(), "9", &NEEDED);
        let expected = version(root.path(), "15", &NEEDED);
        version(root.path(), "17", &["psql"]);
        version(root.path(), "notes", &NEEDED);
        assert_eq!(newest_packaged(root.path()), Some(Programs { folder: expected }));
        assert_eq!(newest_packaged(&root.path().join("absent")), None);
    }

    #[test]
    fn a_link_in_path_leads_to_the_folder_of_its_version() {
        let root = tempfile::tempdir().unwrap();
        let expected = fs::canonicalize(version(root.path(), "15", &NEEDED)).unwrap();
        let links = root.path().join("links");
        fs::create_dir(&links).unwrap();
        std::os::unix::fs::symlink(expected.join("initdb"), links.join("initdb")).unwrap();
        fs::write(links.join("psql"), "a wrapper").unwrap();
        let path = [root.path().join("absent"), links];
        assert_eq!(in_path(path.into_iter()), Some(Programs { folder: expected }));
    }

    #[test]
    fn the_packages_own_cluster_is_forbidden_once() {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("createcluster.conf");
        fs::write(&settings, "# ours\ncreate_main_cluster = true\nssl = on\n").unwrap();
        forbid_main_cluster(&settings).unwrap();
        forbid_main_cluster(&settings).unwrap();
        assert_eq!(
            fs::read_to_string(&settings).unwrap(),
            "# ours\nssl = on\ncreate_main_cluster = false\n"
        );
    }

    #[test]
    fn an_unknown_user_is_an_error() {
        assert!(user_id(Some("no-such-user-here")).is_err());
    }
}
