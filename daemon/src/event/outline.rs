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
use crate::base::{Digest, Seq, Timestamp, limits};

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
        if payload.len() > limits::ENTRY_BYTES_MAX {
            return Err(DecodeError::TooLong(payload.len()));
        }
        let mut walk = Walk { rest: payload };
        let (mut v, mut seq, mut prev, mut time, mut changes) = (None, None, None, None, false);
        let (MAP, fields) = walk.head()? else {
            return Err(malformed("not a map"));
        };
        let mut before: &[u8] = &[];
        for _ in 0..fields {
            let name = walk.key(&mut before)?;
            match name {
                b"\x61v" => v = Some(walk.number()?),
                b"\x63seq" => seq = Some(walk.number()?),
                b"\x64prev" => prev = Some(walk.bytes()?),
                b"\x64time" => time = Some(walk.number()?),
                b"\x63chg" => {
                    changes = true;
                    walk.item(DEPTH_MAX)?;
                }
                _ => walk.item(DEPTH_MAX)?,
            }
        }
        if !walk.rest.is_empty() {
            return Err(malformed("bytes follow the map"));
        }
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

/// What is still to be read.
struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// The head of an item: its major type and argument, in shortest form.
    fn head(&mut self) -> Result<(u8, u64), DecodeError> {
        let (&first, rest) = self.rest.split_first().ok_or_else(truncated)?;
        let (major, short) = (first >> 5, first & 0x1f);
        let (argument, least, rest) = match short {
            0..=23 => {
                self.rest = rest;
                return Ok((major, u64::from(short)));
            }
            24 => {
                let (&[byte], rest) = rest.split_first_chunk::<1>().ok_or_else(truncated)?;
                (u64::from(byte), 24, rest)
            }
            25 => {
                let (bytes, rest) = rest.split_first_chunk::<2>().ok_or_else(truncated)?;
                (u64::from(u16::from_be_bytes(*bytes)), 1 << 8, rest)
            }
            26 => {
                let (bytes, rest) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
                (u64::from(u32::from_be_bytes(*bytes)), 1 << 16, rest)
            }
            27 => {
                let (bytes, rest) = rest.split_first_chunk::<8>().ok_or_else(truncated)?;
                (u64::from_be_bytes(*bytes), 1 << 32, rest)
            }
            // Indefinite lengths are not deterministic; 28 to 30 are nothing.
            _ => return Err(DecodeError::NotCanonical),
        };
        if argument < least {
            return Err(DecodeError::NotCanonical);
        }
        self.rest = rest;
        Ok((major, argument))
    }

    /// The key of a map, encoded; it stands after the one before it.
    fn key(&mut self, before: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
        let start = self.rest;
        let (TEXT, length) = self.head()? else {
            return Err(malformed("a key is no text"));
        };
        self.text(length)?;
        let key = start.get(..start.len() - self.rest.len()).unwrap_or_default();
        if *before >= key {
            return Err(DecodeError::NotCanonical);
        }
        *before = key;
        Ok(key)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        match self.head()? {
            (NUMBER, number) => Ok(number),
            _ => Err(malformed("not a number")),
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        match self.head()? {
            (BYTES, length) => self.take(length),
            _ => Err(malformed("not a byte string")),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(length).map_err(|_| truncated())?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, length: u64) -> Result<(), DecodeError> {
        let text = self.take(length)?;
        if text.is_ascii() || std::str::from_utf8(text).is_ok() {
            Ok(())
        } else {
            Err(malformed("a text is not UTF-8"))
        }
    }

    /// One whole item. Each costs at least a byte, so no length that is announced is believed beyond the bytes there are.
    fn item(&mut self, depth: u8) -> Result<(), DecodeError> {
        let depth = depth.checked_sub(1).ok_or_else(|| malformed("too deep"))?;
        match self.head()? {
            (NUMBER | NEGATIVE, _) => Ok(()),
            (BYTES, length) => self.take(length).map(|_| ()),
            (TEXT, length) => self.text(length),
            (ARRAY, length) => (0..length).try_for_each(|_| self.item(depth)),
            (MAP, length) => {
                let mut before: &[u8] = &[];
                (0..length).try_for_each(|_| {
                    self.key(&mut before)?;
                    self.item(depth)
                })
            }
            (SIMPLE, FALSE | TRUE | NULL) => Ok(()),
            // No event has a tag, a float or another simple value.
            _ => Err(malformed("an item that no event has")),
        }
    }
}

fn malformed(what: &'static str) -> DecodeError {
    DecodeError::Malformed(what.into())
}

fn truncated() -> DecodeError {
    malformed("ends too early")
}

// Major types (RFC 8949 section 3.1).
const NUMBER: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;
// Simple values (section 3.3).
const FALSE: u64 = 20;
const TRUE: u64 = 21;
const NULL: u64 = 22;
/// Deeper than any event nests.
const DEPTH_MAX: u8 = 12;

#[cfg(test)]
mod tests;
