//! Bytes in and out: canonical CBOR, decoded strictly.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Event;
use crate::base::{UnknownFormat, limits};

/// Why bytes are not an event (or a row).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than any legal entry or row has.
    #[error("{0} bytes are more than an entry or a row may have")]
    TooLong(usize),
    /// Not CBOR, or not of this shape.
    #[error("not of this shape: {0}")]
    Malformed(String),
    /// Decodes, but is not the canonical encoding of what it decodes to.
    #[error("not in canonical form")]
    NotCanonical,
    /// Of a version that this build does not know.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// Of a version that there never was.
    #[error("format version {0} never was")]
    NeverWas(u8),
}

/// Encodes a value whose type keeps I1. Encoding to memory can't fail for the types of this crate.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(640);
    encode_into(value, &mut bytes);
    bytes
}

/// Encodes a value to the end of `bytes`.
#[expect(
    clippy::expect_used,
    reason = "I1: our types have no map keys or values that CBOR can't hold"
)]
pub fn encode_into<T: Serialize>(value: &T, bytes: &mut Vec<u8>) {
    ciborium::into_writer(value, bytes).expect("writing to memory");
}

/// Decodes `bytes` and checks that they are canonical (I2); trailing bytes are refused too.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    within(bytes, limits::ENTRY_BYTES_MAX)
}

/// Decodes a stored row: many events may have added to it, so it may be longer than any of them.
pub fn decode_row<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    within(bytes, limits::ROW_BYTES_MAX)
}

fn within<T: Serialize + DeserializeOwned>(bytes: &[u8], bytes_max: usize) -> Result<T, DecodeError> {
    if bytes.len() > bytes_max {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    let value: T = ciborium::from_reader(bytes).map_err(|e| DecodeError::Malformed(e.to_string()))?;
    if encode(&value) == bytes {
        Ok(value)
    } else {
        Err(DecodeError::NotCanonical)
    }
}

/// Decodes an event's payload, of whatever version it is.
pub fn decode_event(payload: &[u8]) -> Result<Event, DecodeError> {
    super::upcast::read(payload)
}

#[cfg(test)]
pub(super) mod tests;
