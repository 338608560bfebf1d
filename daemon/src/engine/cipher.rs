//! Encrypt, Decrypt, GenerateDataKey: where a permit, a key and the key room meet.

use std::sync::Arc;

use super::call::{Done, Use};
use crate::base::answer::SecretText;
use crate::base::context::EncryptionContext;
use crate::base::{Answer, ApiError, Arn, Code, Digest, KeyUsage, KeyVersionId, SecretBytes};
use crate::crypto::blob::Blob;
use crate::crypto::{CryptoError, KeyRoom, VersionRef};
use crate::domain::key_ref::{find, usable};
use crate::domain::{KeyRef, Refusal, Scope, Unresolved};
use crate::event::{Element, Recorded};
use crate::policy::Permit;
use crate::projection::{Key, KeyVersion, Reader};

/// Encrypts under the primary version.
#[derive(Debug)]
pub struct Encrypt {
    /// The key.
    pub key: KeyRef,
    /// What to encrypt; 1 to 6144 bytes.
    pub plaintext: SecretBytes,
    /// What it is bound to.
    pub context: EncryptionContext,
}

impl Use for Encrypt {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn run(
        &self,
        scope: &Scope,
        reader: &Reader<'_>,
        permit: Permit,
        room: &KeyRoom,
    ) -> Result<Done, ApiError> {
        let key = resolved(&self.key, scope, reader)?;
        let primary = primary(&key)?;
        // EXPOSE: the cipher reads the plaintext and keeps nothing of it.
        let blob = room
            .encrypt(
                permit,
                &reference(&key, primary),
                self.plaintext.expose(),
                &self.context,
            )
            .map_err(refuse)?;
        let answer = Answer::new().base64("CiphertextBlob", &blob);
        Ok(done(answer, &key, primary.id, &blob))
    }
}

/// Decrypts what Encrypt or GenerateDataKey made.
#[derive(Debug)]
pub struct Decrypt {
    /// The blob; it names its key and version.
    blob: Vec<u8>,
    /// What it is bound to.
    context: EncryptionContext,
}

impl Decrypt {
    /// Of a blob in our format; of anything else there is none.
    pub fn new(blob: Vec<u8>, context: EncryptionContext) -> Option<Self> {
        Blob::parse(&blob).is_ok().then_some(Self { blob, context })
    }

    fn parse(&self) -> Result<Blob<'_>, ApiError> {
        Blob::parse(&self.blob).map_err(|_| ApiError::invalid("CiphertextBlob"))
    }
}

impl Use for Decrypt {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let blob = self.parse().map_err(|_| Refusal::KeyNotFound)?;
        Ok(vec![scope.key_arn(find(blob.key(), scope, reader)?.id)])
    }

    fn run(
        &self,
        scope: &Scope,
        reader: &Reader<'_>,
        permit: Permit,
        room: &KeyRoom,
    ) -> Result<Done, ApiError> {
        let blob = self.parse()?;
        let key = find(blob.key(), scope, reader)?;
        usable(&key, KeyUsage::EncryptDecrypt)?;
        // A version that the key does not have: the blob was not made by it, and says no more than a forged one.
        let version = key
            .version(blob.version())
            .ok_or_else(|| ApiError::invalid("CiphertextBlob"))?;
        let plaintext = room
            .decrypt(permit, &reference(&key, version), &blob, &self.context)
            .map_err(refuse)?;
        let answer = Answer::new().with("Plaintext", SecretText::base64(&plaintext));
        Ok(done(answer, &key, version.id, &self.blob))
    }
}

/// Makes a data key and encrypts it under the primary version.
#[derive(Debug)]
pub struct GenerateDataKey {
    /// The key.
    pub key: KeyRef,
    /// Length of the data key; 1 to 1024 bytes.
    pub bytes: usize,
    /// What it is bound to.
    pub context: EncryptionContext,
}

impl Use for GenerateDataKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn run(
        &self,
        scope: &Scope,
        reader: &Reader<'_>,
        permit: Permit,
        room: &KeyRoom,
    ) -> Result<Done, ApiError> {
        let key = resolved(&self.key, scope, reader)?;
        let primary = primary(&key)?;
        let (data_key, blob) = room
            .generate(permit, &reference(&key, primary), self.bytes, &self.context)
            .map_err(refuse)?;
        let answer = Answer::new()
            .base64("CiphertextBlob", &blob)
            .with("Plaintext", SecretText::base64(&data_key));
        Ok(done(answer, &key, primary.id, &blob))
    }
}

fn resolved(key: &KeyRef, scope: &Scope, reader: &Reader<'_>) -> Result<Arc<Key>, ApiError> {
    let key = key
        .resolve(scope, reader)
        .map_err(|unresolved| unresolved.refusal)?;
    usable(&key, KeyUsage::EncryptDecrypt)?;
    Ok(key)
}

fn primary(key: &Key) -> Result<&KeyVersion, ApiError> {
    key.primary().ok_or_else(|| Code::KeyUnavailable.into())
}

fn reference<'a>(key: &'a Key, version: &'a KeyVersion) -> VersionRef<'a> {
    VersionRef {
        key: key.id,
        version: version.id,
        spec: key.spec,
        slot: version.slot,
        sealed: &version.sealed,
    }
}

/// The answer's last fields, and the event's words about it: which key, which version, which ciphertext.
fn done(answer: Answer, key: &Key, version: KeyVersionId, blob: &[u8]) -> Done {
    let (key, version) = (key.id.to_string(), version.to_string());
    let mut recorded = Recorded::default();
    recorded.insert("KeyId", Element::text(&key));
    recorded.insert("KeyVersionId", Element::text(&version));
    Done {
        answer: answer.text("KeyId", key).text("KeyVersionId", version),
        recorded,
        blob: Some(Digest::of(blob)),
    }
}

fn refuse(error: CryptoError) -> ApiError {
    match error {
        CryptoError::InvalidBlob => ApiError::invalid("CiphertextBlob"),
        CryptoError::Unavailable => Code::KeyUnavailable.into(),
        CryptoError::Busy => Code::Unavailable.into(),
    }
}
