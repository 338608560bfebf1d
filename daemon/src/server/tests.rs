use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use chancery_client::{Client, ClientError, Credentials};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::api::Settings;
use crate::base::entropy::SystemEntropy;
use crate::base::time::SystemClock;
use crate::base::{Region, limits};
use crate::custody::RootKey;
use crate::engine::Engine;
use crate::engine::boot::{Founding, World};
use crate::engine::home::{Home, Layout};
use crate::engine::service::Threads;

const KMS: &str = "2016-01-20";

/// A whole daemon in this process, in a directory of its own.
pub(super) struct Daemon {
    dir: TempDir,
    pub(super) address: SocketAddr,
    pub(super) front: Arc<Front>,
    #[cfg(feature = "tls")]
    tls: (SocketAddr, rustls::pki_types::CertificateDer<'static>),
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    pub(super) engine: Arc<Engine>,
    threads: Threads,
    _home: Home,
}

pub(super) async fn start() -> Daemon {
    start_with(Limits::default()).await
}

async fn start_with(allowed: Limits) -> Daemon {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(Layout::new(dir.path().join("data"), None)).unwrap();
    let world = World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let region = Region::parse("cn-hangzhou").unwrap();
    let founding = Founding {
        name: "test".into(),
        region: region.clone(),
    };
    let core = home
        .boot(RootKey::make(&SystemEntropy), &world, &founding)
        .unwrap();
    let (engine, threads) = Engine::start(core, 1, |error| panic!("{error}")).unwrap();
    let settings = Settings {
        nonces: crate::api::nonce::NonceLimits::default(),
        quotas: crate::api::table::Quotas::default(),
        regions: vec![region],
        root_uid: Some(rustix::process::geteuid().as_raw()),
        local_principals: Default::default(),
    };
    let front = Arc::new(Front::new(Arc::clone(&engine), settings).unwrap());
    let unix = bind_unix(&dir.path().join("run/s.sock")).unwrap();
    let tcp = bind_tcp("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let address = tcp.address().unwrap();
    let mut listeners = vec![unix, tcp];
    #[cfg(feature = "tls")]
    let tls = {
        let files = tls::tests::Files::new();
        let certificate = files.renew();
        let listener = listener::bind_tls("127.0.0.1:0".parse().unwrap(), Arc::new(files.open().unwrap()))
            .await
            .unwrap();
        let address = listener.address().unwrap();
        listeners.push(listener);
        (address, certificate)
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listeners, Arc::clone(&front), allowed, async {
        let _said_or_dropped = stopped.await;
    }));
    Daemon {
        dir,
        address,
        front,
        #[cfg(feature = "tls")]
        tls,
        stop,
        server,
        engine,
        threads,
        _home: home,
    }
}

impl Daemon {
    pub(super) fn socket(&self) -> PathBuf {
        self.dir.path().join("run/s.sock")
    }

    pub(super) fn client(&self) -> Client {
        Client::unix(self.socket())
    }

    fn signed(&self) -> Client {
        let file = std::fs::read(self.dir.path().join("data/root-access-key.json")).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let text = |name: &str| file[name].as_str().unwrap().to_owned();
        let credentials = Credentials::new(text("AccessKeyId"), text("AccessKeySecret"));
        Client::http(&format!("http://{}", self.address), credentials).unwrap()
    }

    pub(super) async fn stop(self) {
        drop(self.stop);
        self.server.await.unwrap();
        self.engine.close().await;
        self.threads.join().unwrap();
    }
}

pub(super) async fn call(
    client: &Client,
    action: &str,
    params: &[(&str, &str)],
) -> Result<serde_json::Value, ClientError> {
    let answer = client.call(KMS, action, params).await?;
    Ok(serde_json::from_str(&answer).unwrap())
}

pub(super) async fn make_key(client: &Client) -> String {
    let made = call(client, "CreateKey", &[]).await.unwrap();
    made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

/// Sends bytes and reads all that comes back until the other side closes.
async fn raw(daemon: &Daemon, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    // The other side may close before it has read all of it: that is what some tests are about.
    let _refused = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encrypted_over_one_listener_is_decrypted_over_the_other() {
    let daemon = start().await;
    let (local, remote) = (daemon.client(), daemon.signed());
    let key = make_key(&local).await;
    let sealed = call(&local, "Encrypt", &[("KeyId", &key), ("Plaintext", "aGVsbG8=")])
        .await
        .unwrap();
    let blob = sealed["CiphertextBlob"].as_str().unwrap();
    let opened = call(&remote, "Decrypt", &[("CiphertextBlob", blob)])
        .await
        .unwrap();
    assert_eq!(opened["Plaintext"], "aGVsbG8=");
    assert_eq!(opened["KeyId"].as_str(), Some(key.as_str()));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_and_headers_are_complete() {
    let daemon = start().await;
    let form = format!("Action=ListKeys&Version={KMS}");
    let one = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let last = one.replace("Host: h", "Host: h\r\nConnection: close");
    let answers = raw(&daemon, format!("{one}{last}").as_bytes()).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    for header in [
        "x-acs-request-id: ",
        "content-type: application/json;charset=utf-8",
        "content-length: ",
    ] {
        assert_eq!(answers.matches(header).count(), 2, "{header}");
    }
    // The id in the header is the one in the body.
    let id = answers
        .split("x-acs-request-id: ")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap();
    assert!(answers.contains(&format!("\"RequestId\":\"{id}\"")), "{answers}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_without_a_signature_is_nobody() {
    let daemon = start().await;
    let mut stream = TcpStream::connect(daemon.address).await.unwrap();
    let request =
        format!("GET /?Action=ListKeys&Version={KMS} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("MissingParameter"),
        "{answer}"
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_whether_announced_or_not() {
    let daemon = start().await;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let announced = format!("{head}Content-Length: {}\r\n\r\n", limits::BODY_BYTES_MAX + 1);
    let answer = raw(&daemon, announced.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");

    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let piece = vec![b'a'; 1 << 16];
    for _ in 0..17 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend_from_slice(&piece);
        chunked.extend_from_slice(b"\r\n");
    }
    let answer = raw(&daemon, &chunked).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") || answer.is_empty(),
        "{answer}"
    );
    // The daemon is none the worse.
    make_key(&daemon.client()).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_request_of_two_lengths_nothing_more_is_read() {
    let daemon = start().await;
    // The second request hides in what the first length covers and the second does not.
    let smuggled =
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
        GET /?Action=ListKeys&Version=2016-01-20 HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = raw(&daemon, smuggled).await;
    // Chunks count, and the connection ends with the answer (RFC 9112 section 6.3).
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert!(
        answer.contains("connection: close") && answer.contains("MissingParameter"),
        "{answer}"
    );
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_passes_whole_in_pieces() {
    let daemon = start().await;
    let form = format!("Action=ListKeys&Version={KMS}&Unknown=");
    let filled = format!("{form}{}", "a".repeat(limits::BODY_BYTES_MAX - form.len()));
    let request = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{filled}",
        filled.len()
    );
    let answer = raw(&daemon, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_idle_connections_and_removes_the_socket() {
    let daemon = start().await;
    let (socket, client) = (daemon.socket(), daemon.client());
    // Leaves a kept, idle connection behind, and one that never says anything.
    make_key(&client).await;
    let mut silent = UnixStream::connect(&socket).await.unwrap();
    daemon.stop().await;
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(!socket.exists());
}

/// Many callers while the daemon stops: each is answered whole or not at all, and what was answered is in the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_in_flight_finish() {
    let daemon = start().await;
    let key = make_key(&daemon.client()).await;
    let mut callers = Vec::new();
    let (began, mut begun) = tokio::sync::mpsc::channel(64);
    for _ in 0..16 {
        let (client, key, began) = (daemon.client(), key.clone(), began.clone());
        callers.push(tokio::spawn(async move {
            let mut answered = 0;
            loop {
                match call(&client, "Encrypt", &[("KeyId", &key), ("Plaintext", "aGk=")]).await {
                    Ok(_) => answered += 1,
                    Err(ClientError::Unreachable { .. } | ClientError::Interrupted { .. }) => {
                        return answered;
                    }
                    Err(other) => panic!("{other}"),
                }
                let _stopping = began.try_send(());
            }
        }));
    }
    for _ in 0..64 {
        begun.recv().await.unwrap();
    }
    let engine = Arc::clone(&daemon.engine);
    let before = std::time::Instant::now();
    daemon.stop().await;
    assert!(
        before.elapsed() < limits::FINISH_TIMEOUT,
        "a connection held the stop up"
    );
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.unwrap();
    }
    let recorded = engine.tools().published.durable().head.size;
    assert!(
        answered >= 64 && recorded >= answered,
        "{answered} answered, {recorded} recorded"
    );
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/dir/s.sock");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let live = bind_unix(&path).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert!(matches!(bind_unix(&path), Err(BindError::Live(_))));
    assert!(path.exists());
    drop(live);
    assert!(!path.exists());

    // std's listener leaves its file behind, as a crash does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    bind_unix(&path).unwrap();
}

#[tokio::test]
async fn only_a_socket_is_ever_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(bind_unix(&path), Err(BindError::NotASocket(_))));
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(bind_unix(&link), Err(BindError::NotASocket(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

#[tokio::test]
async fn plaintext_beyond_loopback_needs_a_word() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let refused = bind_tcp(address.parse().unwrap(), false).await;
        assert!(matches!(refused, Err(BindError::Plaintext(_))), "{address}");
    }
    bind_tcp("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    bind_tcp("0.0.0.0:0".parse().unwrap(), true).await.unwrap();
}

/// A signed GET, as SDKs of the first generation send it: everything in the query.
fn signed_get(daemon: &Daemon, params: &[(&str, &str)]) -> String {
    use chancery_client::sign;
    let file = std::fs::read(daemon.dir.path().join("data/root-access-key.json")).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let text = |name: &str| file[name].as_str().unwrap().to_owned();
    let (id, secret) = (text("AccessKeyId"), text("AccessKeySecret"));
    let nonce = uuid::Uuid::from_u64_pair(1, params.len() as u64).to_string();
    let stamp = time::OffsetDateTime::now_utc()
        .replace_nanosecond(0)
        .unwrap()
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let mut all = params.to_vec();
    all.extend([
        ("Version", KMS),
        ("AccessKeyId", &id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", &nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &stamp),
    ]);
    let signature = sign::signature(&secret, &sign::string_to_sign("GET", &all));
    all.push(("Signature", &signature));
    let query = sign::form(&all);
    format!(
        "GET /?{} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        query.as_str()
    )
}

async fn exchange<S: AsyncReadExt + AsyncWriteExt + Unpin>(mut stream: S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Some ends of TLS streams come without a word; what was said counts.
    let _end = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// 30,720 bytes are the largest secret; each `%` is three bytes in the query: a target of 92 KiB.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_line_of_92_kib_is_verified_and_answered() {
    let daemon = start().await;
    let percents = "%".repeat(30_720);
    let request = signed_get(&daemon, &[("Action", "ListKeys"), ("SecretData", &percents)]);
    assert!(request.len() > 92_160);
    let stream = TcpStream::connect(daemon.address).await.unwrap();
    let answer = exchange(stream, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // Its signature covers all of it: one byte off and it is refused.
    let other = signed_get(
        &daemon,
        &[("Action", "ListKeys"), ("SecretData", &percents), ("A", "b")],
    );
    let other = other.replacen("%25%25", "%25%24", 1);
    let stream = TcpStream::connect(daemon.address).await.unwrap();
    let answer = exchange(stream, &other).await;
    assert!(answer.contains("SignatureDoesNotMatch"), "{answer}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_line_over_the_limit_is_refused_with_a_code() {
    let daemon = start().await;
    let request = format!(
        "GET /?{} HTTP/1.1\r\nHost: h\r\n\r\n",
        "a".repeat(limits::REQUEST_LINE_BYTES_MAX)
    );
    let answer = raw(&daemon, request.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"),
        "{answer}"
    );
    assert!(answer.contains("connection: close") && answer.contains("InvalidParameter.TooLarge"));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_limit_of_an_address_a_connection_is_told_and_local_ones_are_served() {
    let daemon = start_with(Limits {
        connections_per_address: 2,
        ..Limits::default()
    })
    .await;
    let request =
        format!("GET /?Action=ListKeys&Version={KMS} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let held = [
        TcpStream::connect(daemon.address).await.unwrap(),
        TcpStream::connect(daemon.address).await.unwrap(),
    ];
    let answer = exchange(TcpStream::connect(daemon.address).await.unwrap(), &request).await;
    assert!(
        answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n") && answer.contains("retry-after: 1"),
        "{answer}"
    );
    assert!(answer.contains("Rejected.Throttling"), "{answer}");
    make_key(&daemon.client()).await;
    // A place that is given back is taken again.
    drop(held);
    loop {
        let answer = exchange(TcpStream::connect(daemon.address).await.unwrap(), &request).await;
        if answer.contains("MissingParameter") {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_places_are_taken_an_idle_connection_makes_room() {
    let daemon = start_with(Limits {
        remote_connections: 1,
        ..Limits::default()
    })
    .await;
    let mut idle = TcpStream::connect(daemon.address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answer = exchange(TcpStream::connect(daemon.address).await.unwrap(), request).await;
    assert!(answer.contains("MissingParameter"), "{answer}");
    let mut said = Vec::new();
    idle.read_to_end(&mut said).await.unwrap();
    assert!(said.is_empty());
    let tcp = &daemon.engine.tools().figures.connections.tcp;
    assert_eq!((tcp.made_room.read(), tcp.turned_away.read()), (1, 0));
    daemon.stop().await;
}

#[cfg(feature = "tls")]
#[tokio::test(flavor = "multi_thread")]
async fn tls_is_served_and_recorded_as_such() {
    let daemon = start().await;
    let request = signed_get(&daemon, &[("Action", "ListKeys")]);
    let stream = TcpStream::connect(daemon.tls.0).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let stream = tls::tests::client(&daemon.tls.1, rustls::ALL_VERSIONS)
        .connect(name, stream)
        .await
        .unwrap();
    let answer = exchange(stream, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let log = &daemon.engine.tools().log;
    let newest = log.size().unwrap() - 1;
    let (_, bytes) = log
        .entries(crate::base::Seq::new(newest), 1, 1 << 16)
        .unwrap()
        .remove(0);
    let payload = crate::ledger::SignedEntry::parse(&bytes)
        .unwrap()
        .payload
        .to_vec();
    let event = crate::event::codec::decode_event(&payload).unwrap();
    assert_eq!((&*event.op, event.origin.tls), ("kms/ListKeys", true));
    assert_eq!(&*event.origin.listener, "tls");
    // Plain HTTP gets no answer there.
    let mut plain = TcpStream::connect(daemon.tls.0).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut said = Vec::new();
    let _alert = plain.read_to_end(&mut said).await;
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_socket_of_the_service_manager_stays_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let handed = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let listener = listener::adopt_unix(handed).unwrap();
    assert!(listener.is_local());
    assert_eq!(listener.to_string(), format!("unix:{}", path.display()));
    drop(listener);
    assert!(path.exists());
    let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let refused = listener::adopt_tcp(open.try_clone().unwrap(), false);
    assert!(matches!(refused, Err(BindError::Plaintext(_))));
    listener::adopt_tcp(open, true).unwrap();
}
