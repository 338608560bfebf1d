use super::*;
use crate::ledger::testing::{chain, group};
use crate::ledger::{EventStore, FjallStore, commit};

/// The journal of a store that was closed after `groups` commits, without the zeroes at its end.
fn journal_of(dir: &Path, groups: usize) -> Vec<u8> {
    {
        let store = FjallStore::open(dir).unwrap();
        let mut chain = chain();
        for size in 1..=groups {
            // Small groups, and some whose values are compressed.
            commit(&store, &group(&mut chain, size % 7 + 1)).unwrap();
        }
        assert!(store.size().unwrap() >= groups as u64);
    }
    let bytes = fs::read(dir.join("0.jnl")).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[..end].to_vec()
}

/// The format above is fjall's, not ours: this fails when a new version writes another.
#[test]
fn every_record_that_the_store_writes_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = journal_of(dir.path(), 20);
    assert_eq!(whole_prefix(&bytes, &mut None), (bytes.len() as u64, &[][..]));
    assert_eq!(count_whole(&bytes), 20);
    assert_eq!(scan(dir.path()).unwrap(), Found::Whole);
}

/// Any byte, in any record: damage, unless it is in the last one, which may be torn.
#[test]
fn any_changed_byte_is_found_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let whole = journal_of(dir.path(), 4);
    let mut ends = vec![0];
    while let Some((_, after)) = record(&whole[*ends.last().unwrap()..]) {
        ends.push(whole.len() - after.len());
    }
    assert_eq!(ends.len(), 5);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x81;
        let journal = dir.path().join("0.jnl");
        let found = find(std::iter::once(Ok((journal, bytes)))).unwrap();
        let index = ends.iter().rposition(|end| *end <= at).unwrap();
        let place = |at: usize| Place {
            journal: dir.path().join("0.jnl"),
            at: at as u64,
        };
        // No checksum covers the start's sequence number; but a higher one shows in the record after it.
        let is_seqno = (5..13).contains(&(at - ends[index]));
        let after = 3 - index;
        let expected = match (is_seqno, after) {
            (false, 0) => Found::Torn(place(ends[index])),
            (true, 0) => Found::Whole,
            (false, _) => Found::Damaged(place(ends[index]), after as u64),
            (true, _) => Found::Damaged(place(ends[index + 1]), after as u64),
        };
        assert_eq!(found, expected, "byte {at}");
    }
}

#[test]
fn a_journal_cut_anywhere_ends_in_a_torn_record_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let whole = journal_of(dir.path(), 4);
    for len in (0..whole.len()).step_by(37) {
        fs::write(dir.path().join("0.jnl"), &whole[..len]).unwrap();
        match scan(dir.path()).unwrap() {
            Found::Torn(place) => {
                cut(dir.path(), &place).unwrap();
                assert_eq!(scan(dir.path()).unwrap(), Found::Whole);
            }
            Found::Whole => {}
            damaged @ Found::Damaged(..) => panic!("{len}: {damaged:?}"),
        }
    }
}

#[test]
fn a_torn_journal_before_another_is_damage_and_is_cut_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let whole = journal_of(dir.path(), 4);
    fs::write(dir.path().join("0.jnl"), &whole[..whole.len() - 1]).unwrap();
    fs::write(dir.path().join("1.jnl"), &whole).unwrap();
    let Found::Damaged(place, 4) = scan(dir.path()).unwrap() else {
        panic!("not found");
    };
    assert!(place.journal.ends_with("0.jnl"));
    cut(dir.path(), &place).unwrap();
    assert_eq!(scan(dir.path()).unwrap(), Found::Whole);
    assert_eq!(journals(dir.path()).unwrap().len(), 1);
}
