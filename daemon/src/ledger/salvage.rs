//! A store that may be broken, read as far as it can be without writing a byte in it: what is left of a lost machine.
//!
//! The embedded store writes when it is opened, so a private copy is opened: journals and lists are copied, tables, which are
//! never written again, are linked. Where the copy does not open, or lacks an entry, the records that are whole in the
//! journals are looked through one by one. What any of it says is for the caller to believe or not.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::aside;
use super::cose::SignedEntry;
use super::fjall_store::FjallStore;
use super::journal::{self, Found};
use super::store::{EventStore, StoreError};
use crate::base::disk::{Links, open_file};
use crate::base::{Seq, limits};
use crate::event::codec::decode_event;

/// What can be read of a store.
#[derive(Debug)]
pub struct Salvage {
    /// The private copy, when it opens.
    store: Option<FjallStore>,
    /// Entries found in journals.
    loose: BTreeMap<u64, Vec<u8>>,
    size: u64,
    faults: Vec<String>,
}

impl Salvage {
    /// Reads the store in `dir`; `copy`, which is not there yet, becomes the private copy. An error is one of writing the copy.
    pub fn read(dir: &Path, copy: &Path) -> io::Result<Self> {
        let mut faults = Vec::new();
        let mut loose = BTreeMap::new();
        for place in [dir.to_owned(), aside::place(dir)] {
            loose_entries(&place, &mut loose);
        }
        let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        copy_tree(&dir, copy, &dir, 0, &mut faults)?;
        if let Ok(Found::Damaged(place, _)) = journal::scan(copy) {
            let name = place.journal.file_name().unwrap_or_default().to_string_lossy();
            faults.push(format!("its journal `{name}` is damaged at byte {}", place.at));
        }
        let store = match FjallStore::open_cut(copy) {
            Ok(store) => Some(store),
            Err(error) => {
                if let Some(full) = error.out_of_space() {
                    return Err(full);
                }
                faults.push(unopened(&error, copy));
                None
            }
        };
        let stored = store.as_ref().map_or(Ok(0), FjallStore::size).unwrap_or(0);
        let last = loose.last_key_value().map_or(0, |(seq, _)| seq.saturating_add(1));
        Ok(Self {
            store,
            loose,
            size: stored.max(last),
            faults,
        })
    }

    /// One past the last entry that can be read; before it some may be missing.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Entries from `from` on, at most `limit`; none when the one there can't be read.
    pub fn entries(&self, from: Seq, limit: usize) -> Vec<Vec<u8>> {
        let stored = self
            .store
            .as_ref()
            .map(|store| store.entries(from, limit, PAGE_BYTES));
        match stored {
            Some(Ok(page)) if !page.is_empty() => return page.into_iter().map(|(_, entry)| entry).collect(),
            // The page breaks off somewhere: the first of it may be whole.
            Some(Err(_)) => {
                let first = self
                    .store
                    .as_ref()
                    .map(|store| store.entries(from, 1, PAGE_BYTES));
                if let Some(Ok(page)) = first
                    && !page.is_empty()
                {
                    return page.into_iter().map(|(_, entry)| entry).collect();
                }
            }
            _ => {}
        }
        let follow = self.loose.range(from.get()..).zip(from.get()..);
        let follow = follow.take_while(|((seq, _), wanted)| **seq == *wanted);
        follow.take(limit).map(|((_, entry), _)| entry.clone()).collect()
    }

    /// What could not be read, each in a few words.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

/// The entries in the journals in `dir`. An entry is told by itself: it says its position, which is its key.
fn loose_entries(dir: &Path, found: &mut BTreeMap<u64, Vec<u8>>) {
    for (_, path) in journal::journals(dir).unwrap_or_default() {
        let Ok(file) = open_file(&path, Links::Refused) else {
            continue;
        };
        let mut bytes = Vec::new();
        // What was read before a sector that can't be is kept.
        let _partly = file.take(JOURNAL_BYTES_MAX).read_to_end(&mut bytes);
        journal::values(&bytes, limits::ENTRY_BYTES_MAX, |key, value| {
            let Ok(seq) = key.try_into().map(u64::from_be_bytes) else {
                return;
            };
            let entry = SignedEntry::parse(&value).ok();
            let event = entry.and_then(|entry| decode_event(entry.payload).ok());
            if event.is_some_and(|event| event.seq.get() == seq) {
                found.entry(seq).or_insert(value);
            }
        });
    }
}

/// Copies what is in `from` to `to`, tables as links. What can't be read is noted; what can't be written is an error.
fn copy_tree(from: &Path, to: &Path, root: &Path, depth: usize, faults: &mut Vec<String>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut note = |path: &Path, why: &dyn std::fmt::Display| {
        let path = path.strip_prefix(root).unwrap_or(path);
        faults.push(format!("`{}` {why}", path.display()));
    };
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) => {
            note(from, &format!("can't be read: {error}"));
            return Ok(());
        }
    };
    let mut below = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let target = to.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => below.push((path, target)),
            Ok(kind) if kind.is_file() && from.file_name().is_some_and(|name| name == TABLES) => {
                std::os::unix::fs::symlink(&path, &target)?;
            }
            Ok(kind) if kind.is_file() => match open_file(&path, Links::Refused) {
                Ok(file) => {
                    if let Some(why) = copy_readable(file, &target)? {
                        note(&path, &format!("can't be read to its end: {why}"));
                    }
                }
                Err(error) => note(&path, &format!("can't be read: {error}")),
            },
            _ => note(&path, &"is neither a file nor a directory"),
        }
    }
    for (path, target) in below {
        // Its journals were looked through; the store does not read it.
        if depth < DEPTH_MAX && !(depth == 0 && aside::is_its_name(&path)) {
            copy_tree(&path, &target, root, depth + 1, faults)?;
        }
    }
    Ok(())
}

/// Copies a file up to the first byte that can't be read; says why no further.
fn copy_readable(mut from: fs::File, to: &Path) -> io::Result<Option<io::Error>> {
    let mut copy = fs::OpenOptions::new().write(true).create_new(true).open(to)?;
    let mut page = vec![0; COPY_PAGE_BYTES];
    loop {
        match from.read(&mut page) {
            Ok(0) => return Ok(None),
            Ok(read) => copy.write_all(page.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Some(error)),
        }
    }
}

/// Why a copy does not open, without the advice that is for a store in use.
fn unopened(error: &StoreError, copy: &Path) -> String {
    match error {
        StoreError::Misshapen { path, what } => {
            let path: PathBuf = path.strip_prefix(copy).unwrap_or(path).to_owned();
            format!("`{}` {what}", path.display())
        }
        _ => "its tables can't be opened".to_owned(),
    }
}

/// Bytes of entries read at once.
const PAGE_BYTES: usize = 1 << 20;
/// Bytes copied at once; no more than these before a byte that can't be read are lost.
const COPY_PAGE_BYTES: usize = 4_096;
/// Most of a journal that is looked through, bytes: one has 64 MiB and a record.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;
/// Directories are copied so deep: `keyspaces/N/tables`.
const DEPTH_MAX: usize = 4;
const TABLES: &str = "tables";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::commit;
    use crate::ledger::testing::{chain, group};

    /// A store of 40 entries in four groups, and every file that it has with its bytes.
    fn found() -> (tempfile::TempDir, Vec<Vec<u8>>, BTreeMap<PathBuf, Vec<u8>>) {
        let dir = tempfile::tempdir().unwrap();
        let store = FjallStore::open(&dir.path().join("store")).unwrap();
        let mut chain = chain();
        for _ in 0..4 {
            commit(&store, &group(&mut chain, 10)).unwrap();
        }
        let all = store.entries(Seq::GENESIS, 100, usize::MAX).unwrap();
        drop(store);
        let bytes = files(&dir.path().join("store"));
        (dir, all.into_iter().map(|(_, entry)| entry).collect(), bytes)
    }

    fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
        found
    }

    fn read(dir: &tempfile::TempDir) -> (Salvage, Vec<Vec<u8>>) {
        let (store, copy) = (dir.path().join("store"), dir.path().join("copy"));
        let before = files(&store);
        let salvage = Salvage::read(&store, &copy).unwrap();
        assert!(files(&store) == before, "the original was written");
        let mut entries = Vec::new();
        loop {
            let page = salvage.entries(Seq::new(entries.len() as u64), 7);
            if page.is_empty() {
                break;
            }
            entries.extend(page);
        }
        (salvage, entries)
    }

    #[test]
    fn a_whole_store_is_read_whole_and_not_written() {
        let (dir, entries, _) = found();
        let (salvage, read) = read(&dir);
        assert_eq!((salvage.size(), salvage.faults()), (40, &[][..]));
        assert_eq!(read, entries);
    }

    /// Moves what is in the journal into tables.
    fn flush(store: &Path) {
        let database = fjall::Database::builder(store).open().unwrap();
        for name in ["log", "tree", "state", "meta"] {
            let keyspace = database
                .keyspace(name, fjall::KeyspaceCreateOptions::default)
                .unwrap();
            keyspace.rotate_memtable_and_wait().unwrap();
        }
    }

    #[test]
    fn what_is_in_tables_is_read_where_it_lies() {
        let (dir, entries, _) = found();
        flush(&dir.path().join("store"));
        let (mut salvage, _) = read(&dir);
        assert!(salvage.faults().is_empty(), "{salvage:?}");
        salvage.loose.clear();
        assert_eq!(salvage.entries(Seq::GENESIS, 100), entries);
        // Links: a log of any size costs no space.
        let mut links = 0;
        for keyspace in fs::read_dir(dir.path().join("copy/keyspaces")).unwrap() {
            for table in fs::read_dir(keyspace.unwrap().path().join(TABLES)).unwrap() {
                links += usize::from(table.unwrap().file_type().unwrap().is_symlink());
            }
        }
        assert!(links > 0);
    }

    #[test]
    fn a_store_without_its_keyspaces_is_read_from_its_journal() {
        let (dir, entries, _) = found();
        fs::remove_dir_all(dir.path().join("store/keyspaces")).unwrap();
        let (salvage, read) = read(&dir);
        assert_eq!(read, entries);
        assert_eq!(salvage.faults(), ["`keyspaces` is missing"]);
    }

    #[test]
    fn a_damaged_journal_is_read_up_to_the_damage() {
        let (dir, entries, bytes) = found();
        let path = dir.path().join("store/0.jnl");
        let mut journal = bytes
            .iter()
            .find(|(at, _)| at.ends_with("0.jnl"))
            .unwrap()
            .1
            .clone();
        let end = journal.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        // In the third group of four: the keyspaces were made before the first.
        journal[end * 5 / 8] ^= 1;
        fs::write(&path, &journal).unwrap();
        let (salvage, read) = read(&dir);
        assert_eq!(read, entries[..20]);
        assert_eq!(salvage.size(), 40, "what follows the damage is seen");
        assert!(salvage.faults()[0].contains("damaged at byte"), "{salvage:?}");
    }

    #[test]
    fn a_journal_that_was_cut_is_completed_from_the_one_put_aside() {
        let (dir, entries, _) = found();
        let store = dir.path().join("store");
        fs::create_dir(store.join("journal-aside")).unwrap();
        fs::copy(store.join("0.jnl"), store.join("journal-aside/0.jnl")).unwrap();
        fs::OpenOptions::new()
            .write(true)
            .open(store.join("0.jnl"))
            .unwrap()
            .set_len(3_000)
            .unwrap();
        let (_, read) = read(&dir);
        assert_eq!(read, entries);
    }
}
