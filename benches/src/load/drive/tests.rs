use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::super::http::Target;
use super::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
const DENIED: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied";

/// A server that answers the `n`th request of each connection with what `answer` says, after its pause.
async fn server(answer: fn(u64) -> (&'static [u8], Duration)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(serve(stream, answer));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, answer: fn(u64) -> (&'static [u8], Duration)) {
    let mut buffer = [0; 64];
    for n in 0.. {
        let Ok(1..) = stream.read(&mut buffer).await else {
            return;
        };
        let (reply, pause) = answer(n);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if stream.write_all(reply).await.is_err() {
            return;
        }
    }
}

fn plan(address: SocketAddr, arrival: Arrival) -> Plan {
    Plan {
        target: Target::Tcp(address),
        requests: Requests::Constant(b"ask".to_vec()),
        connections: 1,
        arrival,
        warm_up: Duration::from_millis(50),
        measure: Duration::from_millis(500),
        requests_max: 1_000_000,
        server_pid: None,
    }
}

#[tokio::test]
async fn a_closed_loop_counts_replies() {
    let work = async {
        let address = server(|_| (OK, Duration::ZERO)).await;
        drive(plan(address, Arrival::Closed)).await.unwrap()
    };
    let measured = LocalSet::new().run_until(work).await;
    assert!(measured.answered > 10);
    assert_eq!(measured.unserved, 0);
}

// Goal: no coordinated omission. Method: at 1000 arrivals a second, one reply is held for 300 ms. A generator that
// measured from the sending would show one slow request in 500; those that fell due meanwhile must be slow too.
#[tokio::test]
async fn a_stall_is_charged_to_all_that_fell_due_in_it() {
    let work = async {
        let address = server(|n| (OK, Duration::from_millis(if n == 150 { 300 } else { 0 }))).await;
        drive(plan(address, Arrival::Open { per_second: 1_000.0 }))
            .await
            .unwrap()
    };
    let measured = LocalSet::new().run_until(work).await;
    assert_eq!(measured.unserved, 0);
    assert!(measured.max_ms >= 299.0, "max {}", measured.max_ms);
    assert!(measured.p50_ms >= 20.0, "p50 {}", measured.p50_ms);
}

#[tokio::test]
async fn an_open_loop_keeps_its_rate() {
    let work = async {
        let address = server(|_| (OK, Duration::ZERO)).await;
        drive(plan(address, Arrival::Open { per_second: 400.0 }))
            .await
            .unwrap()
    };
    let measured = LocalSet::new().run_until(work).await;
    assert!(
        (150..=250).contains(&measured.answered),
        "{} of 200",
        measured.answered
    );
}

#[tokio::test]
async fn a_denial_fails_the_run_and_shows_its_body() {
    let work = async {
        let address = server(|n| (if n == 20 { DENIED } else { OK }, Duration::ZERO)).await;
        drive(plan(address, Arrival::Closed)).await
    };
    let error = LocalSet::new().run_until(work).await.unwrap_err();
    assert!(format!("{error:#}").contains("answered 403: denied"), "{error:#}");
}

#[tokio::test]
async fn the_bound_on_requests_ends_a_run_early() {
    let work = async {
        let address = server(|_| (OK, Duration::from_millis(2))).await;
        let mut plan = plan(address, Arrival::Closed);
        plan.measure = Duration::from_secs(60);
        plan.requests_max = 100;
        drive(plan).await
    };
    let measured = LocalSet::new().run_until(work).await.unwrap();
    assert!(measured.answered < 100);
}
