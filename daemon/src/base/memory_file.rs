//! A `BlockFile` in memory that remembers what was not synced yet, so that the simulation can lose or tear it.
//!
//! The model of the medium is the one the vault and the anchor are written against: a write becomes durable at the
//! next sync, in sectors of 512 bytes; a crash keeps any subset of the sectors not yet synced; a failed sync may
//! or may not have reached the medium, and what it did not persist is not tried again by a later one. Worse is on
//! offer too: a sector torn in itself, one that comes back as garbage, reads that fail, no room to grow.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::BlockFile;

/// The unit that reaches the medium whole or not at all, bytes.
pub const SECTOR: usize = 512;

/// A file in memory. A clone is another handle to the same file: it outlives a "crash" of the first.
#[derive(Debug, Clone, Default)]
pub struct MemoryFile(Arc<Mutex<Medium>>);

/// What a crash does to a sector that was written and not yet synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It reached the medium.
    Kept,
    /// It did not.
    Lost,
    /// Its first half did: a medium without the promise of whole sectors.
    Torn,
    /// It did not, and what was there is no more to be read either: a write cut off by the loss of power.
    Garbled,
}

#[derive(Debug, Default)]
struct Medium {
    /// What a crash can't take back.
    durable: Vec<u8>,
    /// What a read sees: the page cache.
    cached: Vec<u8>,
    /// Writes since the last sync, cut at sector boundaries, in order.
    pending: Vec<(usize, Vec<u8>)>,
    /// Writes and syncs left until one fails, and whether it takes effect all the same.
    failure: Option<(usize, bool)>,
    /// Reads left until one fails.
    read_failure: Option<usize>,
    /// There is no room for the file to grow.
    is_full: bool,
    operations: usize,
}

impl MemoryFile {
    /// An empty file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the power: of the sector writes not yet synced, numbered from 0 in the order made, those for which
    /// `keep` answers true reach the medium, the others are lost. A planned failure is forgotten.
    pub fn crash(&self, mut keep: impl FnMut(usize) -> bool) {
        self.crash_with(|index| if keep(index) { Fate::Kept } else { Fate::Lost });
    }

    /// The same, with worse fates to choose from.
    pub fn crash_with(&self, mut fate: impl FnMut(usize) -> Fate) {
        let mut medium = self.0.lock();
        for (index, (offset, bytes)) in std::mem::take(&mut medium.pending).into_iter().enumerate() {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            match fate(index) {
                Fate::Kept => put(&mut medium.durable, offset, &bytes),
                Fate::Torn => put(&mut medium.durable, offset, half),
                Fate::Garbled => {
                    let start = offset - offset % SECTOR;
                    let end = (start + SECTOR).min(medium.durable.len());
                    for byte in medium.durable.get_mut(start..end).unwrap_or_default() {
                        *byte ^= 0xa5;
                    }
                }
                Fate::Lost => {}
            }
        }
        medium.cached = medium.durable.clone();
        (medium.failure, medium.read_failure) = (None, None);
    }

    /// Writes that no sync has made durable yet.
    pub fn unsynced(&self) -> usize {
        self.0.lock().pending.len()
    }

    /// Makes the next write or sync answer an error; with `persisted` it takes effect nevertheless.
    pub fn fail_next(&self, persisted: bool) {
        self.fail_after(0, persisted);
    }

    /// Lets `count` writes and syncs succeed and makes the one after them answer an error.
    pub fn fail_after(&self, count: usize, persisted: bool) {
        self.0.lock().failure = Some((count, persisted));
    }

    /// Lets `count` reads succeed and makes the one after them answer an error.
    pub fn fail_read_after(&self, count: usize) {
        self.0.lock().read_failure = Some(count);
    }

    /// Takes the room to grow away, or gives it back. Writing in place goes on.
    pub fn set_full(&self, is_full: bool) {
        self.0.lock().is_full = is_full;
    }

    /// Changes what is on the medium without anybody's knowledge: flips every bit of the bytes in `range`.
    pub fn damage(&self, range: Range<usize>) {
        let mut guard = self.0.lock();
        let medium = &mut *guard;
        for bytes in [&mut medium.durable, &mut medium.cached] {
            let end = range.end.min(bytes.len());
            for byte in bytes.get_mut(range.start..end).unwrap_or_default() {
                *byte = !*byte;
            }
        }
    }

    /// What is on the medium.
    pub fn durable(&self) -> Vec<u8> {
        self.0.lock().durable.clone()
    }

    /// Writes and syncs asked for so far.
    pub fn operations(&self) -> usize {
        self.0.lock().operations
    }
}

impl Medium {
    /// Counts one write or sync. `Some(persisted)` when it is the one that fails.
    fn step(&mut self) -> Option<bool> {
        self.operations += 1;
        match self.failure {
            Some((0, persisted)) => {
                self.failure = None;
                Some(persisted)
            }
            Some((left, persisted)) => {
                self.failure = Some((left - 1, persisted));
                None
            }
            None => None,
        }
    }
}

impl BlockFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut medium = self.0.lock();
        medium.read_failure = match medium.read_failure {
            Some(0) => {
                medium.read_failure = None;
                return Err(planned());
            }
            left => left.map(|left| left - 1),
        };
        let start = index(offset)?;
        let end = start
            .checked_add(buffer.len())
            .ok_or(io::ErrorKind::InvalidInput)?;
        buffer.copy_from_slice(
            medium
                .cached
                .get(start..end)
                .ok_or(io::ErrorKind::UnexpectedEof)?,
        );
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut medium = self.0.lock();
        if medium.is_full && index(offset)?.saturating_add(bytes.len()) > medium.cached.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let failed = medium.step();
        if failed != Some(false) {
            let mut at = index(offset)?;
            let mut rest = bytes;
            while !rest.is_empty() {
                let (sector, later) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                put(&mut medium.cached, at, sector);
                medium.pending.push((at, sector.to_vec()));
                at += sector.len();
                rest = later;
            }
        }
        failed.map_or(Ok(()), |_| Err(planned()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut medium = self.0.lock();
        let failed = medium.step();
        // A failed sync drops its pages from the list of dirty ones: readers still see them, the medium never will.
        for (offset, bytes) in std::mem::take(&mut medium.pending) {
            if failed != Some(false) {
                put(&mut medium.durable, offset, &bytes);
            }
        }
        failed.map_or(Ok(()), |_| Err(planned()))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().cached.len() as u64)
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    if let Some(place) = file.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

fn planned() -> io::Error {
    io::Error::other("planned failure")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &MemoryFile, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        file.read_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn a_crash_keeps_what_was_synced_and_the_chosen_sectors() {
        let file = MemoryFile::new();
        file.write_at(&[1; 1024], 0).unwrap();
        file.sync().unwrap();
        file.write_at(&[2; 1024], 0).unwrap();
        file.crash(|sector| sector == 1);
        assert_eq!(read(&file, 1024), [[1; 512], [2; 512]].concat());
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_a_later_one() {
        let file = MemoryFile::new();
        file.write_at(&[1; 4], 0).unwrap();
        file.fail_next(false);
        assert!(file.sync().is_err());
        assert_eq!(read(&file, 4), [1; 4]);
        file.sync().unwrap();
        file.crash(|_| true);
        assert!(file.is_empty().unwrap());
    }

    #[test]
    fn a_crash_may_tear_a_sector_or_leave_garbage_in_its_place() {
        let file = MemoryFile::new();
        file.write_at(&[1; 1024], 0).unwrap();
        file.sync().unwrap();
        file.write_at(&[2; 1024], 0).unwrap();
        file.crash_with(|sector| [Fate::Torn, Fate::Garbled][sector]);
        let expected = [vec![2; 256], vec![1; 256], vec![0xa4; 512]].concat();
        assert_eq!(read(&file, 1024), expected);
    }

    #[test]
    fn a_full_medium_takes_what_is_written_in_place() {
        let file = MemoryFile::new();
        file.write_at(&[1; 8], 0).unwrap();
        file.set_full(true);
        let refused = file.write_at(&[2; 8], 4).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        file.write_at(&[2; 4], 4).unwrap();
        assert_eq!(read(&file, 8), [1, 1, 1, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn one_read_fails_as_planned() {
        let file = MemoryFile::new();
        file.write_at(&[1; 4], 0).unwrap();
        file.fail_read_after(1);
        let mut bytes = [0; 4];
        assert!(file.read_at(&mut bytes, 0).is_ok());
        assert!(file.read_at(&mut bytes, 0).is_err());
        assert!(file.read_at(&mut bytes, 0).is_ok());
    }

    #[test]
    fn a_failed_but_persisted_write_is_there() {
        let file = MemoryFile::new();
        file.fail_after(1, true);
        file.write_at(&[1; 4], 0).unwrap();
        assert!(file.write_at(&[2; 4], 4).is_err());
        file.sync().unwrap();
        assert_eq!(file.durable(), [1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(file.operations(), 3);
    }
}
