//! The software provider: RustCrypto, always built.
//!
//! AWS-LC's AES-256-GCM was weighed and left out here: XAES derives a key per message, so setting a key up counts,
//! and at 1 KiB the two are within a factor of 1.6 (129 + 182 ns against 92 + 401 ns), under the factor of two that
//! a second implementation would have to bring.

use std::sync::Arc;

use crate::base::entropy::Entropy;
use crate::base::{KeySpec, SecretBytes};
use crate::custody::SealingKey;

use super::blob::Algorithm;
use super::error::CryptoError;
use super::provider::{PreparedKey, Provider};
use super::sm4::Sm4Key;

/// Keys in the daemon's own memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Software;

impl Provider for Software {
    fn make(&self, spec: KeySpec, entropy: &dyn Entropy) -> Result<SecretBytes, CryptoError> {
        Ok(SecretBytes::random(spec.material_bytes(), entropy))
    }

    fn prepare(&self, spec: KeySpec, material: &SecretBytes) -> Result<Arc<dyn PreparedKey>, CryptoError> {
        match spec {
            KeySpec::Aes256 => {
                let key = SealingKey::new(material).map_err(|_| CryptoError::Unavailable)?;
                Ok(Arc::new(Xaes(key)))
            }
            KeySpec::Sm4 => Ok(Arc::new(Sm4Key::new(material)?)),
        }
    }
}

/// AES-256 used as XAES-256-GCM; the cipher is the one of custody's seals.
#[derive(Debug)]
struct Xaes(SealingKey);

impl PreparedKey for Xaes {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Xaes256Gcm
    }

    fn seal(&self, out: &mut Vec<u8>, aad: &[u8], plaintext: &[u8], entropy: &dyn Entropy) {
        self.0.seal_onto(out, aad, plaintext, entropy);
    }

    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, CryptoError> {
        self.0.open(aad, sealed).map_err(|_| CryptoError::InvalidBlob)
    }
}
