//! The log's key, its epochs, and copies of it, with the real binary.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{Daemon, Said, chancery, local, run};

/// `chancery log … --data data` on a stopped daemon's log.
fn log(dir: &Path, line: &[&str]) -> Said {
    run(chancery(dir).arg("log").args(line).args(["--data", "data"]), "")
}

/// A start that must not come about.
fn refused(dir: &Path, line: &str) -> Said {
    let said = run(chancery(dir).args(line.split(' ')), "");
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(said.stdout, "", "{}", said.stderr);
    said
}

/// What of a log people write down: SHA-256 of its first key.
fn first_key(verified: &Said) -> String {
    let line = verified.stderr.lines().next().unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn kill(daemon: Daemon) {
    let pid = Pid::from_raw(i32::try_from(daemon.child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    drop(daemon);
}

#[test]
fn the_log_key_is_rotated_on_a_running_and_on_a_stopped_daemon() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let daemon = Daemon::start(dir);
    let made = local(dir, &["kms", "CreateKey"], "").json();
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let rotated = local(dir, &["log", "rotate-key"], "").json();
    let public = rotated["PublicKey"].as_str().unwrap().to_owned();
    let status = local(dir, &["chancery", "GetLogStatus"], "").json();
    assert_eq!(status["PublicKey"], Value::String(public));
    let described = local(dir, &["kms", "DescribeKey", "--KeyId", &key], "").json();
    assert_eq!(described["KeyMetadata"]["KeyId"], key);
    let live = local(dir, &["log", "verify"], "");
    assert_eq!(live.code, 0, "{}{}", live.stdout, live.stderr);
    // Without an orderly end: what the old key signed last and the new one first is all that there is.
    kill(daemon);

    let verified = log(dir, &["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let fingerprint = first_key(&verified);
    let new = rotated["KeyFingerprint"].as_str().unwrap();
    assert_ne!(fingerprint, new);
    assert!(
        verified
            .stderr
            .contains(&format!("the log key was rotated to {new}")),
        "{}",
        verified.stderr
    );
    let second = log(dir, &["rotate-key"]).json();
    assert!(second["InForceFrom"].as_u64() > rotated["InForceFrom"].as_u64());
    let verified = log(dir, &["verify", "--key", &fingerprint]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert_eq!(verified.stderr.matches("the log key was rotated to").count(), 2);
    // A later key is not what a verifier begins with.
    assert_eq!(log(dir, &["verify", "--key", new]).code, 1);
    assert_eq!(log(dir, &["replay"]).code, 0);

    let daemon = Daemon::start(dir);
    let described = local(dir, &["kms", "DescribeKey", "--KeyId", &key], "").json();
    assert_eq!(described["KeyMetadata"]["KeyState"], "Enabled");
    daemon.stop();
    let shown = log(dir, &["show", "--json"]).stdout;
    let events = shown
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let erased = |event: Value| {
        event
            .pointer("/chg/0/MaterialErased/slots")
            .and_then(|slots| Some(slots.as_array()?.len()))
    };
    assert_eq!(
        events.filter_map(erased).sum::<usize>(),
        2,
        "both old keys are erased"
    );
}

#[test]
fn a_loss_is_accepted_by_who_says_how_many_events_are_missing() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    Daemon::start(dir).stop();
    copy(&dir.join("data/store"), &dir.join("early"));
    let nothing = log(dir, &["accept-loss", "--reason", "none"]);
    assert_eq!(nothing.code, 1, "{}", nothing.stdout);
    assert!(nothing.stderr.contains("nothing to accept"), "{}", nothing.stderr);

    let daemon = Daemon::start(dir);
    local(dir, &["kms", "CreateKey"], "").json();
    daemon.stop();
    let whole = events(&log(dir, &["verify"]));
    std::fs::remove_dir_all(dir.join("data/store")).unwrap();
    std::fs::rename(dir.join("early"), dir.join("data/store")).unwrap();

    let line = "serve --data data --socket s.sock --listen 127.0.0.1:0";
    let said = refused(dir, line);
    let early = events(&log(dir, &["replay"]));
    let missing = whole - early;
    assert!(
        said.stderr.contains(&format!("--missing {missing} ")),
        "{}",
        said.stderr
    );
    for wrong in [
        &["accept-loss", "--reason", "r"][..],
        &["accept-loss", "--reason", "r", "--missing", "999"],
    ] {
        let said = log(dir, wrong);
        assert_eq!(said.code, 1, "{}", said.stdout);
        assert!(
            said.stderr.contains(&format!("--missing {missing}`")),
            "{}",
            said.stderr
        );
    }
    let missing_text = missing.to_string();
    let accepted = log(
        dir,
        &[
            "accept-loss",
            "--reason",
            "the array died",
            "--missing",
            &missing_text,
        ],
    );
    assert_eq!(accepted.code, 0, "{}{}", accepted.stdout, accepted.stderr);
    assert!(accepted.stdout.trim_end().ends_with("/2"), "{}", accepted.stdout);

    let verified = log(dir, &["verify"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let told =
        format!("epoch 2 began (loss accepted: the array died), {missing} events are missing before it");
    assert!(verified.stderr.contains(&told), "{}", verified.stderr);
    let daemon = Daemon::start(dir);
    local(dir, &["kms", "CreateKey"], "").json();
    daemon.stop();
    assert_eq!(log(dir, &["verify"]).code, 0);
    assert_eq!(log(dir, &["replay"]).code, 0);

    // The anchor itself is lost: the next epoch.
    std::fs::remove_file(dir.join("data/anchor")).unwrap();
    refused(dir, line);
    let counted = log(dir, &["accept-loss", "--reason", "r", "--missing", "1"]);
    assert_eq!(counted.code, 1);
    let accepted = log(dir, &["accept-loss", "--reason", "the disk of the anchor died"]);
    assert!(
        accepted.stdout.trim_end().ends_with("/3"),
        "{}{}",
        accepted.stdout,
        accepted.stderr
    );
    Daemon::start(dir).stop();
    let usage = log(dir, &["accept-loss", "--reason", " "]);
    assert_eq!(usage.code, 2, "{}", usage.stderr);
}

/// The number of events that a verdict names.
fn events(verdict: &Said) -> u64 {
    let words: Vec<&str> = verdict.stdout.split(' ').collect();
    let at = words.iter().position(|word| *word == "events").unwrap();
    words[at - 1].parse().unwrap()
}

#[test]
fn a_copy_does_not_start_beside_its_twin() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    Daemon::start(dir).stop();
    copy(&dir.join("data"), &dir.join("copy"));
    std::fs::copy(dir.join("data.root-key"), dir.join("copy.root-key")).unwrap();
    let daemon = Daemon::start(dir);
    let before = tree(&dir.join("copy"));
    let said = refused(dir, "serve --data copy --socket c.sock --listen 127.0.0.1:0");
    let pid = format!("(pid {})", daemon.child.id());
    assert!(said.stderr.contains("a copy of the log in"), "{}", said.stderr);
    assert!(said.stderr.contains(&pid), "{}", said.stderr);
    let rotated = run(chancery(dir).args(["log", "rotate-key", "--data", "copy"]), "");
    assert_eq!(rotated.code, 1, "{}", rotated.stdout);
    assert!(rotated.stderr.contains(&pid), "{}", rotated.stderr);
    assert_eq!(
        tree(&dir.join("copy")),
        before,
        "the copy's anchor and vault are as they were"
    );
    // Looking at a copy is no harm.
    let verified = run(chancery(dir).args(["log", "verify", "--data", "copy"]), "");
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    // However the twin ends, its name is free again.
    kill(daemon);
    let copied = Daemon::start_as(
        dir,
        "serve --data copy --socket c.sock --listen 127.0.0.1:0",
        "c.sock",
    );
    refused(dir, "serve --data data --socket s.sock --listen 127.0.0.1:0");
    copied.stop();
}

/// Anchor and vault, byte for byte.
fn tree(dir: &Path) -> Vec<Vec<u8>> {
    ["anchor", "vault-a", "vault-b"]
        .iter()
        .map(|name| std::fs::read(dir.join(name)).unwrap())
        .collect()
}

const SQUAT: &str = "\
import socket, sys
held = socket.socket(socket.AF_UNIX)
held.bind('\\0' + sys.argv[1])
held.listen()
print('held', flush=True)
sys.stdin.read()";

/// Needs the right to act as another user; without it there is nothing to test.
#[test]
fn a_name_that_another_user_holds_stops_nobody_and_is_told() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    Daemon::start(dir).stop();
    let genesis = log(dir, &["show", "--event", "0"]).json();
    let id = genesis.pointer("/chg/0/LogBegun/log").unwrap().as_str().unwrap();
    let squatter = Command::new("python3")
        .args(["-c", SQUAT, &format!("chancery/log/{id}")])
        .uid(12_345)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut squatter) = squatter else { return };
    let mut said = String::new();
    BufReader::new(squatter.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    assert_eq!(said, "held\n");
    let told = Daemon::start(dir).stop();
    drop(squatter.stdin.take());
    squatter.wait().unwrap();
    assert!(told.contains("somebody holds the name of this log"), "{told}");
    assert!(told.contains("12345"), "{told}");
    let told = Daemon::start(dir).stop();
    assert!(!told.contains("somebody holds the name"), "{told}");
}
