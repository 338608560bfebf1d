//! A disk that fails under a running daemon: EIO on sync, full, read-only, a kill in the middle of a sync. The process ends and
//! says why; the next start has all that was answered, and nothing more is claimed than the log proves.

use std::fs;
use std::process::{Child, Command, Stdio};

use chancery_client::ClientError;
use chancery_client::blocking::Client;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::faults::{Fault, Faults, wait_until};
use super::scene::{self, Scene, new_home};
use crate::crash::{self, Acknowledged, call, text};
use crate::process::Daemon;

/// Plans a fault under a daemon at work, and works on until it is met; then what is there must be what was answered.
fn ends_and_recovers(path: &str, fault: Fault, error: Errno, after: u64, said: &[&str]) {
    let scene: &Scene = scene::stopped();
    let mut daemon = scene.copy();
    let faults = Faults::over(&mut daemon);
    daemon.start_again();
    let client = Client::unix(daemon.socket()).unwrap();
    let mut answers = crash::answers(&client, "before", &scene.key, 6);
    faults.plan(fault, error, path, after);
    let lost = loop {
        match crash::encrypt(&client, &scene.key) {
            Ok(answer) => answers.push(answer),
            Err(error) => break error,
        }
    };
    assert_no_answer(&lost);
    let ended = daemon.ends();
    assert!(faults.happened() > 0, "{fault:?} on {path}");
    let told = daemon.said();
    if matches!(fault, Fault::KillBeforeSync | Fault::KillAfterSync) {
        assert_eq!(ended.code(), None, "{ended}");
    } else {
        assert_eq!(ended.code(), Some(70), "{told}");
        for part in said {
            assert!(told.contains(part), "no {part:?} in: {told}");
        }
    }
    faults.end();
    recovers(scene, &mut daemon, &answers);
}

/// Nothing was said about the call that was lost.
fn assert_no_answer(error: &ClientError) {
    match error {
        ClientError::Unreachable { .. } | ClientError::Interrupted { .. } => {}
        ClientError::Api { status, .. } => assert_eq!(*status, 503, "{error}"),
        other => panic!("{other}"),
    }
}

fn recovers(scene: &Scene, daemon: &mut Daemon, answers: &[Acknowledged]) {
    scene.start(daemon).holds();
    crash::hold(daemon, answers);
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
    daemon.log_says_yes(&["replay"]);
}

#[test]
fn a_failed_sync_of_the_store_ends_the_process_and_nothing_answered_is_lost() {
    for after in [0, 1, 7] {
        let said = ["the log can't be written any more", "Input/output error"];
        ends_and_recovers("/store/", Fault::SyncFails, Errno::IO, after, &said);
    }
}

#[test]
fn a_failed_sync_of_the_anchor_ends_the_process() {
    let said = ["the anchor can't be written", "Input/output error"];
    ends_and_recovers("/data/anchor", Fault::SyncFails, Errno::IO, 0, &said);
}

#[test]
fn a_write_that_fails_or_is_cut_ends_the_process_and_nothing_answered_is_lost() {
    let said = ["the log can't be written any more", "No space left on device"];
    ends_and_recovers("/store/", Fault::WriteFails, Errno::NOSPC, 3, &said);
    ends_and_recovers("/store/", Fault::WriteIsCut, Errno::NOSPC, 3, &said);
}

#[test]
fn a_file_system_that_becomes_read_only_ends_the_process() {
    let said = ["the log can't be written any more", "Read-only file system"];
    ends_and_recovers("/store/", Fault::WriteFails, Errno::ROFS, 0, &said);
}

#[test]
fn a_kill_before_or_after_a_sync_loses_nothing_answered() {
    for path in ["/store/", "/data/anchor"] {
        ends_and_recovers(path, Fault::KillBeforeSync, Errno::IO, 1, &[]);
        ends_and_recovers(path, Fault::KillAfterSync, Errno::IO, 1, &[]);
    }
}

/// The vault is not in the way of calls that need no new slot; a restart repairs it.
#[test]
fn a_failed_sync_of_the_vault_refuses_new_keys_alone_until_the_restart() {
    let scene: &Scene = scene::stopped();
    for mirror in ["vault-a", "vault-b"] {
        let mut daemon = scene.copy();
        let faults = Faults::over(&mut daemon);
        daemon.start_again();
        let client = Client::unix(daemon.socket()).unwrap();
        let mut answers = crash::answers(&client, "before", &scene.key, 6);
        faults.plan(Fault::SyncFails, Errno::IO, mirror, 0);
        // Slots are provided ahead: it takes some keys until new ones are needed.
        let refused = (0..1_000)
            .find_map(|_| call(&client, "CreateKey", &[]).err())
            .unwrap();
        assert_no_answer(&refused);
        assert!(faults.happened() > 0);
        answers.push(crash::encrypt(&client, &scene.key).unwrap());
        faults.end();
        // The files' state is unknown: no second try.
        assert_no_answer(&call(&client, "CreateKey", &[]).unwrap_err());
        assert!(daemon.said().contains("restart the daemon"), "{}", daemon.said());
        answers.push(crash::encrypt(&client, &scene.key).unwrap());
        daemon.stop();
        daemon.start_again();
        let client = Client::unix(daemon.socket()).unwrap();
        call(&client, "CreateKey", &[]).unwrap();
        daemon.stop();
        recovers(scene, &mut daemon, &answers);
    }
}

#[test]
fn a_vault_that_can_t_be_written_at_the_start_refuses_it() {
    let scene: &Scene = scene::stopped();
    let mut daemon = scene.copy();
    let faults = Faults::over(&mut daemon);
    faults.plan(Fault::SyncFails, Errno::IO, "vault-b", 0);
    scene
        .start(&mut daemon)
        .refuses(&["can't write a vault file", "Input/output error"]);
    faults.end();
    recovers(scene, &mut daemon, &[]);
}

#[test]
fn a_start_on_a_read_only_file_system_is_refused_and_changes_nothing() {
    let scene: &Scene = scene::stopped();
    let mut daemon = scene.copy();
    let faults = Faults::over(&mut daemon);
    faults.plan(Fault::OpenFails, Errno::ROFS, "/data/", 0);
    scene
        .start(&mut daemon)
        .refuses(&["/data/lock`", "Read-only file system"]);
    faults.plan(Fault::OpenFails, Errno::ROFS, "/store/", 0);
    scene
        .start(&mut daemon)
        .refuses(&["store", "Read-only file system"]);
    faults.plan(Fault::OpenFails, Errno::ROFS, "/vault-", 0);
    scene
        .start(&mut daemon)
        .refuses(&["/vault-a`", "Read-only file system"]);
    faults.end();
    recovers(scene, &mut daemon, &[]);
}

/// A file system of its own that can be filled: a tmpfs in a private mount namespace.
struct Room {
    holder: Child,
    dir: String,
}

impl Room {
    /// None where the machine lets nobody make one.
    fn make(dir: &std::path::Path, mebibytes: u32) -> Option<Self> {
        fs::create_dir(dir).unwrap();
        let dir = dir.to_str().unwrap().to_owned();
        let mount =
            format!("mount -t tmpfs -o size={mebibytes}m,mode=0700 tmpfs {dir} && echo made && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut said = String::new();
        let mut reader = std::io::BufReader::new(holder.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut reader, &mut said).unwrap();
        if said.trim() == "made" {
            return Some(Self { holder, dir });
        }
        holder.wait().unwrap();
        None
    }

    fn entered_by(&self) -> Vec<String> {
        let mut program = [
            "nsenter",
            "--preserve-credentials",
            "--user",
            "--mount",
            "--target",
        ]
        .map(str::to_owned)
        .to_vec();
        program.push(self.holder.id().to_string());
        program
    }

    /// Runs a shell command in it.
    fn run(&self, command: &str) -> bool {
        let program = self.entered_by();
        let mut shell = Command::new(&program[0]);
        shell
            .args(&program[1..])
            .args(["sh", "-c", command])
            .stderr(Stdio::null());
        shell.status().unwrap().success()
    }

    /// Leaves so many MiB of it free.
    fn leave_free(&self, mebibytes: u32) {
        let dir = &self.dir;
        assert!(self.run(&format!(
            "rm -f {dir}/filling; free=$(df --output=avail -k {dir} | tail -1); \
             fallocate -l $((free - {mebibytes} * 1024))K {dir}/filling"
        )));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let pid = i32::try_from(self.holder.id()).unwrap();
        let _gone = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        let _ended = self.holder.wait();
    }
}

/// The whole way: room, little room, none, room again. Where no file system can be made, writes that fail for want of space
/// (above) and the reserve's own tests stand for it.
#[test]
fn a_full_disk_refuses_first_what_can_wait_and_recovers_when_there_is_room() {
    let home = new_home();
    let Some(room) = Room::make(&home.path().join("data"), 96) else {
        eprintln!("no private file system can be made here: a failing write stands for the full disk");
        let said = ["the log can't be written any more", "No space left on device"];
        return ends_and_recovers("/store/", Fault::WriteIsCut, Errno::NOSPC, 5, &said);
    };
    let config = home.path().join("config.toml");
    fs::write(
        &config,
        "[disk]\nlow-mebibytes = 32\nfull-mebibytes = 16\nexhausted-mebibytes = 4\nreserve-mebibytes = 8\n",
    )
    .unwrap();
    let mut daemon = Daemon::stopped_in(home, "warn");
    let entered = room.entered_by();
    daemon.launch_by(&entered.iter().map(String::as_str).collect::<Vec<_>>());
    daemon.serve_with(&["--config", config.to_str().unwrap()]);
    daemon.start_again();
    let client = Client::unix(daemon.socket()).unwrap();
    let key = |client: &Client| text(&call(client, "CreateKey", &[]).unwrap(), "/KeyMetadata/KeyId");
    let (first, second) = (key(&client), key(&client));
    let mut answers = crash::answers(&client, "room", &first, 16);
    let works = |key: &str| call(&client, "Encrypt", &[("KeyId", key), ("Plaintext", "aGVsbG8=")]);
    let is_unavailable = |error: &ClientError| matches!(error, ClientError::Api { status: 503, .. });

    room.leave_free(24);
    wait_until("work with keys is refused", || {
        works(&first).is_err_and(|error| is_unavailable(&error))
    });
    call(&client, "DisableKey", &[("KeyId", &second)]).unwrap();
    let status = daemon.client(&["status"]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(
        status
            .lines()
            .any(|line| line.starts_with("! ") && line.contains("disk")),
        "{status}"
    );

    room.leave_free(6);
    wait_until("the reserve is given back", || {
        daemon.said().contains("the disk is full")
    });
    assert!(works(&first).is_err_and(|error| is_unavailable(&error)));
    call(&client, "DisableKey", &[("KeyId", &second)]).unwrap();

    room.leave_free(1);
    wait_until("every call is refused", || {
        call(&client, "DisableKey", &[("KeyId", &second)]).is_err_and(|error| is_unavailable(&error))
    });

    assert!(room.run(&format!("rm {}/filling", room.dir)));
    wait_until("work goes on by itself", || works(&first).is_ok());
    answers.push(crash::encrypt(&client, &first).unwrap());
    crash::hold(&daemon, &answers);
    daemon.stop();
    daemon.start_again();
    crash::hold(&daemon, &answers);
    daemon.stop();
}
