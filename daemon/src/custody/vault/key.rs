//! A slot key at work: seals material for exactly one owner.

use crate::base::entropy::Entropy;
use crate::base::{AccessKeyId, KeyId, KeyVersionId, LogId, SecretBytes, SlotRef};
use crate::event::Bytes;

use super::super::sealing::{SealError, SealingKey};

/// What a piece of material belongs to. Bound into its seal: material can't be passed off as another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A version of a key.
    KeyVersion(KeyId, KeyVersionId),
    /// An access key's secret.
    AccessKey(AccessKeyId),
    /// A key of the daemon's own, by its purpose.
    Internal(&'static str),
}

/// The key in one filling of one slot, unsealed for use and zeroized on drop.
#[derive(Debug)]
pub struct SlotKey {
    key: SealingKey,
    log: LogId,
    at: SlotRef,
}

impl SlotKey {
    pub(super) const fn new(key: SealingKey, log: LogId, at: SlotRef) -> Self {
        Self { key, log, at }
    }

    /// The filling this key is from.
    pub const fn slot(&self) -> SlotRef {
        self.at
    }

    /// Seals `plaintext` for `owner`. Output is plaintext + 40 bytes.
    pub fn seal(&self, owner: &Owner, plaintext: &[u8], entropy: &dyn Entropy) -> Bytes {
        self.key.seal(&self.aad(owner), plaintext, entropy)
    }

    /// Opens what was sealed for `owner` in this filling of this slot of this log.
    pub fn open(&self, owner: &Owner, sealed: &[u8]) -> Result<SecretBytes, SealError> {
        self.key.open(&self.aad(owner), sealed)
    }

    /// `"chancery/material/v1" || log id || slot || generation || kind (1) || fields`; fields of a variable length
    /// come with it in front, four bytes big-endian.
    fn aad(&self, owner: &Owner) -> Vec<u8> {
        let mut aad = b"chancery/material/v1".to_vec();
        aad.extend_from_slice(self.log.as_bytes());
        aad.extend_from_slice(&self.at.slot.to_be_bytes());
        aad.extend_from_slice(&self.at.generation.to_be_bytes());
        match owner {
            Owner::KeyVersion(key, version) => {
                aad.push(1);
                aad.extend_from_slice(key.as_bytes());
                aad.extend_from_slice(version.as_bytes());
            }
            Owner::AccessKey(id) => put_text(&mut aad, 2, id.as_str()),
            Owner::Internal(purpose) => put_text(&mut aad, 3, purpose),
        }
        aad
    }
}

fn put_text(aad: &mut Vec<u8>, kind: u8, text: &str) {
    aad.push(kind);
    // Ids and purposes have at most 64 bytes; saturating keeps the function total.
    aad.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    aad.extend_from_slice(text.as_bytes());
}
