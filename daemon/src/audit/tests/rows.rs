//! The stored state against the log: differences are named, a rebuild takes them away.

use super::bench::Bench;
use crate::audit::replay::{Difference, How};
use crate::audit::source::{ClaimedDigest, SourceError};
use crate::audit::{Replayed, rebuild, replay};
use crate::base::{Digest, KeyId};
use crate::event::{RowKey, Table};
use crate::ledger::memory_store::FailMode;
use crate::ledger::{EventStore, MemoryStore};
use crate::projection::row::Address;

fn compare(source: &mut dyn crate::audit::LogSource) -> Replayed {
    replay(source, &mut |_, _| ()).unwrap()
}

type Stored = (Vec<(RowKey, Vec<u8>)>, Option<Vec<u8>>);

fn stored(store: &MemoryStore) -> Stored {
    (store.rows(None, usize::MAX).unwrap(), store.digest().unwrap())
}

#[test]
fn an_honest_state_is_the_logs() {
    let (bench, _) = Bench::busy();
    let replayed = compare(&mut bench.source());
    assert!(replayed.is_equal());
    let digest = bench.core.writer.state().digest().short();
    let rows = bench.core.writer.state().rows().count();
    assert_eq!(
        replayed.to_string(),
        format!("equal: 17 events fold to the state, all {rows} rows byte for byte, digest {digest}")
    );
}

#[test]
fn rows_that_differ_are_named_and_their_content_is_not_shown() {
    let (bench, key) = Bench::busy();
    let mut tampered = bench.tampered();
    let at = |rows: &[(RowKey, Vec<u8>)], table| rows.iter().position(|(row, _)| row.table == table).unwrap();
    let altered = at(&tampered.rows, Table::Key);
    let last = tampered.rows[altered].1.len() - 1;
    tampered.rows[altered].1[last] ^= 1;
    let alias = at(&tampered.rows, Table::Alias);
    let (missing, _) = tampered.rows.remove(alias);
    let extra = KeyId::from_bytes([0xff; 16]).row_key();
    tampered.rows.push((extra.clone(), b"sealed".to_vec()));
    tampered.rows.sort();

    let replayed = compare(&mut tampered);
    assert_eq!(replayed.different, 3);
    let difference = |row: RowKey, how| Difference { row, how };
    assert_eq!(
        replayed.first,
        [
            difference(key.row_key(), How::Altered),
            difference(extra, How::Extra),
            difference(missing, How::Missing)
        ]
    );
    assert_eq!(
        replayed.to_string(),
        format!("DIFFERS: key {key} is not what the log says (and 2 more rows)")
    );
}

#[test]
fn a_digest_that_differs_is_found() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    tampered.digest = ClaimedDigest::Short(Digest::of(b"another"));
    assert!(compare(&mut tampered).to_string().ends_with("is claimed"));
    tampered.digest = ClaimedDigest::Short(bench.core.writer.state().digest().short());
    assert!(compare(&mut tampered).is_equal());

    let mut bytes = bench.store.digest().unwrap().unwrap();
    bytes[0] ^= 1;
    tampered.digest = ClaimedDigest::Stored(Some(bytes));
    assert!(!compare(&mut tampered).is_equal());
    tampered.digest = ClaimedDigest::Stored(None);
    let verdict = compare(&mut tampered).to_string();
    assert!(verdict.ends_with("no usable digest is stored"), "{verdict}");
}

#[test]
fn a_log_that_can_t_be_folded_is_not_compared() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    tampered.entries.swap(3, 4);
    let replayed = compare(&mut tampered);
    assert!(!replayed.is_equal());
    assert!(replayed.to_string().starts_with("DAMAGED at event 3: "));
}

#[test]
fn a_rebuild_restores_lost_rows_byte_for_byte() {
    let (bench, _) = Bench::busy();
    let before = stored(&bench.store);
    bench
        .store
        .replace_rows(&mut before.0.clone().into_iter().take(2), b"no digest")
        .unwrap();
    assert!(!compare(&mut bench.source()).is_equal());

    let rebuilt = rebuild(&*bench.store, bench.anchor_file(), &mut |_, _| ()).unwrap();
    assert_eq!(rebuilt.rows, Some(before.0.len() as u64));
    assert_eq!(stored(&bench.store), before);
    assert!(compare(&mut bench.source()).is_equal());
}

#[test]
fn an_interrupted_rebuild_is_noticed_and_done_again() {
    let (bench, _) = Bench::busy();
    let before = stored(&bench.store);
    bench.store.fail_next(FailMode::NotPersisted);
    assert!(rebuild(&*bench.store, bench.anchor_file(), &mut |_, _| ()).is_err());

    let again = bench.store.reopen();
    let mut source = crate::audit::StoreSource::new(&again).unwrap();
    let refused = replay(&mut source, &mut |_, _| ());
    assert!(matches!(refused, Err(SourceError::RebuildUnfinished)));
    rebuild(&again, bench.anchor_file(), &mut |_, _| ()).unwrap();
    assert_eq!(stored(&again), before);
}

// A state derived from a log that contradicts itself would hide the contradiction.
#[test]
fn a_damaged_log_rebuilds_nothing() {
    let (bench, _) = Bench::busy();
    let lie = bench.last_of("kms/DisableKey");
    bench.lie(vec![lie]);
    bench
        .store
        .replace_rows(&mut std::iter::empty(), b"no digest")
        .unwrap();
    let before = stored(&bench.store);
    let rebuilt = rebuild(&*bench.store, bench.anchor_file(), &mut |_, _| ()).unwrap();
    assert_eq!(rebuilt.rows, None);
    assert!(rebuilt.to_string().starts_with("DAMAGED at event 17: "));
    assert_eq!(stored(&bench.store), before);
}
