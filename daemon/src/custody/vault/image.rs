//! A copy of the vault as it is stored: header and records, every slot key still sealed. What a backup holds of it.
//!
//! The bytes are those of one mirror, decided from both: what one mirror has lost and the other proves is whole in the
//! copy. A slot that neither can prove is 128 bytes of 0xff, which no version takes for a record: a loss stays one.
//! Taking and reading a copy needs no root key; that the keys in it open is for whoever has one.

use std::collections::BTreeMap;

use crate::base::disk::BlockFile;
use crate::base::{LogId, SlotRef, UnknownFormat};

use super::format::{FORMAT, HEADER_BYTES, Header, HeaderRead, RECORD_BYTES, Record};
use super::mirror::{choose_header, read_header};
use super::slots::Slot;
use super::{Vault, VaultError};

/// Length of a record in a copy, bytes.
pub const IMAGE_RECORD_BYTES: usize = RECORD_BYTES;
/// Length of the header in a copy, bytes.
pub const IMAGE_HEADER_BYTES: usize = HEADER_BYTES;

/// What a copy says of one filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Its key is there, sealed.
    Filled,
    /// It was erased, or erased and filled anew since.
    Erased,
    /// The slot was never filled so often: the copy is older than the filling, or not of this log.
    Never,
    /// The vault had lost the slot when the copy was made.
    Damaged,
}

/// A copy whose form and checksums are right.
#[derive(Debug)]
pub struct VaultImage {
    bytes: Vec<u8>,
    slots: BTreeMap<u32, Slot>,
}

impl VaultImage {
    /// Copies the vault of a stopped daemon. Repairs nothing, and needs no root key.
    pub fn of_mirrors(mirrors: &[Box<dyn BlockFile>; 2], log: LogId) -> Result<Self, VaultError> {
        let [first, second] = mirrors;
        let headers = [read_header(first.as_ref())?, read_header(second.as_ref())?];
        let (header, _) = choose_header(headers, log)?;
        let slots = super::mirror::decide(first.as_ref(), second.as_ref(), log)?;
        let mut bytes = header.encode().to_vec();
        put_records(&mut bytes, log, (0..).zip(slots));
        Self::parse(bytes, log)
    }

    /// Takes a copy: one header of `log`, whole records, each of its own slot.
    pub fn parse(bytes: Vec<u8>, log: LogId) -> Result<Self, VaultError> {
        let (header, records) = bytes.split_first_chunk().ok_or(VaultError::NotAVault)?;
        match Header::decode(header) {
            HeaderRead::Valid(header) if header.log == log => {}
            HeaderRead::Valid(header) => {
                return Err(VaultError::OtherLog {
                    found: header.log,
                    expected: log,
                });
            }
            HeaderRead::Other(format) => return Err(UnknownFormat::new("the vault", format, FORMAT).into()),
            HeaderRead::Damaged => return Err(VaultError::NotAVault),
        }
        let (records, rest) = records.as_chunks::<RECORD_BYTES>();
        if !rest.is_empty() || u32::try_from(records.len()).is_err() {
            return Err(VaultError::NotAVault);
        }
        let mut slots = BTreeMap::new();
        for (slot, record) in (0..).zip(records) {
            let held = match Record::decode(record, log, slot) {
                Some(Record::Blank) => continue,
                Some(record) => Slot::Known(record),
                None if *record == LOST => Slot::Damaged,
                None => return Err(VaultError::NotAVault),
            };
            slots.insert(slot, held);
        }
        Ok(Self { bytes, slots })
    }

    /// The bytes: what each mirror of a restored vault holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many records there are, blank ones included.
    pub const fn records(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER_BYTES) / RECORD_BYTES
    }

    /// What the copy says of one filling.
    pub fn held(&self, at: SlotRef) -> Held {
        let held = self.slots.get(&at.slot).copied();
        held_of(held.unwrap_or(Slot::Known(Record::Blank)), at)
    }
}

/// What a slot says of one filling.
fn held_of(slot: Slot, at: SlotRef) -> Held {
    match slot {
        Slot::Damaged => Held::Damaged,
        Slot::Known(record) => match record {
            Record::Blank => Held::Never,
            Record::Filled { generation, .. } if generation == at.generation => Held::Filled,
            Record::Filled { generation, .. } | Record::Erased { generation } => {
                // A later filling of a slot proves that the earlier one was erased before it.
                if generation >= at.generation {
                    Held::Erased
                } else {
                    Held::Never
                }
            }
            // Retired may be written without knowing the generation; whatever it was, it is overwritten.
            Record::Retired { .. } => Held::Erased,
        },
    }
}

impl Vault {
    /// How many of these fillings a copy would not hold: the files are older than what refers to them.
    pub fn count_never_held(&self, fillings: impl Iterator<Item = SlotRef>) -> usize {
        let slots = self.slots.read();
        fillings
            .filter(|at| held_of(slots.at(at.slot), *at) == Held::Never)
            .count()
    }

    /// The header as a copy has it.
    pub fn image_header(&self) -> [u8; IMAGE_HEADER_BYTES] {
        self.header.encode()
    }

    /// Records of `count` slots from `from` on as a copy has them, and how many slots there are in all. What is written
    /// between two pages is in the later one alone; so the pages of a copy are read after the log that it belongs to.
    pub fn image_page(&self, from: u32, count: u32) -> (Vec<u8>, u32) {
        let (page, len) = self.slots.read().page(from, count);
        let mut bytes = Vec::with_capacity(page.len() * RECORD_BYTES);
        // The page first: past the last slot number there is nothing to count.
        put_records(
            &mut bytes,
            self.log,
            page.into_iter().zip(from..).map(|(held, slot)| (slot, held)),
        );
        (bytes, len)
    }
}

fn put_records(bytes: &mut Vec<u8>, log: LogId, slots: impl Iterator<Item = (u32, Slot)>) {
    for (slot, held) in slots {
        match held {
            Slot::Known(record) => bytes.extend_from_slice(&record.encode(log, slot)),
            Slot::Damaged => bytes.extend_from_slice(&LOST),
        }
    }
}

/// The record of a slot that was damaged in both mirrors.
const LOST: [u8; RECORD_BYTES] = [0xff; RECORD_BYTES];
