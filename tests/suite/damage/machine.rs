//! What a machine may do to a daemon: another one on the same directory, no more files to open.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use chancery_client::blocking::Client;

use super::faults::wait_until;
use super::scene::{self, Scene};
use crate::crash;
use crate::process::command;

#[test]
fn a_directory_in_use_is_refused_to_everybody_else() {
    let scene: &Scene = scene::stopped();
    let mut daemon = scene.copy();
    daemon.start_again();
    let (data, root_key) = (daemon.data(), daemon.root_key());
    let (data, root_key) = (data.to_str().unwrap(), root_key.to_str().unwrap());
    let in_use = format!("in use by another chancery process (pid {})", daemon.pid());
    let second = [
        "serve",
        "--data",
        data,
        "--root-key",
        root_key,
        "--socket",
        "/nowhere/s.sock",
    ];
    let accept = [
        "log",
        "accept-loss",
        "--data",
        data,
        "--root-key",
        root_key,
        "--reason",
        "x",
    ];
    let rotate = ["log", "rotate-key", "--data", data, "--root-key", root_key];
    let status = ["keyring", "status", "--data", data, "--root-key", root_key];
    for (arguments, code, said) in [
        (&second[..], 1, in_use.as_str()),
        (&accept, 1, &in_use),
        (&status, 1, &in_use),
        (
            &["log", "verify", "--data", data],
            1,
            "in use by a running daemon",
        ),
        (
            &["log", "rebuild", "--data", data],
            1,
            "stop it, then run `chancery log rebuild` again",
        ),
        (&rotate, 1, &in_use),
    ] {
        let output = command().args(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
    crash::hold(&daemon, &scene.answers);
    // A lock is of a process, not of a file: a kill leaves none.
    daemon.kill();
    scene.start(&mut daemon).holds();
}

/// The kernel takes connections for a process that is stopped; whoever waits hears why nothing comes.
#[test]
fn who_waits_for_a_stopped_process_is_told() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let scene: &Scene = scene::stopped();
    let mut daemon = scene.copy();
    daemon.start_again();
    let pid = rustix::process::Pid::from_raw(daemon.pid().try_into().unwrap()).unwrap();
    let signal = |signal| rustix::process::kill_process(pid, signal).unwrap();
    let socket = daemon.socket();
    for words in [&["status"][..], &["log", "verify"]] {
        signal(rustix::process::Signal::STOP);
        let mut asking = command()
            .args(words)
            .arg("--socket")
            .arg(&socket)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        let mut said = BufReader::new(asking.stderr.take().unwrap());
        said.read_line(&mut told).unwrap();
        signal(rustix::process::Signal::CONT);
        assert!(
            told.starts_with(&format!("no answer from unix:{} yet", socket.display())),
            "{told}"
        );
        std::io::copy(&mut said, &mut std::io::sink()).unwrap();
        assert!(asking.wait().unwrap().success(), "{words:?}");
    }
    daemon.stop();
}

/// Each connection is a file. With few to be had, many connections wait or are turned away; the log is written on, and service
/// is back with the first file.
#[test]
fn service_recovers_when_files_run_out() {
    let scene: &Scene = scene::stopped();
    let mut daemon = scene.copy();
    daemon.launch_by(&["prlimit", "--nofile=128:128"]);
    daemon.start_again();
    let (tcp, socket) = (daemon.tcp(), daemon.socket());
    let mut crowd = Vec::new();
    let mut local = Vec::new();
    for _ in 0..300 {
        crowd.extend(TcpStream::connect_timeout(
            &tcp,
            std::time::Duration::from_secs(5),
        ));
        local.extend(UnixStream::connect(&socket));
    }
    assert!(crowd.len() + local.len() > 128);
    drop((crowd, local));
    let client = Client::unix(daemon.socket()).unwrap();
    let mut answer = None;
    wait_until("a call is answered again", || {
        answer = crash::encrypt(&client, &scene.key).ok();
        answer.is_some()
    });
    crash::hold(&daemon, &scene.answers);
    crash::hold(&daemon, &answer.into_iter().collect::<Vec<_>>());
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
}
