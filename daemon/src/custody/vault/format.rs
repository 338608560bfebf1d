//! The vault's bytes: a header sector, then records of 128 bytes, four to a sector.
//!
//! A worked example, the header and slot 0 filled for the first time (both mirrors hold the same bytes):
//!
//! ```text
//! offset 0    43 48 56 41 55 4c 54 00   "CHVAULT", 0
//!        8    00 00 00 01               format 1
//!        12   00 00 00 80               record size, bytes
//!        16   16 bytes                  log id
//!        32   40 bytes                  root check: nothing, sealed under the root key
//!        72   zeros                     reserved
//!        480  32 bytes                  SHA-256 of "chancery/vault-header/v1" || bytes 0..480
//! offset 512  00 00 00 01               state: 0 blank, 1 filled, 2 erased, 3 retired
//!        +4   00 00 00 00               slot
//!        +8   00 00 00 01               generation
//!        +12  72 bytes                  slot key, sealed under the root key (zeros unless filled)
//!        +84  zeros                     reserved
//!        +96  32 bytes                  SHA-256 of "chancery/vault-record/v1" || log id || record 0..96
//! ```
//!
//! Integers are big-endian. A record of zeros alone is blank: the slot was never filled. Reserved bytes are zero and
//! checked, so what decodes encodes back to the same bytes. Associated data of a sealed slot key:
//! `"chancery/slot/v1" || log id || slot || generation`; of the root check: `"chancery/vault/v1" || log id`.

use crate::base::{Digest, LogId, SlotRef};

use super::super::sealing::{KEY_BYTES, NONCE_BYTES, TAG_BYTES};

/// Length of the header, bytes: one sector.
pub(super) const HEADER_BYTES: usize = 512;
/// Length of a record, bytes: a divisor of the sector, so that no record straddles two.
pub(super) const RECORD_BYTES: usize = 128;
/// Length of a sealed slot key, bytes.
pub(super) const SEALED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;
/// Length of the root check, bytes.
pub(super) const CHECK_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// The first bytes of a vault file.
pub const MAGIC: &[u8; 8] = b"CHVAULT\0";
/// The format that this build reads and writes.
pub(super) const FORMAT: u32 = 1;
const RECORD_SIZE: u32 = RECORD_BYTES as u32;
const HEADER_DOMAIN: &[u8] = b"chancery/vault-header/v1";
const RECORD_DOMAIN: &[u8] = b"chancery/vault-record/v1";

/// The header of a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The log whose slots these are.
    pub(super) log: LogId,
    /// The empty string sealed under the root key: tells a wrong root key from damaged slots.
    pub(super) check: [u8; CHECK_BYTES],
}

/// What a header sector holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderRead {
    /// A header of this format.
    Valid(Header),
    /// A whole header of another format.
    Other(u32),
    /// Anything else.
    Damaged,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut writer = Writer::over(&mut bytes);
        writer.put(MAGIC);
        writer.put(&FORMAT.to_be_bytes());
        writer.put(&RECORD_SIZE.to_be_bytes());
        writer.put(self.log.as_bytes());
        writer.put(&self.check);
        seal_checksum(&mut bytes, &[HEADER_DOMAIN]);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> HeaderRead {
        Self::try_decode(bytes).unwrap_or(HeaderRead::Damaged)
    }

    fn try_decode(bytes: &[u8; HEADER_BYTES]) -> Option<HeaderRead> {
        let mut reader = checked(bytes, &[HEADER_DOMAIN])?;
        if reader.take::<8>()? != *MAGIC {
            return None;
        }
        let format = u32::from_be_bytes(reader.take()?);
        if format != FORMAT {
            return Some(HeaderRead::Other(format));
        }
        let size = u32::from_be_bytes(reader.take()?);
        let header = Self {
            log: LogId::from_bytes(reader.take()?),
            check: reader.take()?,
        };
        (size == RECORD_SIZE && reader.rest_is_zero()).then_some(HeaderRead::Valid(header))
    }

    /// Associated data of the root check.
    pub(super) fn check_aad(log: LogId) -> Vec<u8> {
        [b"chancery/vault/v1".as_slice(), log.as_bytes()].concat()
    }
}

/// What is in one slot. Ordered by age: of two that differ, the greater was written later (I5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// Never filled.
    Blank,
    /// Holds a sealed slot key.
    Filled {
        /// How often the slot was filled.
        generation: u32,
        /// The slot key, sealed under the root key.
        sealed: [u8; SEALED_BYTES],
    },
    /// Held one; may be filled again with the next generation.
    Erased {
        /// The generation of the key that was erased.
        generation: u32,
    },
    /// Was unreadable when its erasure was due: overwritten, and never filled again, for nobody knows how often it
    /// was before.
    Retired {
        /// The generation that was to be erased.
        generation: u32,
    },
}

const BLANK: u32 = 0;
const FILLED: u32 = 1;
const ERASED: u32 = 2;
const RETIRED: u32 = 3;

impl Record {
    pub(super) fn encode(&self, log: LogId, slot: u32) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let (state, generation, sealed) = match self {
            Self::Blank => return bytes,
            Self::Filled { generation, sealed } => (FILLED, *generation, *sealed),
            Self::Erased { generation } => (ERASED, *generation, [0; SEALED_BYTES]),
            Self::Retired { generation } => (RETIRED, *generation, [0; SEALED_BYTES]),
        };
        let mut writer = Writer::over(&mut bytes);
        writer.put(&state.to_be_bytes());
        writer.put(&slot.to_be_bytes());
        writer.put(&generation.to_be_bytes());
        writer.put(&sealed);
        seal_checksum(&mut bytes, &[RECORD_DOMAIN, log.as_bytes()]);
        bytes
    }

    /// `None`: damaged, or of another slot or log.
    pub(super) fn decode(bytes: &[u8; RECORD_BYTES], log: LogId, expected: u32) -> Option<Self> {
        if *bytes == [0; RECORD_BYTES] {
            return Some(Self::Blank);
        }
        let mut reader = checked(bytes, &[RECORD_DOMAIN, log.as_bytes()])?;
        let state = u32::from_be_bytes(reader.take()?);
        let slot = u32::from_be_bytes(reader.take()?);
        let generation = u32::from_be_bytes(reader.take()?);
        let sealed: [u8; SEALED_BYTES] = reader.take()?;
        if slot != expected || generation == BLANK || !reader.rest_is_zero() {
            return None;
        }
        match state {
            FILLED => Some(Self::Filled { generation, sealed }),
            ERASED if sealed == [0; SEALED_BYTES] => Some(Self::Erased { generation }),
            RETIRED if sealed == [0; SEALED_BYTES] => Some(Self::Retired { generation }),
            _ => None,
        }
    }

    /// Where the record of `slot` stands in a mirror.
    pub(super) const fn offset(slot: u32) -> u64 {
        HEADER_BYTES as u64 + slot as u64 * RECORD_BYTES as u64
    }

    /// Associated data of the sealed slot key.
    pub(super) fn key_aad(log: LogId, at: SlotRef) -> Vec<u8> {
        [
            b"chancery/slot/v1".as_slice(),
            log.as_bytes(),
            &at.slot.to_be_bytes(),
            &at.generation.to_be_bytes(),
        ]
        .concat()
    }

    /// The later of two records of one slot; `None` when neither is: same age, other bytes.
    pub(super) fn later(self, other: Self) -> Option<Self> {
        match self.age().cmp(&other.age()) {
            std::cmp::Ordering::Less => Some(other),
            std::cmp::Ordering::Greater => Some(self),
            std::cmp::Ordering::Equal => (self == other).then_some(self),
        }
    }

    /// Retired comes last whatever the generations: it may have been written without knowing them.
    const fn age(&self) -> (bool, u32, bool) {
        match self {
            Self::Blank => (false, 0, false),
            Self::Filled { generation, .. } => (false, *generation, false),
            Self::Erased { generation } => (false, *generation, true),
            Self::Retired { generation } => (true, *generation, true),
        }
    }
}

/// Writes the checksum over everything before the last 32 bytes into these.
fn seal_checksum(bytes: &mut [u8], domain: &[&[u8]]) {
    if let Some((body, sum)) = bytes.split_last_chunk_mut::<32>() {
        *sum = *checksum(body, domain).as_bytes();
    }
}

/// A reader of what the checksum covers; `None` when the checksum is wrong.
fn checked<'a>(bytes: &'a [u8], domain: &[&[u8]]) -> Option<Reader<'a>> {
    let (body, sum) = bytes.split_last_chunk::<32>()?;
    (checksum(body, domain).as_bytes() == sum).then_some(Reader(body))
}

fn checksum(body: &[u8], domain: &[&[u8]]) -> Digest {
    // All domains and bodies have a fixed length each: the concatenation is unambiguous.
    let mut parts = domain.to_vec();
    parts.push(body);
    Digest::of_parts(&parts)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn rest_is_zero(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }
}

/// Fills a fixed buffer from the front. What would not fit is a fault of this file, and the checksum's place after it
/// makes every test fail.
struct Writer<'a>(std::slice::IterMut<'a, u8>);

impl<'a> Writer<'a> {
    fn over(bytes: &'a mut [u8]) -> Self {
        Self(bytes.iter_mut())
    }

    fn put(&mut self, bytes: &[u8]) {
        // Source first: `zip` would otherwise take one place more before it finds the source at its end.
        for (&byte, place) in bytes.iter().zip(self.0.by_ref()) {
            *place = byte;
        }
    }
}
