//! Proves a backup: its log as `log verify` proves one, and its vault by what that log folds to.

use std::collections::BTreeSet;
use std::fmt;

use super::manifest::Manifest;
use super::read::{Backup, BackupError, BackupSource};
use crate::audit::{Progress, Report, verify};
use crate::base::disk::BlockFile;
use crate::base::memory_file::MemoryFile;
use crate::base::{LogId, SlotRef};
use crate::custody::vault::VaultError;
use crate::custody::{Held, Owner, RootKey, Vault, VaultImage};
use crate::engine::{boot, log_key};
use crate::event::InternalKeyPurpose;
use crate::projection::State;

/// What the proof came to.
#[derive(Debug)]
pub struct Checked {
    /// The verification of the log.
    pub report: Report,
    /// What the vault holds of what the log refers to.
    pub slots: Slots,
    /// How many slot keys, and what is sealed under them, opened; none when no root key was given.
    pub opened: Option<u64>,
    /// What does not open with the root key: what it is, and why.
    pub unopened: Vec<String>,
    made: crate::base::Timestamp,
}

/// What a copy of a vault holds of what a state refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots {
    /// Slots that are there.
    pub filled: u64,
    /// Slots that were erased after the last event of the backup, while it was made: what they held is destroyed.
    pub erased: BTreeSet<SlotRef>,
    /// Slots that the daemon had lost before the backup was made.
    pub damaged: BTreeSet<SlotRef>,
    /// Slots that must be there and are not.
    pub missing: BTreeSet<SlotRef>,
}

impl Slots {
    /// Looks up every slot that `state` needs; those that are owed an erasure it does not need.
    pub fn of(state: &State, image: &VaultImage) -> Self {
        let owed: BTreeSet<SlotRef> = state.erasures().collect();
        let mut slots = Self::default();
        for at in state.slots().filter(|at| !owed.contains(at)) {
            match image.held(at) {
                Held::Filled => slots.filled += 1,
                Held::Erased => drop(slots.erased.insert(at)),
                Held::Damaged => drop(slots.damaged.insert(at)),
                Held::Never => drop(slots.missing.insert(at)),
            }
        }
        slots
    }
}

/// Refuses to back up a vault with which the log that folds to `state` could not be restored.
pub fn refuse_incomplete(state: &State, image: &VaultImage) -> Result<(), BackupError> {
    let slots = Slots::of(state, image);
    if !slots.missing.is_empty() {
        return Err(BackupError::VaultLacks(slots.missing.len() as u64));
    }
    let key = state.internal_key(InternalKeyPurpose::LogSigning);
    match key.map(|row| image.held(row.slot)) {
        Some(Held::Filled) => Ok(()),
        _ => Err(BackupError::NoLogKey),
    }
}

impl Checked {
    /// Whether the backup can be restored whole.
    pub fn is_proven(&self) -> bool {
        self.report.is_verified() && self.slots.missing.is_empty() && self.unopened.is_empty()
    }
}

/// The verdict, one line.
impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.report.is_verified() {
            return self.report.fmt(f);
        }
        if let Some(slot) = self.slots.missing.first() {
            let more = self.slots.missing.len() - 1;
            return write!(
                f,
                "DAMAGED: the vault lacks slot {slot} (and {more} more) that the log refers to"
            );
        }
        if let Some(first) = self.unopened.first() {
            let more = self.unopened.len() - 1;
            write!(f, "DAMAGED: {first}")?;
            return match more {
                0 => Ok(()),
                more => write!(f, " (and {more} more that do not open)"),
            };
        }
        write!(
            f,
            "proven: the backup of {} holds {} events",
            self.made, self.report.events
        )?;
        if let Some(log) = self.report.log {
            write!(f, " of log {log}")?;
        }
        write!(f, " and all {} slots they need", self.slots.filled)?;
        match self.opened {
            Some(_) => f.write_str("; all open with the root key"),
            None => f.write_str("; whether they open only --root-key can tell"),
        }
    }
}

/// Proves `backup`. An error names an object that can't be used, and is a no as well.
pub fn check(backup: &Backup, root: Option<RootKey>, progress: Progress<'_>) -> Result<Checked, BackupError> {
    let mut source = BackupSource::new(backup);
    source.check_identity()?;
    let report = verify(&mut source, progress)?;
    let image = backup.vault()?;
    let Manifest { set, name, .. } = &backup.manifest;
    let mut checked = Checked {
        slots: Slots::of(&report.state, &image),
        report,
        opened: None,
        unopened: Vec::new(),
        made: name.made,
    };
    if let (Some(root), true) = (root, checked.is_proven()) {
        match open_copy(&image, set.log, root) {
            Ok(vault) => {
                let (opened, unopened) = open_all(&checked.report.state, &vault, &checked.slots);
                (checked.opened, checked.unopened) = (Some(opened), unopened);
            }
            // The backup may be as whole as ever.
            Err(VaultError::WrongRootKey) => return Err(BackupError::WrongRootKey),
            Err(error) => checked.unopened.push(error.to_string()),
        }
    }
    Ok(checked)
}

/// The copy as a vault, in memory alone.
fn open_copy(image: &VaultImage, log: LogId, root: RootKey) -> Result<Vault, VaultError> {
    let mirror = || -> Result<Box<dyn BlockFile>, VaultError> {
        let file = MemoryFile::new();
        file.write_at(image.bytes(), 0).map_err(|source| VaultError::Io {
            action: "write",
            source,
        })?;
        Ok(Box::new(file))
    };
    Vault::open([mirror()?, mirror()?], log, root)
}

/// Opens everything that `state` has sealed, but for slots that are known to be gone. What opens is zeroized at once.
fn open_all(state: &State, vault: &Vault, slots: &Slots) -> (u64, Vec<String>) {
    let mut opened = 0;
    let mut unopened = Vec::new();
    let mut one = |what: String, at: SlotRef, owner: &Owner, sealed: &[u8]| {
        if slots.erased.contains(&at) || slots.damaged.contains(&at) {
            return;
        }
        let open = vault.key(at).map_err(|error| error.to_string()).and_then(|key| {
            let opened = key.open(owner, sealed);
            opened.map_err(|error| error.to_string())
        });
        match open {
            Ok(_) => opened += 1,
            Err(why) => unopened.push(format!("{what}: {why}")),
        }
    };
    for key in state.keys() {
        for version in &key.versions {
            let owner = Owner::KeyVersion(key.id, version.id);
            let what = format!("key {}", key.id);
            one(what, version.slot, &owner, version.sealed.as_slice());
        }
    }
    for key in state.access_keys() {
        let owner = Owner::AccessKey(key.id.clone());
        one(
            format!("access key {}", key.id),
            key.slot,
            &owner,
            key.sealed.as_slice(),
        );
    }
    for purpose in InternalKeyPurpose::ALL {
        if let Some(row) = state.internal_key(purpose) {
            let what = format!("the daemon's own key for {}", purpose.as_str());
            one(what, row.slot, &boot::internal(purpose), row.sealed.as_slice());
        }
    }
    // That the log's key is the vault's ties the two together: neither can be exchanged for another's.
    if let Err(error) = log_key::unseal(vault, state) {
        unopened.push(error.to_string());
    }
    (opened, unopened)
}
