//! The simulated store: everything in memory, with failures on demand (law 7).

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::chain::Head;
use super::store::{EventStore, Group, Page, StoreError, check_head};
use crate::base::Seq;
use crate::event::RowKey;

/// How the next commit fails. A caller sees no difference: that is the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailMode {
    /// Nothing of the group reaches the medium.
    NotPersisted,
    /// All of the group reaches the medium, and the writer hears of an error all the same.
    Persisted,
}

/// What is on the simulated medium.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    entries: BTreeMap<u64, Vec<u8>>,
    rows: BTreeMap<RowKey, Vec<u8>>,
    tiles: BTreeMap<(u8, u64), Vec<u8>>,
    checkpoints: BTreeMap<u64, String>,
    digest: Option<Vec<u8>>,
    head: Option<Head>,
    rebuilding: bool,
}

/// One thing on the simulated medium, for damage to strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The entry at this position.
    Entry(u64),
    /// The row of this number, in the order of their addresses.
    Row(usize),
    /// The tile of this number.
    Tile(usize),
    /// The checkpoint of this number.
    Checkpoint(usize),
    /// The stored digest of the state.
    Digest,
    /// The stored head.
    Head,
}

/// An `EventStore` in memory. After a failed commit every further write fails, as a poisoned database does,
/// until the medium is opened again.
#[derive(Debug, Default)]
pub struct MemoryStore {
    medium: Arc<Mutex<Contents>>,
    faults: Mutex<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    next: Option<FailMode>,
    poisoned: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store on a medium that holds `contents`.
    pub fn with_contents(contents: Contents) -> Self {
        Self {
            medium: Arc::new(Mutex::new(contents)),
            faults: Mutex::default(),
        }
    }

    /// Makes the next commit (or `replace_rows`) fail.
    pub fn fail_next(&self, mode: FailMode) {
        self.faults.lock().next = Some(mode);
    }

    /// Opens the same medium again, as a new process would after this one crashed.
    pub fn reopen(&self) -> Self {
        Self {
            medium: Arc::clone(&self.medium),
            faults: Mutex::default(),
        }
    }

    /// A copy of what is on the medium: a backup, or a state to return to.
    pub fn clone_contents(&self) -> Contents {
        self.medium.lock().clone()
    }

    /// Runs a write with the failure that is due.
    fn write(&self, write: impl FnOnce(&mut Contents) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut faults = self.faults.lock();
        if faults.poisoned {
            return Err(StoreError::fatal("an earlier write failed"));
        }
        let fault = faults.next.take();
        if fault != Some(FailMode::NotPersisted) {
            write(&mut self.medium.lock())?;
        }
        if fault.is_some() {
            faults.poisoned = true;
            return Err(StoreError::fatal("simulated failure"));
        }
        Ok(())
    }
}

impl EventStore for MemoryStore {
    fn commit(&self, group: &Group) -> Result<(), StoreError> {
        self.write(|medium| {
            medium.check_rebuilt()?;
            group.check_continues(medium.size())?;
            for entry in &group.entries {
                medium.entries.insert(entry.seq.get(), entry.bytes.clone());
            }
            for row in &group.rows {
                match &row.value {
                    Some(value) => medium.rows.insert(row.key.clone(), value.clone()),
                    None => medium.rows.remove(&row.key),
                };
            }
            for tile in &group.tiles {
                medium.tiles.insert((tile.level, tile.index), tile.hashes.clone());
            }
            if let Some((size, note)) = &group.checkpoint {
                medium.checkpoints.insert(*size, note.clone());
            }
            if let Some(digest) = &group.digest {
                medium.digest = Some(digest.clone());
            }
            if !group.entries.is_empty() {
                medium.head = Some(group.head);
            }
            Ok(())
        })
    }

    fn size(&self) -> Result<u64, StoreError> {
        Ok(self.medium.lock().size())
    }

    fn head(&self) -> Result<Option<Head>, StoreError> {
        let medium = self.medium.lock();
        let last = medium.entries.last_key_value();
        check_head(
            medium.head,
            last.map(|(seq, entry)| (Seq::new(*seq), entry.as_slice())),
        )
    }

    fn entries(&self, from: Seq, limit: usize, bytes_max: usize) -> Result<Vec<(Seq, Vec<u8>)>, StoreError> {
        let medium = self.medium.lock();
        let mut page = Page::new(from, limit, bytes_max);
        for (seq, entry) in medium.entries.range(from.get()..) {
            if !page.push(*seq, entry)? {
                break;
            }
        }
        Ok(page.entries)
    }

    fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.medium.lock().tiles.get(&(level, index)).cloned())
    }

    fn checkpoints(&self) -> Result<Vec<(u64, String)>, StoreError> {
        let medium = self.medium.lock();
        Ok(medium
            .checkpoints
            .iter()
            .map(|(size, note)| (*size, note.clone()))
            .collect())
    }

    fn rows(&self, from: Option<&RowKey>, limit: usize) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError> {
        use std::ops::Bound;

        let medium = self.medium.lock();
        medium.check_rebuilt()?;
        let start = from.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = medium.rows.range((start, Bound::Unbounded)).take(limit);
        Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn digest(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let medium = self.medium.lock();
        medium.check_rebuilt()?;
        Ok(medium.digest.clone())
    }

    fn replace_rows(
        &self,
        rows: &mut dyn Iterator<Item = (RowKey, Vec<u8>)>,
        digest: &[u8],
    ) -> Result<(), StoreError> {
        // Two writes, so that a failure of the second leaves what a crash in between leaves.
        let fault = self.faults.lock().next.take();
        self.write(|medium| {
            medium.rebuilding = true;
            Ok(())
        })?;
        self.faults.lock().next = fault;
        let rows: BTreeMap<_, _> = rows.collect();
        self.write(|medium| {
            medium.rows = rows;
            medium.digest = Some(digest.to_vec());
            medium.rebuilding = false;
            Ok(())
        })
    }
}

impl Contents {
    /// How many entries, rows, tiles and checkpoints there are.
    pub fn counts(&self) -> [usize; 4] {
        [
            self.entries.len(),
            self.rows.len(),
            self.tiles.len(),
            self.checkpoints.len(),
        ]
    }

    /// Flips one bit of a part, as a medium does that forgets: bit `bit` counted from its start, round and round. False
    /// when there is no such part.
    pub fn flip(&mut self, part: Part, bit: usize) -> bool {
        match part {
            Part::Entry(seq) => self.entries.get_mut(&seq).is_some_and(|bytes| flip(bytes, bit)),
            Part::Row(nth) => self
                .rows
                .values_mut()
                .nth(nth)
                .is_some_and(|bytes| flip(bytes, bit)),
            Part::Tile(nth) => self
                .tiles
                .values_mut()
                .nth(nth)
                .is_some_and(|bytes| flip(bytes, bit)),
            Part::Checkpoint(nth) => self.checkpoints.values_mut().nth(nth).is_some_and(|note| {
                // Text stays text: the lowest bit of a letter.
                let mut bytes = std::mem::take(note).into_bytes();
                let is_flipped = flip(&mut bytes, bit / 8 * 8);
                *note = String::from_utf8_lossy(&bytes).into_owned();
                is_flipped
            }),
            Part::Digest => self.digest.as_mut().is_some_and(|bytes| flip(bytes, bit)),
            Part::Head => self.head.as_mut().is_some_and(|head| {
                let mut bytes = super::store::encode_head(head);
                // The version in front is what tells a head from none at all.
                let is_flipped = bytes.get_mut(1..).is_some_and(|rest| flip(rest, bit));
                *head = super::store::decode_head(&bytes).unwrap_or(*head);
                is_flipped
            }),
        }
    }

    /// A medium with these entries and tiles and nothing else.
    #[cfg(test)]
    pub(super) fn bare(entries: &[Vec<u8>], tiles: Vec<super::Tile>) -> Self {
        Self {
            entries: (0..).zip(entries.iter().cloned()).collect(),
            tiles: tiles
                .into_iter()
                .map(|t| ((t.level, t.index), t.hashes))
                .collect(),
            ..Self::default()
        }
    }

    /// Removes one entry, as damage would.
    #[cfg(test)]
    pub(super) fn lose(&mut self, seq: u64) {
        self.entries.remove(&seq);
    }

    fn size(&self) -> u64 {
        self.entries.last_key_value().map_or(0, |(seq, _)| seq + 1)
    }

    const fn check_rebuilt(&self) -> Result<(), StoreError> {
        if self.rebuilding {
            Err(StoreError::RebuildUnfinished)
        } else {
            Ok(())
        }
    }
}

fn flip(bytes: &mut [u8], bit: usize) -> bool {
    let len = bytes.len().max(1);
    bytes.get_mut(bit / 8 % len).is_some_and(|byte| {
        *byte ^= 1 << (bit % 8);
        true
    })
}
