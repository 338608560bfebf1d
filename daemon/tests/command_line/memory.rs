//! What a client that holds a plaintext leaves behind when it dies: nothing (law 4).

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::chancery;

// Method: a client waits for its plaintext on a pipe; once it has opened the pipe it is past all that it does first.
#[test]
fn a_client_that_handles_a_plaintext_dumps_no_core() {
    let dir = TempDir::new().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut client = chancery(dir.path())
        .args("kms Encrypt --socket s.sock --KeyId k --Plaintext @pipe".split(' '))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let writer = OpenOptions::new().write(true).open(&pipe).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", client.id())).unwrap();
    let core: Vec<_> = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap()
        .split_whitespace()
        .collect();
    drop(writer);
    assert_eq!(client.wait().unwrap().code(), Some(3), "there is no daemon");
    // One byte: at no limit else does the kernel spare the program that core_pattern may name.
    assert_eq!(core[..2], ["1", "1"]);
}
