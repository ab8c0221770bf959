//! The demonstration's folder: fresh, so that nothing real is ever touched.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use liaison_domain::{Clock, SystemClock};

use crate::exit::Usage;

/// The folder to play in: the one that was asked for, or `data/demo-<time>`. It is made; a folder that holds anything
/// is refused.
pub(crate) fn fresh(wanted: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = match wanted {
        Some(folder) => folder.to_owned(),
        None => PathBuf::from(format!("data/demo-{}", SystemClock.now().format("%Y%m%d-%H%M%S"))),
    };
    fs::create_dir_all(&folder).with_context(|| format!("the folder {}", folder.display()))?;
    let holds_anything = fs::read_dir(&folder)
        .with_context(|| format!("the folder {}", folder.display()))?
        .next();
    if holds_anything.is_some() {
        let message = format!(
            "{} is not empty: give another folder, or none for a new one",
            folder.display()
        );
        return Err(Usage(message).into());
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_holds_anything_is_refused_and_left_alone() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("new/demo");
        assert_eq!(fresh(Some(&folder)).unwrap(), folder);
        fs::write(folder.join("mine.txt"), "mine").unwrap();
        let refused = fresh(Some(&folder)).unwrap_err().to_string();
        assert!(
            refused.ends_with("is not empty: give another folder, or none for a new one"),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(folder.join("mine.txt")).unwrap(), "mine");
    }
}
