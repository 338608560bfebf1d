//! The store's journals, read before fjall may touch them.
//!
//! fjall's recovery takes the first record that it can't read for the end, drops what follows without a word and truncates
//! the file; a whole record with a wrong checksum it refuses to open at all. But only the last record can be torn: the next
//! one is not begun before it is synced. So what follows tells a torn end, which was never acknowledged and is cut off, from
//! damage, which is refused before anything is changed.
//!
//! A journal is records one after another, then zeroes. A record, integers little-endian:
//!
//! ```text
//!  1   1  count (4)  seqno (8)                                        start
//!  2   2  type (1)  compression (1)  keyspace (8)  key length (2)     item, `count` times
//!         value length (4)  stored length (4)  key  stored value
//!  4   4  keyspace (8)                                                or: keyspace cleared
//!  3   3  XXH3 of all items (8)  "FJL" 3                              end
//! ```

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

/// Where the journals of a store can't be read, if anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// All of them, to the end.
    Whole,
    /// The last record of the last one is not whole.
    Torn(Place),
    /// Records follow that are.
    Damaged(Place, u64),
}

/// A place in a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub(super) journal: PathBuf,
    /// The first byte that belongs to no whole record.
    pub(super) at: u64,
}

/// The journals in `dir`, oldest first. What is no journal's name is not among them.
pub(super) fn journals(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(number) = name.and_then(|name| name.strip_suffix(".jnl")?.parse().ok()) {
            journals.push((number, path));
        }
    }
    journals.sort();
    Ok(journals)
}

/// Reads all journals in `dir`.
pub(super) fn scan(dir: &Path) -> io::Result<Found> {
    // One after the other: each has at most 64 MiB and one record.
    find(journals(dir)?.into_iter().map(|(_, journal)| {
        let bytes = fs::read(&journal)?;
        Ok((journal, bytes))
    }))
}

fn find(journals: impl Iterator<Item = io::Result<(PathBuf, Vec<u8>)>>) -> io::Result<Found> {
    let mut broken: Option<Place> = None;
    let (mut whole_after, mut seqno) = (0, None);
    for read in journals {
        let (journal, bytes) = read?;
        if broken.is_some() {
            whole_after += count_whole(&bytes);
            continue;
        }
        let (end, rest) = whole_prefix(&bytes, &mut seqno);
        if rest.iter().any(|byte| *byte != 0) {
            whole_after += count_whole(rest);
            broken = Some(Place { journal, at: end });
        }
    }
    Ok(match broken {
        None => Found::Whole,
        Some(place) if whole_after == 0 => Found::Torn(place),
        Some(place) => Found::Damaged(place, whole_after),
    })
}

/// Cuts a journal where it can't be read, and takes away those that follow it.
pub(super) fn cut(dir: &Path, place: &Place) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(&place.journal)?;
    file.set_len(place.at)?;
    file.sync_all()?;
    // A crash in between leaves later journals behind a cut one: the next scan finds nothing broken, but the log does,
    // whose entries have a gap then. The copy aside has them all.
    let following = journals(dir)?
        .into_iter()
        .skip_while(|(_, path)| *path != place.journal);
    for (_, later) in following.skip(1) {
        fs::remove_file(later)?;
    }
    File::open(dir)?.sync_all()
}

/// Where the whole records from the start end, and what follows them. Sequence numbers, which no checksum covers, only rise.
fn whole_prefix<'a>(bytes: &'a [u8], seqno: &mut Option<u64>) -> (u64, &'a [u8]) {
    let mut rest = bytes;
    while let Some((number, after)) = record(rest).filter(|(number, _)| Some(*number) > *seqno) {
        (*seqno, rest) = (Some(number), after);
    }
    ((bytes.len() - rest.len()) as u64, rest)
}

/// How many whole records there are anywhere in `bytes`.
fn count_whole(bytes: &[u8]) -> u64 {
    let (mut rest, mut count) = (bytes, 0);
    while let Some(start) = rest.iter().position(|byte| *byte == START) {
        let candidate = rest.get(start..).unwrap_or_default();
        if let Some((_, after)) = record(candidate) {
            count += 1;
            rest = after;
        } else {
            rest = candidate.get(1..).unwrap_or_default();
        }
    }
    count
}

/// Gives `each` every key and value, of at most `most` bytes, that a whole record anywhere in `bytes` puts into any keyspace.
pub(super) fn values(bytes: &[u8], most: usize, mut each: impl FnMut(&[u8], Vec<u8>)) {
    let mut rest = bytes;
    while let Some(start) = rest.iter().position(|byte| *byte == START) {
        let candidate = rest.get(start..).unwrap_or_default();
        let Some((_, items, after)) = whole(candidate) else {
            rest = candidate.get(1..).unwrap_or_default();
            continue;
        };
        let mut items = items;
        while let Some((item, next)) = item(items) {
            if let Some(value) = item.value(most) {
                each(item.key, value);
            }
            items = next;
        }
        rest = after;
    }
}

/// The sequence number of the whole record at the start of `bytes`, and what follows it; none when there is no such record.
fn record(bytes: &[u8]) -> Option<(u64, &[u8])> {
    whole(bytes).map(|(seqno, _, after)| (seqno, after))
}

/// The same, with the record's items.
fn whole(bytes: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (count, seqno, rest) = start(bytes)?;
    let mut after = rest;
    for _ in 0..count {
        after = item(after)?.1;
    }
    let items = rest.get(..rest.len() - after.len())?;
    let (sum, after) = after.strip_prefix(&[END])?.split_first_chunk()?;
    let after = after.strip_prefix(TRAILER)?;
    (xxh3_64(items) == u64::from_le_bytes(*sum)).then_some((seqno, items, after))
}

fn start(bytes: &[u8]) -> Option<(u32, u64, &[u8])> {
    let (count, rest) = bytes.strip_prefix(&[START])?.split_first_chunk()?;
    let (seqno, rest) = rest.split_first_chunk()?;
    Some((u32::from_le_bytes(*count), u64::from_le_bytes(*seqno), rest))
}

/// What a record says of one key; of a keyspace that is cleared, nothing.
#[derive(Debug, Default)]
struct Item<'a> {
    kind: u8,
    compression: u8,
    key: &'a [u8],
    length: u32,
    stored: &'a [u8],
}

impl Item<'_> {
    /// The value that it puts, unpacked; none when it deletes, or when the value is longer than `most`.
    fn value(&self, most: usize) -> Option<Vec<u8>> {
        let length = usize::try_from(self.length)
            .ok()
            .filter(|length| *length <= most)?;
        match (self.kind, self.compression) {
            (VALUE, PLAIN) => Some(self.stored.to_vec()),
            (VALUE, LZ4) => lz4_flex::block::decompress(self.stored, length).ok(),
            _ => None,
        }
    }
}

fn item(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    if let Some(cleared) = bytes.strip_prefix(&[CLEAR]) {
        let cleared_kind = Item {
            kind: CLEAR,
            ..Item::default()
        };
        return Some((cleared_kind, cleared.get(8..)?));
    }
    let ([kind, compression], rest) = bytes.strip_prefix(&[ITEM])?.split_first_chunk()?;
    let (key, rest) = rest.get(8..)?.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (stored, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*key)))?;
    let (stored, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*stored)).ok()?)?;
    let item = Item {
        kind: *kind,
        compression: *compression,
        key,
        length: u32::from_le_bytes(*length),
        stored,
    };
    Some((item, rest))
}

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
/// The type of an item that puts a value; the others delete.
const VALUE: u8 = 0;
const PLAIN: u8 = 0;
const LZ4: u8 = 1;
const TRAILER: &[u8] = b"FJL\x03";

#[cfg(test)]
mod tests;
