//! The log's signing key: Ed25519 (RFC 8032), deterministic.
//!
//! AWS-LC signs (1.7 times as fast, constant time), dalek verifies: what one library signs another checks.
//! Without the feature `aws-lc` dalek does both; a test proves that the two make the same bytes.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::base::{Digest, SecretBytes};

/// Why bytes are not a log key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A seed has 32 bytes.
    #[error("a signing seed of {0} bytes instead of 32")]
    SeedLength(usize),
    /// The signing library refused the seed.
    #[error("the signing library refuses the seed")]
    SeedRefused,
    /// Not 32 bytes, not a point of the curve, or a point of small order that would verify anything.
    #[error("not an acceptable Ed25519 public key")]
    PublicKey,
}

/// The private half. Its seed lives inside the signing library, which zeroizes it on drop (law 4).
pub struct LogKey {
    signer: signer::Signer,
    public: LogPublicKey,
    kid: [u8; 8],
}

impl LogKey {
    /// Makes the key of a 32-byte seed (RFC 8032 section 5.1.5).
    pub fn from_seed(seed: &SecretBytes) -> Result<Self, KeyError> {
        // EXPOSE: the signer takes a slice and copies it into memory that it zeroizes itself.
        let seed: &[u8; 32] = seed
            .expose()
            .try_into()
            .map_err(|_| KeyError::SeedLength(seed.len()))?;
        let (signer, public) = signer::Signer::from_seed(seed)?;
        let public = LogPublicKey::try_from(public.as_slice())?;
        Ok(Self {
            signer,
            public,
            kid: public.kid(),
        })
    }

    /// The public half.
    pub const fn public(&self) -> LogPublicKey {
        self.public
    }

    /// The key id, as `LogPublicKey::kid`, computed once.
    pub const fn kid(&self) -> [u8; 8] {
        self.kid
    }

    /// Signs `message`. What it is for must stand in the message (I5).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signer.sign(message)
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// The public half: a point of the curve that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LogPublicKey(VerifyingKey);

impl LogPublicKey {
    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key id: the first 8 bytes of the SHA-256 of the key.
    pub fn kid(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = *Digest::of(self.as_bytes()).as_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// Whether `signature` is this key's over `message`. Strict: refuses small-order points and a large S,
    /// so that every verifier of RFC 8032 agrees and nobody can make a second signature from a first.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

impl TryFrom<&[u8]> for LogPublicKey {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::PublicKey)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::PublicKey)?;
        // `from_bytes` accepts non-canonical encodings; two byte strings must not name one key.
        if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::PublicKey);
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for LogPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Whether every signature of `items` (message, signature) is `public`'s. About twice as fast as one by one.
///
/// Accepting is a little weaker than `LogPublicKey::verify`: only the holder of the private key could make
/// a signature that passes here and fails there, and he could as well have signed properly.
/// When it says no, single verification decides and finds the culprit.
pub fn verify_batch<M: AsRef<[u8]>>(public: &LogPublicKey, items: &[(M, [u8; 64])]) -> bool {
    let messages: Vec<&[u8]> = items.iter().map(|(message, _)| message.as_ref()).collect();
    let signatures: Vec<Signature> = items
        .iter()
        .map(|(_, signature)| Signature::from_bytes(signature))
        .collect();
    let keys = vec![public.0; items.len()];
    ed25519_dalek::verify_batch(&messages, &signatures, &keys).is_ok()
        || items
            .iter()
            .all(|(message, signature)| public.verify(message.as_ref(), signature))
}

#[cfg(feature = "aws-lc")]
use aws_lc as signer;
#[cfg(not(feature = "aws-lc"))]
use portable as signer;

#[cfg(feature = "aws-lc")]
mod aws_lc {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::KeyError;

    /// AWS-LC's key pair.
    pub(super) struct Signer(Ed25519KeyPair);

    impl Signer {
        pub(super) fn from_seed(seed: &[u8; 32]) -> Result<(Self, [u8; 32]), KeyError> {
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::SeedRefused)?;
            let public = pair
                .public_key()
                .as_ref()
                .try_into()
                .map_err(|_| KeyError::SeedRefused)?;
            Ok((Self(pair), public))
        }

        #[expect(clippy::expect_used, reason = "RFC 8032: an Ed25519 signature has 64 bytes")]
        pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
            self.0.sign(message).as_ref().try_into().expect("64 bytes")
        }
    }
}

#[cfg(any(test, not(feature = "aws-lc")))]
mod portable {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::KeyError;

    /// Dalek's key pair.
    pub(super) struct Signer(SigningKey);

    impl Signer {
        #[expect(clippy::unnecessary_wraps, reason = "the shape of the other signer")]
        pub(super) fn from_seed(seed: &[u8; 32]) -> Result<(Self, [u8; 32]), KeyError> {
            let pair = SigningKey::from_bytes(seed);
            let public = pair.verifying_key().to_bytes();
            Ok((Self(pair), public))
        }

        pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
            self.0.sign(message).to_bytes()
        }
    }
}

#[cfg(test)]
mod tests;
