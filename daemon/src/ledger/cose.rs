//! The entry: one tagged COSE_Sign1 (RFC 9052 section 4.2) around an event's payload.
//!
//! An entry with the payload `a0` (an empty map), in CBOR diagnostic notation:
//!
//! ```text
//! 18([ << {1: -8, 4: h'3b1f0c5d8e9a7264'} >>,   / protected: EdDSA, key id /
//!      {},                                       / unprotected: always empty /
//!      h'a0',                                    / payload: the event, canonical CBOR /
//!      h'..64 bytes..' ])                        / Ed25519 over the Sig_structure /
//! ```
//!
//! Byte for byte: `d2 84`, `4d a2 01 27 04 48` and the key id, `a0`, the payload's head and bytes, `58 40` and the signature.
//! The Sig_structure is `["Signature1", protected, external_aad, payload]` with the external_aad
//! `chancery/event/v1` || log id (16 bytes), so that an entry of one log is nothing in another (I5).
//!
//! The encoder is written by hand for the hot path; a property test proves that `coset` makes the same bytes.
//! The parser accepts exactly what the encoder can make (I4): one event has one encoding, so its leaf hash is its name.

use super::key::{LogKey, LogPublicKey};
use crate::base::{LogId, limits};

/// Why bytes are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Longer than any legal entry.
    #[error("{0} bytes are more than the {max} an entry may have", max = limits::ENTRY_BYTES_MAX)]
    TooLong(usize),
    /// Ends before it is complete.
    #[error("ends too early")]
    Truncated,
    /// Not a tagged COSE_Sign1 with exactly the headers that an entry has.
    #[error("not a tagged COSE_Sign1 with the headers of an entry")]
    Envelope,
    /// The payload's length is not encoded in the shortest form, or not a definite byte string.
    #[error("the payload is not a byte string in shortest form")]
    PayloadHead,
    /// The signature is not a byte string of 64 bytes.
    #[error("the signature is not a byte string of 64 bytes")]
    SignatureHead,
    /// Bytes follow the entry.
    #[error("bytes follow the entry")]
    Trailing,
}

/// Signs `payload` as an entry of `log`.
pub fn sign_entry(key: &LogKey, log: LogId, payload: &[u8]) -> Vec<u8> {
    sign_entry_with(&mut Vec::new(), key, log, payload)
}

/// As `sign_entry`; `scratch` is overwritten and keeps its memory, so that a writer allocates the entry alone.
pub fn sign_entry_with(scratch: &mut Vec<u8>, key: &LogKey, log: LogId, payload: &[u8]) -> Vec<u8> {
    scratch.clear();
    write_to_be_signed(scratch, key.kid(), log, payload);
    let signature = key.sign(scratch);

    let mut entry = Vec::with_capacity(entry_len(payload.len()));
    entry.extend_from_slice(&TAGGED_ARRAY);
    entry.extend_from_slice(&protected(key.kid()));
    entry.push(EMPTY_MAP);
    write_bytes_head(&mut entry, payload.len());
    entry.extend_from_slice(payload);
    entry.extend_from_slice(&SIGNATURE_HEAD);
    entry.extend_from_slice(&signature);
    debug_assert_eq!(entry.len(), entry_len(payload.len()));
    entry
}

/// The length of the entry around a payload of `payload_len` bytes.
pub const fn entry_len(payload_len: usize) -> usize {
    let head = match payload_len {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        _ => 5,
    };
    TAGGED_ARRAY.len() + PROTECTED_LEN + 1 + head + payload_len + SIGNATURE_HEAD.len() + 64
}

/// An entry taken apart; its signature is not yet verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedEntry<'a> {
    /// The key id it names.
    pub kid: [u8; 8],
    /// The event, canonical CBOR.
    pub payload: &'a [u8],
    /// The Ed25519 signature.
    pub signature: [u8; 64],
}

impl<'a> SignedEntry<'a> {
    /// Takes an entry apart. Accepts the one canonical form alone; nothing may follow it.
    pub fn parse(entry: &'a [u8]) -> Result<Self, CoseError> {
        if entry.len() > limits::ENTRY_BYTES_MAX {
            return Err(CoseError::TooLong(entry.len()));
        }
        let rest = expect(entry, &TAGGED_ARRAY)?;
        let rest = expect(rest, &PROTECTED_HEAD)?;
        let (kid, rest) = rest.split_first_chunk::<8>().ok_or(CoseError::Truncated)?;
        let rest = expect(rest, &[EMPTY_MAP])?;
        let (len, rest) = read_bytes_head(rest)?;
        let (payload, rest) = rest.split_at_checked(len).ok_or(CoseError::Truncated)?;
        let rest = match expect(rest, &SIGNATURE_HEAD) {
            Err(CoseError::Envelope) => return Err(CoseError::SignatureHead),
            other => other?,
        };
        let (signature, rest) = rest.split_first_chunk::<64>().ok_or(CoseError::Truncated)?;
        if !rest.is_empty() {
            return Err(CoseError::Trailing);
        }
        Ok(Self {
            kid: *kid,
            payload,
            signature: *signature,
        })
    }

    /// The bytes that the signature covers (the Sig_structure of RFC 9052 section 4.4).
    pub fn to_be_signed(&self, log: LogId) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_to_be_signed(&mut bytes, self.kid, log, self.payload);
        bytes
    }

    /// As `to_be_signed`, to the end of `out`.
    pub fn write_to_be_signed(&self, log: LogId, out: &mut Vec<u8>) {
        write_to_be_signed(out, self.kid, log, self.payload);
    }

    /// Whether `key` signed this as an entry of `log`, and the key id says so.
    pub fn verify(&self, log: LogId, key: &LogPublicKey) -> bool {
        self.kid == key.kid() && key.verify(&self.to_be_signed(log), &self.signature)
    }
}

fn write_to_be_signed(out: &mut Vec<u8>, kid: [u8; 8], log: LogId, payload: &[u8]) {
    out.reserve(
        SIG_CONTEXT.len() + PROTECTED_LEN + AAD_HEAD.len() + AAD_PREFIX.len() + 16 + 5 + payload.len(),
    );
    out.extend_from_slice(SIG_CONTEXT);
    out.extend_from_slice(&protected(kid));
    out.extend_from_slice(&AAD_HEAD);
    out.extend_from_slice(AAD_PREFIX);
    out.extend_from_slice(log.as_bytes());
    write_bytes_head(out, payload.len());
    out.extend_from_slice(payload);
}

/// The protected headers as they stand in the entry and in the Sig_structure: a byte string of 13 bytes.
const fn protected(kid: [u8; 8]) -> [u8; PROTECTED_LEN] {
    let [p0, p1, p2, p3, p4, p5] = PROTECTED_HEAD;
    let [k0, k1, k2, k3, k4, k5, k6, k7] = kid;
    [p0, p1, p2, p3, p4, p5, k0, k1, k2, k3, k4, k5, k6, k7]
}

/// Writes the head of a byte string in shortest form (RFC 8949 section 4.2.1).
fn write_bytes_head(out: &mut Vec<u8>, len: usize) {
    let wide = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let [_, _, high, low] = wide;
    match len {
        0..24 => out.push(0x40 | low),
        24..0x100 => out.extend_from_slice(&[0x58, low]),
        0x100..0x1_0000 => out.extend_from_slice(&[0x59, high, low]),
        _ => {
            out.push(0x5a);
            out.extend_from_slice(&wide);
        }
    }
}

/// Reads the head of a byte string that fits an entry; only the shortest form counts.
fn read_bytes_head(bytes: &[u8]) -> Result<(usize, &[u8]), CoseError> {
    let (&first, rest) = bytes.split_first().ok_or(CoseError::Truncated)?;
    match first {
        0x40..=0x57 => Ok((usize::from(first & 0x1f), rest)),
        0x58 => {
            let (&len, rest) = rest.split_first().ok_or(CoseError::Truncated)?;
            if len < 24 {
                Err(CoseError::PayloadHead)
            } else {
                Ok((usize::from(len), rest))
            }
        }
        0x59 => {
            let (len, rest) = rest.split_first_chunk::<2>().ok_or(CoseError::Truncated)?;
            let len = u16::from_be_bytes(*len);
            if len < 0x100 {
                Err(CoseError::PayloadHead)
            } else {
                Ok((usize::from(len), rest))
            }
        }
        // Longer heads announce more than an entry may have; indefinite lengths are not deterministic.
        _ => Err(CoseError::PayloadHead),
    }
}

/// Strips `fixed` from the front of `bytes`.
fn expect<'a>(bytes: &'a [u8], fixed: &[u8]) -> Result<&'a [u8], CoseError> {
    match bytes.strip_prefix(fixed) {
        Some(rest) => Ok(rest),
        None if fixed.starts_with(bytes) => Err(CoseError::Truncated),
        None => Err(CoseError::Envelope),
    }
}

/// Tag 18 (COSE_Sign1), array of 4.
const TAGGED_ARRAY: [u8; 2] = [0xd2, 0x84];
/// A byte string of 13 bytes; in it a map of two: 1 (alg) is -8 (EdDSA), 4 (kid) is a byte string of 8 bytes.
const PROTECTED_HEAD: [u8; 6] = [0x4d, 0xa2, 0x01, 0x27, 0x04, 0x48];
const PROTECTED_LEN: usize = PROTECTED_HEAD.len() + 8;
const EMPTY_MAP: u8 = 0xa0;
/// A byte string of 64 bytes.
const SIGNATURE_HEAD: [u8; 2] = [0x58, 0x40];
/// An array of 4; its first item is the text `Signature1`.
const SIG_CONTEXT: &[u8; 12] = b"\x84\x6aSignature1";
/// A byte string of 33 bytes: prefix and log id.
const AAD_HEAD: [u8; 2] = [0x58, 33];
const AAD_PREFIX: &[u8; 17] = b"chancery/event/v1";

#[cfg(test)]
mod tests;
