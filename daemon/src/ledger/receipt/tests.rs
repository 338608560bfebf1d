use super::*;
use crate::ledger::testing::{chain, group};
use crate::ledger::{FailMode, MemoryStore};

#[test]
fn a_sealed_answer_opens_with_the_receipt_of_its_event() {
    let store = MemoryStore::new();
    let group = group(&mut chain(), 3);
    let sealed: Vec<_> = group
        .entries
        .iter()
        .map(|entry| Sealed::new(entry.seq.get() * 10, entry))
        .collect();
    let receipts = commit(&store, &group).unwrap();
    let opened: Vec<_> = sealed.into_iter().zip(receipts).map(|(s, r)| s.open(r)).collect();
    for ((value, receipt), entry) in opened.iter().zip(&group.entries) {
        assert_eq!(*value, entry.seq.get() * 10);
        assert_eq!((receipt.seq(), receipt.leaf()), (entry.seq, entry.leaf));
    }
    assert_eq!(opened.len(), 3);
}

#[test]
#[should_panic(expected = "I2")]
fn the_receipt_of_another_event_opens_nothing() {
    let group = group(&mut chain(), 2);
    let sealed = Sealed::new((), &group.entries[0]);
    let second = commit(&MemoryStore::new(), &group).unwrap().pop().unwrap();
    let _opened = sealed.open(second);
}

#[test]
fn a_failed_commit_makes_no_receipt_whether_it_persisted_or_not() {
    for (mode, size) in [(FailMode::NotPersisted, 0), (FailMode::Persisted, 2)] {
        let store = MemoryStore::new();
        store.fail_next(mode);
        let mut chain = chain();
        assert!(matches!(
            commit(&store, &group(&mut chain, 2)),
            Err(StoreError::Fatal(_))
        ));
        // Never retried: the store stays closed to writes until it is opened again.
        assert!(matches!(
            commit(&store, &group(&mut chain, 1)),
            Err(StoreError::Fatal(_))
        ));
        assert_eq!(store.reopen().size().unwrap(), size, "{mode:?}");
    }
}

#[test]
fn a_group_out_of_order_is_refused_before_it_reaches_the_store() {
    let store = MemoryStore::new();
    let mut chain = chain();
    let mut gap = group(&mut chain, 3);
    gap.entries.remove(1);
    assert!(matches!(commit(&store, &gap), Err(StoreError::OutOfOrder)));
    let mut swapped = group(&mut chain, 2);
    swapped.entries.swap(0, 1);
    assert!(matches!(commit(&store, &swapped), Err(StoreError::OutOfOrder)));
    let late = group(&mut chain, 1);
    assert!(matches!(commit(&store, &late), Err(StoreError::OutOfOrder)));
    assert_eq!(store.size().unwrap(), 0);
}

#[test]
fn debug_does_not_show_the_sealed_value() {
    let group = group(&mut chain(), 1);
    let shown = format!("{:?}", Sealed::new("hunter2", &group.entries[0]));
    assert!(!shown.contains("hunter2"), "{shown}");
}
