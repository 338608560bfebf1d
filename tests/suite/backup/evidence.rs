//! A lost machine's directory as evidence: whole, cut, damaged, in parts; never altered by being read.

use std::collections::BTreeMap;
use std::fs;

use super::*;

/// A daemon with a key whose deletion is scheduled in the backup, and cancelled, or whatever `since` does, after it.
fn lost(since: impl FnOnce(&Client, &str)) -> (Desk, Daemon, String) {
    let (desk, mut daemon) = (Desk::new(), Daemon::start("warn"));
    let client = Client::unix(daemon.socket()).unwrap();
    let key = make_key(&client);
    let days = [("KeyId", key.as_str()), ("PendingWindowInDays", "7")];
    call(&client, KMS, "ScheduleKeyDeletion", &days);
    let socket = daemon.socket();
    says(&desk.back_up(&[Path::new("--socket"), &socket]), 0);
    since(&client, &key);
    drop(client);
    daemon.stop();
    (desk, daemon, key)
}

fn cancel(client: &Client, key: &str) {
    call(client, KMS, "ListKeys", &[]);
    call(client, KMS, "CancelKeyDeletion", &[("KeyId", key)]);
}

fn restore_with(desk: &Desk, daemon: &Daemon, evidence: &Path, code: i32) -> String {
    let data = desk.path("restored");
    let more = [Path::new("--data"), &data, Path::new("--evidence"), evidence];
    says(&desk.restore(daemon, &more), code)
}

/// The state of the key in what was restored, which goes.
fn state_of(desk: &Desk, daemon: &Daemon, key: &str) -> String {
    let data = desk.path("restored");
    let mut again = Daemon::on(&data, &daemon.root_key());
    let client = Client::unix(again.socket()).unwrap();
    let described = call(&client, KMS, "DescribeKey", &[("KeyId", key)]);
    drop(client);
    again.stop();
    again.log_says_yes(&["verify"]);
    fs::remove_dir_all(&data).unwrap();
    text(&described, "/KeyMetadata/KeyState")
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
    found
}

/// Of the journal: where what is written in it ends.
fn end_of_journal(data: &Path) -> (PathBuf, usize, Vec<u8>) {
    let journal = data.join("store/0.jnl");
    let bytes = fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    (journal, end, bytes)
}

#[test]
fn evidence_that_lost_its_end_leaves_no_deletion_pending() {
    let (desk, daemon, key) = lost(cancel);
    let data = daemon.data();
    let (journal, end, mut bytes) = end_of_journal(&data);
    // The stop sealed the state, after the cancellation; that and the cancellation go.
    bytes.truncate(end - 5_000);
    fs::write(&journal, &bytes).unwrap();
    let before = files(&data);
    let said = restore_with(&desk, &daemon, &data, 0);
    assert!(said.contains("are missing that its anchor knows of"), "{said}");
    assert!(
        said.contains(&format!("key {key} waited for its deletion")),
        "{said}"
    );
    assert!(files(&data) == before, "the evidence was altered");
    assert_eq!(state_of(&desk, &daemon, &key), "Disabled");

    // The backup itself says nothing about what came after it.
    let place = desk.path("backups");
    let said = restore_with(&desk, &daemon, &place, 0);
    assert!(
        said.contains("0 newer events") && said.contains("is not known"),
        "{said}"
    );
    assert_eq!(state_of(&desk, &daemon, &key), "Disabled");
}

#[test]
fn evidence_is_read_as_far_as_it_can_be_and_never_altered() {
    let (desk, daemon, key) = lost(cancel);
    let data = daemon.data();
    let (journal, end, bytes) = end_of_journal(&data);

    // Whole, though nobody can lock it, and though its keyspaces are gone: the journal has it all.
    fs::remove_file(data.join("lock")).unwrap();
    for harm in ["none", "keyspaces"] {
        if harm == "keyspaces" {
            fs::remove_dir_all(data.join("store/keyspaces")).unwrap();
        }
        let before = files(&data);
        let said = restore_with(&desk, &daemon, &data, 0);
        assert!(said.contains("it reaches its anchor"), "{harm}: {said}");
        assert!(said.contains("deletion of 1 keys"), "{harm}: {said}");
        assert_eq!(
            said.contains("`keyspaces` is missing"),
            harm == "keyspaces",
            "{said}"
        );
        assert!(files(&data) == before, "{harm}: the evidence was altered");
        assert_eq!(state_of(&desk, &daemon, &key), "Enabled", "{harm}");
    }

    // A byte flipped after the backup: what is before it counts.
    let mut flipped = bytes.clone();
    flipped[end - 3_000] ^= 1;
    fs::write(&journal, &flipped).unwrap();
    let before = files(&data);
    let said = restore_with(&desk, &daemon, &data, 0);
    assert!(
        said.contains("is damaged at byte") && said.contains("newer events"),
        "{said}"
    );
    assert!(files(&data) == before, "the evidence was altered");
    assert_eq!(state_of(&desk, &daemon, &key), "Disabled");

    // Nothing left: said, and nothing is restored, and no directory is left behind.
    fs::write(&journal, &bytes[..3_000]).unwrap();
    let said = restore_with(&desk, &daemon, &data, 1);
    assert!(said.contains("proves nothing about this log"), "{said}");
    assert!(!desk.path("restored").exists());
}

#[test]
fn what_is_no_evidence_is_said_before_anything_is_written() {
    let (desk, mut daemon, _) = lost(|_, _| ());
    for place in ["nowhere", "."] {
        let said = restore_with(&desk, &daemon, &desk.path(place).join("x"), 2);
        assert!(said.contains('x'), "{said}");
    }
    let empty = desk.path("empty");
    fs::create_dir(&empty).unwrap();
    let said = restore_with(&desk, &daemon, &empty, 2);
    assert!(said.contains("holds no backup of log"), "{said}");
    fs::write(empty.join("vault-a"), b"").unwrap();
    let said = restore_with(&desk, &daemon, &empty, 2);
    assert!(said.contains("has no directory `store`"), "{said}");
    daemon.start_again();
    let said = restore_with(&desk, &daemon, &daemon.data(), 1);
    assert!(said.contains("in use"), "{said}");
    assert!(!desk.path("restored").exists());
}
