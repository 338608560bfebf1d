use std::fs;

use super::*;
use crate::base::Digest;
use crate::event::Table;
use crate::ledger::testing::{LOG, ORIGIN, chain, group, key, row};
use crate::ledger::{Chain, MemoryStore, commit, load_tree};

/// What every store must do, on an empty one; leaves 600 entries in it.
fn check_contract(store: &dyn EventStore) {
    assert_eq!(
        (
            store.size().unwrap(),
            store.head().unwrap(),
            store.digest().unwrap()
        ),
        (0, None, None)
    );
    assert_eq!(store.entries(Seq::GENESIS, 10, 1 << 20).unwrap(), []);

    let mut chain = chain();
    let mut first = group(&mut chain, 3);
    first.rows = vec![
        row(Table::Key, 2, Some(b"two")),
        row(Table::Key, 1, Some(b"one")),
        row(Table::Account, 9, Some(b"nine")),
    ];
    first.digest = Some(vec![1; 2_048]);
    commit(store, &first).unwrap();
    let mut second = group(&mut chain, 597);
    second.rows = vec![
        row(Table::Key, 1, None),
        row(Table::Key, 2, Some(b"zwei")),
        row(Table::Key, 7, None),
    ];
    let (checkpoint, note) = chain.checkpoint();
    second.checkpoint = Some((checkpoint.size, note.clone()));
    commit(store, &second).unwrap();

    assert_eq!(
        (store.size().unwrap(), store.head().unwrap()),
        (600, Some(*chain.head()))
    );
    assert_eq!(store.checkpoints().unwrap(), [(600, note)]);
    assert_eq!(
        store.digest().unwrap(),
        Some(vec![1; 2_048]),
        "a group without a digest keeps the one before"
    );
    assert_eq!(second.tiles.len(), 2);
    for tile in &second.tiles {
        assert_eq!(
            store.tile(tile.level, tile.index).unwrap().as_ref(),
            Some(&tile.hashes)
        );
    }
    assert_eq!(store.tile(0, 2).unwrap(), None);

    // Rows: in key order, paged by an exclusive start.
    let rows = store.rows(None, 10).unwrap();
    assert_eq!(
        rows.iter().map(|(_, v)| v.as_slice()).collect::<Vec<_>>(),
        [b"nine".as_slice(), b"zwei"]
    );
    assert_eq!(store.rows(None, 1).unwrap(), rows[..1]);
    assert_eq!(store.rows(Some(&rows[0].0), 10).unwrap(), rows[1..]);

    // Entries: pages by count and by size, one at least.
    let all: Vec<_> = first
        .entries
        .iter()
        .chain(&second.entries)
        .map(|e| (e.seq, e.bytes.clone()))
        .collect();
    assert_eq!(store.entries(Seq::GENESIS, 1_000, 1 << 20).unwrap(), all);
    assert_eq!(store.entries(Seq::new(597), 1_000, 1 << 20).unwrap(), all[597..]);
    assert_eq!(store.entries(Seq::new(5), 2, 1 << 20).unwrap(), all[5..7]);
    assert_eq!(
        store
            .entries(Seq::new(5), 9, all[5].1.len() + all[6].1.len())
            .unwrap(),
        all[5..7]
    );
    assert_eq!(store.entries(Seq::new(5), 9, 0).unwrap(), all[5..6]);
    assert_eq!(store.entries(Seq::new(5), 0, 1 << 20).unwrap(), []);
    assert_eq!(store.entries(Seq::new(600), 9, 1 << 20).unwrap(), []);

    // A group again, or one too early, is refused and changes nothing.
    assert!(matches!(store.commit(&second), Err(StoreError::OutOfOrder)));
    group(&mut chain, 1);
    assert!(matches!(
        store.commit(&group(&mut chain, 1)),
        Err(StoreError::OutOfOrder)
    ));
    assert_eq!(store.size().unwrap(), 600);
}

/// Rebuilds the chain from a store and goes on.
fn resumed(store: &dyn EventStore) -> Chain {
    let head = store.head().unwrap().unwrap();
    let tree = load_tree(store, head.size).unwrap();
    Chain::resume(LOG, ORIGIN.into(), key(), head, tree)
}

fn check_resumes(store: &dyn EventStore) {
    let mut all = store.checkpoints().unwrap();
    let checkpoint = all.pop().unwrap();
    assert_eq!(
        store.newest_checkpoints(1).unwrap(),
        std::slice::from_ref(&checkpoint)
    );
    let mut chain = resumed(store);
    assert_eq!(
        chain.checkpoint().1,
        checkpoint.1,
        "the restored tree has the root that was signed"
    );
    commit(store, &group(&mut chain, 200)).unwrap();
    assert_eq!(resumed(store).checkpoint(), chain.checkpoint());
}

#[test]
fn the_memory_store_keeps_the_contract() {
    let store = MemoryStore::new();
    check_contract(&store);
    check_resumes(&store.reopen());
    assert_eq!(
        MemoryStore::with_contents(store.clone_contents()).size().unwrap(),
        800
    );
}

#[test]
fn the_fjall_store_keeps_the_contract_and_survives_reopening() {
    let dir = tempfile::tempdir().unwrap();
    check_contract(&FjallStore::open(dir.path()).unwrap());
    check_resumes(&FjallStore::open(dir.path()).unwrap());
    assert_eq!(FjallStore::open(dir.path()).unwrap().size().unwrap(), 800);
}

/// Copies what a process that dies now leaves in the directory.
fn copy_of(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_of(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

// Method: after each commit look at the files while the store is open; nothing is flushed by closing it.
// That the bytes are also synced is for the crash tests, which count the system calls.
#[test]
fn a_group_is_in_the_files_when_its_commit_returns() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(&dir.path().join("live")).unwrap();
    let mut chain = chain();
    for n in 1..5 {
        let mut group = group(&mut chain, 2);
        group.rows = vec![row(Table::Key, n, Some(&[n]))];
        commit(&store, &group).unwrap();
        let copy = dir.path().join(n.to_string());
        copy_of(&dir.path().join("live"), &copy);
        let found = FjallStore::open(&copy).unwrap();
        assert_eq!(found.head().unwrap(), Some(*chain.head()));
        assert_eq!(found.rows(None, 10).unwrap().len(), usize::from(n));
    }
}

// Method: cut the journal at places all over the last group's record.
#[test]
fn a_group_torn_anywhere_is_absent_altogether() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    let journal = |dir: &Path| fs::read(dir.join("0.jnl")).unwrap();
    let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut chain = chain();
    let (first_end, bytes, first_head) = {
        let store = FjallStore::open(&live).unwrap();
        commit(&store, &group(&mut chain, 1)).unwrap();
        let (first_end, first_head) = (end(&journal(&live)), *chain.head());
        let mut second = group(&mut chain, 1);
        second.rows = vec![row(Table::Key, 1, Some(b"row"))];
        second.digest = Some(vec![1; 64]);
        commit(&store, &second).unwrap();
        (first_end, journal(&live), first_head)
    };
    let second_end = end(&bytes);
    assert!(second_end > first_end + 400);
    for cut in (first_end + 1..second_end).step_by(41).chain([second_end - 1]) {
        let copy = dir.path().join(cut.to_string());
        copy_of(&live, &copy);
        fs::write(copy.join("0.jnl"), &bytes[..cut]).unwrap();
        let found = FjallStore::open(&copy).unwrap();
        assert_eq!(found.head().unwrap(), Some(first_head), "cut at {cut}");
        assert_eq!((found.size().unwrap(), found.digest().unwrap()), (1, None));
        assert_eq!(found.rows(None, 1).unwrap(), []);
    }
}

#[test]
fn a_group_of_rows_alone_keeps_the_head() {
    let store = FjallStore::open(tempfile::tempdir().unwrap().path()).unwrap();
    let mut chain = chain();
    commit(&store, &group(&mut chain, 2)).unwrap();
    let mut rows_alone = group(&mut chain, 0);
    rows_alone.rows = vec![row(Table::Key, 1, Some(b"row"))];
    rows_alone.head.leaf = Digest::ZERO;
    assert_eq!(commit(&store, &rows_alone).unwrap(), []);
    assert_eq!(store.head().unwrap(), Some(*chain.head()));
    assert_eq!(store.rows(None, 2).unwrap().len(), 1);
}

fn check_rebuild(store: &dyn EventStore) {
    let mut first = group(&mut chain(), 1);
    first.rows = (0..50).map(|n| row(Table::Key, n, Some(b"old"))).collect();
    first.digest = Some(vec![1]);
    commit(store, &first).unwrap();
    let new = |n: u16| {
        (
            RowKey::new(Table::Alias, n.to_be_bytes().to_vec()),
            b"new".to_vec(),
        )
    };
    store.replace_rows(&mut (0..9_000).map(new), &[2]).unwrap();
    assert_eq!(
        store.rows(None, 10_000).unwrap(),
        (0..9_000).map(new).collect::<Vec<_>>()
    );
    assert_eq!(store.digest().unwrap(), Some(vec![2]));
    assert_eq!(store.size().unwrap(), 1, "the log is untouched");
}

#[test]
fn a_rebuild_replaces_all_rows_and_the_digest() {
    check_rebuild(&MemoryStore::new());
    check_rebuild(&FjallStore::open(tempfile::tempdir().unwrap().path()).unwrap());
}

fn assert_unfinished(store: &dyn EventStore, chain: &mut Chain) {
    assert!(matches!(store.rows(None, 1), Err(StoreError::RebuildUnfinished)));
    assert!(matches!(store.digest(), Err(StoreError::RebuildUnfinished)));
    assert!(matches!(
        store.commit(&group(chain, 1)),
        Err(StoreError::RebuildUnfinished)
    ));
}

#[test]
fn an_interrupted_rebuild_is_noticed_and_can_be_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = chain();
    {
        let store = FjallStore::open(dir.path()).unwrap();
        commit(&store, &group(&mut chain, 1)).unwrap();
        let mut rows = std::iter::once((RowKey::new(Table::Key, vec![1]), vec![1]))
            .chain(std::iter::from_fn(|| panic!("the process dies here")));
        let crash = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.replace_rows(&mut rows, &[2])
        }));
        assert!(crash.is_err());
    }
    let store = FjallStore::open(dir.path()).unwrap();
    let mut next = resumed(&store);
    assert_unfinished(&store, &mut next);
    store.replace_rows(&mut std::iter::empty(), &[3]).unwrap();
    assert_eq!(store.digest().unwrap(), Some(vec![3]));
    commit(&store, &group(&mut chain, 1)).unwrap();

    let memory = MemoryStore::new();
    memory.fail_next(crate::ledger::FailMode::NotPersisted);
    assert!(memory.replace_rows(&mut std::iter::empty(), &[2]).is_err());
    assert_unfinished(&memory.reopen(), &mut resumed(&store));
}

#[test]
fn a_head_that_is_not_the_last_entrys_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = FjallStore::open(dir.path()).unwrap();
    let mut chain = chain();
    commit(&store, &group(&mut chain, 3)).unwrap();
    let head = *chain.head();
    let with = |change: fn(&mut Head)| {
        let mut other = head;
        change(&mut other);
        encode_head(&other)
    };
    for bytes in [
        with(|h| h.size = 2),
        with(|h| h.size = 4),
        with(|h| h.leaf = Digest::ZERO),
        with(|h| h.prev = Digest::ZERO),
        encode_head(&head)[..80].to_vec(),
        [encode_head(&head), vec![0]].concat(),
    ] {
        store.meta.insert(HEAD, bytes).unwrap();
        assert!(matches!(store.head(), Err(StoreError::Damaged(_))));
    }
    store.meta.insert(HEAD, encode_head(&head)).unwrap();
    assert_eq!(store.head().unwrap(), Some(head));
    store.log.remove(2_u64.to_be_bytes()).unwrap();
    assert!(matches!(store.head(), Err(StoreError::Damaged(_))));
    store.meta.remove(HEAD).unwrap();
    assert!(matches!(store.head(), Err(StoreError::Damaged(_))));
}

#[test]
fn a_missing_entry_is_damage() {
    let store = MemoryStore::new();
    commit(&store, &group(&mut chain(), 5)).unwrap();
    let mut contents = store.clone_contents();
    contents.lose(2);
    let damaged = MemoryStore::with_contents(contents);
    assert!(matches!(
        damaged.entries(Seq::GENESIS, 9, 1 << 20),
        Err(StoreError::Damaged(_))
    ));
    assert!(load_tree(&damaged, 5).is_err());
    assert_eq!(damaged.entries(Seq::new(3), 9, 1 << 20).unwrap().len(), 2);
}

/// The journal of a store that was closed after `groups` commits, from `from` bytes before its end on zeroed.
fn damaged_store(dir: &Path, groups: usize, from: usize, zeroes: usize) -> Vec<u8> {
    {
        let store = FjallStore::open(dir).unwrap();
        let mut chain = chain();
        for _ in 0..groups {
            commit(&store, &group(&mut chain, 1)).unwrap();
        }
    }
    let journal = dir.join("0.jnl");
    let mut bytes = fs::read(&journal).unwrap();
    // The file is allocated ahead; what was written ends at the last byte that is not zero.
    let at = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1 - from;
    bytes[at..at + zeroes].fill(0);
    fs::write(&journal, &bytes).unwrap();
    bytes
}

// fjall would open such a database without a word, drop what follows the damage and truncate the file.
#[test]
fn a_journal_that_is_damaged_before_its_end_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = damaged_store(dir.path(), 200, 40_000, 4_096);
    for _ in 0..2 {
        let Err(StoreError::JournalDamaged { whole_after, .. }) = FjallStore::open(dir.path()) else {
            panic!("it opens");
        };
        assert!(whole_after > 10);
        assert_eq!(fs::read(dir.path().join("0.jnl")).unwrap(), damaged);
    }
    // Whoever accepts the loss gets what was before the damage, and keeps the whole journal aside.
    let store = FjallStore::open_cut(dir.path()).unwrap();
    assert!((100..200).contains(&store.size().unwrap()));
    assert_eq!(fs::read(dir.path().join("journal-aside/0.jnl")).unwrap(), damaged);
}

#[test]
fn journals_that_are_cut_off_were_copied_aside() {
    let dir = tempfile::tempdir().unwrap();
    // All that is left of the last groups are zeroes: no start can tell that from a torn end. The anchor can.
    let damaged = damaged_store(dir.path(), 200, 3_000, 3_000);
    let copy = dir.path().join("journal-aside/0.jnl");
    for start in 0..3 {
        let store = FjallStore::open(dir.path()).unwrap();
        assert!(store.size().unwrap() < 200);
        assert_eq!(
            fs::read(&copy).unwrap(),
            damaged,
            "start {start} has the journal as it was found first"
        );
    }
    let store = FjallStore::open(dir.path()).unwrap();
    store.discard_aside().unwrap();
    store.discard_aside().unwrap();
    assert!(!dir.path().join("journal-aside").exists());
}

/// What a power loss may leave: the end of the last group's record is there, a sector before it is not.
#[test]
fn a_torn_last_group_with_a_whole_end_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    damaged_store(dir.path(), 200, 200, 100);
    assert_eq!(FjallStore::open(dir.path()).unwrap().size().unwrap(), 199);
    assert_eq!(FjallStore::open(dir.path()).unwrap().size().unwrap(), 199);
}

/// Each of these would make fjall delete what is left, make it anew, or panic.
#[test]
fn a_store_that_lacks_something_or_has_something_else_is_refused_and_left_as_it_is() {
    for (place, is_there) in [
        ("version", false),
        ("0.jnl", false),
        ("keyspaces/0/current", false),
        ("keyspaces/1/current", false),
        ("keyspaces/4", false),
        ("keyspaces", false),
        ("3.jnl", true),
        ("x.jnl", true),
        ("keyspaces/x/y", true),
        ("keyspaces/1/tables/x", true),
        ("keyspaces/1/tables/1/x", true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        damaged_store(dir.path(), 3, 0, 0);
        let path = dir.path().join(place);
        if is_there {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"foreign").unwrap();
        } else if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let before = tree_of(dir.path());
        let refused = FjallStore::open(dir.path());
        assert!(
            matches!(refused, Err(StoreError::Misshapen { .. })),
            "{place}: {refused:?}"
        );
        assert_eq!(tree_of(dir.path()), before, "{place}");
    }
}

/// All paths under a directory.
fn tree_of(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(tree_of(&path));
        }
        paths.push(path);
    }
    paths.sort();
    paths
}

#[test]
fn a_good_start_discards_its_copy_and_the_next_makes_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = chain();
    for size in 0..3 {
        let store = FjallStore::open(dir.path()).unwrap();
        assert_eq!(dir.path().join("journal-aside").exists(), size > 0);
        assert_eq!(store.size().unwrap(), size);
        store.discard_aside().unwrap();
        commit(&store, &group(&mut chain, 1)).unwrap();
    }
}
