//! What can go wrong with key material.

use super::pool::Busy;

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Not ours, changed, of another key version, or of another context: one answer for all (I3).
    #[error("the ciphertext blob is not valid for this key and context")]
    InvalidBlob,
    /// The material can't be unsealed: its slot was erased or is damaged, or the sealed bytes are not its own.
    #[error("the key material is not available")]
    Unavailable,
    /// The version has encrypted all the messages that were set aside for it.
    #[error("the messages set aside for the version are used up")]
    Exhausted,
    /// All workers are busy.
    #[error("the crypto workers are busy")]
    Busy,
}

impl From<Busy> for CryptoError {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}
