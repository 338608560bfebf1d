//! The log of a running daemon: the real front and engine behind a socket with the least of HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use chancery_client::blocking::Client;
use hyper::HeaderMap;

use crate::api::{About, Front, Listener, Peer, Settings, WireRequest};
use crate::audit::show::{Form, show};
use crate::audit::{LiveSource, LogSource, SourceError, replay, verify};
use crate::base::Seq;
use crate::engine::Engine;

const ROOT_UID: u32 = 1_000;

/// Serves `front` at `path` until the test ends, a thread a connection.
fn serve(front: Front, path: &Path, uid: u32) {
    let (listener, front) = (UnixListener::bind(path).unwrap(), Arc::new(front));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, front) = (stream.unwrap(), Arc::clone(&front));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(converse(&front, stream, uid));
            });
        }
    });
}

async fn converse(front: &Front, stream: UnixStream, uid: u32) {
    let peer = Peer {
        listener: Listener::Unix,
        ip: None,
        uid: Some(uid),
        pid: None,
    };
    let about = About {
        peer: &peer,
        user_agent: None,
        host: None,
    };
    let mut reader = BufReader::new(&stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap_or(0) > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        if length == 0 || reader.read_exact(&mut body).is_err() {
            return;
        }
        let request = WireRequest {
            method: "POST",
            path: "/",
            query: None,
            content_type: Some("application/x-www-form-urlencoded"),
            headers: &HeaderMap::new(),
            body: &body,
        };
        let response = front.handle(request, &about).await;
        let status = response.status();
        let body = response.into_body();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
        (&stream).write_all(&[head.as_bytes(), &body].concat()).unwrap();
    }
}

/// A daemon that has done a little of everything, reached as `uid`.
fn connect(dir: &Path, uid: u32) -> Result<LiveSource, SourceError> {
    let (bench, _) = super::Bench::busy();
    let (engine, _threads) = Engine::start(bench.core, 1, |_| {}).unwrap();
    let settings = Settings {
        nonces: crate::api::nonce::NonceLimits::default(),
        quotas: crate::api::table::Quotas::default(),
        regions: vec![engine.region().clone()],
        root_uid: Some(ROOT_UID),
        local_principals: Default::default(),
    };
    let front = Front::new(Arc::clone(&engine), settings).unwrap();
    let path = dir.join("sock");
    serve(front, &path, uid);
    LiveSource::connect(Client::unix(path).unwrap())
}

// Every page that is asked for becomes an event itself: the size stays the one that was named first.
#[test]
fn a_running_daemons_log_verifies_replays_and_shows() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = connect(dir.path(), ROOT_UID).unwrap();
    assert_eq!(source.size(), 17);
    let report = verify(&mut source, &mut |_, _| ()).unwrap();
    assert!(report.is_verified(), "{:#?}", report.problems);
    assert_eq!((report.events, report.checkpoints), (17, 1));
    let replayed = replay(&mut source, &mut |_, _| ()).unwrap();
    assert!(replayed.is_equal(), "{replayed}");
    assert!(!replayed.rows_compared);

    let mut lines = 0;
    let mut emit = |_: &str| {
        lines += 1;
        true
    };
    show(&mut source, Seq::new(10), 100, Form::Line, &mut emit).unwrap();
    assert_eq!(lines, 7);

    // What was recorded meanwhile, by an audit of the audit.
    let client = Client::unix(dir.path().join("sock")).unwrap();
    let mut later = LiveSource::connect(client).unwrap();
    assert!(later.size() > 20);
    let report = verify(&mut later, &mut |_, _| ()).unwrap();
    assert!(report.is_verified(), "{:#?}", report.problems);
}

#[test]
fn a_stranger_is_refused_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let refused = connect(dir.path(), ROOT_UID + 1);
    assert!(matches!(refused, Err(SourceError::Refused(_))), "{refused:?}");
}
