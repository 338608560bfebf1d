//! The embedded store: one fjall database with the keyspaces `log`, `tree`, `state` and `meta`.
//!
//! | keyspace | key | value |
//! | --- | --- | --- |
//! | log | position, u64 big-endian | entry |
//! | tree | level (1 byte), index (u64 big-endian) | full tile, 8,192 bytes |
//! | state | table (1 byte), row key | row |
//! | meta | `head` | `store::encode_head` |
//! | meta | `digest` | accumulator of the state digest |
//! | meta | `rebuilding` | present while the rows are being replaced |
//! | meta | `checkpoint/` and size, u64 big-endian | signed note |
//!
//! fjall's recovery may drop journal records after damage without saying so, and then truncates the file. So the journals
//! are read first (see `journal`): damage is refused, a torn end is cut off. They are copied aside before anything may touch
//! them (see `aside`); where the anchor says that events are missing all the same, the copy is the evidence.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use fjall::config::{BlockSizePolicy, CompressionPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use parking_lot::Mutex;

use super::aside;
use super::chain::Head;
use super::journal::{self, Found, Place};
use super::rehearsal;
use super::store::{EventStore, Group, Page, StoreError, check_head, decode_head, encode_head};
use super::survey::survey;
use crate::base::Seq;
use crate::event::RowKey;

/// A store in a directory. Locking the directory is the caller's; fjall locks its own files besides.
pub struct FjallStore {
    dir: PathBuf,
    db: Database,
    log: Keyspace,
    tree: Keyspace,
    state: Keyspace,
    meta: Keyspace,
    /// Number of entries; held for the length of a write, so that groups can't interleave (I1).
    writer: Mutex<u64>,
    /// Whether a rebuild of the rows began and did not end.
    rebuilding: AtomicBool,
}

impl FjallStore {
    /// Opens the store in `dir`, or creates it. A damaged one is refused before anything in it is changed.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_unless(dir, true)
    }

    /// Opens the store in `dir` although its journal is damaged, and cuts it there: what was acknowledged since is lost, but
    /// for the copy aside. Only for an operator who accepts that.
    pub fn open_cut(dir: &Path) -> Result<Self, StoreError> {
        Self::open_unless(dir, false)
    }

    /// What `open_cut` would leave, in a copy at `copy`, which is not there yet, and whether there is anything to cut. The store
    /// in `dir` stays as it is.
    pub fn open_rehearsal(dir: &Path, copy: &Path) -> Result<(Self, bool), StoreError> {
        survey(dir)?;
        let found = journal::scan(dir).map_err(StoreError::unreadable)?;
        rehearsal::copy(dir, copy).map_err(StoreError::unreadable)?;
        Ok((Self::open_cut(copy)?, matches!(found, Found::Damaged(..))))
    }

    fn open_unless(dir: &Path, damaged: bool) -> Result<Self, StoreError> {
        survey(dir)?;
        let found = match dir.exists() {
            true => journal::scan(dir).map_err(StoreError::unreadable)?,
            false => Found::Whole,
        };
        if let (Found::Damaged(Place { journal, at }, whole_after), true) = (&found, damaged) {
            return Err(StoreError::JournalDamaged {
                journal: journal.clone(),
                at: *at,
                whole_after: *whole_after,
            });
        }
        // Order: copy first. A crash in between leaves a copy that is still the truth, for nothing was written since.
        aside::copy_journals(dir).map_err(StoreError::unreadable)?;
        if let Found::Torn(place) | Found::Damaged(place, _) = &found {
            tracing::warn!(
                journal = %place.journal.display(),
                at = place.at,
                "the journal is cut off where it can't be read; the whole of it is in `journal-aside` until the log agrees with its anchor"
            );
            journal::cut(dir, place).map_err(StoreError::unreadable)?;
        }
        let unopened = |source: fjall::Error| StoreError::Unopened {
            dir: dir.to_owned(),
            source: source.into(),
        };
        let db = Database::builder(dir)
            .worker_threads(1) // measured: one background worker is enough
            .cache_size(CACHE_BYTES)
            .open()
            .map_err(unopened)?;
        // Options count when a keyspace is created; later ones are ignored.
        let keyspace =
            |name: &str, options: fn() -> KeyspaceCreateOptions| db.keyspace(name, options).map_err(unopened);
        let log = keyspace("log", || {
            // Fewer, longer flushes: p99.9 of a commit 3.4 ms instead of 7-11. LZ4 halves the log and speeds up scans.
            KeyspaceCreateOptions::default()
                .max_memtable_size(LOG_MEMTABLE_BYTES)
                .data_block_size_policy(BlockSizePolicy::all(LOG_BLOCK_BYTES))
                .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        })?;
        let tree = keyspace("tree", || {
            // Hashes don't compress.
            KeyspaceCreateOptions::default().data_block_compression_policy(CompressionPolicy::disabled())
        })?;
        let state = keyspace("state", KeyspaceCreateOptions::default)?;
        let meta = keyspace("meta", KeyspaceCreateOptions::default)?;
        let store = Self {
            dir: dir.to_owned(),
            db,
            log,
            tree,
            state,
            meta,
            writer: Mutex::new(0),
            rebuilding: AtomicBool::new(false),
        };
        *store.writer.lock() = store.size()?;
        store
            .rebuilding
            .store(store.meta(REBUILDING)?.is_some(), Ordering::SeqCst);
        Ok(store)
    }

    /// Forgets the journals copied aside at the start. Called once the head agrees with the anchor, before any commit.
    pub fn discard_aside(&self) -> io::Result<()> {
        aside::discard(&self.dir)
    }

    fn last_entry(&self) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        let Some(guard) = self.log.last_key_value() else {
            return Ok(None);
        };
        let (key, entry) = guard.into_inner().map_err(StoreError::unreadable)?;
        Ok(Some((Seq::new(number(&key)?), entry.to_vec())))
    }

    fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.meta.get(key).map_err(StoreError::unreadable)?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn check_rebuilt(&self) -> Result<(), StoreError> {
        if self.rebuilding.load(Ordering::SeqCst) {
            Err(StoreError::RebuildUnfinished)
        } else {
            Ok(())
        }
    }

    /// A batch that is atomic, synced before `commit` returns, and invisible to readers until then.
    /// Without an explicit mode fjall would not sync at all.
    fn batch(&self, capacity: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.db.clone(), capacity).durability(Some(PersistMode::SyncData))
    }
}

impl EventStore for FjallStore {
    fn commit(&self, group: &Group) -> Result<(), StoreError> {
        let mut size = self.writer.lock();
        self.check_rebuilt()?;
        group.check_continues(*size)?;

        let mut batch = self.batch(group.entries.len() + group.rows.len() + group.tiles.len() + 3);
        for entry in &group.entries {
            batch.insert(&self.log, entry.seq.get().to_be_bytes(), entry.bytes.as_slice());
        }
        for row in &group.rows {
            match &row.value {
                Some(value) => batch.insert(&self.state, row.key.to_stored(), value.as_slice()),
                None => batch.remove(&self.state, row.key.to_stored()),
            }
        }
        for tile in &group.tiles {
            batch.insert(
                &self.tree,
                tile_key(tile.level, tile.index),
                tile.hashes.as_slice(),
            );
        }
        if let Some((at, note)) = &group.checkpoint {
            batch.insert(
                &self.meta,
                [CHECKPOINT, &at.to_be_bytes()].concat(),
                note.as_str(),
            );
        }
        if let Some(digest) = &group.digest {
            batch.insert(&self.meta, DIGEST, digest.as_slice());
        }
        if !group.entries.is_empty() {
            batch.insert(&self.meta, HEAD, encode_head(&group.head));
        }
        // A crash before the sync inside leaves the group out or, when its record is whole, in: boot takes either.
        batch.commit().map_err(StoreError::fatal)?;
        *size = group.head.size;
        Ok(())
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.last_entry()?.map_or(0, |(seq, _)| seq.next().get()))
    }

    fn head(&self) -> Result<Option<Head>, StoreError> {
        let head = match self.meta(HEAD)? {
            Some(bytes) => Some(decode_head(&bytes).ok_or(StoreError::Damaged("the head is malformed"))?),
            None => None,
        };
        let last = self.last_entry()?;
        check_head(head, last.as_ref().map(|(seq, entry)| (*seq, entry.as_slice())))
    }

    fn entries(&self, from: Seq, limit: usize, bytes_max: usize) -> Result<Vec<(Seq, Vec<u8>)>, StoreError> {
        let mut page = Page::new(from, limit, bytes_max);
        if limit == 0 {
            return Ok(page.entries);
        }
        for guard in self.log.range(from.get().to_be_bytes()..) {
            let (key, entry) = guard.into_inner().map_err(StoreError::unreadable)?;
            if !page.push(number(&key)?, &entry)? {
                break;
            }
        }
        Ok(page.entries)
    }

    fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let tile = self
            .tree
            .get(tile_key(level, index))
            .map_err(StoreError::unreadable)?;
        Ok(tile.map(|tile| tile.to_vec()))
    }

    fn checkpoints(&self) -> Result<Vec<(u64, String)>, StoreError> {
        self.meta.prefix(CHECKPOINT).map(checkpoint).collect()
    }

    fn newest_checkpoints(&self, limit: usize) -> Result<Vec<(u64, String)>, StoreError> {
        let newest = self.meta.prefix(CHECKPOINT).rev().take(limit);
        newest.map(checkpoint).collect()
    }

    fn rows(&self, from: Option<&RowKey>, limit: usize) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError> {
        use std::ops::Bound;

        self.check_rebuilt()?;
        let start = from.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_stored()));
        let rows = self
            .state
            .range((start, Bound::Unbounded))
            .take(limit)
            .map(|guard| {
                let (key, value) = guard.into_inner().map_err(StoreError::unreadable)?;
                let key =
                    RowKey::from_stored(&key).ok_or(StoreError::Damaged("a row of an unknown table"))?;
                Ok((key, value.to_vec()))
            });
        rows.collect()
    }

    fn digest(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_rebuilt()?;
        self.meta(DIGEST)
    }

    fn replace_rows(
        &self,
        rows: &mut dyn Iterator<Item = (RowKey, Vec<u8>)>,
        digest: &[u8],
    ) -> Result<(), StoreError> {
        // Held throughout: no group is committed between old and new rows.
        let _writer = self.writer.lock();
        self.rebuilding.store(true, Ordering::SeqCst);
        let mut batch = self.batch(2);
        batch.insert(&self.meta, REBUILDING, [1]);
        batch.remove(&self.meta, DIGEST);
        // From here to the last batch a crash leaves the mark, and the store refuses to be used until this runs again.
        batch.commit().map_err(StoreError::fatal)?;

        let mut old = self.state.iter();
        loop {
            let mut batch = self.batch(REPLACE_BATCH_ROWS);
            for guard in old.by_ref().take(REPLACE_BATCH_ROWS) {
                batch.remove(&self.state, guard.key().map_err(StoreError::unreadable)?);
            }
            if batch.is_empty() {
                break;
            }
            batch.commit().map_err(StoreError::fatal)?;
        }
        loop {
            let mut batch = self.batch(REPLACE_BATCH_ROWS);
            for (key, value) in (&mut *rows).take(REPLACE_BATCH_ROWS) {
                batch.insert(&self.state, key.to_stored(), value);
            }
            if batch.is_empty() {
                break;
            }
            batch.commit().map_err(StoreError::fatal)?;
        }

        let mut batch = self.batch(2);
        batch.insert(&self.meta, DIGEST, digest);
        batch.remove(&self.meta, REBUILDING);
        batch.commit().map_err(StoreError::fatal)?; // commit point: the new rows count
        self.rebuilding.store(false, Ordering::SeqCst);
        Ok(())
    }
}

impl fmt::Debug for FjallStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallStore")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// A kept checkpoint: size and note.
fn checkpoint(guard: fjall::Guard) -> Result<(u64, String), StoreError> {
    let malformed = || StoreError::Damaged("a checkpoint is malformed");
    let (key, note) = guard.into_inner().map_err(StoreError::unreadable)?;
    let size = number(key.strip_prefix(CHECKPOINT).ok_or_else(malformed)?)?;
    let note = String::from_utf8(note.to_vec()).map_err(|_| malformed())?;
    Ok((size, note))
}

/// A key of eight bytes as a number.
fn number(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key
        .try_into()
        .map_err(|_| StoreError::Damaged("a key is malformed"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn tile_key(level: u8, index: u64) -> Vec<u8> {
    [&[level][..], &index.to_be_bytes()].concat()
}

const HEAD: &[u8] = b"head";
const DIGEST: &[u8] = b"digest";
const REBUILDING: &[u8] = b"rebuilding";
const CHECKPOINT: &[u8] = b"checkpoint/";
/// Block cache. The state lives in memory; what is read from the store is the log's tail and audit pages.
const CACHE_BYTES: u64 = 64 << 20;
const LOG_MEMTABLE_BYTES: u64 = 256 << 20;
const LOG_BLOCK_BYTES: u32 = 16 << 10;
/// Rows written by one batch of `replace_rows`.
const REPLACE_BATCH_ROWS: usize = 4_096;

#[cfg(test)]
mod tests;
