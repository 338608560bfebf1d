//! The body of a request, bounded in size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use zeroize::Zeroizing;

use super::stop::Stop;
use crate::base::limits;

/// A whole body. It may hold plaintext: its buffers are zeroized when they are freed (by the allocator, where hyper owns
/// them).
pub(super) enum RequestBody {
    /// As one piece from the connection's buffer: nearly always.
    Piece(Bytes),
    /// Put together from several.
    Whole(Zeroizing<Vec<u8>>),
}

/// Why there is no body.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Larger than any legal call.
    TooLarge,
    /// It took too long.
    TooSlow,
    /// The daemon stops.
    Stopped,
    /// The connection ended, or what came was not HTTP.
    Broken(hyper::Error),
}

impl RequestBody {
    /// The bytes.
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Piece(bytes) => bytes,
            Self::Whole(bytes) => bytes,
        }
    }
}

/// Reads the body within `time`, and not past `stop`. A size that is announced and too large is refused before a byte of it is read.
pub(super) async fn read(mut body: Incoming, time: Duration, stop: &Stop) -> Result<RequestBody, BodyError> {
    if body.is_end_stream() {
        return Ok(RequestBody::Piece(Bytes::new()));
    }
    if body.size_hint().lower() > limits::BODY_BYTES_MAX as u64 {
        return Err(BodyError::TooLarge);
    }
    // A body that is there already is read at the first poll, before the timer is asked at all.
    let collected = tokio::time::timeout(time, collect(&mut body));
    tokio::select! {
        biased;
        collected = collected => collected.map_err(|_elapsed| BodyError::TooSlow)?,
        () = stop.said() => Err(BodyError::Stopped),
    }
}

async fn collect(body: &mut Incoming) -> Result<RequestBody, BodyError> {
    let Some(first) = next_piece(body).await? else {
        return Ok(RequestBody::Piece(Bytes::new()));
    };
    if body.is_end_stream() && first.len() <= limits::BODY_BYTES_MAX {
        return Ok(RequestBody::Piece(first));
    }
    // An announcement alone sets little aside: whoever is not known yet must not take memory with a number. What is larger
    // grows as it arrives, its old buffers zeroized by the allocator.
    let announced = body
        .size_hint()
        .exact()
        .and_then(|rest| usize::try_from(rest).ok());
    let capacity = first
        .len()
        .saturating_add(announced.unwrap_or(0))
        .min(SET_ASIDE_BYTES)
        .max(first.len());
    let mut whole = Zeroizing::new(Vec::with_capacity(capacity));
    let mut piece = first;
    loop {
        if whole.len() + piece.len() > limits::BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        whole.extend_from_slice(&piece);
        match next_piece(body).await? {
            Some(next) => piece = next,
            None => return Ok(RequestBody::Whole(whole)),
        }
    }
}

/// Nearly every call fits; the largest, tags for fifty keys, has some 20 KiB.
const SET_ASIDE_BYTES: usize = 64 << 10;

/// The next piece of data; trailers are skipped.
async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
