//! The front door of the real binary: many connections that say nothing, and one that does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use chancery_client::blocking;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::Daemon;

const IDLE: usize = 10_000;

/// Half of them never said anything; the others had an answer and stay.
#[test]
fn a_request_is_served_beside_ten_thousand_idle_connections() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .unwrap();
    assert!(
        limit.maximum.is_none_or(|files| files > IDLE as u64 + 1_000),
        "this test needs {IDLE} open files, here and in the daemon: raise `ulimit -Hn`"
    );
    let daemon = Daemon::start("warn");
    let mut idle = Vec::with_capacity(IDLE);
    for at in 0..IDLE {
        let mut stream = TcpStream::connect(daemon.tcp()).unwrap();
        if at % 2 == 0 {
            ask(&mut stream);
        }
        idle.push(stream);
    }
    for client in [
        blocking::Client::unix(daemon.socket()).unwrap(),
        blocking::Client::http(&format!("http://{}", daemon.tcp()), daemon.credentials()).unwrap(),
    ] {
        let made = client.call("2016-01-20", "CreateKey", &[]).unwrap();
        assert!(made.contains("KeyId"), "{made}");
    }
    // All of them are there still, and would be answered.
    for at in [0, 1, IDLE / 2, IDLE - 2, IDLE - 1] {
        ask(&mut idle[at]);
    }
}

/// Sends a request that is nobody's, and reads its refusal.
fn ask(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
        .write_all(b"GET /?Action=ListKeys&Version=2016-01-20 HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let mut piece = [0; 4_096];
    let mut answer = String::new();
    while !answer.contains("MissingParameter") || !answer.ends_with('}') {
        let len = stream.read(&mut piece).unwrap();
        assert!(len > 0, "it ended after: {answer}");
        answer.push_str(std::str::from_utf8(&piece[..len]).unwrap());
    }
}
