use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::base::Seq;
use crate::ledger::testing::{LOG, ORIGIN, key, key_of};

/// A file in memory whose content outlives the `AnchorFile`.
#[derive(Debug, Clone, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryFile {
    fn of(bytes: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(bytes.to_vec())))
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().clone()
    }

    fn anchor(&self) -> AnchorFile {
        AnchorFile::open(Box::new(self.clone()), LOG).unwrap()
    }

    fn read(&self) -> Result<Option<Anchor>, AnchorError> {
        self.anchor().read(&keys())
    }
}

impl BlockFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.0.lock();
        let start = offset as usize;
        let wanted = bytes
            .get(start..start + buffer.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(wanted);
        Ok(())
    }

    fn write_at(&self, new: &[u8], offset: u64) -> io::Result<()> {
        let mut bytes = self.0.lock();
        let start = offset as usize;
        if bytes.len() < start + new.len() {
            bytes.resize(start + new.len(), 0);
        }
        bytes[start..start + new.len()].copy_from_slice(new);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().len() as u64)
    }
}

/// One key from the first event on.
fn keys() -> KeySchedule {
    KeySchedule::begin(key().public(), ORIGIN.into())
}

/// Another key from `from` on.
fn rotated(from: u64) -> KeySchedule {
    let mut keys = keys();
    keys.turn(Seq::new(from), key_of(8).public(), None);
    keys
}

fn anchor(size: u64) -> Anchor {
    Anchor {
        size,
        leaf: Digest::of(&size.to_be_bytes()),
        clean: size.is_multiple_of(2),
    }
}

#[test]
fn the_newest_anchor_is_read_back() {
    let file = MemoryFile::default();
    assert!(matches!(file.read(), Ok(None)));
    for size in 1..10 {
        file.anchor().write(&anchor(size), &key()).unwrap();
        assert_eq!(file.read().unwrap(), Some(anchor(size)));
    }
    assert_eq!(file.bytes().len(), 1_024);
    // The other sector still holds the anchor before.
    let all = file.bytes();
    let sectors = [
        MemoryFile::of(&all[..512]),
        MemoryFile::of(&[&[0; 512], &all[512..]].concat()),
    ];
    let mut read: Vec<_> = sectors
        .iter()
        .map(|file| file.read().unwrap().unwrap().size)
        .collect();
    read.sort_unstable();
    assert_eq!(read, [8, 9]);
}

// Method: cut every write at every byte; what the cut write did not reach keeps its old bytes.
#[test]
fn a_write_torn_anywhere_leaves_the_anchor_before_it() {
    let file = MemoryFile::default();
    for size in 1..6 {
        let before = file.bytes();
        file.anchor().write(&anchor(size), &key()).unwrap();
        let after = file.bytes();
        let mut old = before.clone();
        old.resize(1_024, 0);
        let start = old.iter().zip(&after).position(|(a, b)| a != b).unwrap() / 512 * 512;
        let previous = (size > 1).then(|| anchor(size - 1));
        for cut in 0..512 {
            let torn = [&after[..start + cut], &old[start + cut..]].concat();
            let read = MemoryFile::of(&torn).read().unwrap();
            let expected = if torn == after {
                Some(anchor(size))
            } else {
                previous
            };
            assert_eq!(read, expected, "anchor {size} cut at {cut}");

            // The next write repairs it.
            let file = MemoryFile::of(&torn);
            file.anchor().write(&anchor(9), &key()).unwrap();
            assert_eq!(file.read().unwrap(), Some(anchor(9)));
        }
    }
}

#[test]
fn a_file_cut_before_its_first_write_holds_no_anchor() {
    for len in [0, 1, 511, 512, 1_000, 1_024] {
        let file = MemoryFile::of(&vec![0; len]);
        assert_eq!(file.read().unwrap(), None, "{len} bytes");
        file.anchor().write(&anchor(1), &key()).unwrap();
        assert_eq!(file.read().unwrap(), Some(anchor(1)));
    }
}

#[test]
fn two_damaged_sectors_are_an_error() {
    let file = MemoryFile::default();
    file.anchor().write(&anchor(1), &key()).unwrap();
    file.anchor().write(&anchor(2), &key()).unwrap();
    for at in [0, 8, 9, 20, 30, 41, 60, 100, 300, 490] {
        let mut bytes = file.bytes();
        bytes[at] ^= 0x40;
        // The first sector is the older one: the newer still counts.
        assert_eq!(
            MemoryFile::of(&bytes).read().unwrap(),
            Some(anchor(2)),
            "byte {at}"
        );
        bytes[512 + at] ^= 0x40;
        assert!(
            matches!(MemoryFile::of(&bytes).read(), Err(AnchorError::Damaged)),
            "byte {at}"
        );
    }
}

/// Neither believed nor passed over: it may be all that is left of a log whose end, with a new key in it, is lost.
#[test]
fn a_sector_of_an_unknown_key_is_told() {
    let file = MemoryFile::default();
    file.anchor().write(&anchor(5), &key()).unwrap();
    // Whole, of this log, with a higher counter, signed by somebody else.
    let foreign = to_sector(&anchor(7).sign(LOG, 9, &key_of(8)));
    file.write_at(&foreign, 512).unwrap();
    assert!(matches!(file.read(), Err(AnchorError::Unsigned { claimed: 7 })));
    // In a log that knows the key it is what it says.
    assert_eq!(file.anchor().read(&rotated(6)).unwrap(), Some(anchor(7)));

    // An older one is what the next write overwrites.
    let file = MemoryFile::of(&to_sector(&anchor(7).sign(LOG, 1, &key_of(8))));
    file.anchor().write(&anchor(5), &key()).unwrap();
    assert_eq!(file.read().unwrap(), Some(anchor(5)));
    file.anchor().write(&anchor(6), &key()).unwrap();
    assert_eq!(file.read().unwrap(), Some(anchor(6)));
}

#[test]
fn no_counter_is_the_last_one() {
    let file = MemoryFile::default();
    file.anchor().write(&anchor(5), &key()).unwrap();
    let last = to_sector(&anchor(7).sign(LOG, u64::MAX, &key()));
    file.write_at(&last, 512).unwrap();
    file.anchor().write(&anchor(6), &key_of(8)).unwrap();
    assert_eq!(file.anchor().read(&rotated(6)).unwrap(), Some(anchor(6)));
    file.anchor().write(&anchor(8), &key_of(8)).unwrap();
    assert_eq!(file.anchor().read(&rotated(6)).unwrap(), Some(anchor(8)));
}

#[test]
fn the_anchor_of_another_log_is_foreign() {
    let file = MemoryFile::default();
    let other = LogId::from_bytes([0x22; 16]);
    let mut theirs = AnchorFile::open(Box::new(file.clone()), other).unwrap();
    theirs.write(&anchor(3), &key()).unwrap();
    assert!(matches!(file.read(), Err(AnchorError::Foreign)));
}

/// Method: every write around a rotation, cut at every byte. Whatever is left is the anchor before or the new one, read with
/// the key in force at its own size.
#[test]
fn around_a_new_key_there_is_a_readable_anchor_at_every_cut() {
    let file = MemoryFile::default();
    for size in 1..5 {
        file.anchor().write(&anchor(size), &key()).unwrap();
    }
    // The event of the new key stands at 4: anchors of 5 and more are its own.
    let mut last = anchor(4);
    for size in 5..8 {
        let before = file.bytes();
        file.anchor().write(&anchor(size), &key_of(8)).unwrap();
        let after = file.bytes();
        let start = before.iter().zip(&after).position(|(a, b)| a != b).unwrap() / 512 * 512;
        for cut in 0..=512 {
            let torn = [&after[..start + cut], &before[start + cut..]].concat();
            let expected = if torn == after { anchor(size) } else { last };
            let torn = MemoryFile::of(&torn);
            assert_eq!(
                torn.anchor().read(&rotated(5)).unwrap(),
                Some(expected),
                "cut at {cut}"
            );
        }
        last = anchor(size);
    }
    // A log that has lost the event of the new key is told so, though an older sector would do.
    assert!(matches!(file.read(), Err(AnchorError::Unsigned { claimed: 7 })));
}

#[test]
fn a_key_signs_no_anchor_but_those_of_its_own_sizes() {
    let file = MemoryFile::default();
    file.anchor().write(&anchor(4), &key_of(8)).unwrap();
    let read = file.anchor().read(&rotated(5));
    assert!(
        matches!(read, Err(AnchorError::Unsigned { claimed: 4 })),
        "{read:?}"
    );
    let file = MemoryFile::default();
    file.anchor().write(&anchor(5), &key()).unwrap();
    let read = file.anchor().read(&rotated(5));
    assert!(
        matches!(read, Err(AnchorError::Unsigned { claimed: 5 })),
        "{read:?}"
    );
}

#[test]
fn a_sector_of_a_newer_format_is_named_and_never_overlooked() {
    let file = MemoryFile::default();
    file.anchor().write(&anchor(1), &key()).unwrap();
    file.anchor().write(&anchor(2), &key()).unwrap();
    for at in [0, 512] {
        let mut bytes = file.bytes();
        bytes[at + 8] = 2;
        let sum = Digest::of(&bytes[at..at + 480]);
        bytes[at + 480..at + 512].copy_from_slice(sum.as_bytes());
        let unknown = UnknownFormat::new("the anchor", 2, 1);
        let read = MemoryFile::of(&bytes).read();
        assert!(
            matches!(&read, Err(AnchorError::Format(found)) if *found == unknown),
            "{read:?}"
        );
    }
}
