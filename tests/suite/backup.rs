//! Backup and restore with the real binary: of a daemon under load, into a directory, and back.

mod evidence;
mod put_back;
mod refusals;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use age::secrecy::ExposeSecret;
use chancery_client::blocking::Client;
use serde_json::Value;

use crate::process::{Daemon, command};

const KMS: &str = "2016-01-20";
const RAM: &str = "2015-05-01";

/// An age key, and where its backups and restores go.
struct Desk {
    dir: tempfile::TempDir,
    public: String,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("chancery-").tempdir().unwrap();
        let key = age::x25519::Identity::generate();
        // As `age-keygen -o` writes it.
        let text = format!(
            "# created: 2026-11-25T00:00:00Z\n# public key: {}\n{}\n",
            key.to_public(),
            key.to_string().expose_secret()
        );
        std::fs::write(dir.path().join("backup.key"), text).unwrap();
        Self {
            public: key.to_public().to_string(),
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn back_up(&self, from: &[&Path]) -> Output {
        let mut command = command();
        command.arg("backup");
        // A place of another choice takes the place of the usual one.
        if !from.contains(&Path::new("--to")) {
            command.arg("--to").arg(self.path("backups"));
        }
        command.args(["--recipient", &self.public]).args(from);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn restore(&self, daemon: &Daemon, more: &[&Path]) -> Output {
        let mut command = command();
        command.arg("restore");
        if !more.contains(&Path::new("--from")) {
            command.arg("--from").arg(self.path("backups"));
        }
        command.arg("--identity").arg(self.path("backup.key"));
        command.arg("--root-key").arg(daemon.root_key()).args(more);
        daemon.lend_environment(&mut command);
        command.stdin(Stdio::null()).output().unwrap()
    }
}

#[track_caller]
fn says(output: &Output, code: i32) -> String {
    let all = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{all}");
    all
}

fn call(client: &Client, version: &str, action: &str, params: &[(&str, &str)]) -> Value {
    serde_json::from_str(&client.call(version, action, params).unwrap()).unwrap()
}

fn text(answer: &Value, pointer: &str) -> String {
    answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap()
        .to_owned()
}

fn make_key(client: &Client) -> String {
    text(&call(client, KMS, "CreateKey", &[]), "/KeyMetadata/KeyId")
}

// Method: callers make, use and delete things while two backups are taken; then the machine is lost, with and without its
// disk. What was sealed before opens after; what was revoked since works again only where nothing tells of it.
#[test]
fn a_daemon_under_load_is_backed_up_and_comes_back() {
    let (desk, mut daemon) = (Desk::new(), Daemon::start("warn"));
    let client = Client::unix(daemon.socket()).unwrap();
    let kept = make_key(&client);
    let sealed = call(
        &client,
        KMS,
        "Encrypt",
        &[("KeyId", &kept), ("Plaintext", "aGVsbG8=")],
    );
    let blob = text(&sealed, "/CiphertextBlob");
    call(&client, RAM, "CreateUser", &[("UserName", "ann")]);
    let made = call(&client, RAM, "CreateAccessKey", &[("UserName", "ann")]);
    let revoked = text(&made, "/AccessKey/AccessKeyId");
    let pending = make_key(&client);
    call(
        &client,
        KMS,
        "ScheduleKeyDeletion",
        &[("KeyId", &pending), ("PendingWindowInDays", "7")],
    );

    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (socket, is_over, key) = (daemon.socket(), Arc::clone(&is_over), kept.clone());
            std::thread::spawn(move || {
                let client = Client::unix(socket).unwrap();
                let mut count = 0;
                while !is_over.load(Ordering::Relaxed) {
                    call(
                        &client,
                        KMS,
                        "Encrypt",
                        &[("KeyId", &key), ("Plaintext", "aGVsbG8=")],
                    );
                    if count % 7 == 0 {
                        make_key(&client);
                    }
                    count += 1;
                }
                count
            })
        })
        .collect();
    let socket = daemon.socket();
    let live = [Path::new("--socket"), socket.as_path()];
    let first = says(&desk.back_up(&live), 0);
    let second = says(&desk.back_up(&live), 0);
    is_over.store(true, Ordering::Relaxed);
    let calls: u32 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
    assert!(calls > 0);
    for said in [&first, &second] {
        assert!(said.contains("backed up: "), "{said}");
    }
    let proven = says(&desk.restore(&daemon, &[Path::new("--check")]), 0);
    assert!(
        proven.contains("proven: ") && proven.contains("all open"),
        "{proven}"
    );

    // After the backup.
    call(
        &client,
        RAM,
        "DeleteAccessKey",
        &[("UserName", "ann"), ("UserAccessKeyId", &revoked)],
    );
    call(&client, KMS, "CancelKeyDeletion", &[("KeyId", &pending)]);
    daemon.kill();

    // The disk is there: it is evidence.
    let (with, without) = (desk.path("with"), desk.path("without"));
    let data = daemon.data();
    let said = says(
        &desk.restore(
            &daemon,
            &[
                Path::new("--data"),
                &with,
                Path::new("--evidence"),
                &data,
                Path::new("--reason"),
                Path::new("the board died"),
            ],
        ),
        0,
    );
    assert!(
        said.contains("restored: ") && said.contains("newer events"),
        "{said}"
    );
    let said = says(&desk.restore(&daemon, &[Path::new("--data"), &without]), 0);
    assert!(
        said.contains(&format!("key {pending} waited for its deletion")),
        "{said}"
    );

    for (restored, has_evidence) in [(&with, true), (&without, false)] {
        let again = Daemon::on(restored, &daemon.root_key());
        let client = Client::unix(again.socket()).unwrap();
        let opened = call(&client, KMS, "Decrypt", &[("CiphertextBlob", &blob)]);
        assert_eq!(text(&opened, "/Plaintext"), "aGVsbG8=");
        let state = call(&client, KMS, "DescribeKey", &[("KeyId", &pending)]);
        let wanted = if has_evidence { "Enabled" } else { "Disabled" };
        assert_eq!(text(&state, "/KeyMetadata/KeyState"), wanted);
        let keys = call(&client, RAM, "ListAccessKeys", &[("UserName", "ann")]);
        let left = keys
            .pointer("/AccessKeys/AccessKey")
            .and_then(Value::as_array)
            .unwrap()
            .len();
        assert_eq!(left, usize::from(!has_evidence));
        make_key(&client);
        let status = call(&client, "2026-12-01", "GetLogStatus", &[]);
        assert!(text(&status, "/Origin").ends_with("/2"), "{status}");
        drop(client);
        let mut again = again;
        again.stop();
        for command in ["verify", "replay"] {
            again.log_says_yes(&[command]);
        }
    }
}

#[test]
fn a_stopped_daemon_is_backed_up_and_what_can_not_be_is_said() {
    let (desk, mut daemon) = (Desk::new(), Daemon::start("warn"));
    let client = Client::unix(daemon.socket()).unwrap();
    make_key(&client);
    let data = daemon.data();
    let stopped = [Path::new("--data"), data.as_path()];
    let busy = says(&desk.back_up(&stopped), 1);
    assert!(busy.contains("in use"), "{busy}");
    daemon.stop();
    assert!(says(&desk.restore(&daemon, &[Path::new("--check")]), 2).contains("backups"));
    says(&desk.back_up(&stopped), 0);

    // Whose key opens nothing, whose root key is another's, and whose directory is in use, hear so.
    let stranger = Desk::new();
    std::fs::copy(stranger.path("backup.key"), desk.path("other.key")).unwrap();
    let other = desk.path("other.key");
    let refused = desk.restore(&daemon, &[Path::new("--check"), Path::new("--identity"), &other]);
    assert_ne!(refused.status.code(), Some(0));
    let again = says(&desk.restore(&daemon, &stopped), 1);
    assert!(again.contains("not empty"), "{again}");
    let socket = daemon.socket();
    let elsewhere = ["--socket", socket.to_str().unwrap(), "--to", "ftp://x"].map(Path::new);
    assert_ne!(desk.back_up(&elsewhere).status.code(), Some(0));
}
