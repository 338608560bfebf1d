//! Sealing: XAES-256-GCM (C2SP), the one authenticated cipher of this room.
//!
//! A key is safe for 2^80 messages: the 24 random bytes of the nonce choose a derived AES-256-GCM key and its nonce.

use std::fmt;

use aes_gcm::aead::{AeadInOut, KeyInit};
use xaes_256_gcm::{Nonce, Tag, Xaes256Gcm};
use zeroize::Zeroizing;

use crate::base::SecretBytes;
use crate::base::entropy::Entropy;
use crate::event::Bytes;

/// Length of a sealing key, bytes.
pub const KEY_BYTES: usize = 32;
/// Length of the nonce in front of a sealed value, bytes.
pub const NONCE_BYTES: usize = 24;
/// Length of the tag at the end of a sealed value, bytes.
pub const TAG_BYTES: usize = 16;

/// Why a sealed value did not open, or a key could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Other key, other associated data, or changed bytes: the cipher can't tell which.
    #[error("the sealed value does not open: it was changed, or sealed by another key or for another owner")]
    Unopened,
    /// Shorter than a nonce and a tag.
    #[error("the sealed value is too short to be one")]
    TooShort,
    /// Not 32 bytes.
    #[error("a sealing key has 32 bytes")]
    KeyLength,
}

/// A key that seals and opens. Holds the expanded key, zeroized on drop.
pub struct SealingKey(
    // Boxed: moving the value must not leave copies of the key schedule on the stack.
    Box<Xaes256Gcm>,
);

impl SealingKey {
    /// Takes a key of 32 bytes.
    pub fn new(key: &SecretBytes) -> Result<Self, SealError> {
        // EXPOSE: expanded into the cipher, which zeroizes itself on drop.
        let cipher = Xaes256Gcm::new_from_slice(key.expose()).map_err(|_| SealError::KeyLength)?;
        Ok(Self(Box::new(cipher)))
    }

    /// Seals `plaintext` under a fresh nonce, bound to `aad`. Output is plaintext + 40 bytes.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8], entropy: &dyn Entropy) -> Bytes {
        let mut out = Vec::with_capacity(NONCE_BYTES + plaintext.len() + TAG_BYTES);
        self.seal_onto(&mut out, aad, plaintext, entropy);
        out.into()
    }

    /// Seals as `seal` does and appends the result to `out`. The plaintext is encrypted in place there: give `out`
    /// the capacity for it, else growing leaves a copy behind only of what was in it before.
    pub fn seal_onto(&self, out: &mut Vec<u8>, aad: &[u8], plaintext: &[u8], entropy: &dyn Entropy) {
        let mut nonce = Nonce::default();
        entropy.fill(&mut nonce);
        self.seal_with(out, &nonce, aad, plaintext);
    }

    fn seal_with(&self, out: &mut Vec<u8>, nonce: &Nonce, aad: &[u8], plaintext: &[u8]) {
        // Reserved at once: a growth between the copy of the plaintext and its encryption would leave it in freed memory.
        out.reserve(NONCE_BYTES + plaintext.len() + TAG_BYTES);
        out.extend_from_slice(nonce);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let buffer = out.get_mut(start..).unwrap_or_default();
        #[expect(
            clippy::expect_used,
            reason = "fails only past the cipher's 64 GiB, far over every limit"
        )]
        let tag = self
            .0
            .encrypt_inout_detached(nonce, aad, buffer.into())
            .expect("under 64 GiB");
        out.extend_from_slice(&tag);
    }

    /// Opens what `seal` made with the same key and `aad`. Nothing is decrypted before the tag was found right.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError::TooShort)?;
        let split = rest.len().checked_sub(TAG_BYTES).ok_or(SealError::TooShort)?;
        let (ciphertext, tag) = rest.split_at_checked(split).ok_or(SealError::TooShort)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| SealError::TooShort)?;
        let tag = Tag::try_from(tag).map_err(|_| SealError::TooShort)?;

        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        self.0
            .decrypt_inout_detached(&nonce, aad, buffer.as_mut_slice().into(), &tag)
            .map_err(|_| SealError::Unopened)?;
        Ok(SecretBytes::new(std::mem::take(&mut *buffer)))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealing key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    fn key(byte: u8) -> SealingKey {
        SealingKey::new(&SecretBytes::new(vec![byte; 32])).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// C2SP XAES-256-GCM.md, both published vectors (they take both branches of the doubling of L).
    #[test]
    fn xaes_256_gcm_is_that_of_c2sp() {
        let vectors = [
            (
                1,
                "",
                "ce546ef63c9cc60765923609",
                "b33a9a1974e96e52daf2fcf7075e2271",
            ),
            (
                3,
                "c2sp.org/XAES-256-GCM",
                "986ec1832593df5443a17943",
                "7fd083bf3fdb41abd740a21f71eb769d",
            ),
        ];
        let nonce = Nonce::from(*b"ABCDEFGHIJKLMNOPQRSTUVWX");
        for (byte, aad, ciphertext, tag) in vectors {
            let mut out = Vec::new();
            key(byte).seal_with(&mut out, &nonce, aad.as_bytes(), b"XAES-256-GCM");
            assert_eq!(hex(&out), hex(&nonce) + ciphertext + tag);
            let opened = key(byte).open(aad.as_bytes(), &out).unwrap();
            assert_eq!(opened, SecretBytes::new(b"XAES-256-GCM".to_vec()));
        }
    }

    #[test]
    fn what_was_sealed_opens_whatever_its_length() {
        for len in [0, 1, 15, 16, 17, 6_144] {
            let plaintext = vec![7; len];
            let sealed = key(1).seal(b"aad", &plaintext, &SystemEntropy);
            assert_eq!(sealed.as_slice().len(), len + 40);
            assert_eq!(
                key(1).open(b"aad", sealed.as_slice()),
                Ok(SecretBytes::new(plaintext))
            );
        }
    }

    #[test]
    fn no_bit_can_change_and_nothing_can_be_cut_or_added() {
        let sealed = key(1).seal(b"aad", b"secret", &SystemEntropy);
        for bit in 0..sealed.as_slice().len() * 8 {
            let mut changed = sealed.as_slice().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key(1).open(b"aad", &changed), Err(SealError::Unopened));
        }
        for len in 0..sealed.as_slice().len() {
            assert!(key(1).open(b"aad", &sealed.as_slice()[..len]).is_err());
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(key(1).open(b"aad", &longer), Err(SealError::Unopened));
    }

    #[test]
    fn another_key_or_other_associated_data_do_not_open() {
        let sealed = key(1).seal(b"aad", b"secret", &SystemEntropy);
        assert_eq!(key(2).open(b"aad", sealed.as_slice()), Err(SealError::Unopened));
        assert_eq!(key(1).open(b"aae", sealed.as_slice()), Err(SealError::Unopened));
        assert_eq!(key(1).open(b"", sealed.as_slice()), Err(SealError::Unopened));
    }

    #[test]
    fn the_same_plaintext_never_seals_alike() {
        let seal = || key(1).seal(b"", b"secret", &SystemEntropy);
        assert_ne!(seal(), seal());
    }

    #[test]
    fn only_keys_of_32_bytes_are_taken() {
        for len in [0, 16, 31, 33, 64] {
            assert_eq!(
                SealingKey::new(&SecretBytes::new(vec![1; len])).err(),
                Some(SealError::KeyLength)
            );
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(1)), "[sealing key]");
    }
}
