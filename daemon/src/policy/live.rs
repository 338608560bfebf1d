//! The condition values of a real operation, taken from what its event records: a replay sees the same ones.

use std::borrow::Cow;

use super::language::ConditionKey;
use super::request::{Caller, Conditions};
use crate::base::Timestamp;
use crate::event::{Actor, Element, Origin, Recorded};
use crate::projection::Key;

/// Stands before the condition values that the check of the destination of ReEncrypt alone sees.
pub const RE_ENCRYPT_TO: &str = "to:";

/// What one check of one operation sees.
#[derive(Debug)]
pub(super) struct Live<'a> {
    pub caller: Caller<'a>,
    pub actor: &'a Actor,
    pub origin: &'a Origin,
    pub at: Timestamp,
    /// What the request brings, by condition key.
    pub brings: &'a Recorded,
    /// The action of this check.
    pub action: &'a str,
    /// The key under check, if it is one.
    pub key: Option<&'a Key>,
}

impl Conditions for Live<'_> {
    fn value(&self, key: &ConditionKey) -> Option<Cow<'_, str>> {
        match key {
            ConditionKey::CurrentTime => Some(self.at.to_string().into()),
            ConditionKey::SourceIp => self.origin.ip.as_deref().map(Cow::Borrowed),
            ConditionKey::SecureTransport => Some(if self.is_secure() { "true" } else { "false" }.into()),
            // No session here records a second factor, and access keys have none.
            ConditionKey::MfaPresent | ConditionKey::Absent(_) => None,
            ConditionKey::PrincipalArn => Some(self.caller.arn().into()),
            ConditionKey::AccountId => Some(self.caller.account.into()),
            ConditionKey::AccessId => self.actor.ak.as_ref().map(|id| id.as_str().into()),
            ConditionKey::UserAgent => self.origin.agent.as_deref().map(Cow::Borrowed),
            ConditionKey::Tag(name) => {
                let tag = self.key?.tags.iter().find(|tag| tag.key.as_str() == &**name)?;
                Some(tag.value.as_str().into())
            }
            ConditionKey::EncryptionAlgorithm => self.brought(key).or_else(|| self.symmetric()),
            ConditionKey::KeySpec => self.of_key(key, |key| key.spec.as_str()),
            ConditionKey::KeyUsage => self.of_key(key, |key| key.usage.as_str()),
            ConditionKey::KeyOrigin => self.of_key(key, |key| key.origin.as_str()),
            ConditionKey::ProtectionLevel => self.of_key(key, |key| key.protection.as_str()),
            ConditionKey::RequestTag(_)
            | ConditionKey::EncryptionContext(_)
            | ConditionKey::SigningAlgorithm
            | ConditionKey::ExternalId
            | ConditionKey::RoleSessionName
            | ConditionKey::SourceIdentity => self.brought(key),
        }
    }
}

impl Live<'_> {
    /// Encrypted on the way, or never on a wire.
    fn is_secure(&self) -> bool {
        self.origin.tls || self.origin.listener == "unix"
    }

    fn brought(&self, key: &ConditionKey) -> Option<Cow<'_, str>> {
        let name = key.canonical();
        let element = if self.action == "kms:ReEncryptTo" {
            self.brings.get(&format!("{RE_ENCRYPT_TO}{name}"))
        } else {
            self.brings.get(&name)
        };
        match element? {
            Element::Text(text) => Some(Cow::Borrowed(text)),
            Element::Bool(_) | Element::Number(_) | Element::Digest(..) => None,
        }
    }

    /// Of the key under check, or of the one that the request wants.
    fn of_key(&self, name: &ConditionKey, text: fn(&Key) -> &'static str) -> Option<Cow<'_, str>> {
        match self.key {
            Some(key) => Some(text(key).into()),
            None => self.brought(name),
        }
    }

    /// The algorithm of operations on symmetric keys, which do not name it.
    fn symmetric(&self) -> Option<Cow<'_, str>> {
        SYMMETRIC
            .contains(&self.action)
            .then_some("SYMMETRIC_DEFAULT".into())
    }
}

/// The operations that encrypt or decrypt under symmetric keys.
const SYMMETRIC: [&str; 8] = [
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ExportDataKey",
    "kms:GenerateAndExportDataKey",
];
