use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};
use proptest::prelude::*;

use super::*;
use crate::ledger::testing::{LOG, key, key_of};

/// The same entry, made by `coset`.
fn independent(payload: &[u8]) -> Vec<u8> {
    let protected = HeaderBuilder::new()
        .algorithm(iana::Algorithm::EdDSA)
        .key_id(key().kid().to_vec())
        .build();
    CoseSign1Builder::new()
        .protected(protected)
        .payload(payload.to_vec())
        .create_signature(&aad(), |message| key().sign(message).to_vec())
        .build()
        .to_tagged_vec()
        .unwrap()
}

fn aad() -> Vec<u8> {
    [b"chancery/event/v1".as_slice(), LOG.as_bytes()].concat()
}

fn check_against_coset(payload: &[u8]) {
    let entry = sign_entry(&key(), LOG, payload);
    assert_eq!(entry, independent(payload));
    assert_eq!(entry.len(), entry_len(payload.len()));

    let parsed = SignedEntry::parse(&entry).unwrap();
    assert_eq!((parsed.kid, parsed.payload), (key().kid(), payload));
    assert!(parsed.verify(LOG, &key().public()));
    let theirs = CoseSign1::from_tagged_slice(&entry).unwrap();
    assert_eq!(parsed.to_be_signed(LOG), theirs.tbs_data(&aad()));
}

proptest! {
    #[test]
    fn entries_are_what_coset_makes(payload in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        check_against_coset(&payload);
    }

    // No change of a byte, and no cut, is another entry of the same log by the same key.
    #[test]
    fn altered_entries_never_verify(at in 0_usize..200, flip in 1_u8.., cut in 0_usize..200) {
        let entry = sign_entry(&key(), LOG, &[0x5a; 100]);
        let mut altered = entry.clone();
        let at = at % altered.len();
        altered[at] ^= flip;
        let verifies = SignedEntry::parse(&altered).is_ok_and(|e| e.verify(LOG, &key().public()));
        prop_assert!(!verifies);
        prop_assert!(SignedEntry::parse(&entry[..cut % entry.len()]).is_err());
    }

    #[test]
    fn whatever_parses_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..100), head in 0_usize..20) {
        let mut entry = sign_entry(&key(), LOG, b"p");
        entry.truncate(head);
        entry.extend(bytes);
        if let Ok(parsed) = SignedEntry::parse(&entry) {
            let mut again = sign_entry(&key(), LOG, parsed.payload);
            let end = again.len() - 64;
            again[end..].copy_from_slice(&parsed.signature);
            again[8..16].copy_from_slice(&parsed.kid);
            prop_assert_eq!(again, entry);
        }
    }
}

#[test]
fn every_width_of_the_length_is_what_coset_makes() {
    for len in [0, 1, 23, 24, 255, 256, 257, 59_000] {
        check_against_coset(&vec![0xa5; len]);
    }
}

#[test]
fn the_documented_bytes_hold() {
    let entry = sign_entry(&key(), LOG, &[0xa0]);
    assert_eq!(entry[..8], [0xd2, 0x84, 0x4d, 0xa2, 0x01, 0x27, 0x04, 0x48]);
    assert_eq!(entry[8..16], key().kid());
    assert_eq!(entry[16..21], [0xa0, 0x41, 0xa0, 0x58, 0x40]);
    assert_eq!(entry.len(), 21 + 64);
}

#[test]
fn an_entry_is_bound_to_its_log_and_its_key() {
    let entry = sign_entry(&key(), LOG, b"payload");
    let parsed = SignedEntry::parse(&entry).unwrap();
    assert!(!parsed.verify(LogId::from_bytes([0x12; 16]), &key().public()));
    assert!(!parsed.verify(LOG, &key_of(8).public()));
    // The right signature under another key id is not an entry of this key.
    let renamed = SignedEntry {
        kid: [0; 8],
        ..parsed
    };
    assert!(!renamed.verify(LOG, &key().public()));
}

#[test]
fn the_limit_counts_on_both_sides() {
    let overhead = entry_len(50_000) - 50_000;
    let longest = sign_entry(&key(), LOG, &vec![0; limits::ENTRY_BYTES_MAX - overhead]);
    assert_eq!(longest.len(), limits::ENTRY_BYTES_MAX);
    assert!(SignedEntry::parse(&longest).is_ok());
    let longer = sign_entry(&key(), LOG, &vec![0; limits::ENTRY_BYTES_MAX - overhead + 1]);
    assert_eq!(
        SignedEntry::parse(&longer),
        Err(CoseError::TooLong(limits::ENTRY_BYTES_MAX + 1))
    );
}

#[test]
fn other_forms_of_the_same_message_are_refused() {
    let entry = sign_entry(&key(), LOG, &[0xa0]);
    let replaced = |range: std::ops::Range<usize>, with: &[u8]| {
        [&entry[..range.start], with, &entry[range.end..]].concat()
    };
    for (what, bytes, cause) in [
        ("untagged", entry[1..].to_vec(), CoseError::Envelope),
        ("a wide tag", replaced(0..1, &[0xd8, 18]), CoseError::Envelope),
        ("a wide array", replaced(1..2, &[0x98, 4]), CoseError::Envelope),
        (
            "an indefinite array",
            replaced(1..2, &[0x9f]),
            CoseError::Envelope,
        ),
        ("another algorithm", replaced(5..6, &[0x26]), CoseError::Envelope),
        (
            "an unprotected header",
            replaced(16..17, &[0xa1, 0x01, 0x27]),
            CoseError::Envelope,
        ),
        (
            "a wide payload head",
            replaced(17..18, &[0x58, 1]),
            CoseError::PayloadHead,
        ),
        (
            "a wider payload head",
            replaced(17..18, &[0x59, 0, 1]),
            CoseError::PayloadHead,
        ),
        (
            "the widest payload head",
            replaced(17..18, &[0x5a, 0, 0, 0, 1]),
            CoseError::PayloadHead,
        ),
        (
            "a detached payload",
            replaced(17..19, &[0xf6]),
            CoseError::PayloadHead,
        ),
        (
            "a text payload",
            replaced(17..18, &[0x61]),
            CoseError::PayloadHead,
        ),
        (
            "a wide signature head",
            replaced(19..21, &[0x59, 0, 64]),
            CoseError::SignatureHead,
        ),
        (
            "a short signature",
            replaced(19..22, &[0x58, 0x3f]),
            CoseError::SignatureHead,
        ),
        (
            "a byte more",
            [entry.as_slice(), &[0]].concat(),
            CoseError::Trailing,
        ),
        (
            "a byte less",
            entry[..entry.len() - 1].to_vec(),
            CoseError::Truncated,
        ),
        ("nothing", Vec::new(), CoseError::Truncated),
    ] {
        assert_eq!(SignedEntry::parse(&bytes), Err(cause), "{what}");
    }
}
