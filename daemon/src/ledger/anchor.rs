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
//!  80  64  Ed25519 by the log key in force at that size (I9) over "chancery/anchor/v1" || bytes 0..80
//! 144 336  zero
//! 480  32  SHA-256 of bytes 0..480: finds torn writes; against forgery stands the signature
//! ```
//!
//! Of whole sectors the newer one counts, and it must be signed. A crash tears a sector, but it never leaves a whole one with
//! a wrong signature: such a sector was written by a key that the log does not know. It may be forged; it may also be all
//! that is left of a log whose end, with a new key in it, is lost. Falling back to the older sector would hide that.

use std::io;

use super::key::{LogKey, LogPublicKey};
use super::rotation::KeySchedule;
use crate::base::disk::BlockFile;
use crate::base::{Digest, LogId, UnknownFormat};

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

impl Anchor {
    /// Signs this as the anchor of `log`; of two, the one with the higher `counter` is the newer.
    pub fn sign(self, log: LogId, counter: u64, key: &LogKey) -> SignedAnchor {
        let signed = encode(&self, log, counter);
        SignedAnchor {
            anchor: self,
            counter,
            signature: key.sign(&[SIGNATURE_DOMAIN, signed.as_slice()].concat()),
            signed,
        }
    }
}

/// An anchor as it was found: whole, and of the log that was asked for. Whose signature it bears is still to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAnchor {
    anchor: Anchor,
    counter: u64,
    signed: [u8; SIGNED_BYTES],
    signature: [u8; 64],
}

impl SignedAnchor {
    /// What it says, whoever says it.
    pub const fn claims(&self) -> &Anchor {
        &self.anchor
    }

    /// Whether `key` signed it.
    pub fn is_signed_by(&self, key: &LogPublicKey) -> bool {
        key.verify(
            &[SIGNATURE_DOMAIN, self.signed.as_slice()].concat(),
            &self.signature,
        )
    }

    /// The anchor, if the key that is in force at its size signed it (I9).
    pub fn verify(&self, keys: &KeySchedule) -> Option<Anchor> {
        self.is_signed_by(&keys.at(self.anchor.size).public)
            .then_some(self.anchor)
    }
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
    /// A whole sector of a format that this build does not know.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// Whole sectors, and none of this log.
    #[error("the anchor is another log's")]
    Foreign,
    /// Of this log, and not signed by the key that is in force at its size.
    #[error("the anchor, of a log of {claimed} events, is not signed by the key that this log has there")]
    Unsigned {
        /// The size that it names.
        claimed: u64,
    },
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

    /// Reads the anchor: the newest whole sector, signed by the key in force at its size. None when no anchor was ever
    /// completely written. That a log with events has no anchor at all is for the caller to refuse.
    pub fn read(&self, keys: &KeySchedule) -> Result<Option<Anchor>, AnchorError> {
        let Some(newest) = self.newest()? else {
            return Ok(None);
        };
        let claimed = newest.anchor.size;
        newest
            .verify(keys)
            .map(Some)
            .ok_or(AnchorError::Unsigned { claimed })
    }

    /// The newest whole sector of this log, whoever signed it; none when no anchor was ever completely written.
    pub fn newest(&self) -> Result<Option<SignedAnchor>, AnchorError> {
        let sectors = self.read_sectors()?;
        // First: a newer build's sector is the newer one, whatever stands in the other.
        if let Some(Sector::Other(format)) = sectors.iter().find(|s| matches!(s, Sector::Other(_))) {
            return Err(UnknownFormat::new("the anchor", (*format).into(), VERSION.into()).into());
        }
        if let Some((_, newest)) = self.newest_of(&sectors) {
            if sectors.iter().any(|sector| matches!(sector, Sector::Torn)) {
                tracing::warn!(
                    size = newest.anchor.size,
                    "one of the anchor's two sectors is damaged, as after a crash: the other one is whole and counts; \
                     the next write repairs it"
                );
            }
            return Ok(Some(newest.clone()));
        }
        let found = |wanted: fn(&Sector) -> bool| sectors.iter().any(wanted);
        if found(|s| matches!(s, Sector::Whole(..))) {
            Err(AnchorError::Foreign)
        } else if found(|s| matches!(s, Sector::Blank)) {
            // The other one is blank too, or the very first write was torn: nothing was anchored before it.
            Ok(None)
        } else {
            Err(AnchorError::Damaged)
        }
    }

    /// Writes the anchor over the older sector and makes it durable. `anchor` must be durable in the store already (I8), and
    /// `key` the one in force at its size (I9). After an error the file's state is unknown: fail closed.
    ///
    /// The first write after a new key leaves one sector of each key, each readable by the key in force at its own size:
    /// which of them counts is decided by the counter alone, as always. So the first anchor of an epoch outdoes whatever the
    /// file said before, whoever signed that.
    pub fn write(&mut self, anchor: &Anchor, key: &LogKey) -> io::Result<()> {
        if self.file.len()? < FILE_BYTES {
            // Both sectors exist before one is written, so that a torn first write is told from damage.
            // A crash here leaves blank sectors: no anchor yet.
            self.blank()?;
        }
        let mut sectors = self.read_sectors()?;
        // No log writes so many. What says so is forged, its loss was accepted, and no counter would come after it.
        if self
            .newest_of(&sectors)
            .is_some_and(|(_, newest)| newest.counter == u64::MAX)
        {
            self.blank()?;
            sectors = self.read_sectors()?;
        }
        let (target, counter) = match self.newest_of(&sectors) {
            Some((at, newest)) => (1 - at, newest.counter.saturating_add(1)),
            // Nothing of this log yet: spare a whole sector of another if there is one.
            None if matches!(sectors, [Sector::Whole(..), Sector::Blank | Sector::Torn]) => (1, 1),
            None => (0, 1),
        };
        let sector = to_sector(&anchor.sign(self.log, counter, key));
        // A crash in this write tears only the older sector; the newer one still holds an earlier durable end.
        self.file.write_at(&sector, target * SECTOR_BYTES as u64)?;
        self.file.sync()
    }

    fn blank(&self) -> io::Result<()> {
        self.file.write_at(&[0; FILE_BYTES as usize], 0)?;
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

    /// The whole sector of this log with the highest counter, and where it is.
    fn newest_of<'a>(&self, sectors: &'a [Sector; 2]) -> Option<(u64, &'a SignedAnchor)> {
        let ours = (0..).zip(sectors).filter_map(|(at, sector)| match sector {
            Sector::Whole(log, whole) if *log == self.log => Some((at, &**whole)),
            _ => None,
        });
        ours.max_by_key(|(_, whole)| whole.counter)
    }
}

/// What a sector holds.
#[derive(Debug)]
enum Sector {
    /// Zeroes: never written.
    Blank,
    /// Neither zeroes nor whole.
    Torn,
    /// Whole, and of a version that this build does not know. Magic, version and checksum stand in their places in all.
    Other(u8),
    /// Checksum and form are right; the signature is not yet checked.
    Whole(LogId, Box<SignedAnchor>),
}

impl Sector {
    fn read(bytes: &[u8]) -> Self {
        if bytes.iter().all(|byte| *byte == 0) {
            return Self::Blank;
        }
        Self::try_read(bytes).unwrap_or(Self::Torn)
    }

    fn try_read(bytes: &[u8]) -> Option<Self> {
        let (summed, sum) = bytes.split_at_checked(SUMMED_BYTES)?;
        if Digest::of(summed).as_bytes() != sum {
            return None;
        }
        match summed.strip_prefix(MAGIC)?.first()? {
            &VERSION => Self::parse(summed).map(|(log, whole)| Self::Whole(log, Box::new(whole))),
            other => Some(Self::Other(*other)),
        }
    }

    fn parse(summed: &[u8]) -> Option<(LogId, SignedAnchor)> {
        let (signed, rest) = summed.split_first_chunk::<SIGNED_BYTES>()?;
        let (signature, zeroes) = rest.split_first_chunk::<64>()?;
        zeroes.iter().all(|byte| *byte == 0).then_some(())?;
        let (log, counter, anchor) = decode(signed)?;
        let whole = SignedAnchor {
            anchor,
            counter,
            signed: *signed,
            signature: *signature,
        };
        Some((log, whole))
    }
}

fn to_sector(anchor: &SignedAnchor) -> Vec<u8> {
    let mut sector = Vec::with_capacity(SECTOR_BYTES);
    sector.extend_from_slice(&anchor.signed);
    sector.extend_from_slice(&anchor.signature);
    sector.resize(SUMMED_BYTES, 0);
    let sum = Digest::of(&sector);
    sector.extend_from_slice(sum.as_bytes());
    sector
}

/// The bytes that are signed.
fn encode(anchor: &Anchor, log: LogId, counter: u64) -> [u8; SIGNED_BYTES] {
    let parts: [&[u8]; 6] = [
        MAGIC,
        &[VERSION, u8::from(anchor.clean), 0, 0, 0, 0, 0, 0],
        &counter.to_be_bytes(),
        log.as_bytes(),
        &anchor.size.to_be_bytes(),
        anchor.leaf.as_bytes(),
    ];
    let mut bytes = [0; SIGNED_BYTES];
    bytes
        .iter_mut()
        .zip(parts.into_iter().flatten())
        .for_each(|(to, from)| *to = *from);
    bytes
}

fn decode(signed: &[u8]) -> Option<(LogId, u64, Anchor)> {
    let rest = signed.strip_prefix(MAGIC)?;
    let (flags, rest) = rest.split_first_chunk::<8>()?;
    let [VERSION, clean @ (0 | 1), 0, 0, 0, 0, 0, 0] = *flags else {
        return None;
    };
    let (counter, rest) = rest.split_first_chunk::<8>()?;
    let (log, rest) = rest.split_first_chunk::<16>()?;
    let (size, leaf) = rest.split_first_chunk::<8>()?;
    let anchor = Anchor {
        size: u64::from_be_bytes(*size),
        leaf: leaf.try_into().ok()?,
        clean: clean == 1,
    };
    Some((LogId::from_bytes(*log), u64::from_be_bytes(*counter), anchor))
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
