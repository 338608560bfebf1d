//! Encrypt, Decrypt, ReEncrypt, GenerateDataKey: where a permit, a key and the key room meet.

use std::sync::Arc;

use super::call::{Done, Halt, Upkeep, Use};
use super::tools::Tools;
use crate::base::answer::SecretText;
use crate::base::context::EncryptionContext;
use crate::base::{Answer, ApiError, Arn, Code, Digest, KeyUsage, KeyVersionId, SecretBytes};
use crate::crypto::blob::Blob;
use crate::crypto::{CryptoError, VersionRef};
use crate::domain::key_ref::{find, usable};
use crate::domain::{KeyRef, Refusal, Scope, Unresolved};
use crate::event::{Element, Recorded};
use crate::policy::{self, Permit};
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

    fn brings(&self) -> Recorded {
        pairs("", &self.context).collect()
    }

    fn run(&self, scope: &Scope, reader: &Reader<'_>, permit: Permit, tools: &Tools) -> Result<Done, Halt> {
        let key = resolved(&self.key, scope, reader)?;
        let primary = primary(&key)?;
        // EXPOSE: the cipher reads the plaintext and keeps nothing of it.
        let plaintext = self.plaintext.expose();
        let made = tools
            .room
            .encrypt(permit, &reference(&key, primary), plaintext, &self.context);
        let blob = made.map_err(|error| halt(error, &key, primary, tools))?;
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
}

impl Use for Decrypt {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(key_of(&self.blob, scope, reader)?.id)])
    }

    fn brings(&self) -> Recorded {
        pairs("", &self.context).collect()
    }

    fn run(&self, scope: &Scope, reader: &Reader<'_>, permit: Permit, tools: &Tools) -> Result<Done, Halt> {
        let key = key_of(&self.blob, scope, reader)?;
        usable(&key, KeyUsage::EncryptDecrypt)?;
        let (blob, version) = version_of(&self.blob, &key)?;
        let opened = tools
            .room
            .decrypt(permit, &reference(&key, version), &blob, &self.context);
        let plaintext = opened.map_err(|error| halt(error, &key, version, tools))?;
        let answer = Answer::new().with("Plaintext", SecretText::base64(&plaintext));
        Ok(done(answer, &key, version.id, &self.blob))
    }
}

/// Decrypts and encrypts again, under another key or the newest version, without showing the plaintext.
#[derive(Debug)]
pub struct ReEncrypt {
    /// The blob; it names its key and version.
    source: Vec<u8>,
    /// What it is bound to.
    source_context: EncryptionContext,
    /// The key to encrypt under.
    destination: KeyRef,
    /// What the new blob is bound to.
    destination_context: EncryptionContext,
}

impl ReEncrypt {
    /// Of a blob in our format; of anything else there is none.
    pub fn new(
        source: Vec<u8>,
        source_context: EncryptionContext,
        destination: KeyRef,
        destination_context: EncryptionContext,
    ) -> Option<Self> {
        Blob::parse(&source).is_ok().then_some(Self {
            source,
            source_context,
            destination,
            destination_context,
        })
    }
}

impl Use for ReEncrypt {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let source = key_of(&self.source, scope, reader)?;
        let destination = self.destination.resolve(scope, reader)?;
        Ok(vec![scope.key_arn(source.id), scope.key_arn(destination.id)])
    }

    // The source is checked under its own context, the destination under the new one.
    fn brings(&self) -> Recorded {
        let destination = pairs(policy::RE_ENCRYPT_TO, &self.destination_context);
        pairs("", &self.source_context).chain(destination).collect()
    }

    fn run(&self, scope: &Scope, reader: &Reader<'_>, permit: Permit, tools: &Tools) -> Result<Done, Halt> {
        let source = key_of(&self.source, scope, reader)?;
        usable(&source, KeyUsage::EncryptDecrypt)?;
        let destination = resolved(&self.destination, scope, reader)?;
        let (blob, version) = version_of(&self.source, &source)?;
        let primary = primary(&destination)?;
        let (from, to) = (reference(&source, version), reference(&destination, primary));
        let made = tools.room.reencrypt(
            permit,
            (&from, &blob, &self.source_context),
            (&to, &self.destination_context),
        );
        let made = made.map_err(|error| halt(error, &destination, primary, tools))?;
        // The ids in the answer are the source's: so the SDKs document them.
        let mut done = done(
            Answer::new().base64("CiphertextBlob", &made),
            &source,
            version.id,
            &made,
        );
        let opened = Element::Digest(Digest::of(&self.source), self.source.len() as u64);
        done.recorded.insert("SourceBlob", opened);
        Ok(done)
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
    /// Whether the answer shows it in plaintext too.
    pub with_plaintext: bool,
}

impl Use for GenerateDataKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn brings(&self) -> Recorded {
        pairs("", &self.context).collect()
    }

    fn run(&self, scope: &Scope, reader: &Reader<'_>, permit: Permit, tools: &Tools) -> Result<Done, Halt> {
        let key = resolved(&self.key, scope, reader)?;
        let primary = primary(&key)?;
        let made = tools
            .room
            .generate(permit, &reference(&key, primary), self.bytes, &self.context);
        let (data_key, blob) = made.map_err(|error| halt(error, &key, primary, tools))?;
        let plaintext = self.with_plaintext.then(|| SecretText::base64(&data_key));
        let answer = Answer::new()
            .base64("CiphertextBlob", &blob)
            .with_some("Plaintext", plaintext);
        Ok(done(answer, &key, primary.id, &blob))
    }
}

/// The pairs of a context as conditions see them; `to` is before those that one action alone sees.
fn pairs(to: &'static str, context: &EncryptionContext) -> impl Iterator<Item = (String, Element)> {
    context.pairs().map(move |(name, value)| {
        let value = value.to_owned();
        (
            format!("{to}kms:EncryptionContext:{name}"),
            Element::Text(value.into()),
        )
    })
}

fn resolved(key: &KeyRef, scope: &Scope, reader: &Reader<'_>) -> Result<Arc<Key>, Refusal> {
    let key = key
        .resolve(scope, reader)
        .map_err(|unresolved| unresolved.refusal)?;
    usable(&key, KeyUsage::EncryptDecrypt)?;
    Ok(key)
}

/// The key that a blob names.
fn key_of(blob: &[u8], scope: &Scope, reader: &Reader<'_>) -> Result<Arc<Key>, Refusal> {
    let blob = Blob::parse(blob).map_err(|_| Refusal::KeyNotFound)?;
    find(blob.key(), scope, reader)
}

/// The version that a blob names. One that the key does not have: the blob was not made by it, and no more is said of it
/// than of a forged one.
fn version_of<'a>(blob: &'a [u8], key: &'a Key) -> Result<(Blob<'a>, &'a KeyVersion), ApiError> {
    let invalid = || ApiError::invalid("CiphertextBlob");
    let blob = Blob::parse(blob).map_err(|_| invalid())?;
    let version = key.version(blob.version()).ok_or_else(invalid)?;
    Ok((blob, version))
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
        reserved: version.reserved,
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

fn halt(error: CryptoError, key: &Key, version: &KeyVersion, tools: &Tools) -> Halt {
    match error {
        CryptoError::InvalidBlob => ApiError::invalid("CiphertextBlob").into(),
        CryptoError::Unavailable => ApiError::new(Code::KeyUnavailable).into(),
        CryptoError::Busy => ApiError::new(Code::Unavailable).into(),
        CryptoError::Exhausted => exhausted(key, version, tools),
    }
}

/// The messages set aside for a version are used up: more of them, a new version, or the end.
fn exhausted(key: &Key, version: &KeyVersion, tools: &Tools) -> Halt {
    let limits = &tools.message_limits;
    if version.reserved >= limits.rotate && key.is_rotatable() {
        return Halt::Wants(Upkeep::Rotate {
            key: key.id,
            spec: key.spec,
            follows: version.id,
        });
    }
    if version.reserved >= limits.most {
        return Halt::Refused(Refusal::VersionUsedUp.into());
    }
    Halt::Wants(Upkeep::Reserve {
        key: key.id,
        version: version.id,
        after: version.reserved,
    })
}
