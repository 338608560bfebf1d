use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::blocking;

const VERSION: &str = "2016-01-20";

/// Answers each request with the body that was sent, or with an error if the action is `Fail`.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = service_fn(async |request: Request<Incoming>| {
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri(), "/");
        assert_eq!(
            request.headers()[header::CONTENT_TYPE],
            "application/x-www-form-urlencoded"
        );
        assert!(request.headers().contains_key(header::HOST));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let fail = String::from_utf8_lossy(&body).contains("Action=Fail");
        let (status, body) = if fail {
            (
                404,
                Bytes::from_static(br#"{"Code":"Forbidden.KeyNotFound","Message":"no","RequestId":"r"}"#),
            )
        } else {
            (200, body)
        };
        Ok::<_, Infallible>(Response::builder().status(status).body(Full::new(body)).unwrap())
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A socket that no other test uses, removed by the system's own cleaning: it lies in the temporary directory.
fn socket() -> PathBuf {
    let mut name = [0; 8];
    getrandom::fill(&mut name).unwrap();
    std::env::temp_dir().join(format!("chancery-client-{:016x}.sock", u64::from_be_bytes(name)))
}

/// Serves a Unix socket and counts its connections.
fn serve_unix(path: &PathBuf) -> Arc<AtomicUsize> {
    let listener = UnixListener::bind(path).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    count
}

#[tokio::test]
async fn a_local_call_carries_no_credentials_and_keeps_its_connection() {
    let path = socket();
    let connections = serve_unix(&path);
    let client = Client::unix(&path);
    for _ in 0..3 {
        let body = client
            .call(VERSION, "Encrypt", &[("Plaintext", "aG+/="), ("K", "a b")])
            .await
            .unwrap();
        assert_eq!(
            body,
            "Action=Encrypt&Format=JSON&Version=2016-01-20&Plaintext=aG%2B%2F%3D&K=a%20b"
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn calls_at_once_have_a_connection_each() {
    let path = socket();
    let connections = serve_unix(&path);
    let client = Client::unix(&path);
    let (one, two) = tokio::join!(client.call(VERSION, "A", &[]), client.call(VERSION, "B", &[]));
    assert!(one.unwrap().starts_with("Action=A&"));
    assert!(two.unwrap().starts_with("Action=B&"));
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_call_over_tcp_is_signed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await });
    let credentials = Credentials::new("testid", "testsecret");
    let client = Client::http(&format!("http://{address}"), credentials).unwrap();
    let body = client.call(VERSION, "ListKeys", &[]).await.unwrap();
    for part in [
        "AccessKeyId=testid",
        "SignatureNonce=",
        "Timestamp=20",
        "&Signature=",
    ] {
        assert!(body.contains(part), "{body}");
    }
    assert!(!body.contains("testsecret"));
}

#[tokio::test]
async fn a_refusal_is_an_api_error_and_keeps_the_connection() {
    let path = socket();
    let connections = serve_unix(&path);
    let client = Client::unix(&path);
    for _ in 0..2 {
        let error = client.call(VERSION, "Fail", &[]).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Api { status: 404, ref code, .. } if code == "Forbidden.KeyNotFound")
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_blocking_client_works_alike_and_outlives_a_closed_connection() {
    let path = socket();
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let (closed, told) = std::sync::mpsc::channel();
    // Each connection serves one call and is then closed without a word, as a restarted daemon would.
    let server = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                .unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    let client = blocking::Client::unix(&path).unwrap();
    for _ in 0..3 {
        assert_eq!(client.call(VERSION, "ListKeys", &[]).unwrap(), "{}");
        told.recv().unwrap();
    }
    server.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let error = Client::unix(socket())
        .call(VERSION, "ListKeys", &[])
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let client = Client::http(&address, Credentials::new("a", "b")).unwrap();
    let error = client.call(VERSION, "ListKeys", &[]).await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { ref endpoint, .. } if *endpoint == address),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_that_ends_after_the_request_is_interrupted_and_not_tried_again() {
    let path = socket();
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        drop(stream);
        listener
    });
    let error = Client::unix(&path)
        .call(VERSION, "CreateKey", &[])
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Interrupted { .. }), "{error}");
    let listener = server.await.unwrap();
    let again =
        std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context).is_ready()))
            .await;
    assert!(!again, "the call was made twice");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn another_protocol_is_foreign() {
    for answer in [
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\u{ff}",
    ] {
        let path = socket();
        let listener = UnixListener::bind(&path).unwrap();
        let bytes: Vec<u8> = answer.chars().map(|character| character as u8).collect();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        let error = Client::unix(&path)
            .call(VERSION, "ListKeys", &[])
            .await
            .unwrap_err();
        assert!(matches!(error, ClientError::Foreign { .. }), "{error}");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn only_plain_endpoints_are_endpoints() {
    let credentials = || Credentials::new("a", "b");
    for good in [
        "http://127.0.0.1:80",
        "127.0.0.1:8443",
        "http://[::1]:80",
        "http://localhost",
        "http://localhost/",
    ] {
        assert!(Client::http(good, credentials()).is_ok(), "{good}");
    }
    for bad in [
        "",
        "https://localhost",
        "ftp://localhost",
        "http://",
        "/run/x.sock",
        "http://a/b",
        "http://a/?b",
        "http://u:p@a",
        "a b",
    ] {
        let error = Client::http(bad, credentials()).unwrap_err();
        assert!(matches!(error, ClientError::InvalidEndpoint { .. }), "{bad}");
    }
}

#[test]
fn clients_and_their_calls_can_cross_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let client = Client::unix("x");
    shared(&client);
    sent(&client.call("", "", &[]));
    shared(&blocking::Client::unix("x").unwrap());
}
