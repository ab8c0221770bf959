//! A small disk for the SQLite file that can be filled and made read-only: a tmpfs, which only root may mount.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// A mounted disk; [`Disk::unmount`] takes it away.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many megabytes; nothing where that is not allowed.
    pub(super) async fn mount(folder: &Path, megabytes: u32) -> Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let disk = Self {
            folder: folder.to_path_buf(),
        };
        let size = format!("size={megabytes}m");
        match disk.command(&["-t", "tmpfs", "-o", &size, "tmpfs"]).await {
            Ok(()) => Ok(Some(disk)),
            Err(_) => Ok(None),
        }
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes all room that is left.
    pub(super) fn fill(&self) -> Result<()> {
        let mut filler = File::create(self.filler()).context("the disk cannot be filled")?;
        let mut piece = vec![0; 65_536];
        // A short write is tried again with less, down to the last byte.
        while !piece.is_empty() {
            if filler.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(super) fn clear(&self) -> Result<()> {
        match std::fs::remove_file(self.filler()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("the disk stays full"),
            _ => Ok(()),
        }
    }

    /// Nothing can be written any more, or again; only while nobody has a file of it open for writing.
    pub(super) async fn read_only(&self, on: bool) -> Result<()> {
        let options = if on { "remount,ro" } else { "remount,rw" };
        self.command(&["-o", options]).await
    }

    /// Takes it away with all that is on it.
    pub(super) async fn unmount(&self) -> Result<()> {
        let status = Command::new("umount").arg(&self.folder).status().await?;
        ensure!(status.success(), "{} cannot be unmounted", self.folder.display());
        Ok(())
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    async fn command(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("mount");
        command.args(arguments).arg(&self.folder);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().await?;
        ensure!(
            status.success(),
            "mount {arguments:?} {}: {status}",
            self.folder.display()
        );
        Ok(())
    }
}
