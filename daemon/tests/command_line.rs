//! The command line as scripts see it: the real binary, its exit codes, what goes to stdout and what to stderr.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "tests may"
)]

#[path = "command_line/log.rs"]
mod log;
#[path = "command_line/memory.rs"]
mod memory;
#[path = "command_line/policy.rs"]
mod policy;

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
        Self::start_as(
            dir,
            "serve --data data --socket s.sock --listen 127.0.0.1:0",
            "s.sock",
        )
    }

    /// With a line of one's own that makes it listen on `socket` and one address.
    fn start_as(dir: &Path, line: &str, socket: &str) -> Self {
        let mut child = chancery(dir)
            .args(line.split(' '))
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
        assert_eq!(line(), format!("unix:{socket}"));
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

/// A file decides where the data is, who may listen and how it is told; arguments go before it.
#[test]
fn a_configuration_is_followed_and_a_misspelt_one_is_refused_with_its_line() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let file = "[data]
directory = 'configured'
[root-key]
file = 'configured.key'
[listen]
socket = 'overruled.sock'
tcp = ['127.0.0.1:0']
[quotas]
keys = 1
[trace]
format = 'json'
";
    std::fs::write(dir.join("c.toml"), file).unwrap();
    let daemon = Daemon::start_as(dir, "serve --config c.toml --socket s.sock", "s.sock");
    assert!(!dir.join("overruled.sock").exists());
    assert!(dir.join("configured/root-access-key.json").exists() && dir.join("configured.key").exists());
    local(dir, &["kms", "CreateKey"], "").json();
    let second = local(dir, &["kms", "CreateKey"], "");
    assert_eq!(second.code, 1, "the quota is one key");
    let told = daemon.stop();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    assert!(
        told.iter().any(|line| line["message"]
            .as_str()
            .unwrap()
            .contains("a new log was founded")),
        "{told:?}"
    );

    std::fs::write(dir.join("c.toml"), file.replace("socket", "sokcet")).unwrap();
    let refused = local(dir, &["serve", "--config", "c.toml"], "");
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    for word in ["c.toml", "line 6, column 1", "`sokcet`", "`socket`"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
}

#[test]
fn monitors_are_answered_and_status_says_how_it_is() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    let line = "serve --data data --socket s.sock --metrics-listen 127.0.0.1:0";
    let mut daemon = Daemon::start_as(dir, line, "s.sock");
    let monitors = daemon
        .endpoint
        .strip_suffix("/metrics")
        .expect("its path")
        .to_owned();
    let ask = |path: &str| {
        let address = monitors.strip_prefix("http://").unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    local(dir, &["kms", "CreateKey"], "").json();
    let metrics = ask("/metrics");
    for sample in [
        r#"chancery_operations_total{product="kms",class="command",code="OK"} 1"#,
        "\nchancery_disk_free_bytes ",
    ] {
        assert!(metrics.contains(sample), "{sample} in\n{metrics}");
    }
    assert!(ask("/readyz").ends_with("ready\n") && ask("/healthz").ends_with("ok\n"));

    let status = local(dir, &["status", "--socket", "s.sock"], "");
    assert_eq!(status.code, 0, "{}", status.stderr);
    for words in [
        "timers          run",
        " GiB free of ",
        "of 4096 calls",
        "software        chancery ",
    ] {
        assert!(status.stdout.contains(words), "{words} in\n{}", status.stdout);
    }
    let json = local(dir, &["chancery", "GetStatus"], "").json();
    assert_eq!(json["TimersHeld"], false);
    assert!(json["DiskTotalBytes"].as_u64() >= json["DiskFreeBytes"].as_u64());
    daemon.endpoint.clear();
    daemon.stop();
}

#[test]
fn completions_and_the_manual_are_made_without_a_daemon() {
    let temporary = TempDir::new().unwrap();
    let dir = temporary.path();
    for shell in ["bash", "zsh", "fish"] {
        let script = run(chancery(dir).args(["completions", shell]), "");
        assert!(
            script.code == 0 && script.stdout.contains("CreateKey"),
            "{}",
            script.stderr
        );
    }
    let page = run(chancery(dir).arg("man"), "");
    assert!(
        page.code == 0 && page.stdout.contains(".TH chancery 1"),
        "{}",
        page.stderr
    );
    std::fs::create_dir(dir.join("man1")).unwrap();
    assert_eq!(run(chancery(dir).args(["man", "--dir", "man1"]), "").code, 0);
    assert!(dir.join("man1/chancery-serve.1").exists());
    assert_eq!(run(chancery(dir).args(["man", "--dir", "none"]), "").code, 1);
}

/// systemd reads the units and finds nothing amiss. Without its tools there is nobody to ask.
#[test]
fn the_units_are_understood_by_systemd() {
    let temporary = TempDir::new().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let unit = std::fs::read_to_string(source.join("chancery.service")).unwrap();
    assert!(
        unit.contains("ExecStart=/usr/local/bin/chancery serve --config "),
        "{unit}"
    );
    let unit = unit.replace("/usr/local/bin/chancery", PROGRAM);
    let [service, socket] = ["chancery.service", "chancery.socket"].map(|name| temporary.path().join(name));
    std::fs::write(&service, unit).unwrap();
    std::fs::copy(source.join("chancery.socket"), &socket).unwrap();
    let mut verify = Command::new("systemd-analyze");
    match verify
        .args(["verify", "--man=no"])
        .args([&service, &socket])
        .output()
    {
        Ok(said) => {
            let text = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success() && !text.contains("chancery."), "{text}");
        }
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
}
