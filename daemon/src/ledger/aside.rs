//! Journals copied aside before fjall's recovery may truncate them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::base::disk::sync_parent;

/// Copies the journals of the database in `dir`, if there are any, to `dir/journal-aside/`.
///
/// A complete copy that is already there is kept: it is from a start that did not come to agree with its anchor, and
/// the journals beside it may have been truncated since. It is the better evidence.
pub(super) fn copy_journals(dir: &Path) -> io::Result<()> {
    let (aside, unfinished) = (dir.join(ASIDE), dir.join(UNFINISHED));
    if aside.exists() || !dir.exists() {
        return Ok(());
    }
    let mut journals = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("jnl")) {
            journals.push(path);
        }
    }
    if journals.is_empty() {
        return Ok(());
    }
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir(&unfinished)?;
    for journal in &journals {
        let Some(name) = journal.file_name() else { continue };
        let copy = unfinished.join(name);
        fs::copy(journal, &copy)?;
        File::open(&copy)?.sync_all()?;
    }
    File::open(&unfinished)?.sync_all()?;
    // A crash before this line leaves an unfinished copy that the next start replaces; after it, the copy is complete.
    fs::rename(&unfinished, &aside)?;
    sync_parent(&aside)
}

/// Where the copy of the journals of the database in `dir` is, when there is one.
pub(super) fn place(dir: &Path) -> PathBuf {
    dir.join(ASIDE)
}

/// Whether `path` is named as the copy is, or as one that was cut short.
pub(super) fn is_its_name(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == ASIDE || name == UNFINISHED)
}

/// Removes the copy. A crash in between leaves part of it under the other name.
pub(super) fn discard(dir: &Path) -> io::Result<()> {
    let (aside, unfinished) = (dir.join(ASIDE), dir.join(UNFINISHED));
    if !aside.exists() {
        return Ok(());
    }
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    // Renamed first: a half-removed copy must not pass for a complete one.
    fs::rename(&aside, &unfinished)?;
    sync_parent(&aside)?;
    fs::remove_dir_all(&unfinished)
}

pub(super) const ASIDE: &str = "journal-aside";
const UNFINISHED: &str = "journal-aside.unfinished";
