use super::*;
use crate::server::tests::{Daemon, make_key, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Asks over one connection, which the other side closes.
async fn ask<S: AsyncReadExt + AsyncWriteExt + Unpin>(mut stream: S, method: &str, path: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn monitored(daemon: &Daemon) -> SocketAddr {
    let address = "127.0.0.1:0".parse().unwrap();
    let listener = MonitorListener::bind(address, false).await.unwrap();
    let address = listener.address();
    tokio::spawn(listener.serve(Arc::clone(&daemon.front)));
    address
}

/// The value of the sample that begins with `name`.
fn sample(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no {name} in\n{text}"));
    line.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_on_the_socket_and_to_monitors_and_leaves_no_event() {
    let daemon = start().await;
    let address = monitored(&daemon).await;
    let before = daemon.engine.tools().published.durable().head.size;
    for path in ["/healthz", "/readyz"] {
        let stream = TcpStream::connect(address).await.unwrap();
        let answer = ask(stream, "GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let stream = UnixStream::connect(daemon.socket()).await.unwrap();
        let answer = ask(stream, "GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let stream = UnixStream::connect(daemon.socket()).await.unwrap();
        let answer = ask(stream, "POST", path).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }
    assert_eq!(daemon.engine.tools().published.durable().head.size, before);
    // The network's listener answers the API alone, and the socket has no metrics.
    let stream = TcpStream::connect(daemon.address).await.unwrap();
    let answer = ask(stream, "GET", "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let stream = UnixStream::connect(daemon.socket()).await.unwrap();
    let answer = ask(stream, "GET", "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_disk_does_not_answer_lives_and_is_not_ready() {
    let daemon = start().await;
    let tools = daemon.engine.tools();
    // A commit that began when this machine did, and goes on.
    let stuck = tools.figures.commit(1, &Boot, || Err::<(), _>(()));
    assert_eq!(stuck, Err(()));
    let stream = UnixStream::connect(daemon.socket()).await.unwrap();
    let answer = ask(stream, "GET", "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.ends_with("not ready: the log's disk is not answering\n"),
        "{answer}"
    );
    let stream = UnixStream::connect(daemon.socket()).await.unwrap();
    let answer = ask(stream, "GET", "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    daemon.stop().await;
}

#[derive(Debug)]
struct Boot;

impl crate::base::time::Clock for Boot {
    fn now(&self) -> crate::base::Timestamp {
        crate::base::Timestamp::from_millis(1)
    }

    fn monotonic_millis(&self) -> u64 {
        1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_outcomes_and_refusals_and_name_nobody() {
    let daemon = start().await;
    let address = monitored(&daemon).await;
    let key = make_key(&daemon.client()).await;
    let missing =
        crate::server::tests::call(&daemon.client(), "DescribeKey", &[("KeyId", "no-such-key")]).await;
    missing.unwrap_err();
    let stream = TcpStream::connect(daemon.address).await.unwrap();
    ask(stream, "GET", "/?Action=ListKeys&Version=2016-01-20").await;

    let answer = ask(TcpStream::connect(address).await.unwrap(), "GET", "/metrics").await;
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
    for (name, value) in [
        (
            r#"chancery_operations_total{product="kms",class="command",code="OK"}"#,
            1.0,
        ),
        (
            r#"chancery_operations_total{product="kms",class="query",code="Forbidden.KeyNotFound"}"#,
            1.0,
        ),
        (r#"chancery_refusals_total{code="MissingParameter"}"#, 1.0),
        (
            r#"chancery_operation_duration_seconds_count{class="command"}"#,
            1.0,
        ),
        (
            r#"chancery_operation_duration_seconds_bucket{le="+Inf",class="command"}"#,
            1.0,
        ),
        ("chancery_ready", 1.0),
        ("chancery_timers_held", 0.0),
        ("chancery_log_lag_events", 0.0),
        ("chancery_queue_calls", 0.0),
        ("chancery_queue_calls_max", 4096.0),
        ("chancery_reruns_total", 0.0),
    ] {
        assert_eq!(sample(text, name), value, "{name}\n{text}");
    }
    let commits = sample(text, "chancery_commit_duration_seconds_count");
    assert!(
        commits >= 2.0 && commits == sample(text, "chancery_group_events_count"),
        "{text}"
    );
    assert_eq!(
        sample(text, "chancery_log_events"),
        daemon.engine.tools().published.durable().head.size as f64
    );
    let account = daemon.engine.account().to_string();
    for named in [key.as_str(), &account, "127.0.0.1", "no-such-key"] {
        assert!(!text.contains(named), "{named} is in\n{text}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn monitors_beyond_loopback_need_a_word() {
    let refused = MonitorListener::bind("0.0.0.0:0".parse().unwrap(), false).await;
    assert!(matches!(refused, Err(BindError::Plaintext(_))));
}
