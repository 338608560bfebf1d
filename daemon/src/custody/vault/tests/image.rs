//! Copies of the vault: what is in them, and what is refused.

use super::*;

/// A copy as a backup of a running daemon takes it, three records at a time.
fn copy(vault: &Vault) -> Vec<u8> {
    let mut bytes = vault.image_header().to_vec();
    let mut from = 0;
    loop {
        let (page, len) = vault.image_page(from, 3);
        bytes.extend_from_slice(&page);
        from += 3;
        if from >= len {
            return bytes;
        }
    }
}

#[test]
fn a_copy_is_what_the_mirrors_hold_and_opens_as_a_vault() {
    let files = files();
    let vault = create(&files).unwrap();
    let slots = vault.provide(8, &SystemEntropy).unwrap();
    vault.erase(&slots[2..4]).unwrap();
    let probe = probe(&vault, slots[0]);
    let bytes = copy(&vault);
    drop(vault);
    assert_eq!(bytes, files[0].durable());
    let image = VaultImage::of_mirrors(&boxed(&files), LOG).unwrap();
    assert_eq!(image.bytes(), bytes);
    assert_eq!(image.records(), 8);

    let restored = super::files();
    for file in &restored {
        file.write_at(image.bytes(), 0).unwrap();
        file.sync().unwrap();
    }
    let vault = open(&restored).unwrap();
    assert_eq!(vault.repaired(), 0);
    assert_opens(&vault, slots[0], &probe);
}

#[test]
fn a_copy_tells_erased_fillings_from_those_that_never_were() {
    let files = files();
    let vault = create(&files).unwrap();
    vault.provide(3, &SystemEntropy).unwrap();
    vault.erase(&[slot(1, 1), slot(2, 1)]).unwrap();
    assert_eq!(vault.provide(1, &SystemEntropy).unwrap(), [slot(1, 2)]);
    let image = VaultImage::parse(copy(&vault), LOG).unwrap();
    for (at, held) in [
        (slot(0, 1), Held::Filled),
        (slot(0, 2), Held::Never),
        (slot(1, 1), Held::Erased),
        (slot(1, 2), Held::Filled),
        (slot(1, 3), Held::Never),
        (slot(2, 1), Held::Erased),
        (slot(2, 2), Held::Never),
        (slot(3, 1), Held::Never),
    ] {
        assert_eq!(image.held(at), held, "{at}");
    }
}

#[test]
fn a_copy_takes_from_each_mirror_what_the_other_lost_and_keeps_what_both_lost_lost() {
    let files = files();
    let vault = create(&files).unwrap();
    vault.provide(4, &SystemEntropy).unwrap();
    drop(vault);
    let record = |slot: u32| Record::offset(slot) as usize..Record::offset(slot) as usize + 1;
    files[0].damage(record(0));
    files[1].damage(record(1));
    files[0].damage(record(2));
    files[1].damage(record(2));
    let before = files.each_ref().map(MemoryFile::durable);
    let image = VaultImage::of_mirrors(&boxed(&files), LOG).unwrap();
    assert_eq!(files.each_ref().map(MemoryFile::durable), before, "it repaired");
    let held: Vec<_> = (0..4).map(|n| image.held(slot(n, 1))).collect();
    assert_eq!(held, [Held::Filled, Held::Filled, Held::Damaged, Held::Filled]);
    // Of a running daemon, too.
    let vault = open(&files).unwrap();
    assert_eq!(copy(&vault), image.bytes());
}

#[test]
fn no_bit_of_a_copy_can_change_and_nothing_can_be_cut_or_added() {
    let files = files();
    let vault = create(&files).unwrap();
    vault.provide(2, &SystemEntropy).unwrap();
    let bytes = copy(&vault);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(VaultImage::parse(changed, LOG).is_err(), "byte {at}");
    }
    for len in 0..bytes.len() {
        let cut = VaultImage::parse(bytes[..len].to_vec(), LOG);
        // At the end of a record a copy may end: what is missing then is known by what the log refers to.
        assert_eq!(cut.is_ok(), len == 512 || len == 640, "{len} bytes");
    }
    assert!(VaultImage::parse([bytes.as_slice(), &[0]].concat(), LOG).is_err());
    let other = LogId::from_bytes([8; 16]);
    assert!(matches!(
        VaultImage::parse(bytes, other),
        Err(VaultError::OtherLog { .. })
    ));
}
