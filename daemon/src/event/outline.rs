//! What a payload says of its place, read without making an event of it: one walk over the bytes, nothing copied.
//!
//! I1  Accepts deterministic CBOR alone (RFC 8949 section 4.2.1): definite lengths, shortest heads, UTF-8, map keys in
//!     bytewise order of their encodings and each once, nothing after the map.
//! I2  Every payload that `codec::decode_event` accepts is accepted, and says the same. The other way round it does not
//!     hold: whether the rest of the map is an event is not asked here.
//!
//! A chain is checked and a use is folded by this alone: decoding in full takes ten times as long.

use super::codec::DecodeError;
use super::upcast;
use super::walk::{Walk, malformed};
use crate::base::{Digest, Seq, Timestamp};

/// The part of a payload that gives an event its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// Format version.
    pub v: u8,
    /// Position in the log.
    pub seq: Seq,
    /// SHA-256 of the predecessor's payload.
    pub prev: Digest,
    /// Unix milliseconds.
    pub time: Timestamp,
    /// Whether it changes the state.
    pub changes: bool,
}

impl Outline {
    /// Reads a payload.
    pub fn read(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut walk = Walk::of(payload)?;
        let (mut v, mut seq, mut prev, mut time, mut changes) = (None, None, None, None, false);
        walk.map(|walk, name| {
            match name {
                b"\x61v" => v = Some(walk.number()?),
                b"\x63seq" => seq = Some(walk.number()?),
                b"\x64prev" => prev = Some(walk.bytes()?),
                b"\x64time" => time = Some(walk.number()?),
                b"\x63chg" => {
                    changes = true;
                    walk.skip()?;
                }
                _ => walk.skip()?,
            }
            Ok(())
        })?;
        walk.end()?;
        let v = v.ok_or_else(|| malformed("no version"))?;
        let v = u8::try_from(v).map_err(|_| malformed("no version"))?;
        upcast::check(v)?;
        let prev = prev.and_then(|prev| Digest::try_from(prev).ok());
        Ok(Self {
            v,
            seq: Seq::new(seq.ok_or_else(|| malformed("no position"))?),
            prev: prev.ok_or_else(|| malformed("no predecessor"))?,
            time: Timestamp::from_millis(time.ok_or_else(|| malformed("no time"))?),
            changes,
        })
    }
}

#[cfg(test)]
mod tests;
