//! The vault on files that tear, lie and rot.

mod crash;
mod damage;
mod image;

use super::*;
use crate::base::entropy::SystemEntropy;
use crate::base::memory_file::MemoryFile;
use crate::base::{AccessKeyId, KeyId, KeyVersionId};
use crate::event::Bytes;

const LOG: LogId = LogId::from_bytes([7; 16]);
const OWNER: Owner = Owner::Internal("test");

type Files = [MemoryFile; 2];

fn files() -> Files {
    [MemoryFile::new(), MemoryFile::new()]
}

fn boxed(files: &Files) -> [Box<dyn BlockFile>; 2] {
    files.clone().map(|file| Box::new(file) as Box<dyn BlockFile>)
}

fn root() -> RootKey {
    RootKey::from_secret(SecretBytes::new(vec![9; 32])).unwrap()
}

fn create(files: &Files) -> Result<Vault, VaultError> {
    Vault::create(boxed(files), LOG, root(), &SystemEntropy)
}

fn open(files: &Files) -> Result<Vault, VaultError> {
    Vault::open(boxed(files), LOG, root())
}

/// Something sealed under a slot, to tell later whether the slot still has the same key.
fn probe(vault: &Vault, at: SlotRef) -> Bytes {
    vault.key(at).unwrap().seal(&OWNER, b"probe", &SystemEntropy)
}

/// Asserts that `at` has the key that `probe` was sealed with.
fn assert_opens(vault: &Vault, at: SlotRef, probe: &Bytes) {
    let opened = vault.key(at).unwrap().open(&OWNER, probe.as_slice()).unwrap();
    assert_eq!(opened, SecretBytes::new(b"probe".to_vec()));
}

/// Asserts that both mirrors hold the same records on the medium. One may end earlier, where the other is blank.
fn assert_mirrored(files: &Files) {
    let [mut a, mut b] = files.clone().map(|file| file.durable());
    let len = a.len().max(b.len());
    a.resize(len, 0);
    b.resize(len, 0);
    assert!(a == b, "the mirrors differ");
}

const fn slot(slot: u32, generation: u32) -> SlotRef {
    SlotRef { slot, generation }
}

#[test]
fn provided_slots_have_distinct_keys_and_outlive_the_process() {
    let files = files();
    let vault = create(&files).unwrap();
    let slots = vault.provide(9, &SystemEntropy).unwrap();
    assert_eq!(slots, (0..9).map(|s| slot(s, 1)).collect::<Vec<_>>());
    let probes: Vec<_> = slots.iter().map(|at| probe(&vault, *at)).collect();
    drop(vault);

    // All was synced: a crash that loses every unsynced write loses nothing.
    files.iter().for_each(|file| file.crash(|_| false));
    let vault = open(&files).unwrap();
    assert_eq!(vault.repaired(), 0);
    assert_eq!(vault.filled(), slots);
    for (at, probe) in slots.iter().zip(&probes) {
        assert_opens(&vault, *at, probe);
        let other = slots.iter().find(|other| *other != at).unwrap();
        assert_eq!(
            vault.key(*other).unwrap().open(&OWNER, probe.as_slice()),
            Err(SealError::Unopened)
        );
    }
}

#[test]
fn a_batch_costs_one_sync_a_mirror() {
    let files = files();
    let vault = create(&files).unwrap();
    let before: Vec<_> = files.iter().map(MemoryFile::operations).collect();
    vault.provide(64, &SystemEntropy).unwrap();
    for (file, before) in files.iter().zip(before) {
        assert_eq!(file.operations() - before, 64 + 1);
    }
}

#[test]
fn an_erased_slot_is_zeros_in_both_mirrors_and_comes_back_as_another() {
    let files = files();
    let vault = create(&files).unwrap();
    let slots = vault.provide(3, &SystemEntropy).unwrap();
    let probe = probe(&vault, slot(1, 1));
    let place = Record::offset(1) as usize + 12..Record::offset(1) as usize + 84;
    let sealed = files[0].durable()[place.clone()].to_vec();

    vault.erase(&[slot(1, 1)]).unwrap();
    for file in &files {
        file.crash(|_| false);
        let bytes = file.durable();
        assert_eq!(bytes[place.clone()], [0; 72]);
        assert!(!bytes.windows(16).any(|window| window == &sealed[24..40]));
    }
    assert!(matches!(vault.key(slot(1, 1)), Err(VaultError::NotFilled(_))));
    assert_eq!(vault.filled(), [slots[0], slots[2]]);

    assert_eq!(
        vault.provide(2, &SystemEntropy).unwrap(),
        [slot(1, 2), slot(3, 1)]
    );
    assert!(matches!(vault.key(slot(1, 1)), Err(VaultError::NotFilled(_))));
    let refilled = vault.key(slot(1, 2)).unwrap();
    assert_eq!(refilled.open(&OWNER, probe.as_slice()), Err(SealError::Unopened));
}

#[test]
fn erasing_twice_or_after_a_new_filling_changes_nothing() {
    let files = files();
    let vault = create(&files).unwrap();
    vault.provide(2, &SystemEntropy).unwrap();
    vault.erase(&[slot(0, 1), slot(0, 1)]).unwrap();
    vault.erase(&[slot(0, 1)]).unwrap();
    vault.provide(1, &SystemEntropy).unwrap();
    let probe = probe(&vault, slot(0, 2));
    let before = files[0].durable();
    // Of old, of a generation to come, past the end.
    vault.erase(&[slot(0, 1), slot(0, 3), slot(77, 1)]).unwrap();
    assert_eq!(files[0].durable(), before);
    assert_opens(&vault, slot(0, 2), &probe);
    let reopened = open(&files).unwrap();
    assert_opens(&reopened, slot(0, 2), &probe);
}

#[test]
fn material_opens_for_its_owner_slot_and_log_alone() {
    let files = files();
    let vault = create(&files).unwrap();
    let slots = vault.provide(2, &SystemEntropy).unwrap();
    let key = vault.key(slots[0]).unwrap();
    let ids = [1, 2].map(|b| (KeyId::from_bytes([b; 16]), KeyVersionId::from_bytes([b; 16])));
    let owners = [
        Owner::KeyVersion(ids[0].0, ids[0].1),
        Owner::KeyVersion(ids[0].0, ids[1].1),
        Owner::KeyVersion(ids[1].0, ids[0].1),
        Owner::AccessKey(AccessKeyId::parse("test").unwrap()),
        Owner::AccessKey(AccessKeyId::parse("test2").unwrap()),
        Owner::Internal("test"),
        Owner::Internal(""),
    ];
    for owner in &owners {
        let sealed = key.seal(owner, b"material", &SystemEntropy);
        for other in &owners {
            assert_eq!(key.open(other, sealed.as_slice()).is_ok(), other == owner);
        }
        assert!(
            vault
                .key(slots[1])
                .unwrap()
                .open(owner, sealed.as_slice())
                .is_err()
        );
    }
    assert_eq!(
        format!("{key:?}"),
        "SlotKey { key: [sealing key], log: 07070707-0707-0707-0707-070707070707, at: SlotRef { slot: 0, generation: 1 } }"
    );
}

#[test]
fn a_wrong_root_key_or_log_is_named_and_nothing_is_written() {
    let files = files();
    create(&files).unwrap().provide(3, &SystemEntropy).unwrap();
    // Damage that opening would repair: it must not, before it knows that the vault is its own.
    files[1].damage(520..530);
    let before = files.clone().map(|file| file.operations());

    let other = RootKey::make(&SystemEntropy);
    let opened = Vault::open(boxed(&files), LOG, other);
    assert!(matches!(opened, Err(VaultError::WrongRootKey)));
    let opened = Vault::open(boxed(&files), LogId::from_bytes([8; 16]), root());
    assert!(matches!(opened, Err(VaultError::OtherLog { found: LOG, .. })));
    assert_eq!(files.clone().map(|file| file.operations()), before);
    assert_eq!(open(&files).unwrap().repaired(), 1);
}

#[test]
fn a_vault_is_never_made_over_another() {
    let files = files();
    let at = create(&files).unwrap().provide(1, &SystemEntropy).unwrap();
    let again = Vault::create(boxed(&files), LogId::from_bytes([8; 16]), root(), &SystemEntropy);
    assert!(matches!(again, Err(VaultError::Exists)));
    let half = [files[0].clone(), MemoryFile::new()];
    assert!(matches!(create(&half), Err(VaultError::Exists)));
    assert_eq!(open(&files).unwrap().filled(), at);
}

#[test]
fn mirrors_of_two_vaults_are_told_apart() {
    let (one, two) = (files(), files());
    create(&one).unwrap();
    create(&two).unwrap();
    let mixed = [one[0].clone(), two[1].clone()];
    assert!(matches!(open(&mixed), Err(VaultError::Unlike)));
    Vault::create(boxed(&files()), LOG, root(), &SystemEntropy).unwrap();
    assert!(matches!(open(&files()), Err(VaultError::NotAVault)));
}

/// Pins format 1: bytes made by hand from the description in `format`, with a program of its own.
#[test]
fn the_documented_bytes_open() {
    let bytes = include_bytes!("vault_v1.bin");
    let files = files();
    for file in &files {
        file.write_at(bytes, 0).unwrap();
        file.sync().unwrap();
    }
    let vault = open(&files).unwrap();
    assert_eq!(vault.repaired(), 0);
    assert_eq!(vault.filled(), [slot(0, 1), slot(2, 5)]);
    assert!(vault.damaged().is_empty());
    let sealed = include_bytes!("material_v1.bin");
    let owner = Owner::KeyVersion(
        KeyId::from_bytes([0x11; 16]),
        KeyVersionId::from_bytes([0x22; 16]),
    );
    let material = vault.key(slot(2, 5)).unwrap().open(&owner, sealed).unwrap();
    assert_eq!(material, SecretBytes::new((1..=32).collect()));
    // Slot 1 is erased at generation 3, slot 3 retired.
    assert_eq!(
        vault.provide(2, &SystemEntropy).unwrap(),
        [slot(1, 4), slot(4, 1)]
    );
}
