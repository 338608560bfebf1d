//! The stored rows of the state, and their digest. There is no index yet; when there is one, its damage belongs here.

use std::collections::BTreeMap;
use std::path::Path;

use super::scene::{self, Scene};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Works on a keyspace of the store in a data directory, as nothing of the daemon does.
fn edit(data: &Path, keyspace: &str, change: impl FnOnce(&fjall::Keyspace)) {
    let db = fjall::Database::builder(data.join("store")).open().unwrap();
    change(
        &db.keyspace(keyspace, fjall::KeyspaceCreateOptions::default)
            .unwrap(),
    );
    db.persist(fjall::PersistMode::SyncAll).unwrap();
}

fn contents(data: &Path, keyspace: &str) -> Rows {
    let mut rows = Rows::new();
    edit(data, keyspace, |keyspace| {
        rows = keyspace
            .iter()
            .map(|guard| guard.into_inner().unwrap())
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect();
    });
    rows
}

fn digest(data: &Path) -> Vec<u8> {
    contents(data, "meta").remove(b"digest".as_slice()).unwrap()
}

/// A start refuses the edited rows and names the way out, which brings them back byte for byte.
fn refused_and_rebuilt(what: &str, keyspace: &str, change: impl FnOnce(&fjall::Keyspace, &Rows)) {
    let scene: &Scene = scene::stopped();
    let whole = scene.copy();
    let (before, digest_before) = (contents(&whole.data(), "state"), digest(&whole.data()));
    let (mut daemon, outcome) = scene.after(|data| {
        let rows = contents(data, keyspace);
        edit(data, keyspace, |open| change(open, &rows));
    });
    let said = outcome.refuses(&["chancery log rebuild"]);
    assert!(said.contains("state"), "{what}: {said}");
    let replayed = daemon.log(&["replay"]);
    assert_eq!(replayed.status.code(), Some(1), "{what}");
    // The log itself is whole; what differs is the state beside it.
    let verified = daemon.log(&["verify"]);
    let verdict = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        verified.status.code() == Some(1) && verdict.contains("the log verifies"),
        "{what}: {verdict}"
    );
    daemon.log_says_yes(&["rebuild"]);
    assert!(contents(&daemon.data(), "state") == before, "{what}: other rows");
    assert!(digest(&daemon.data()) == digest_before, "{what}: another digest");
    daemon.log_says_yes(&["replay"]);
    scene.start(&mut daemon).holds();
}

#[test]
fn an_edited_row_is_refused_and_rebuilt() {
    refused_and_rebuilt("one byte of a row", "state", |state, rows| {
        let (key, value) = rows.iter().max_by_key(|(_, value)| value.len()).unwrap();
        let mut value = value.clone();
        let middle = value.len() / 2;
        value[middle] ^= 1;
        state.insert(key.clone(), value).unwrap();
    });
}

#[test]
fn a_removed_row_is_refused_and_rebuilt() {
    refused_and_rebuilt("a row less", "state", |state, rows| {
        state.remove(rows.keys().next_back().unwrap().clone()).unwrap();
    });
}

/// As if somebody gave the key in one row the place of another's.
#[test]
fn an_added_row_is_refused_and_rebuilt() {
    refused_and_rebuilt("a row more", "state", |state, rows| {
        let (key, value) = rows.iter().next_back().unwrap();
        let mut other = key.clone();
        *other.last_mut().unwrap() ^= 1;
        state.insert(other, value.clone()).unwrap();
    });
}

#[test]
fn two_rows_exchanged_are_refused_and_rebuilt() {
    refused_and_rebuilt(
        "two rows of one table, each in the other's place",
        "state",
        |state, rows| {
            let same: Vec<_> = rows
                .iter()
                .zip(rows.iter().skip(1))
                .filter(|(a, b)| a.0[0] == b.0[0])
                .collect();
            let ((a, a_value), (b, b_value)) = same.last().unwrap();
            state.insert((*a).clone(), (*b_value).clone()).unwrap();
            state.insert((*b).clone(), (*a_value).clone()).unwrap();
        },
    );
}

#[test]
fn an_edited_or_removed_digest_is_refused_and_rebuilt() {
    refused_and_rebuilt("one bit of the digest", "meta", |meta, rows| {
        let mut digest = rows[b"digest".as_slice()].clone();
        digest[7] ^= 1;
        meta.insert(b"digest", digest).unwrap();
    });
    refused_and_rebuilt("no digest", "meta", |meta, _| meta.remove(b"digest").unwrap());
}

/// A rebuild that was cut short leaves neither the old nor the new rows.
#[test]
fn an_interrupted_rebuild_is_refused_and_done_again() {
    refused_and_rebuilt("the mark of a rebuild", "meta", |meta, _| {
        meta.insert(b"rebuilding", [1]).unwrap()
    });
}

/// What `rebuild` derives rows from is the log alone: it must prove itself first.
#[test]
fn a_rebuild_refuses_a_log_that_was_edited() {
    let scene = scene::stopped();
    let daemon = scene.copy();
    edit(&daemon.data(), "log", |log| {
        let (key, value) = log
            .range(5_u64.to_be_bytes()..)
            .next()
            .unwrap()
            .into_inner()
            .unwrap();
        let mut value = value.to_vec();
        *value.last_mut().unwrap() ^= 1;
        log.insert(key, value).unwrap();
    });
    let before = contents(&daemon.data(), "state");
    for command in ["verify", "rebuild"] {
        let output = daemon.log(&[command]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(said.contains("event 5"), "{command}: {said}");
    }
    assert!(contents(&daemon.data(), "state") == before);
}
