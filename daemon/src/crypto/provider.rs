//! What a provider of algorithms does. Software is one; tokens become others.

use std::fmt::Debug;
use std::sync::Arc;

use crate::base::entropy::Entropy;
use crate::base::{KeySpec, SecretBytes};

use super::blob::Algorithm;
use super::error::CryptoError;

/// Makes key material and gets it ready for work.
pub trait Provider: Send + Sync + Debug {
    /// Draws fresh material for a key of `spec`.
    fn make(&self, spec: KeySpec, entropy: &dyn Entropy) -> Result<SecretBytes, CryptoError>;

    /// Expands material into a key at work. What it keeps is zeroized when the last holder lets go.
    fn prepare(&self, spec: KeySpec, material: &SecretBytes) -> Result<Arc<dyn PreparedKey>, CryptoError>;
}

/// A symmetric key ready for work.
pub trait PreparedKey: Send + Sync + Debug {
    /// The algorithm of what `seal` makes.
    fn algorithm(&self) -> Algorithm;

    /// Appends nonce, ciphertext and tag to `out`, bound to `aad`, under a fresh nonce.
    fn seal(&self, out: &mut Vec<u8>, aad: &[u8], plaintext: &[u8], entropy: &dyn Entropy);

    /// Opens nonce, ciphertext and tag made with the same `aad`. Any other bytes are `InvalidBlob`.
    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, CryptoError>;
}
