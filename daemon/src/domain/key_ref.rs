//! From what a caller calls a key to the key.

use std::sync::Arc;

use super::refusal::unusable;
use super::{Refusal, Scope};
use crate::base::arn::KeyArn;
use crate::base::{AliasName, Arn, KeyId, KeyUsage};
use crate::projection::{AliasKey, Key, Reader};

/// How a caller names a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRef {
    /// By id.
    Id(KeyId),
    /// By an alias bound to it.
    Alias(AliasName),
    /// By ARN.
    Arn(KeyArn),
    /// By something that no key can be called.
    Unknown,
}

/// A resource that can't be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The answer to a caller who may know.
    pub refusal: Refusal,
    /// The name can be guessed: only a caller who may act on these learns that it does not exist. Empty when it can't.
    pub ask: Vec<Arn>,
}

impl From<Refusal> for Unresolved {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            ask: Vec::new(),
        }
    }
}

impl KeyRef {
    /// Finds the key in the caller's account and region.
    pub fn resolve(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Arc<Key>, Unresolved> {
        match self {
            Self::Id(id) => Ok(find(*id, scope, reader)?),
            Self::Alias(name) => {
                let address = address(name, scope);
                let alias = reader.alias(&address).ok_or_else(|| Unresolved {
                    refusal: Refusal::AliasNotFound,
                    ask: vec![Arn::keys(&scope.region, scope.account)],
                })?;
                Ok(find(alias.key, scope, reader)?)
            }
            Self::Arn(arn) if arn.account == scope.account && arn.region == scope.region => {
                Ok(find(arn.key, scope, reader)?)
            }
            Self::Arn(_) | Self::Unknown => Err(Refusal::KeyNotFound.into()),
        }
    }
}

/// A key of the caller's account and region, by id.
pub fn find(id: KeyId, scope: &Scope, reader: &Reader<'_>) -> Result<Arc<Key>, Refusal> {
    reader
        .key(id)
        .filter(|key| key.account == scope.account && key.region == scope.region)
        .cloned()
        .ok_or(Refusal::KeyNotFound)
}

/// Whether a key can do cryptography of this kind now.
pub fn usable(key: &Key, usage: KeyUsage) -> Result<(), Refusal> {
    if key.usage != usage {
        return Err(Refusal::WrongUsage);
    }
    unusable(key.state).map_or(Ok(()), Err)
}

/// Where an alias of the caller's account and region stands.
pub(super) fn address(name: &AliasName, scope: &Scope) -> AliasKey {
    AliasKey {
        account: scope.account,
        region: scope.region.clone(),
        name: name.clone(),
    }
}
