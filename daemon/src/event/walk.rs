//! One walk over the bytes of a payload: nothing copied, nothing believed beyond the bytes there are.
//!
//! Accepts deterministic CBOR alone (RFC 8949 section 4.2.1): definite lengths, shortest heads, UTF-8, map keys in bytewise order
//! of their encodings and each once.

use super::codec::DecodeError;
use crate::base::limits;

/// What is still to be read.
pub(super) struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// At the begin of a payload.
    pub(super) const fn of(payload: &'a [u8]) -> Result<Self, DecodeError> {
        if payload.len() > limits::ENTRY_BYTES_MAX {
            return Err(DecodeError::TooLong(payload.len()));
        }
        Ok(Self { rest: payload })
    }

    /// Nothing is left.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(malformed("bytes follow the map"))
        }
    }

    /// A map, field by field; `field` gets each encoded key and takes its value off.
    pub(super) fn map(
        &mut self,
        mut field: impl FnMut(&mut Self, &'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let (MAP, fields) = self.head()? else {
            return Err(malformed("not a map"));
        };
        let mut before: &[u8] = &[];
        for _ in 0..fields {
            let name = self.key(&mut before)?;
            field(self, name)?;
        }
        Ok(())
    }

    /// A value that is not wanted, checked like the rest.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        self.item(DEPTH_MAX)
    }

    /// A value that is not wanted, of a payload that was checked before: passed over in half the time, by its lengths alone.
    pub(super) fn pass(&mut self) -> Result<(), DecodeError> {
        let mut left = 1_u64;
        while let Some(after) = left.checked_sub(1) {
            left = after;
            match self.head()? {
                (BYTES | TEXT, length) => self.take(length).map(|_| ())?,
                // Each item costs at least a byte: what is announced beyond the bytes there are ends at `head`.
                (ARRAY, length) => left = left.saturating_add(length),
                (MAP, length) => left = left.saturating_add(length.saturating_mul(2)),
                _ => {}
            }
        }
        Ok(())
    }

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

    pub(super) fn number(&mut self) -> Result<u64, DecodeError> {
        match self.head()? {
            (NUMBER, number) => Ok(number),
            _ => Err(malformed("not a number")),
        }
    }

    pub(super) fn str(&mut self) -> Result<&'a str, DecodeError> {
        match self.head()? {
            (TEXT, length) => {
                let text = self.take(length)?;
                std::str::from_utf8(text).map_err(|_| malformed("a text is not UTF-8"))
            }
            _ => Err(malformed("not a text")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
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

pub(super) fn malformed(what: &'static str) -> DecodeError {
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
