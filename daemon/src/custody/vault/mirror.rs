//! The two mirror files: read and repaired at open, written one after the other ever after.

use std::io;

use crate::base::disk::BlockFile;
use crate::base::{LogId, UnknownFormat};

use super::VaultError;
use super::format::{FORMAT, HEADER_BYTES, Header, HeaderRead, RECORD_BYTES, Record};
use super::slots::Slot;

/// The unit in which an unreadable place is narrowed down, bytes.
const SECTOR_BYTES: usize = 512;
/// How much is read at once when all is well, bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// Both files. After a failed write or sync they take no more: their state is unknown until they are opened again.
#[derive(Debug)]
pub(super) struct Mirrors {
    files: [Box<dyn BlockFile>; 2],
    log: LogId,
    failed: bool,
    /// What each file lacks of what `open` decided, until it is repaired.
    fixes: [Writes; 2],
}

/// Bytes and where they go.
type Writes = Vec<(u64, Vec<u8>)>;

/// What `open` found and did.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) mirrors: Mirrors,
    pub(super) header: Header,
    pub(super) slots: Vec<Slot>,
    /// Records and headers that differ, to be rewritten from the twin.
    pub(super) repaired: usize,
}

impl Mirrors {
    /// Writes the headers of a new vault. Refuses files that already hold a vault of any log.
    pub(super) fn create(files: [Box<dyn BlockFile>; 2], header: &Header) -> Result<Self, VaultError> {
        for file in &files {
            match read_header(file.as_ref())? {
                HeaderRead::Valid(_) | HeaderRead::Other(_) => return Err(VaultError::Exists),
                HeaderRead::Damaged => {}
            }
        }
        let mut mirrors = Self {
            files,
            log: header.log,
            failed: false,
            fixes: Default::default(),
        };
        // A crash between the two leaves one header; opening makes the other.
        mirrors.write_both(&[(0, header.encode().to_vec())])?;
        Ok(mirrors)
    }

    /// Reads both files, asks `check` about the header, and decides for each slot what it holds. Writes
    /// nothing: `repair` rewrites what differs from that.
    pub(super) fn open(
        files: [Box<dyn BlockFile>; 2],
        log: LogId,
        check: impl FnOnce(&Header) -> Result<(), VaultError>,
    ) -> Result<Opened, VaultError> {
        let [first, second] = &files;
        let headers = [read_header(first.as_ref())?, read_header(second.as_ref())?];
        let (header, header_fixes) = choose_header(headers, log)?;
        check(&header)?;

        let images = [Image::read(first.as_ref())?, Image::read(second.as_ref())?];
        let [a, b] = &images;
        let mut fixes: [Writes; 2] = header_fixes.map(|broken| {
            if broken {
                vec![(0, header.encode().to_vec())]
            } else {
                vec![]
            }
        });
        let mut slots = Vec::new();
        for slot in 0..a.records().max(b.records()) {
            let found = [a.record(slot, log), b.record(slot, log)];
            let decided = Slot::decide(found);
            if let Slot::Known(record) = decided {
                for (fixes, found) in fixes.iter_mut().zip(found) {
                    if found != Some(record) {
                        fixes.push((Record::offset(slot), record.encode(log, slot).to_vec()));
                    }
                }
            }
            slots.push(decided);
        }

        let repaired = fixes.iter().map(Vec::len).sum();
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::MirrorUnrepaired.is_planted() {
            fixes = Default::default();
        }
        Ok(Opened {
            mirrors: Self {
                files,
                log,
                failed: false,
                fixes,
            },
            header,
            slots,
            repaired,
        })
    }

    /// Rewrites what differed when the files were opened. Nothing else is written before that.
    pub(super) fn repair(&mut self) -> Result<(), VaultError> {
        let [first, second] = std::mem::take(&mut self.fixes);
        // Each repair copies a whole record of the twin, which stays untouched until this side is synced (I4).
        self.write_one(0, &first)?;
        self.write_one(1, &second)
    }

    /// Writes records to one mirror, syncs it, then does the same to the other (I4).
    pub(super) fn write(&mut self, records: &[(u32, Record)]) -> Result<(), VaultError> {
        self.repair()?;
        let writes: Vec<_> = records
            .iter()
            .map(|(slot, record)| (Record::offset(*slot), record.encode(self.log, *slot).to_vec()))
            .collect();
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::EraseInOneMirror.is_planted()
            && records
                .iter()
                .all(|(_, record)| matches!(record, Record::Erased { .. }))
        {
            return self.write_one(0, &writes);
        }
        self.write_both(&writes)
    }

    fn write_both(&mut self, writes: &[(u64, Vec<u8>)]) -> Result<(), VaultError> {
        // A crash before the first sync: the second mirror still holds the old records whole. Between the syncs: the
        // first holds the new ones, and opening carries them over (I5). After both: done.
        self.write_one(0, writes)?;
        self.write_one(1, writes)
    }

    fn write_one(&mut self, index: usize, writes: &[(u64, Vec<u8>)]) -> Result<(), VaultError> {
        if self.failed {
            return Err(VaultError::Failed);
        }
        let Some(file) = self.files.get(index) else {
            return Ok(());
        };
        let write_all = || -> io::Result<()> {
            if writes.is_empty() {
                return Ok(());
            }
            for (offset, bytes) in writes {
                file.write_at(bytes, *offset)?;
            }
            file.sync()
        };
        write_all().map_err(|source| {
            self.failed = true;
            VaultError::Io {
                action: "write",
                source,
            }
        })
    }
}

/// What each slot holds, from both files; nothing is repaired.
pub(super) fn decide(
    first: &dyn BlockFile,
    second: &dyn BlockFile,
    log: LogId,
) -> Result<Vec<Slot>, VaultError> {
    let (a, b) = (Image::read(first)?, Image::read(second)?);
    let slots = 0..a.records().max(b.records());
    Ok(slots
        .map(|slot| Slot::decide([a.record(slot, log), b.record(slot, log)]))
        .collect())
}

/// The header both mirrors shall have, and which of them need it written.
pub(super) fn choose_header(found: [HeaderRead; 2], log: LogId) -> Result<(Header, [bool; 2]), VaultError> {
    let (header, broken) = match found {
        [HeaderRead::Other(format), _] | [_, HeaderRead::Other(format)] => {
            return Err(UnknownFormat::new("the vault", format, FORMAT).into());
        }
        [HeaderRead::Valid(a), HeaderRead::Valid(b)] if a == b => (a, [false, false]),
        [HeaderRead::Valid(a), HeaderRead::Valid(b)] => {
            // Mirrors of two logs are told first: that is the clearer word.
            let other = [a.log, b.log].into_iter().find(|l| *l != log);
            return Err(other.map_or(VaultError::Unlike, |found| VaultError::OtherLog {
                found,
                expected: log,
            }));
        }
        [HeaderRead::Valid(a), HeaderRead::Damaged] => (a, [false, true]),
        [HeaderRead::Damaged, HeaderRead::Valid(b)] => (b, [true, false]),
        [HeaderRead::Damaged, HeaderRead::Damaged] => return Err(VaultError::NotAVault),
    };
    if header.log == log {
        Ok((header, broken))
    } else {
        Err(VaultError::OtherLog {
            found: header.log,
            expected: log,
        })
    }
}

pub(super) fn read_header(file: &dyn BlockFile) -> Result<HeaderRead, VaultError> {
    let mut bytes = [0; HEADER_BYTES];
    if file.len().map_err(unreadable)? < HEADER_BYTES as u64 {
        return Ok(HeaderRead::Damaged);
    }
    // An unreadable sector is a damaged one: the twin decides.
    Ok(file
        .read_at(&mut bytes, 0)
        .map_or(HeaderRead::Damaged, |()| Header::decode(&bytes)))
}

/// The records of one file as they were read.
struct Image {
    bytes: Vec<u8>,
    /// Sectors that the medium would not give, counted from the first record's.
    unreadable: Vec<usize>,
}

impl Image {
    fn read(file: &dyn BlockFile) -> Result<Self, VaultError> {
        let len = file
            .len()
            .map_err(unreadable)?
            .saturating_sub(HEADER_BYTES as u64);
        let mut image = Self {
            bytes: vec![0; usize::try_from(len).map_err(|_| VaultError::NotAVault)?],
            unreadable: Vec::new(),
        };
        for (chunk, bytes) in image.bytes.chunks_mut(CHUNK_BYTES).enumerate() {
            let start = chunk * CHUNK_BYTES;
            if file.read_at(bytes, (HEADER_BYTES + start) as u64).is_ok() {
                continue;
            }
            for (index, sector) in bytes.chunks_mut(SECTOR_BYTES).enumerate() {
                let at = start + index * SECTOR_BYTES;
                if file.read_at(sector, (HEADER_BYTES + at) as u64).is_err() {
                    image.unreadable.push(at / SECTOR_BYTES);
                }
            }
        }
        Ok(image)
    }

    /// How many records the file has; a last one cut short counts.
    fn records(&self) -> u32 {
        u32::try_from(self.bytes.len().div_ceil(RECORD_BYTES)).unwrap_or(u32::MAX)
    }

    /// `None`: damaged. Past the end of the file a slot is blank.
    fn record(&self, slot: u32, log: LogId) -> Option<Record> {
        let start = slot as usize * RECORD_BYTES;
        if self.unreadable.contains(&(start / SECTOR_BYTES)) {
            return None;
        }
        match self.bytes.get(start..).filter(|rest| !rest.is_empty()) {
            None => Some(Record::Blank),
            Some(rest) => Record::decode(rest.first_chunk()?, log, slot),
        }
    }
}

fn unreadable(source: io::Error) -> VaultError {
    VaultError::Io {
        action: "read",
        source,
    }
}
