//! The shape of the store's directory, looked at before fjall may touch it.
//!
//! What fjall does not find as it should be it may take for unfinished and delete, or make anew: a keyspace without its
//! `current`, all keyspaces when the first one has none. What it finds beside it may make it panic. Both are refused here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::journal;
use super::store::StoreError;

/// Refuses a directory that holds a store which is not whole, or something else. One without a store is left to fjall.
pub(super) fn survey(dir: &Path) -> Result<(), StoreError> {
    let keyspaces = dir.join(KEYSPACES);
    let marker = dir.join(VERSION);
    let journals = if dir.exists() {
        journal::journals(dir).map_err(StoreError::unreadable)?
    } else {
        Vec::new()
    };
    if !marker.exists() {
        // A store is made in this order: journal, keyspaces, marker.
        return match keyspaces.exists() || !journals.is_empty() {
            true => Err(misshapen(&marker, MISSING)),
            false => Ok(()),
        };
    }
    // A pipe or a socket in the place of a file would have whoever opens it wait for ever.
    if !marker.is_file() {
        return Err(misshapen(&marker, FOREIGN));
    }
    foreign_journals(dir)
        .map_err(StoreError::unreadable)?
        .map_or(Ok(()), |path| Err(misshapen(&path, FOREIGN)))?;
    let (Some((first, _)), Some((last, _))) = (journals.first(), journals.last()) else {
        return Err(misshapen(
            &dir.join("0.jnl"),
            "and every other journal are missing",
        ));
    };
    // Journals are numbered without gaps, and go oldest first.
    if last - first + 1 != journals.len() as u64 {
        let held = |number: &u64| journals.iter().any(|(held, _)| held == number);
        let lost = (*first..*last).find(|number| !held(number)).unwrap_or(*first);
        return Err(misshapen(&dir.join(format!("{lost}.jnl")), MISSING));
    }
    if !keyspaces.is_dir() {
        return Err(misshapen(&keyspaces, MISSING));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&keyspaces).map_err(StoreError::unreadable)? {
        let path = entry.map_err(StoreError::unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        // Stray files are passed over; a directory is taken for a keyspace.
        if !path.is_dir() {
            continue;
        }
        match name.and_then(|name| name.parse::<u64>().ok()) {
            None => return Err(misshapen(&path, FOREIGN)),
            Some(number) => found.push(number),
        }
        if !path.join(CURRENT).is_file() {
            return Err(misshapen(&path.join(CURRENT), MISSING));
        }
        if let Some(foreign) = foreign_part(&path).map_err(StoreError::unreadable)? {
            return Err(misshapen(&foreign, FOREIGN));
        }
        if let Some(foreign) = foreign_table(&path.join(TABLES)).map_err(StoreError::unreadable)? {
            return Err(misshapen(&foreign, FOREIGN));
        }
    }
    if let Some(lost) = (0..KEYSPACES_MADE).find(|number| !found.contains(number)) {
        return Err(misshapen(&keyspaces.join(lost.to_string()), MISSING));
    }
    // Empty, and only there to be locked; the data directory has a lock of its own.
    let lock = dir.join("lock");
    if !lock.exists() {
        fs::write(&lock, b"").map_err(StoreError::unreadable)?;
    }
    Ok(())
}

/// What ends as a journal does and is none.
fn foreign_journals(dir: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_named = path
            .extension()
            .is_some_and(|ext| ext.eq_ignore_ascii_case("jnl"));
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        if is_named && (number.is_none() || !path.is_file()) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// What in the directory of a keyspace is neither a file nor a directory.
fn foreign_part(keyspace: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(keyspace)? {
        let path = entry?.path();
        if !path.is_file() && !path.is_dir() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// What lies among the tables of a keyspace and is none.
fn foreign_table(tables: &Path) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(tables)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse::<u64>().ok());
        if number.is_none() || !path.is_file() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn misshapen(path: &Path, what: &'static str) -> StoreError {
    StoreError::Misshapen {
        path: path.to_owned(),
        what,
    }
}

const MISSING: &str = "is missing";
const FOREIGN: &str = "is nothing of this store: move it away";
const TABLES: &str = "tables";
const KEYSPACES: &str = "keyspaces";
const VERSION: &str = "version";
const CURRENT: &str = "current";
/// fjall's own, and the four of this store.
const KEYSPACES_MADE: u64 = 5;
