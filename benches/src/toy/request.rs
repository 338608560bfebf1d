//! One Encrypt of the toy: parsed, encrypted and described on the task that read it, then handed to the sequencer.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crossbeam_channel::{Sender, TrySendError};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::sequencer::Job;

/// What every request shares: the prepared key, the counters and the way to the sequencer.
#[derive(Debug)]
pub struct Desk {
    key: LessSafeKey,
    /// Random for each start; with the counter it makes nonces and request ids that never repeat.
    prefix: [u8; 8],
    count: AtomicU64,
    queue: Sender<Job>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptRequest<'a> {
    key_id: &'a str,
    plaintext: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptResponse<'a> {
    ciphertext_blob: &'a str,
    key_id: &'a str,
    key_version_id: &'a str,
    request_id: &'a str,
}

/// As many fields as a real event has, of like sizes.
#[derive(Serialize)]
struct Event<'a> {
    v: u8,
    at: u64,
    op: &'a str,
    rid: &'a str,
    uid: u32,
    pid: u32,
    kind: &'a str,
    time: u64,
    #[serde(with = "serde_bytes")]
    blob: &'a [u8],
    agent: &'a str,
    effect: &'a str,
    account: &'a str,
    #[serde(with = "serde_bytes")]
    context: &'a [u8],
    #[serde(with = "serde_bytes")]
    request: &'a [u8],
    version: &'a str,
    listener: &'a str,
    resource: &'a str,
}

impl Desk {
    /// Draws a fresh key. It lives as long as the process: the toy's blobs are for nobody to open.
    pub fn new(queue: Sender<Job>) -> Result<Self> {
        let mut bytes = [0; 32];
        let mut prefix = [0; 8];
        getrandom::fill(&mut bytes)
            .and_then(|()| getrandom::fill(&mut prefix))
            .map_err(|e| anyhow!("no randomness: {e}"))?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| anyhow!("no AES-256-GCM key"))?;
        Ok(Self {
            key: LessSafeKey::new(key),
            prefix,
            count: AtomicU64::new(0),
            queue,
        })
    }

    /// Answers one request; anything but 200 is a fault of the toy or of its caller, said in plain text.
    pub async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match self.encrypt(request).await {
            Ok(body) => reply(StatusCode::OK, body.into()),
            Err((status, reason)) => reply(status, Bytes::from_static(reason.as_bytes())),
        })
    }

    async fn encrypt(&self, request: Request<Incoming>) -> Result<Vec<u8>, (StatusCode, &'static str)> {
        let bad = |reason| move |()| (StatusCode::BAD_REQUEST, reason);
        let body = Limited::new(request.into_body(), BODY_MAX)
            .collect()
            .await
            .map_err(drop)
            .map_err(bad("body"))?
            .to_bytes();
        let ask: EncryptRequest<'_> = serde_json::from_slice(&body).map_err(drop).map_err(bad("json"))?;
        let plaintext = STANDARD
            .decode(ask.plaintext)
            .map_err(drop)
            .map_err(bad("base64"))?;

        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let blob = self
            .seal(count, ask.key_id, &plaintext)
            .ok_or((StatusCode::INTERNAL_SERVER_ERROR, "aead"))?;
        let rid = request_id(self.prefix, count);
        let event = describe(&ask, &rid, &body, &blob).ok_or((StatusCode::INTERNAL_SERVER_ERROR, "cbor"))?;

        let (sender, durable) = oneshot::channel();
        self.queue
            .try_send(Job {
                event,
                durable: sender,
            })
            .map_err(|error| match error {
                TrySendError::Full(_) => (StatusCode::TOO_MANY_REQUESTS, "full"),
                TrySendError::Disconnected(_) => (StatusCode::SERVICE_UNAVAILABLE, "the log is closed"),
            })?;
        // I1: the sequencer sends this only after the batch is synced.
        durable
            .await
            .map_err(|_| (StatusCode::SERVICE_UNAVAILABLE, "the log failed"))?;
        let response = EncryptResponse {
            ciphertext_blob: &STANDARD.encode(&blob),
            key_id: ask.key_id,
            key_version_id: KEY_VERSION,
            request_id: &rid,
        };
        serde_json::to_vec(&response).map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "json"))
    }

    /// Nonce, ciphertext, tag. The nonce is 4 random bytes and a counter.
    fn seal(&self, count: u64, key_id: &str, plaintext: &[u8]) -> Option<Vec<u8>> {
        let [a, b, c, d, ..] = self.prefix;
        let [e, f, g, h, i, j, k, l] = count.to_be_bytes();
        let nonce = [a, b, c, d, e, f, g, h, i, j, k, l];
        let mut text = Vec::with_capacity(plaintext.len() + 28);
        text.extend_from_slice(plaintext);
        let nonce_value = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce_value, Aad::from(key_id.as_bytes()), &mut text)
            .ok()?;
        text.splice(0..0, nonce);
        Some(text)
    }
}

/// Encodes the event: the three digests cover the request, the blob and the context.
fn describe(ask: &EncryptRequest<'_>, rid: &str, body: &[u8], blob: &[u8]) -> Option<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis();
    let now = u64::try_from(now).ok()?;
    let digests = [blob, ask.key_id.as_bytes(), body].map(|part| digest(&SHA256, part));
    let [blob, context, request] = digests.each_ref().map(|digest| digest.as_ref());
    let event = Event {
        v: 1,
        at: now,
        op: "kms/Encrypt",
        rid,
        uid: 1000,
        pid: std::process::id(),
        kind: "Root",
        time: now,
        blob,
        agent: "chancery-bench",
        effect: "Allow",
        account: "1234567890123456",
        context,
        request,
        version: KEY_VERSION,
        listener: "unix",
        resource: ask.key_id,
    };
    let mut bytes = Vec::with_capacity(600);
    ciborium::into_writer(&event, &mut bytes).ok()?;
    Some(bytes)
}

fn request_id(prefix: [u8; 8], count: u64) -> String {
    let prefix = u64::from_be_bytes(prefix);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        prefix >> 32,
        (prefix >> 16) & 0xffff,
        prefix & 0xffff,
        count >> 48,
        count & 0xffff_ffff_ffff
    )
}

fn reply(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json;charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}

const KEY_VERSION: &str = "0f2a1d5c-6c1e-4a86-9a53-2f0a7d1c9b44";
const BODY_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_seventeen_fields_and_no_plaintext() {
        let ask = EncryptRequest {
            key_id: "key",
            plaintext: "aGVsbG8gaGVsbG8=",
        };
        let bytes = describe(&ask, "rid", b"body", b"blob").unwrap();
        let value: ciborium::Value = ciborium::from_reader(bytes.as_slice()).unwrap();
        assert_eq!(value.as_map().unwrap().len(), 17);
        assert!(!bytes.windows(5).any(|w| w == b"hello" || w == b"aGVsb"));
    }

    #[test]
    fn request_ids_have_the_shape_of_a_uuid_and_differ() {
        let one = request_id([1; 8], 1);
        assert_eq!(one, "01010101-0101-0101-0000-000000000001");
        assert_ne!(one, request_id([1; 8], 2));
    }
}
