//! What monitors ask: is it alive, is it ready, how is it. A listener of its own on loopback; the first two also on the Unix
//! socket.
//!
//! | path | answer |
//! | --- | --- |
//! | `/healthz` | 200 while the process answers at all: restart it when it does not |
//! | `/readyz` | 200 when calls can be answered; 503 and the reason when not: send them elsewhere, a restart does not help |
//! | `/metrics` | OpenMetrics text; on the monitors' listener alone |
//!
//! Nothing here needs credentials, and nothing of it is an operation: no event is made. So nothing here has an id or a name.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::listener::BindError;
use super::metrics;
use crate::api::Front;
use crate::base::limits;

/// The monitors' listener. It shows as monitors are to name it.
#[derive(Debug)]
pub struct MonitorListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl MonitorListener {
    /// Listens on `address`; beyond loopback only when plaintext is allowed (I4).
    pub async fn bind(address: SocketAddr, allow_plaintext: bool) -> Result<Self, BindError> {
        if !address.ip().to_canonical().is_loopback() && !allow_plaintext {
            return Err(BindError::Plaintext(address));
        }
        let failed = |source: io::Error| BindError::Io {
            place: address.to_string(),
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers monitors until it is dropped. A connection has one request: monitors come every few seconds, and a few
    /// places are enough for all of them.
    pub async fn serve(self, front: Arc<Front>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let front = Arc::clone(&front);
                    tokio::spawn(async move {
                        // Too slow, gone, or no HTTP: a monitor will come again.
                        let _ended = tokio::time::timeout(CONNECTION_MAX, converse(stream, front)).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a monitor's connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl std::fmt::Display for MonitorListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}/metrics", self.address)
    }
}

async fn converse(stream: TcpStream, front: Arc<Front>) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let front = Arc::clone(&front);
        async move {
            let (method, path) = (request.method(), request.uri().path());
            let answer = health(method, path, &front).or_else(|| figures(method, path, &front));
            Ok::<_, Infallible>(answer.unwrap_or_else(|| plain(StatusCode::NOT_FOUND, PATHS)))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// The answer to a question after life or readiness; none when it is no such question.
pub(super) fn health(method: &Method, path: &str, front: &Front) -> Option<Response<Full<Bytes>>> {
    let answer = match path {
        "/healthz" => plain(StatusCode::OK, "ok\n"),
        "/readyz" => match front.engine().readiness() {
            Ok(()) => plain(StatusCode::OK, "ready\n"),
            Err(unready) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {unready}\n")),
        },
        _ => return None,
    };
    Some(asked(method, answer))
}

fn figures(method: &Method, path: &str, front: &Arc<Front>) -> Option<Response<Full<Bytes>>> {
    if path != "/metrics" {
        return None;
    }
    let answer = match metrics::text(front) {
        Ok(text) => {
            let mut answer = plain(StatusCode::OK, text);
            let openmetrics = HeaderValue::from_static(metrics::CONTENT_TYPE);
            answer.headers_mut().insert(CONTENT_TYPE, openmetrics);
            answer
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    };
    Some(asked(method, answer))
}

/// The answer, if it was asked for and not told to change.
fn asked(method: &Method, answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    if [Method::GET, Method::HEAD].contains(method) {
        return answer;
    }
    let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "ask with GET\n");
    let get = HeaderValue::from_static("GET, HEAD");
    refusal.headers_mut().insert(ALLOW, get);
    refusal
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

const PATHS: &str = "/healthz  /readyz  /metrics\n";

/// Monitors at the same time.
const CONNECTIONS_MAX: usize = 32;
/// How long one may take in all.
const CONNECTION_MAX: Duration = Duration::from_secs(30);
/// How long to wait when connections can't be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Largest request head of a monitor, bytes: hyper's smallest.
const HEAD_BYTES_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests;
