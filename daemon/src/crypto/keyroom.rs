//! The key room: the only door to key material (I1).

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::base::context::EncryptionContext;
use crate::base::entropy::Entropy;
use crate::base::limits::PREPARED_KEYS_MAX;
use crate::base::{KeyId, KeySpec, KeyVersionId, SecretBytes, SlotRef};
use crate::custody::{Owner, Vault};
use crate::event::{Bytes, KeyVersionAdded};
use crate::policy::Permit;

use super::blob::{self, Blob, OVERHEAD_BYTES};
use super::cache::PreparedKeys;
use super::error::CryptoError;
use super::message_count::MessageCounts;
use super::provider::{PreparedKey, Provider};
use super::software::Software;

/// A key version, as the state knows it.
#[derive(Debug, Clone, Copy)]
pub struct VersionRef<'a> {
    /// Its key.
    pub key: KeyId,
    /// The version.
    pub version: KeyVersionId,
    /// Its key's algorithm.
    pub spec: KeySpec,
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// Its material, sealed under the slot.
    pub sealed: &'a Bytes,
    /// How many messages are set aside for it, where they are counted.
    pub reserved: u64,
}

/// Makes, unseals and uses key material.
#[derive(Debug)]
pub struct KeyRoom {
    vault: Arc<Vault>,
    cache: PreparedKeys,
    entropy: Arc<dyn Entropy>,
    provider: Software,
    counts: MessageCounts,
}

impl KeyRoom {
    /// A key room over `vault`.
    pub fn new(vault: Arc<Vault>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            vault,
            cache: PreparedKeys::new(PREPARED_KEYS_MAX),
            entropy,
            provider: Software,
            counts: MessageCounts::default(),
        }
    }

    /// Makes a version of `key`: a fresh id, fresh material, sealed under `slot`, which is used up by it.
    pub fn make_version(
        &self,
        key: KeyId,
        spec: KeySpec,
        slot: SlotRef,
    ) -> Result<KeyVersionAdded, CryptoError> {
        let entropy = self.entropy.as_ref();
        let wrapping = self.vault.key(slot).map_err(|cause| unavailable(key, &cause))?;
        let id = KeyVersionId::make(entropy);
        let material = self.provider.make(spec, entropy)?;
        // EXPOSE: the cipher takes a slice; only the sealed form goes into the event.
        let sealed = wrapping.seal(&Owner::KeyVersion(key, id), material.expose(), entropy);
        Ok(KeyVersionAdded { id, slot, sealed })
    }

    /// Encrypts `plaintext` under `version`, bound to `context`. Answers the blob.
    pub fn encrypt(
        &self,
        _permit: Permit,
        version: &VersionRef<'_>,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, CryptoError> {
        if version.spec.is_counted() && !self.counts.spend(version.version, version.reserved) {
            return Err(CryptoError::Exhausted);
        }
        let key = self.prepared(version)?;
        let header = blob::header(key.algorithm(), version.key, version.version);
        let aad = [header.as_slice(), context.aad()].concat();
        // Full size at once: growing would leave the plaintext, encrypted in place, in freed memory.
        let mut out = Vec::with_capacity(OVERHEAD_BYTES + plaintext.len());
        out.extend_from_slice(&header);
        key.seal(&mut out, &aad, plaintext, self.entropy.as_ref());
        Ok(out)
    }

    /// Opens `blob` with `version`, which must be the one it names, in the context it was made with.
    pub fn decrypt(
        &self,
        _permit: Permit,
        version: &VersionRef<'_>,
        blob: &Blob<'_>,
        context: &EncryptionContext,
    ) -> Result<SecretBytes, CryptoError> {
        self.open(version, blob, context)
    }

    fn open(
        &self,
        version: &VersionRef<'_>,
        blob: &Blob<'_>,
        context: &EncryptionContext,
    ) -> Result<SecretBytes, CryptoError> {
        // The header is authenticated too; this says it before any work, and whatever the caller looked up.
        if blob.key() != version.key || blob.version() != version.version {
            return Err(CryptoError::InvalidBlob);
        }
        let key = self.prepared(version)?;
        if blob.algorithm() != key.algorithm() {
            return Err(CryptoError::InvalidBlob);
        }
        let aad = [blob.header().as_slice(), context.aad()].concat();
        key.open(&aad, blob.sealed())
    }

    /// Opens a blob and encrypts what was in it under another version, bound to another context.
    pub fn reencrypt(
        &self,
        permit: Permit,
        (from, blob, opened_in): (&VersionRef<'_>, &Blob<'_>, &EncryptionContext),
        (to, bound_to): (&VersionRef<'_>, &EncryptionContext),
    ) -> Result<Vec<u8>, CryptoError> {
        let plaintext = self.open(from, blob, opened_in)?;
        // EXPOSE: encrypted here; the plaintext form is zeroized on drop.
        self.encrypt(permit, to, plaintext.expose(), bound_to)
    }

    /// Makes a data key of `len` bytes: the key itself, and its blob under `version`.
    pub fn generate(
        &self,
        permit: Permit,
        version: &VersionRef<'_>,
        len: usize,
        context: &EncryptionContext,
    ) -> Result<(SecretBytes, Vec<u8>), CryptoError> {
        let data_key = SecretBytes::random(len, self.entropy.as_ref());
        // EXPOSE: encrypted here; the plaintext form stays in `data_key`, zeroized on drop.
        let blob = self.encrypt(permit, version, data_key.expose(), context)?;
        Ok((data_key, blob))
    }

    /// Drops what is prepared of `version`: its key was disabled, scheduled for deletion or destroyed.
    pub fn forget(&self, version: KeyVersionId) {
        self.cache.forget(version);
    }

    fn prepared(&self, version: &VersionRef<'_>) -> Result<Arc<dyn PreparedKey>, CryptoError> {
        let missed = match self.cache.find(version.version, version.slot) {
            Ok(key) => return Ok(key),
            Err(missed) => missed,
        };
        let owner = Owner::KeyVersion(version.key, version.version);
        let wrapping = self
            .vault
            .key(version.slot)
            .map_err(|cause| unavailable(version.key, &cause))?;
        let material = wrapping
            .open(&owner, version.sealed.as_slice())
            .map_err(|cause| unavailable(version.key, &cause))?;
        let key = self.provider.prepare(version.spec, &material)?;
        self.cache.put(&missed, version.version, version.slot, &key);
        Ok(key)
    }
}

/// Tells the operator what the caller is not told.
fn unavailable(key: KeyId, cause: &dyn std::error::Error) -> CryptoError {
    tracing::warn!(%key, %cause, "key material can't be unsealed");
    CryptoError::Unavailable
}
