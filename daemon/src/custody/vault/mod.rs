//! The vault: one slot for each thing that must be erasable, in two mirror files beside the store.
//!
//! A slot holds a random key of 32 bytes, sealed under the root key. What is sealed under a slot key is gone when the
//! slot is overwritten, wherever its sealed bytes are. `format` has the bytes, `mirror` the files, `slots` the rules.

mod format;
pub mod image;
mod key;
mod mirror;
mod slots;
#[cfg(test)]
mod tests;

use std::io;

use parking_lot::{Mutex, RwLock};

use crate::base::disk::BlockFile;
use crate::base::entropy::Entropy;
use crate::base::{LogId, SecretBytes, SlotRef, UnknownFormat};

use self::format::{Header, Record};
use self::mirror::{Mirrors, Opened};
use self::slots::{Slot, Slots};

use super::root::RootKey;
use super::sealing::{KEY_BYTES, SealError, SealingKey};

pub use format::MAGIC;
pub use image::{Held, VaultImage};
pub use key::{Owner, SlotKey};

/// Why the vault did not do it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Neither file has a vault's header.
    #[error(
        "neither vault file has a readable header: put one of them back from a copy or a backup; RECOVERY.md has the steps"
    )]
    NotAVault,
    /// A new vault was asked for where one is.
    #[error("the vault files already hold a vault; it is left as it is")]
    Exists,
    /// Written by another version.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// The two files belong to one log but not to each other.
    #[error(
        "the two vault files are not mirrors of each other: put one of them back from a copy or a backup, and move the other away; RECOVERY.md has the steps"
    )]
    Unlike,
    /// A vault of another log.
    #[error("the vault belongs to log {found}, not to {expected}: put back a vault of this log")]
    OtherLog {
        /// Whose it is.
        found: LogId,
        /// Whose it should be.
        expected: LogId,
    },
    /// The root key is not the one that sealed this vault.
    #[error(
        "the root key is not the one of this vault: point the configuration at the root key file it was made with"
    )]
    WrongRootKey,
    /// The slot does not hold this filling: never filled, erased, or filled anew.
    #[error("slot {0} holds no key")]
    NotFilled(SlotRef),
    /// Both mirrors of the slot are damaged.
    #[error(
        "slot {0} is damaged in both vault files: put one of them back from a copy or a backup; RECOVERY.md has the steps"
    )]
    Damaged(SlotRef),
    /// The record is whole but its key does not open.
    #[error(
        "the key in slot {0} does not open: the vault was changed; put one of its files back from a copy or a backup; RECOVERY.md has the steps"
    )]
    Unopened(SlotRef),
    /// All slot numbers are in use.
    #[error("the vault is full")]
    Full,
    /// A file could not be read or written.
    #[error("can't {action} a vault file: {source}")]
    Io {
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// An earlier write failed, so the files' state is unknown.
    #[error("an earlier write to the vault failed: restart the daemon, which repairs it")]
    Failed,
}

/// The vault. Reading a key takes no lock that a writer holds during a sync.
#[derive(Debug)]
pub struct Vault {
    log: LogId,
    header: Header,
    root: SealingKey,
    slots: RwLock<Slots>,
    /// Held over a whole change: changes are one after the other.
    mirrors: Mutex<Mirrors>,
    repaired: usize,
}

impl Vault {
    /// Makes a new, empty vault in two files that hold none yet; both headers are synced.
    pub fn create(
        mirrors: [Box<dyn BlockFile>; 2],
        log: LogId,
        root: RootKey,
        entropy: &dyn Entropy,
    ) -> Result<Self, VaultError> {
        let root = expand(&root)?;
        let check = root.seal(&Header::check_aad(log), &[], entropy);
        let check = check.as_slice().try_into().map_err(|_| VaultError::NotAVault)?;
        let header = Header { log, check };
        let mirrors = Mirrors::create(mirrors, &header)?;
        Ok(Self {
            log,
            header,
            root,
            slots: RwLock::default(),
            mirrors: Mutex::new(mirrors),
            repaired: 0,
        })
    }

    /// Opens a vault, repairing each damaged or older record from its twin. Nothing is written before the root key
    /// was found to be the right one.
    pub fn open(mirrors: [Box<dyn BlockFile>; 2], log: LogId, root: RootKey) -> Result<Self, VaultError> {
        let vault = Self::look(mirrors, log, &root)?;
        vault.repair()?;
        Ok(vault)
    }

    /// Opens a vault and writes nothing: what is to be repaired waits for `repair`, or for the first change.
    pub fn look(mirrors: [Box<dyn BlockFile>; 2], log: LogId, root: &RootKey) -> Result<Self, VaultError> {
        let root = expand(root)?;
        let check = |header: &Header| match root.open(&Header::check_aad(log), &header.check) {
            Ok(_) => Ok(()),
            Err(_) => Err(VaultError::WrongRootKey),
        };
        let Opened {
            mirrors,
            header,
            slots,
            repaired,
        } = Mirrors::open(mirrors, log, check)?;
        Ok(Self {
            log,
            header,
            root,
            slots: RwLock::new(Slots::new(slots)),
            mirrors: Mutex::new(mirrors),
            repaired,
        })
    }

    /// Rewrites each damaged or older record from its twin. Idempotent.
    pub fn repair(&self) -> Result<(), VaultError> {
        self.mirrors.lock().repair()
    }

    /// Fills `count` slots with fresh keys; both mirrors are synced when it answers, once for the whole batch.
    pub fn provide(&self, count: usize, entropy: &dyn Entropy) -> Result<Vec<SlotRef>, VaultError> {
        let mut mirrors = self.mirrors.lock();
        let fillings = self.slots.read().next_fillings(count).ok_or(VaultError::Full)?;
        let mut records = Vec::with_capacity(count);
        for &at in &fillings {
            let key = SecretBytes::random(KEY_BYTES, entropy);
            // EXPOSE: the cipher takes a slice; only the sealed form is kept, the key itself is zeroized here.
            let sealed = self
                .root
                .seal(&Record::key_aad(self.log, at), key.expose(), entropy);
            let sealed = sealed
                .as_slice()
                .try_into()
                .map_err(|_| VaultError::Unopened(at))?;
            let generation = at.generation;
            records.push((at.slot, Record::Filled { generation, sealed }));
        }
        mirrors.write(&records)?;
        // A crash here leaves filled slots that nothing refers to: the next boot finds them free.
        self.set(&records);
        Ok(fillings)
    }

    /// Every filling from now on has a generation above `generation`: the highest that the log has ever referred to. The
    /// vault's files may be older than the log, put back from a copy; a filling of theirs must never pass for a new one (I3).
    pub fn outlive(&self, generation: u32) {
        self.slots.write().outlive(generation);
    }

    /// The live fillings, by slot. Boot checks that all that the log refers to are among them.
    pub fn filled(&self) -> Vec<SlotRef> {
        self.slots.read().filled()
    }

    /// Slots that neither mirror can prove, found at open. A thing whose slot is here can't be used.
    pub fn damaged(&self) -> Vec<u32> {
        self.slots.read().damaged()
    }

    /// How many headers and records are rewritten from the twin by `repair`; after a clean stop there are none.
    pub const fn repaired(&self) -> usize {
        self.repaired
    }

    /// Unseals the key of one filling; refuses any other generation than the one that is there.
    pub fn key(&self, slot: SlotRef) -> Result<SlotKey, VaultError> {
        let sealed = match self.slots.read().at(slot.slot) {
            Slot::Known(Record::Filled { generation, sealed }) if generation == slot.generation => sealed,
            Slot::Known(_) => return Err(VaultError::NotFilled(slot)),
            Slot::Damaged => return Err(VaultError::Damaged(slot)),
        };
        self.root
            .open(&Record::key_aad(self.log, slot), &sealed)
            .and_then(|key| SealingKey::new(&key))
            .map(|key| SlotKey::new(key, self.log, slot))
            .map_err(|_| VaultError::Unopened(slot))
    }

    /// Overwrites fillings with zeros in both mirrors, each synced when it answers. Idempotent: a slot that was
    /// erased already, or filled anew since, is left alone. A damaged slot is overwritten too, for its key may
    /// still be legible to somebody, and is not filled again.
    pub fn erase(&self, slots: &[SlotRef]) -> Result<(), VaultError> {
        let mut mirrors = self.mirrors.lock();
        let records: Vec<_> = {
            let held = self.slots.read();
            slots
                .iter()
                .filter_map(|at| erased(held.at(at.slot), *at).map(|record| (at.slot, record)))
                .collect()
        };
        // In memory first: from here on nobody gets the key, whatever happens to the files.
        self.set(&records);
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::EraseSkipped.is_planted() {
            return Ok(());
        }
        // A crash before the second sync leaves the event without its `MaterialErased`: boot erases again.
        mirrors.write(&records)
    }

    fn set(&self, records: &[(u32, Record)]) {
        let mut slots = self.slots.write();
        for (slot, record) in records {
            slots.set(*slot, *record);
        }
    }
}

/// The record that erases the filling `at`, when the slot holds it.
fn erased(held: Slot, at: SlotRef) -> Option<Record> {
    let generation = at.generation;
    match held {
        Slot::Known(Record::Filled { generation: held, .. }) => {
            (held == generation).then_some(Record::Erased { generation })
        }
        Slot::Known(_) => None,
        Slot::Damaged => Some(Record::Retired { generation }),
    }
}

fn expand(root: &RootKey) -> Result<SealingKey, VaultError> {
    root.sealing().map_err(|_: SealError| VaultError::WrongRootKey)
}
