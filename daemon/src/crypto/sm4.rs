//! SM4-GCM (GB/T 32907, RFC 8998): the GCM of aes-gcm over the sm4 block cipher, with a random nonce of 12 bytes.
//!
//! The cipher looks its S-box up in a table, so its timing depends on key and data: the crate has no constant-time
//! path. Whoever may choose between the two should choose AES.

use std::fmt;

use aes_gcm::aead::consts::U12;
use aes_gcm::{AeadInOut, AesGcm, KeyInit};

use crate::base::SecretBytes;
use crate::base::entropy::{Entropy, make_array};

use super::blob::Algorithm;
use super::error::CryptoError;
use super::provider::PreparedKey;

/// An SM4 key ready for work; zeroized on drop.
pub(super) struct Sm4Key(AesGcm<sm4::Sm4, U12>);

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

impl Sm4Key {
    /// From 16 bytes of material.
    pub(super) fn new(material: &SecretBytes) -> Result<Self, CryptoError> {
        // EXPOSE: the cipher expands the key and zeroizes what it keeps.
        AesGcm::new_from_slice(material.expose())
            .map(Self)
            .map_err(|_| CryptoError::Unavailable)
    }

    fn seal_with(&self, nonce: [u8; NONCE_BYTES], out: &mut Vec<u8>, aad: &[u8], plaintext: &[u8]) {
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(plaintext);
        let body = out.get_mut(start..).unwrap_or_default();
        match self.0.encrypt_inout_detached(&nonce.into(), aad, body.into()) {
            Ok(tag) => out.extend_from_slice(&tag),
            // Only a message of over 64 GiB fails; nothing of it may leave in the clear.
            Err(_) => out.clear(),
        }
    }
}

impl PreparedKey for Sm4Key {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Sm4Gcm
    }

    fn seal(&self, out: &mut Vec<u8>, aad: &[u8], plaintext: &[u8], entropy: &dyn Entropy) {
        self.seal_with(make_array(entropy), out, aad, plaintext);
    }

    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<SecretBytes, CryptoError> {
        let (nonce, rest) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(CryptoError::InvalidBlob)?;
        let (body, tag) = rest
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(CryptoError::InvalidBlob)?;
        let mut plaintext = zeroize::Zeroizing::new(body.to_vec());
        self.0
            .decrypt_inout_detached(
                &(*nonce).into(),
                aad,
                plaintext.as_mut_slice().into(),
                &(*tag).into(),
            )
            .map_err(|_| CryptoError::InvalidBlob)?;
        Ok(SecretBytes::new(std::mem::take(&mut *plaintext)))
    }
}

impl fmt::Debug for Sm4Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[SM4 key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    /// RFC 8998, appendix A.1.
    #[test]
    fn the_published_vector_holds_both_ways() {
        let key = Sm4Key::new(&SecretBytes::new(bytes("0123456789abcdeffedcba9876543210"))).unwrap();
        let nonce: [u8; 12] = bytes("00001234567800000000abcd").try_into().unwrap();
        let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plaintext = bytes(
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd\
             eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
        );
        let expected = bytes(
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735\
             d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d\
             83de3541e4c2b58177e065a9bf7b62ec",
        );
        let mut sealed = Vec::new();
        key.seal_with(nonce, &mut sealed, &aad, &plaintext);
        assert_eq!(sealed[12..], expected);
        assert_eq!(key.open(&aad, &sealed).unwrap(), SecretBytes::new(plaintext));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(
                key.open(&aad, &changed),
                Err(CryptoError::InvalidBlob),
                "byte {at}"
            );
        }
    }
}
