//! Responses as HTTP: through hyper, or as bytes where hyper is not asked.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::api::WireResponse;
use crate::base::limits;

/// A response through hyper.
pub(super) fn response(answer: WireResponse) -> Response<Full<Bytes>> {
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
pub(super) fn closing(answer: WireResponse) -> Response<Full<Bytes>> {
    let mut response = response(answer);
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A refusal as bytes; it closes the connection.
pub(super) fn farewell(refusal: WireResponse) -> Vec<u8> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut head = format!(
        "HTTP/1.1 {} {}\r\n{CONTENT_TYPE}: {}\r\n{REQUEST_ID}: {}\r\n{CONNECTION}: close\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or_default(),
        refusal.content_type(),
        refusal.request_id(),
    );
    if let Some(seconds) = refusal.retry_after() {
        head.push_str(&format!(
            "{RETRY_AFTER}: {seconds}\r\n{ACS_RETRY_AFTER}: {seconds}\r\n"
        ));
    }
    let body = refusal.into_body();
    head.push_str(&format!("{CONTENT_LENGTH}: {}\r\n\r\n", body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

/// Says a farewell and waits, a little, until the other side has read it: a socket closed on unread bytes takes the
/// answer back.
pub(super) async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, farewell: &[u8]) {
    let said = async {
        stream.write_all(farewell).await?;
        stream.shutdown().await
    };
    // Whoever does not listen is not waited for.
    if let Ok(Ok(())) = tokio::time::timeout(limits::FAREWELL_TIMEOUT, said).await {
        linger(stream).await;
    }
}

/// After the last word: takes what the other side was still sending, until it has read that word and closes.
pub(super) async fn linger<S: AsyncRead + Unpin>(mut stream: S) {
    let taken = async {
        let mut unread = (&mut stream).take(LINGER_BYTES_MAX);
        let mut sink = [0; 4_096];
        while unread.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _gone = tokio::time::timeout(limits::FAREWELL_TIMEOUT, taken).await;
}

/// So much is taken of what nobody wants any more: twice the largest legal request.
const LINGER_BYTES_MAX: u64 = 2 * (limits::BODY_BYTES_MAX + limits::HEAD_BYTES_MAX) as u64;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-acs-request-id");
/// What the v2 SDKs look for.
const ACS_RETRY_AFTER: HeaderName = HeaderName::from_static("x-acs-retry-after");
