//! Media that rot: what one mirror can prove is repaired, what neither can is reported.

use std::io;
use std::ops::Range;

use super::*;

fn record(slot: u32) -> Range<usize> {
    let start = Record::offset(slot) as usize;
    start..start + 128
}

/// A vault of six slots (0 to 5), with the fourth erased, and a probe of slot 2.
fn prepared() -> (Files, Bytes) {
    let files = files();
    let vault = create(&files).unwrap();
    vault.provide(6, &SystemEntropy).unwrap();
    vault.erase(&[slot(3, 1)]).unwrap();
    let probe = probe(&vault, slot(2, 1));
    (files, probe)
}

#[test]
fn any_damaged_byte_of_one_mirror_is_repaired_from_the_other() {
    let (files, probe) = prepared();
    let whole = files[0].durable();
    for side in [0, 1] {
        for index in 0..whole.len() {
            files[side].damage(index..index + 1);
            let vault = open(&files).unwrap();
            assert_eq!(vault.repaired(), 1, "byte {index}");
            assert!(vault.damaged().is_empty());
            assert_opens(&vault, slot(2, 1), &probe);
            assert!(files[side].durable() == whole);
        }
    }
}

#[test]
fn a_mirror_that_is_lost_zeroed_or_cut_is_made_again() {
    let (whole, probe) = prepared();
    let bytes = whole[0].durable();
    let cut = |len: usize| bytes[..len].to_vec();
    for rest in [
        vec![],
        vec![0; bytes.len()],
        cut(300),
        cut(512),
        cut(700),
        cut(bytes.len() - 1),
    ] {
        let files = [whole[0].clone(), MemoryFile::new()];
        files[1].write_at(&rest, 0).unwrap();
        files[1].sync().unwrap();
        let vault = open(&files).unwrap();
        assert!(vault.repaired() > 0);
        assert_opens(&vault, slot(2, 1), &probe);
        assert_mirrored(&files);
        assert!(files[0].durable() == bytes);
    }
}

#[test]
fn a_slot_damaged_in_both_mirrors_is_reported_and_harms_no_other() {
    let (files, probe) = prepared();
    files[0].damage(record(1));
    files[1].damage(record(1).start + 20..record(1).start + 21);
    let vault = open(&files).unwrap();
    assert_eq!(vault.damaged(), [1]);
    assert!(matches!(vault.key(slot(1, 1)), Err(VaultError::Damaged(_))));
    assert_eq!(vault.filled(), [slot(0, 1), slot(2, 1), slot(4, 1), slot(5, 1)]);
    assert_opens(&vault, slot(2, 1), &probe);
    // It is not filled again: nobody knows how often it was.
    assert_eq!(
        vault.provide(2, &SystemEntropy).unwrap(),
        [slot(3, 2), slot(6, 1)]
    );
}

#[test]
fn a_damaged_slot_can_be_erased_and_is_then_retired() {
    let (files, _) = prepared();
    files
        .iter()
        .for_each(|file| file.damage(record(1).start + 100..record(1).end));
    let vault = open(&files).unwrap();
    vault.erase(&[slot(1, 1)]).unwrap();
    for file in &files {
        let bytes = file.durable();
        assert_eq!(bytes[record(1)][12..84], [0; 72]);
    }
    assert!(matches!(vault.key(slot(1, 1)), Err(VaultError::NotFilled(_))));
    let reopened = open(&files).unwrap();
    assert!(reopened.damaged().is_empty());
    assert_eq!(reopened.repaired(), 0);
    assert_eq!(
        reopened.provide(2, &SystemEntropy).unwrap(),
        [slot(3, 2), slot(6, 1)]
    );
}

#[test]
fn a_record_in_another_slot_s_place_is_damage() {
    let (files, _) = prepared();
    for file in &files {
        let bytes = file.durable();
        file.write_at(&bytes[record(0)], Record::offset(1)).unwrap();
        file.sync().unwrap();
    }
    let vault = open(&files).unwrap();
    assert_eq!(vault.damaged(), [1]);
    assert!(vault.key(slot(0, 1)).is_ok());
}

#[test]
fn a_record_of_another_log_is_damage() {
    let record = Record::Erased { generation: 1 };
    let bytes = record.encode(LOG, 0);
    assert_eq!(Record::decode(&bytes, LOG, 0), Some(record));
    assert_eq!(Record::decode(&bytes, LogId::from_bytes([8; 16]), 0), None);
}

/// Zeros pass for blank; the first generation of such a slot may have been in use.
#[test]
fn a_slot_zeroed_in_both_mirrors_is_not_filled_again() {
    let (files, _) = prepared();
    for file in &files {
        file.write_at(&[0; 128], Record::offset(1)).unwrap();
        file.sync().unwrap();
    }
    let vault = open(&files).unwrap();
    assert!(matches!(vault.key(slot(1, 1)), Err(VaultError::NotFilled(_))));
    assert_eq!(
        vault.provide(2, &SystemEntropy).unwrap(),
        [slot(3, 2), slot(6, 1)]
    );
}

/// Two whole records of one age that differ can't come from a crash: neither is believed.
#[test]
fn two_records_of_one_age_are_not_chosen_between() {
    let a = Record::Filled {
        generation: 1,
        sealed: [1; 72],
    };
    let b = Record::Filled {
        generation: 1,
        sealed: [2; 72],
    };
    assert_eq!(Slot::decide([Some(a), Some(b)]), Slot::Damaged);
}

#[test]
fn the_later_record_wins_whichever_mirror_has_it() {
    let filled = |generation| Record::Filled {
        generation,
        sealed: [1; 72],
    };
    let erased = |generation| Record::Erased { generation };
    let by_age = [
        Record::Blank,
        filled(1),
        erased(1),
        filled(2),
        erased(2),
        Record::Retired { generation: 1 },
    ];
    for (age, one) in by_age.iter().enumerate() {
        for later in &by_age[age..] {
            assert_eq!(one.later(*later), Some(*later));
            assert_eq!(later.later(*one), Some(*later));
        }
    }
}

#[test]
fn a_vault_of_another_format_is_not_touched() {
    let (files, _) = prepared();
    let mut header = files[0].durable()[..512].to_vec();
    header[11] = 2;
    let sum = crate::base::Digest::of_parts(&[b"chancery/vault-header/v1", &header[..480]]);
    header[480..].copy_from_slice(sum.as_bytes());
    files[1].write_at(&header, 0).unwrap();
    let unknown = crate::base::UnknownFormat::new("the vault", 2, 1);
    assert!(matches!(open(&files), Err(VaultError::Format(found)) if found == unknown));
    assert!(matches!(create(&files), Err(VaultError::Exists)));
}

/// A medium with one sector that can't be read, as disks have them.
#[derive(Debug)]
struct BadSector(MemoryFile, Range<u64>);

impl BlockFile for BadSector {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if offset < self.1.end && offset + buffer.len() as u64 > self.1.start {
            return Err(io::Error::other("bad sector"));
        }
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

#[test]
fn an_unreadable_sector_is_rewritten_from_the_twin() {
    let (files, probe) = prepared();
    for sector in 0..3 {
        let bad = BadSector(files[0].clone(), sector * 512..sector * 512 + 1);
        let vault = Vault::open([Box::new(bad), Box::new(files[1].clone())], LOG, root()).unwrap();
        // The header, or the four records of the sector (two in the last).
        assert_eq!(vault.repaired(), [1, 4, 2][sector as usize]);
        assert!(vault.damaged().is_empty());
        assert_opens(&vault, slot(2, 1), &probe);
    }
}
