//! One connection: requests in, responses out, one after the other.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{self, BodyError};
use super::monitor;
use super::stop::Stop;
use crate::api::{About, Front, Listener, Peer, WireRequest, WireResponse};
use crate::base::{Code, limits};

/// What every request of a connection shares.
struct Shared {
    front: Arc<Front>,
    peer: Peer,
}

/// Serves a connection to its end. When `stop` is said, the request in flight is the last one.
pub(super) async fn serve<S>(stream: S, peer: Peer, front: Arc<Front>, stop: &Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let shared = Arc::new(Shared { front, peer });
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.answer(request).await }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::HEAD_TIMEOUT)
            .max_buf_size(limits::HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut bell = pin!(stop.bell());
    let (mut registered, mut told) = (false, false);
    // The bell is polled once, to register this task's waker, which never changes; later polls cost one load.
    let ended = poll_fn(|cx| {
        if !registered {
            registered = true;
            if bell.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        if !told && stop.is_said() {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        match connection.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => Poll::Pending,
        }
    });
    if let Err(error) = ended.await {
        // A client that went away, spoke something else, or was too slow. hyper's error names no content.
        tracing::debug!(%error, "a connection ended early");
    }
}

impl Shared {
    /// Answers one request. An error closes the connection without an answer.
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        if self.peer.listener == Listener::Unix
            && let Some(answer) = monitor::health(request.method(), request.uri().path(), &self.front)
        {
            return Ok(answer);
        }
        let (head, body) = request.into_parts();
        let about = About {
            peer: &self.peer,
            user_agent: text(&head.headers, &USER_AGENT),
            host: text(&head.headers, &HOST),
        };
        let body = match body::read(body).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => {
                return Ok(closing(self.front.refuse(Code::RequestTooLarge, &about)));
            }
            Err(BodyError::TooSlow) => {
                return Ok(closing(self.front.refuse(Code::UnparsableRequest, &about)));
            }
            Err(BodyError::Broken(error)) => return Err(error),
        };
        let request = WireRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query(),
            content_type: text(&head.headers, &CONTENT_TYPE),
            headers: &head.headers,
            body: body.as_slice(),
        };
        Ok(response(self.front.handle(request, &about).await))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn response(answer: WireResponse) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = answer.content_type();
    let request_id = answer.request_id();
    let retry_after = answer.retry_after();
    let mut response = Response::new(Full::new(Bytes::from_owner(answer.into_body())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        headers.insert(ACS_RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The rest of the request was not read: nothing more can be said over this connection.
fn closing(answer: WireResponse) -> Response<Full<Bytes>> {
    let mut response = response(answer);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-acs-request-id");
/// What the v2 SDKs look for.
const ACS_RETRY_AFTER: HeaderName = HeaderName::from_static("x-acs-retry-after");
