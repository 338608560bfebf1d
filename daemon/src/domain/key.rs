//! Keys are made, described and protected (wire contract, sections 9.5 and 10.1).

use super::client_token::ClientToken;
use super::key_ref::find;
use super::metadata::metadata;
use super::tags::request_tags;
use super::{Command, Decided, Facts, KeyRef, Needs, Refusal, Scope, Unresolved};
use crate::base::{
    Answer, Arn, KeyId, KeyOrigin, KeySpec, KeyUsage, ProtectionLevel, RotationInterval, Seq, Tag,
};
use crate::event::{Change, Element, KeyCreated, Recorded};
use crate::projection::{Key, Lifecycle, Reader, State};

/// Makes a key with its first version.
#[derive(Debug)]
pub struct CreateKey {
    /// Its algorithm.
    pub spec: KeySpec,
    /// What it may be used for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: KeyOrigin,
    /// What protects its material.
    pub protection: ProtectionLevel,
    /// Free text.
    pub description: String,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// How often it is to be rotated, if it is.
    pub rotation: Option<RotationInterval>,
    /// Makes a retry safe.
    pub client_token: Option<ClientToken>,
    /// How many keys the account may have in the region, if that is limited.
    pub quota: Option<u64>,
}

impl Command for CreateKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let _opened = reader.account(scope.account);
        if let Some(token) = &self.client_token {
            let _used = reader.client_token(&token.token);
        }
        Ok(vec![Arn::keys(&scope.region, scope.account)])
    }

    fn brings(&self) -> Recorded {
        let wanted = [
            ("kms:KeySpec", self.spec.as_str()),
            ("kms:KeyUsage", self.usage.as_str()),
            ("kms:KeyOrigin", self.origin.as_str()),
            ("kms:ProtectionLevel", self.protection.as_str()),
        ];
        let wanted = wanted.map(|(key, value)| (key.to_owned(), Element::Text(value.into())));
        wanted.into_iter().chain(request_tags(&self.tags)).collect()
    }

    fn needs(&self) -> Needs {
        Needs::NewKey(self.spec)
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        let mut changes = Vec::new();
        if let Some(token) = &self.client_token {
            if let Some(made) = token.made(scope.at, state)? {
                return again(made, scope, state);
            }
            changes.extend(token.expired(scope.at, state));
        }
        let Facts::NewKey(key, version) = facts else {
            return Err(Refusal::NoSlot);
        };
        let having = || state.keys_newest_first(scope.account, &scope.region).count() as u64;
        if self.quota.is_some_and(|quota| having() >= quota) {
            return Err(Refusal::QuotaReached);
        }
        let created = KeyCreated {
            at: scope.at,
            key: *key,
            spec: self.spec,
            tags: self.tags.clone(),
            usage: self.usage,
            origin: self.origin,
            region: scope.region.clone(),
            account: scope.account,
            version: version.clone(),
            rotation: self.rotation,
            protection: self.protection,
            description: self.description.clone(),
        };
        let row = Key::created(&created, Seq::new(state.size()));
        changes.push(Change::KeyCreated(created));
        changes.extend(self.client_token.as_ref().map(|token| token.used(scope.at, *key)));
        Ok(Decided {
            changes,
            ..made(&row)
        })
    }
}

/// A key of a kind that exists, but not here. Asked for like any key, so that whoever may not make keys is denied first
/// (wire contract, section 2: permission, then what is supported).
#[derive(Debug)]
pub struct CreateUnsupportedKey {
    /// What there is not.
    pub why: Refusal,
}

impl Command for CreateUnsupportedKey {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::keys(&scope.region, scope.account)])
    }

    fn decide(&self, _: &Scope, _: &State, _: &Facts) -> Result<Decided, Refusal> {
        Err(self.why)
    }
}

/// The answer that the same call got before.
fn again(key: KeyId, scope: &Scope, state: &State) -> Result<Decided, Refusal> {
    find(key, scope, &Reader::new(state)).map(|key| made(&key))
}

fn made(key: &Key) -> Decided {
    let mut recorded = Recorded::default();
    recorded.insert("KeyId", Element::text(&key.id.to_string()));
    Decided {
        changes: Vec::new(),
        answer: Answer::new().with("KeyMetadata", metadata(key)),
        recorded,
    }
}

/// Replaces a key's description.
#[derive(Debug)]
pub struct DescribeAs {
    /// Which key; only ids reach here.
    pub key: KeyRef,
    /// What it is to say; may be empty.
    pub description: String,
}

impl Command for DescribeAs {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = changeable(&self.key, scope, state)?;
        if key.description == self.description {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::KeyDescribed {
            key: key.id,
            description: self.description.clone(),
        }))
    }
}

/// Protects a key against deletion, or takes the protection off.
#[derive(Debug)]
pub struct ProtectFromDeletion {
    /// Which key: by id or by ARN.
    pub key: KeyRef,
    /// Whether it is to be protected.
    pub enabled: bool,
    /// Why.
    pub description: String,
}

impl Command for ProtectFromDeletion {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = changeable(&self.key, scope, state)?;
        let wanted = self.enabled.then_some(&self.description);
        if key.deletion_protection.as_ref() == wanted {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::DeletionProtectionSet {
            key: key.id,
            enabled: self.enabled,
            description: wanted.cloned().unwrap_or_default(),
        }))
    }
}

/// A key whose attributes may be changed: any but one that waits for its deletion.
pub(super) fn changeable(key: &KeyRef, scope: &Scope, state: &State) -> Result<std::sync::Arc<Key>, Refusal> {
    let key = key
        .resolve(scope, &Reader::new(state))
        .map_err(|unresolved| unresolved.refusal)?;
    if matches!(key.state, Lifecycle::PendingDeletion { .. }) {
        return Err(Refusal::PendingDeletion);
    }
    Ok(key)
}
