//! The anchor: how long the log was, kept outside the store (law 8).
//!
//! fjall can silently drop journal records after damage. The anchor says how many events were durable and what the last one
//! was; a start that finds a shorter or another log refuses. Two sectors of 512 bytes are written alternately, so a torn write
//! leaves the one before:
//!
//! ```text
//!   0   8  magic "chanchor"
//!   8   1  version, 1
//!   9   1  flags: bit 0 clean (written at shutdown, nothing follows)
//!  10   6  zero
//!  16   8  counter, big-endian: the higher one is the newer sector
//!  24  16  log id
//!  40   8  size, big-endian: number of durable events
//!  48  32  leaf hash of the last of them
//!  80  64  Ed25519 by the log key over "chancery/anchor/v1" || bytes 0..80
//! 144 336  zero
//! 480  32  SHA-256 of bytes 0..480: finds torn writes; against forgery stands the signature
//! ```

use std::io;

use super::key::{LogKey, LogPublicKey};
use crate::base::disk::BlockFile;
use crate::base::{Digest, LogId};

/// The durable end of the log, as it was when the anchor was written. The store may be ahead of it, never behind (I8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// Number of durable events.
    pub size: u64,
    /// Leaf hash of the last one; zeroes when there is none.
    pub leaf: Digest,
    /// Whether this is the end exactly: written at shutdown, after the last event.
    pub clean: bool,
}

/// Why the anchor can't be believed.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The file can't be read.
    #[error("can't read the anchor: {0}")]
    Io(#[from] io::Error),
    /// Both sectors were written, and neither is whole.
    #[error("the anchor is damaged")]
    Damaged,
    /// A whole sector, and none that is both of this log and signed by its key.
    #[error("the anchor is not this log's")]
    Foreign,
}

/// The anchor's file.
#[derive(Debug)]
pub struct AnchorFile {
    file: Box<dyn BlockFile>,
    log: LogId,
}

impl AnchorFile {
    /// Takes the file of the anchor of `log`. Writes nothing.
    pub fn open(file: Box<dyn BlockFile>, log: LogId) -> io::Result<Self> {
        // An unreadable file is better found at the start than at the first write.
        file.len()?;
        Ok(Self { file, log })
    }

    /// Reads the newest valid sector; none when no anchor was ever completely written.
    /// That a log with events has no anchor at all is for the caller to refuse.
    pub fn read(&self, key: &LogPublicKey) -> Result<Option<Anchor>, AnchorError> {
        let sectors = self.read_sectors()?;
        if let Some((_, record)) = self.newest(&sectors, key) {
            if sectors.iter().any(|sector| matches!(sector, Sector::Torn)) {
                tracing::warn!(
                    size = record.anchor.size,
                    "one of the anchor's two sectors is damaged, as after a crash: the other one is whole and counts; \
                     the next write repairs it"
                );
            }
            return Ok(Some(record.anchor));
        }
        let found = |wanted: fn(&Sector) -> bool| sectors.iter().any(wanted);
        if found(|s| matches!(s, Sector::Whole(_))) {
            Err(AnchorError::Foreign)
        } else if found(|s| matches!(s, Sector::Blank)) {
            // The other one is blank too, or the very first write was torn: nothing was anchored before it.
            Ok(None)
        } else {
            Err(AnchorError::Damaged)
        }
    }

    /// Writes the anchor over the older sector and makes it durable. `anchor` must be durable in the store already (I8).
    /// After an error the file's state is unknown: fail closed.
    pub fn write(&mut self, anchor: &Anchor, key: &LogKey) -> io::Result<()> {
        if self.file.len()? < FILE_BYTES {
            // Both sectors exist before one is written, so that a torn first write is told from damage.
            // A crash here leaves blank sectors: no anchor yet.
            self.file.write_at(&[0; FILE_BYTES as usize], 0)?;
            self.file.sync()?;
        }
        let sectors = self.read_sectors()?;
        let newest = self.newest(&sectors, &key.public());
        let (target, counter) = match newest {
            Some((at, record)) => (1 - at, record.counter.saturating_add(1)),
            // Nothing of this key yet: spare a whole sector of an earlier key if there is one.
            None if matches!(sectors, [Sector::Whole(_), Sector::Blank | Sector::Torn]) => (1, 1),
            None => (0, 1),
        };
        let record = Record {
            counter,
            log: self.log,
            anchor: *anchor,
        };
        // A crash in this write tears only the older sector; the newer one still holds an earlier durable end.
        self.file
            .write_at(&record.to_sector(key), target * SECTOR_BYTES as u64)?;
        self.file.sync()
    }

    fn read_sectors(&self) -> io::Result<[Sector; 2]> {
        let present = usize::try_from(self.file.len()?.min(FILE_BYTES)).unwrap_or(0);
        let mut bytes = [0; FILE_BYTES as usize];
        if let Some(present) = bytes.get_mut(..present) {
            self.file.read_at(present, 0)?;
        }
        let (first, second) = bytes.split_at(SECTOR_BYTES);
        Ok([Sector::read(first), Sector::read(second)])
    }

    /// The newest sector that is of this log and signed by `key`.
    fn newest<'a>(&self, sectors: &'a [Sector; 2], key: &LogPublicKey) -> Option<(u64, &'a Record)> {
        let valid = (0..).zip(sectors).filter_map(|(at, sector)| match sector {
            Sector::Whole(whole) if whole.record.log == self.log && whole.is_signed_by(key) => {
                Some((at, &whole.record))
            }
            _ => None,
        });
        valid.max_by_key(|(_, record)| record.counter)
    }
}

/// What a sector holds.
#[derive(Debug)]
enum Sector {
    /// Zeroes: never written.
    Blank,
    /// Neither zeroes nor whole.
    Torn,
    /// Checksum and form are right; the signature is not yet checked.
    Whole(Box<Whole>),
}

#[derive(Debug)]
struct Whole {
    record: Record,
    signed: [u8; SIGNED_BYTES],
    signature: [u8; 64],
}

#[derive(Debug)]
struct Record {
    counter: u64,
    log: LogId,
    anchor: Anchor,
}

impl Record {
    fn to_sector(&self, key: &LogKey) -> Vec<u8> {
        let mut sector = Vec::with_capacity(SECTOR_BYTES);
        sector.extend_from_slice(MAGIC);
        sector.extend_from_slice(&[VERSION, u8::from(self.anchor.clean), 0, 0, 0, 0, 0, 0]);
        sector.extend_from_slice(&self.counter.to_be_bytes());
        sector.extend_from_slice(self.log.as_bytes());
        sector.extend_from_slice(&self.anchor.size.to_be_bytes());
        sector.extend_from_slice(self.anchor.leaf.as_bytes());
        debug_assert_eq!(sector.len(), SIGNED_BYTES);
        let signature = key.sign(&[SIGNATURE_DOMAIN, sector.as_slice()].concat());
        sector.extend_from_slice(&signature);
        sector.resize(SUMMED_BYTES, 0);
        let sum = Digest::of(&sector);
        sector.extend_from_slice(sum.as_bytes());
        sector
    }

    fn parse(signed: &[u8]) -> Option<Self> {
        let rest = signed.strip_prefix(MAGIC)?;
        let (flags, rest) = rest.split_first_chunk::<8>()?;
        let [VERSION, clean @ (0 | 1), 0, 0, 0, 0, 0, 0] = *flags else {
            return None;
        };
        let (counter, rest) = rest.split_first_chunk::<8>()?;
        let (log, rest) = rest.split_first_chunk::<16>()?;
        let (size, leaf) = rest.split_first_chunk::<8>()?;
        Some(Self {
            counter: u64::from_be_bytes(*counter),
            log: LogId::from_bytes(*log),
            anchor: Anchor {
                size: u64::from_be_bytes(*size),
                leaf: leaf.try_into().ok()?,
                clean: clean == 1,
            },
        })
    }
}

impl Sector {
    fn read(bytes: &[u8]) -> Self {
        if bytes.iter().all(|byte| *byte == 0) {
            return Self::Blank;
        }
        Self::parse(bytes).map_or(Self::Torn, |whole| Self::Whole(Box::new(whole)))
    }

    fn parse(bytes: &[u8]) -> Option<Whole> {
        let (summed, sum) = bytes.split_at_checked(SUMMED_BYTES)?;
        if Digest::of(summed).as_bytes() != sum {
            return None;
        }
        let (signed, rest) = summed.split_first_chunk::<SIGNED_BYTES>()?;
        let (signature, zeroes) = rest.split_first_chunk::<64>()?;
        zeroes.iter().all(|byte| *byte == 0).then_some(())?;
        Some(Whole {
            record: Record::parse(signed)?,
            signed: *signed,
            signature: *signature,
        })
    }
}

impl Whole {
    fn is_signed_by(&self, key: &LogPublicKey) -> bool {
        key.verify(
            &[SIGNATURE_DOMAIN, self.signed.as_slice()].concat(),
            &self.signature,
        )
    }
}

const MAGIC: &[u8; 8] = b"chanchor";
const VERSION: u8 = 1;
/// I5: an entry's signed bytes begin with the CBOR array head 0x84, and a checkpoint's text has no control characters
/// but line feeds, while here the version byte 1 and zeroes follow the magic.
const SIGNATURE_DOMAIN: &[u8] = b"chancery/anchor/v1";
const SECTOR_BYTES: usize = 512;
const FILE_BYTES: u64 = 1_024;
const SIGNED_BYTES: usize = 80;
const SUMMED_BYTES: usize = 480;

#[cfg(test)]
mod tests;
