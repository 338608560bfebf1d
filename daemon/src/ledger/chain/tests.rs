use super::*;
use crate::ledger::SignedEntry;
use crate::ledger::testing::{LOG, ORIGIN, chain, event, key, key_of};

fn payload(entry: &Entry) -> Event {
    codec::decode_event(SignedEntry::parse(&entry.bytes).unwrap().payload).unwrap()
}

#[test]
fn events_are_numbered_linked_and_signed() {
    let mut chain = chain();
    let mut prev = Digest::ZERO;
    for n in 0..5 {
        let mut event = event(3);
        let entry = chain.enroll(&mut event, Timestamp::from_millis(100 + n)).unwrap();
        assert_eq!(entry.seq, Seq::new(n));
        assert_eq!(payload(&entry), event);
        assert_eq!(
            (event.seq, event.prev, event.time),
            (entry.seq, prev, Timestamp::from_millis(100 + n))
        );

        let parsed = SignedEntry::parse(&entry.bytes).unwrap();
        assert!(parsed.verify(LOG, &key().public()));
        assert_eq!(entry.payload_digest, Digest::of(parsed.payload));
        assert_eq!(entry.leaf, leaf_hash(&entry.bytes));
        prev = entry.payload_digest;
        assert_eq!(
            *chain.head(),
            Head {
                size: n + 1,
                prev,
                leaf: entry.leaf,
                time: event.time,
            }
        );
    }
}

#[test]
fn time_never_goes_back() {
    let mut chain = chain();
    let times: Vec<_> = [50, 40, 60, 0]
        .into_iter()
        .map(|now| {
            payload(&chain.enroll(&mut event(0), Timestamp::from_millis(now)).unwrap())
                .time
                .as_millis()
        })
        .collect();
    assert_eq!(times, [50, 50, 60, 60]);
}

#[test]
fn an_oversized_event_leaves_the_chain_as_it_was() {
    let mut chain = chain();
    chain.enroll(&mut event(1), Timestamp::from_millis(1)).unwrap();
    let (head, root) = (*chain.head(), chain.checkpoint().0.root);
    let refused = chain.enroll(&mut event(limits::ENTRY_BYTES_MAX), Timestamp::from_millis(9));
    assert!(refused.is_err_and(|EntryTooLarge(len)| len > limits::ENTRY_BYTES_MAX));
    assert_eq!((*chain.head(), chain.checkpoint().0.root), (head, root));

    let next = chain.enroll(&mut event(1), Timestamp::from_millis(2)).unwrap();
    assert_eq!(
        (next.seq, payload(&next).time),
        (Seq::new(1), Timestamp::from_millis(2))
    );
}

#[test]
fn the_largest_entry_fits_exactly() {
    let mut chain = chain();
    let spare = limits::ENTRY_BYTES_MAX
        - chain
            .enroll(&mut event(50_000), Timestamp::default())
            .unwrap()
            .bytes
            .len();
    // The second event's seq, time and prev have the same encoded lengths as the first's.
    let largest = chain
        .enroll(&mut event(50_000 + spare), Timestamp::default())
        .unwrap();
    assert_eq!(largest.bytes.len(), limits::ENTRY_BYTES_MAX);
    let larger = chain.enroll(&mut event(50_000 + spare + 1), Timestamp::default());
    assert_eq!(larger, Err(EntryTooLarge(limits::ENTRY_BYTES_MAX + 1)));
}

#[test]
fn the_checkpoint_is_of_the_entries_so_far() {
    let mut chain = chain();
    let mut tree = Tree::new();
    for _ in 0..300 {
        tree.append(chain.enroll(&mut event(1), Timestamp::default()).unwrap().leaf);
    }
    let (checkpoint, note) = chain.checkpoint();
    assert_eq!((checkpoint.size, checkpoint.root), (300, tree.root()));
    assert_eq!(Checkpoint::open(&note, ORIGIN, &key().public()), Ok(checkpoint));
    assert_eq!(chain.take_full_tiles(), tree.take_full_tiles());
}

#[test]
#[should_panic(expected = "different sizes")]
fn a_tree_of_another_size_is_refused() {
    let head = Head {
        size: 1,
        ..Head::EMPTY
    };
    Chain::resume(LOG, ORIGIN.into(), key(), head, Tree::new());
}

/// The last entry of the old key is the one that brings the new one; what is signed at the head after it is the new one's.
#[test]
fn another_key_signs_after_the_event_that_brings_it() {
    let mut chain = chain();
    let now = Timestamp::from_millis(1);
    let signed_by = |entry: &Entry, key: &LogKey| {
        SignedEntry::parse(&entry.bytes)
            .unwrap()
            .verify(LOG, &key.public())
    };
    let bringing = chain.enroll(&mut event(3), now).unwrap();
    chain.turn(key_of(8), None);
    let (checkpoint, note) = chain.checkpoint();
    assert_eq!(
        Checkpoint::open(&note, ORIGIN, &key_of(8).public()),
        Ok(checkpoint)
    );
    let next = chain.enroll(&mut event(3), now).unwrap();
    assert!(signed_by(&bringing, &key()) && !signed_by(&bringing, &key_of(8)));
    assert!(signed_by(&next, &key_of(8)) && !signed_by(&next, &key()));
    // The chain itself goes on as ever.
    assert_eq!(payload(&next).prev, bringing.payload_digest);

    chain.turn(key_of(9), Some("chancery.test/epoch/2".into()));
    let (_, note) = chain.checkpoint();
    assert!(Checkpoint::open(&note, "chancery.test/epoch/2", &key_of(9).public()).is_ok());
    assert!(Checkpoint::open(&note, ORIGIN, &key_of(9).public()).is_err());
}
