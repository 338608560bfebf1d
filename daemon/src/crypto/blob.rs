//! The ciphertext blob: what Encrypt answers and Decrypt takes, without any other clue.
//!
//! A worked example, 2 bytes of plaintext encrypted under version `2222...` of key `1111...`; 79 bytes:
//!
//! ```text
//! offset 0   43 48 42        "CHB"
//!        3   01              format 1
//!        4   01              algorithm: 1 XAES-256-GCM, 2 SM4-GCM (whose nonce has 12 bytes)
//!        5   11 x 16         key id
//!        21  22 x 16         key version id
//!        37  24 bytes        nonce
//!        61  2 bytes         ciphertext, as long as the plaintext
//!        63  16 bytes        tag
//! ```
//!
//! Associated data: the header (bytes 0 to 37) || the canonical encryption context. The header has a fixed length, so
//! the two can't run into each other. No byte of a blob can change without its being refused.

use crate::base::limits::BLOB_BYTES_MAX;
use crate::base::{KeyId, KeyVersionId};

/// Length of the header, bytes.
pub const HEADER_BYTES: usize = 37;
/// What a blob is longer than its plaintext at the most, bytes.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + 24 + TAG_BYTES;
/// Length of the tag of either algorithm, bytes.
const TAG_BYTES: usize = 16;

const MAGIC: &[u8; 3] = b"CHB";
const FORMAT: u8 = 1;

/// How the plaintext was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// XAES-256-GCM (C2SP) with a random nonce of 24 bytes.
    Xaes256Gcm,
    /// SM4-GCM (RFC 8998) with a random nonce of 12 bytes.
    Sm4Gcm,
}

impl Algorithm {
    const fn code(self) -> u8 {
        match self {
            Self::Xaes256Gcm => 1,
            Self::Sm4Gcm => 2,
        }
    }

    const fn nonce_bytes(self) -> usize {
        match self {
            Self::Xaes256Gcm => 24,
            Self::Sm4Gcm => 12,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Xaes256Gcm),
            2 => Some(Self::Sm4Gcm),
            _ => None,
        }
    }
}

/// Not a blob of ours; why does not matter to anybody but an attacker (I3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ciphertext blob of this service")]
pub struct BlobError;

/// The parts of a blob. Nothing is authenticated yet: the ids tell which key to try, no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob<'a> {
    algorithm: Algorithm,
    key: KeyId,
    version: KeyVersionId,
    header: &'a [u8; HEADER_BYTES],
    sealed: &'a [u8],
}

impl<'a> Blob<'a> {
    /// Takes a blob apart.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BlobError> {
        if bytes.len() > BLOB_BYTES_MAX {
            return Err(BlobError);
        }
        let (header, sealed) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(BlobError)?;
        let (fixed, ids) = header.split_first_chunk::<5>().ok_or(BlobError)?;
        let (key, version) = ids.split_first_chunk::<16>().ok_or(BlobError)?;
        let version = version.first_chunk::<16>().ok_or(BlobError)?;
        let [magic @ .., format, algorithm] = fixed;
        if magic != MAGIC || *format != FORMAT {
            return Err(BlobError);
        }
        let algorithm = Algorithm::from_code(*algorithm).ok_or(BlobError)?;
        if sealed.len() < algorithm.nonce_bytes() + TAG_BYTES {
            return Err(BlobError);
        }
        Ok(Self {
            algorithm,
            key: KeyId::from_bytes(*key),
            version: KeyVersionId::from_bytes(*version),
            header,
            sealed,
        })
    }

    /// The key it names.
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// The key version it names.
    pub const fn version(&self) -> KeyVersionId {
        self.version
    }

    /// The algorithm it names.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The header, for the associated data.
    pub(super) const fn header(&self) -> &[u8; HEADER_BYTES] {
        self.header
    }

    /// Nonce, ciphertext and tag.
    pub(super) const fn sealed(&self) -> &[u8] {
        self.sealed
    }
}

/// The header of a new blob.
pub(super) fn header(algorithm: Algorithm, key: KeyId, version: KeyVersionId) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&[FORMAT, algorithm.code()]);
    header.extend_from_slice(key.as_bytes());
    header.extend_from_slice(version.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_shorter_or_longer_than_any_of_ours_is_refused() {
        let header = header(
            Algorithm::Xaes256Gcm,
            KeyId::from_bytes([1; 16]),
            KeyVersionId::from_bytes([2; 16]),
        );
        let of_len = |len: usize| {
            let mut bytes = header.clone();
            bytes.resize(len, 0);
            Blob::parse(&bytes).map(|blob| (blob.key(), blob.version()))
        };
        let ids = Ok((KeyId::from_bytes([1; 16]), KeyVersionId::from_bytes([2; 16])));
        assert_eq!(header.len(), HEADER_BYTES);
        assert_eq!(Blob::parse(&header[..20]), Err(BlobError));
        assert_eq!(of_len(OVERHEAD_BYTES - 1), Err(BlobError));
        assert_eq!(of_len(OVERHEAD_BYTES), ids);
        assert_eq!(of_len(BLOB_BYTES_MAX), ids);
        assert_eq!(of_len(BLOB_BYTES_MAX + 1), Err(BlobError));
        assert_eq!(Blob::parse(&[]), Err(BlobError));
    }

    #[test]
    fn other_magic_format_or_algorithm_is_refused() {
        let mut bytes = header(
            Algorithm::Xaes256Gcm,
            KeyId::from_bytes([1; 16]),
            KeyVersionId::from_bytes([2; 16]),
        );
        bytes.resize(100, 0);
        for index in 0..5 {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[index] = value;
                // The one other algorithm there is has blobs of its own, which its key will refuse.
                let other = index == 4 && value == 2;
                assert_eq!(Blob::parse(&changed).is_ok(), changed == bytes || other);
            }
        }
    }
}
