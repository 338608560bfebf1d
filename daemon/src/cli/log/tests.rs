use std::path::Path;
use std::sync::Arc;

use clap::Parser;

use super::*;
use crate::base::Region;
use crate::base::disk::OsFile;
use crate::base::entropy::SystemEntropy;
use crate::base::time::SystemClock;
use crate::engine::boot::{Founding, Storage, World, anchor_at, found};
use crate::ledger::{EventStore, FjallStore, commit};

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: LogCommand,
}

/// Runs a command line; exit status, stdout, stderr.
fn log(args: &[&str]) -> (u8, String, String) {
    let line = Line::try_parse_from([&["log"], args].concat()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run_to(&line.command, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status, text(out), text(err))
}

/// A log of two events in `dir`, its daemon stopped.
fn found_in(dir: &Path) {
    let store: Arc<dyn EventStore> = Arc::new(FjallStore::open(&dir.join("store")).unwrap());
    let file = |name: &str| Box::new(OsFile::open(&dir.join(name)).unwrap());
    let storage = Storage {
        log: Arc::clone(&store),
        mirrors: [file("vault-a"), file("vault-b")],
        anchor: file("anchor"),
    };
    let world = World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let founding = Founding {
        name: "test".into(),
        region: Region::parse("cn-hangzhou").unwrap(),
    };
    let root = crate::custody::RootKey::make(&SystemEntropy);
    let mut core = found(storage, root, &world, &founding, &mut |_| Ok(())).unwrap();
    let step = core.writer.close::<()>(world.clock.now());
    let _receipts = commit(&*store, &step.group).unwrap();
    let anchor = anchor_at(core.writer.chain(), true);
    core.anchor.write(&anchor, &core.log_key).unwrap();
}

#[test]
fn a_stopped_directory_is_verified_replayed_rebuilt_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    found_in(dir.path());
    let data = dir.path().to_str().unwrap();

    let (status, out, err) = log(&["verify", "--data", data]);
    assert!(out.starts_with("verified: 2 events of log "), "{out}{err}");
    assert_eq!((status, out.lines().count()), (0, 1));
    let key = err.lines().next().unwrap().rsplit(' ').next().unwrap();
    assert_eq!(log(&["verify", "--data", data, "--key", key]).0, 0);
    let (status, out, _) = log(&["verify", "--data", data, "--key", &"0".repeat(64)]);
    assert!(out.starts_with("DIFFERS: "), "{out}");
    assert_eq!(status, 1);

    let (status, out, _) = log(&["replay", "--data", data]);
    assert!(
        out.starts_with("equal: 2 events fold to the state, all 8 rows"),
        "{out}"
    );
    assert_eq!(status, 0);

    let empty = |store: &FjallStore| store.replace_rows(&mut std::iter::empty(), b"none");
    empty(&FjallStore::open(&dir.path().join("store")).unwrap()).unwrap();
    let (status, out, err) = log(&["replay", "--data", data]);
    assert_eq!((status, err.lines().count()), (1, 8), "{out}{err}");
    let (status, out, _) = log(&["rebuild", "--data", data]);
    assert!(out.starts_with("rebuilt: 8 rows from 2 events, digest "), "{out}");
    assert_eq!(status, 0);
    assert_eq!(log(&["replay", "--data", data]).0, 0);

    let (status, out, _) = log(&["show", "--data", data]);
    assert_eq!((status, out.lines().count()), (0, 2));
    let (_, out, _) = log(&["show", "--data", data, "--event", "1"]);
    let event: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(event["op"], "chancery/SealState");
    let (status, _, err) = log(&["show", "--data", data, "--event", "2"]);
    assert!(err.contains("the log has 2 events"), "{err}");
    assert_eq!(status, 1);
}

#[test]
fn a_verdict_says_what_was_checked_and_what_was_not_proven() {
    let dir = tempfile::tempdir().unwrap();
    found_in(dir.path());
    let data = dir.path().to_str().unwrap();
    let unproven = |args: &[&str]| -> (String, Vec<String>) {
        let (status, out, err) = log(&[&["verify", "--data", data], args].concat());
        assert_eq!(status, 0, "{out}{err}");
        let lines = err.lines().filter_map(|line| line.strip_prefix("not proven: "));
        (out, lines.map(str::to_owned).collect())
    };
    let (out, open) = unproven(&["--chain"]);
    assert!(out.ends_with("; checked: chain and tree\n"), "{out}");
    assert!(
        open.iter().any(|line| line.contains("leave out --chain")),
        "{open:?}"
    );
    let (out, open) = unproven(&[]);
    assert!(out.ends_with("signatures, changes, stored state\n"), "{out}");
    assert!(open.iter().any(|line| line.contains("(--decisions)")), "{open:?}");
    let (out, open) = unproven(&["--decisions"]);
    assert!(out.ends_with("decisions, stored state\n"), "{out}");
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].contains("--key"), "{open:?}");
}

// One file for both: the first run makes it, the next go on from it.
#[test]
fn a_verification_goes_on_from_where_the_last_one_came_to() {
    let dir = tempfile::tempdir().unwrap();
    found_in(dir.path());
    let data = dir.path().to_str().unwrap();
    let file = dir.path().join("proven");
    let path = file.to_str().unwrap();
    let args = ["verify", "--data", data, "--since", path, "--save", path];
    let (status, out, err) = log(&args);
    assert!(err.contains("from the beginning"), "{err}");
    assert!(status == 0 && !out.contains("earlier"), "{out}");
    let (status, out, _) = log(&args);
    assert!(
        out.ends_with("; the first 2 are those that were verified earlier\n"),
        "{out}"
    );
    assert_eq!(status, 0);

    // Without the file to be written, there has to be one to go on from.
    let none = dir.path().join("none");
    let none = none.to_str().unwrap();
    assert_eq!(log(&["verify", "--data", data, "--since", none]).0, 2);
    assert_eq!(
        log(&["verify", "--data", data, "--since", none, "--save", path]).0,
        2
    );

    let text = std::fs::read_to_string(&file).unwrap();
    for (text, expected) in [
        (text.replace("chancery verified", "something"), 2),
        (text.replace("size 2", "size 3"), 1),
    ] {
        std::fs::write(&file, &text).unwrap();
        let (status, out, err) = log(&args);
        assert_eq!(status, expected, "{out}{err}");
        // What does not verify is not kept.
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }

    // Another log.
    std::fs::write(&file, &text).unwrap();
    let second = tempfile::tempdir().unwrap();
    found_in(second.path());
    let (status, out, _) = log(&[
        "verify",
        "--data",
        second.path().to_str().unwrap(),
        "--since",
        path,
    ]);
    assert!(
        out.starts_with("DAMAGED at event 0: the log id is another"),
        "{out}"
    );
    assert_eq!(status, 1);
}

#[test]
fn a_row_that_was_edited_is_found_by_verifying() {
    let dir = tempfile::tempdir().unwrap();
    found_in(dir.path());
    let data = dir.path().to_str().unwrap();
    let store = FjallStore::open(&dir.path().join("store")).unwrap();
    let (mut rows, digest) = (store.rows(None, 100).unwrap(), store.digest().unwrap().unwrap());
    *rows.last_mut().unwrap().1.last_mut().unwrap() ^= 1;
    store.replace_rows(&mut rows.into_iter(), &digest).unwrap();
    drop(store);
    let (status, out, err) = log(&["verify", "--data", data]);
    assert!(out.starts_with("DIFFERS: "), "{out}");
    assert_eq!(
        (status, err.contains("is not what the log says")),
        (1, true),
        "{err}"
    );
    assert_eq!(log(&["verify", "--data", data, "--chain"]).0, 0);
}

#[test]
fn a_lost_anchor_and_a_directory_in_use_are_said() {
    let dir = tempfile::tempdir().unwrap();
    found_in(dir.path());
    let data = dir.path().to_str().unwrap();
    std::fs::remove_file(dir.path().join("anchor")).unwrap();
    let (status, out, _) = log(&["verify", "--data", data]);
    assert!(out.starts_with("DAMAGED at event 1: the anchor is gone"), "{out}");
    assert_eq!(status, 1);

    let held = std::fs::File::open(dir.path().join("lock")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let (status, out, err) = log(&["verify", "--data", data]);
    assert!(err.contains("--socket"), "{err}");
    assert_eq!((status, out.as_str()), (1, ""));
}

#[test]
fn what_is_not_there_is_said_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let (status, _, err) = log(&["verify", "--data", data]);
    assert!(err.contains("there is no log in"), "{err}");
    assert_eq!(status, 2);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);

    let socket = dir.path().join("none.sock");
    let (status, _, err) = log(&["verify", "--socket", socket.to_str().unwrap()]);
    assert!(err.contains("can't be reached"), "{err}");
    assert_eq!(status, 3);

    let (status, _, err) = log(&["rebuild", "--socket", socket.to_str().unwrap()]);
    assert!(err.contains("stop it"), "{err}");
    assert_eq!(status, 2);
}

#[test]
fn wrong_command_lines_are_refused() {
    for args in [
        &["verify", "--data", "d", "--socket", "s"][..],
        &["verify", "--anchor", "a"],
        &["verify", "--chain", "--decisions"],
        &["show", "--event", "1", "--from", "2"],
        &["show", "--from", "x"],
    ] {
        assert!(
            Line::try_parse_from([&["log"], args].concat()).is_err(),
            "{args:?}"
        );
    }
    assert_eq!(log(&["verify", "--data", "d", "--key", "short"]).0, 2);
}

/// What the API refused is JSON, for programs; everything else is a sentence.
#[test]
fn a_refusal_of_the_api_is_json_alone() {
    let said = |failure: Failure| {
        let mut err = Vec::new();
        complain(&RunError::failed(failure), &mut err);
        String::from_utf8(err).unwrap()
    };
    let json = said(Failure::Refused("{\n  \"Code\": \"Forbidden\"\n}".to_owned()));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["Code"],
        "Forbidden"
    );
    assert_eq!(said(Failure::No("no".to_owned())), "chancery: no\n");
}
