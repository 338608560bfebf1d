//! The policy of a key: one document, named `default`. A key without one has that which leaves everything to RAM.

use super::key::changeable;
use super::{Command, Decided, Facts, KeyRef, Refusal, Scope, Unresolved};
use crate::base::{AccountId, Arn};
use crate::event::Change;
use crate::projection::{Key, Reader, State};

/// Replaces a key's policy.
#[derive(Debug)]
pub struct SetKeyPolicy {
    /// Which key; ids and ARNs reach here.
    pub key: KeyRef,
    /// The document, as sent.
    pub document: String,
}

impl Command for SetKeyPolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = changeable(&self.key, scope, state)?;
        if key.policy.as_ref() == Some(&self.document) {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::KeyPolicySet {
            key: key.id,
            document: self.document.clone(),
        }))
    }
}

/// The policy in force of a key.
pub fn in_force(key: &Key) -> String {
    key.policy.clone().unwrap_or_else(|| default(key.account))
}

/// What a key has that was given none: the account may do all, and says through RAM who of it may.
fn default(account: AccountId) -> String {
    format!(
        "{{\"Statement\":[{{\"Action\":[\"kms:*\"],\"Effect\":\"Allow\",\"Principal\":{{\"RAM\":[\"acs:ram::{account}:*\"]}},\
         \"Resource\":[\"*\"],\"Sid\":\"kms default key policy\"}}],\"Version\":\"1\"}}"
    )
}
