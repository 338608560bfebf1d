//! The command line as scripts see it: the real binary, its exit codes, what goes to stdout and what to stderr.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests may"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chancery");

/// A command in an environment that holds nothing of the tester's.
fn chancery(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("HOME", dir).current_dir(dir);
    command
}

/// What a command said, and how it ended.
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Said {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

fn run(command: &mut Command, stdin: &str) -> Said {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running daemon; killed if the test fails before it stops it.
struct Daemon {
    child: Child,
    stdout: BufReader<ChildStdout>,
    endpoint: String,
}

impl Daemon {
    fn start(dir: &Path) -> Self {
        let mut child = chancery(dir)
            .args([
                "serve",
                "--data",
                "data",
                "--socket",
                "s.sock",
                "--listen",
                "127.0.0.1:0",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim_end()
                .strip_prefix("listening on ")
                .expect("a listener")
                .to_owned()
        };
        assert_eq!(line(), "unix:s.sock");
        let endpoint = line();
        Self {
            child,
            stdout,
            endpoint,
        }
    }

    /// Stops it in order; gives all that it said on stderr.
    fn stop(mut self) -> String {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let (mut rest, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut rest).unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{stderr}");
        assert_eq!(rest, "", "stdout has the listeners alone");
        stderr
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn local(dir: &Path, line: &[&str], stdin: &str) -> Said {
    run(chancery(dir).args(line).env("CHANCERY_SOCKET", "s.sock"), stdin)
}

#[test]
fn a_key_is_made_used_and_found_again_after_a_restart() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let daemon = Daemon::start(dir);
    let made = local(dir, &["kms", "CreateKey", "--Description", "@@home"], "").json();
    assert_eq!(made["KeyMetadata"]["Description"], "@home");
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    let line = ["kms", "Encrypt", "--KeyId", key, "--Plaintext", "@-"];
    let blob = local(dir, &line, "aGVsbG8=\n").json()["CiphertextBlob"]
        .as_str()
        .unwrap()
        .to_owned();
    let first = daemon.stop();
    assert!(first.contains("a new log was founded in"), "{first}");

    let daemon = Daemon::start(dir);
    // Over TCP, signed, with the file that the founding handed over.
    let signed = [
        "kms",
        "Decrypt",
        "--CiphertextBlob",
        &blob,
        "--access-key-file",
        "data/root-access-key.json",
    ];
    let opened = run(
        chancery(dir)
            .args(signed)
            .env("CHANCERY_ENDPOINT", &daemon.endpoint),
        "",
    )
    .json();
    assert_eq!(opened["Plaintext"], "aGVsbG8=");
    let status = local(dir, &["status", "--data", "data"], "");
    assert_eq!(status.code, 0);
    for word in [
        "unix:s.sock",
        "state digest",
        "root-access-key.json is still there",
    ] {
        assert!(status.stdout.contains(word), "{word}: {}", status.stdout);
    }
    let second = daemon.stop();
    assert!(!second.contains("founded"), "{second}");
    assert!(
        ![first, second].concat().contains("aGVsbG8"),
        "a plaintext in a trace"
    );

    let keyring = local(dir, &["keyring", "status", "--data", "data"], "").json();
    assert_eq!(keyring["RootKey"]["Provider"], "file");
    assert_eq!(
        keyring["Vault"]["RepairedNow"], 0,
        "after an orderly stop there is nothing to repair"
    );
}

#[test]
fn exit_codes_tell_no_from_usage_from_unreachable() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let nobody = local(dir, &["kms", "ListKeys"], "");
    assert_eq!((nobody.code, nobody.stdout.as_str()), (3, ""));
    assert!(
        nobody.stderr.contains("is the daemon running?"),
        "{}",
        nobody.stderr
    );

    let daemon = Daemon::start(dir);
    let refused = local(dir, &["kms", "DescribeKey", "--KeyId", "alias/none"], "");
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    let error: Value = serde_json::from_str(&refused.stderr).unwrap();
    assert_eq!(error["Code"], "Forbidden.AliasNotFound");

    for usage in [
        &["kms", "Nothing"][..],
        &["kms", "Encrypt", "--KeyId", "x"],
        &["kms", "Encrypt", "--KeyId", "@-", "--Plaintext", "@-"],
        &["kms", "ListKeys", "--endpoint", "http://127.0.0.1:1"],
        &[
            "serve",
            "--data",
            "other",
            "--socket",
            "t.sock",
            "--listen",
            "0.0.0.0:0",
        ],
        &[
            "serve",
            "--data",
            "other",
            "--socket",
            "t.sock",
            "--log-level",
            "loud",
        ],
        &["keyring", "init", "--root-key", "k", "--provider", "abacus"],
    ] {
        let said = local(dir, usage, "");
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (2, ""),
            "{usage:?}: {}",
            said.stderr
        );
    }
    for no in [
        &["serve", "--data", "data", "--socket", "t.sock"][..],
        &["serve", "--data", "other", "--socket", "s.sock"],
        &["init", "--data", "data"],
        &["keyring", "status", "--data", "data"],
        &["keyring", "init", "--root-key", "data.root-key"],
    ] {
        let said = local(dir, no, "");
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (1, ""),
            "{no:?}: {}",
            said.stderr
        );
    }
    daemon.stop();
}

#[test]
fn a_killed_daemon_starts_again_and_its_socket_is_replaced() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let daemon = Daemon::start(dir);
    let made = local(dir, &["kms", "CreateKey"], "").json();
    let key = made["KeyMetadata"]["KeyId"].as_str().unwrap();
    drop(daemon); // SIGKILL
    assert!(dir.join("s.sock").exists());
    let daemon = Daemon::start(dir);
    let found = local(dir, &["kms", "DescribeKey", "--KeyId", key], "").json();
    assert_eq!(found["KeyMetadata"]["KeyId"], key);
    daemon.stop();
    assert!(!dir.join("s.sock").exists());
}

#[test]
fn a_passphrase_opens_what_it_closed_and_nothing_else_does() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    std::fs::write(dir.join("right"), "correct horse\n").unwrap();
    std::fs::write(dir.join("wrong"), "battery staple\n").unwrap();
    let made = [
        "keyring",
        "init",
        "--root-key",
        "data.root-key",
        "--provider",
        "passphrase",
    ];
    assert_eq!(
        run(chancery(dir).args(made).args(["--passphrase-file", "right"]), "").code,
        0
    );
    let with = |line: &[&str], file: &str| {
        run(
            chancery(dir)
                .args(line)
                .args(["--data", "data", "--passphrase-file", file]),
            "",
        )
    };
    assert_eq!(with(&["init"], "wrong").code, 1);
    assert_eq!(with(&["init"], "right").code, 0);
    let refused = with(&["keyring", "status"], "wrong");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("passphrase"), "{}", refused.stderr);
    assert_eq!(
        with(&["keyring", "status"], "right").json()["RootKey"]["Provider"],
        "passphrase"
    );
}
