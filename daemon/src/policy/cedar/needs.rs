//! What a set of statements reads, so that a decision builds no more of its inputs than somebody looks at.

use std::collections::BTreeSet;

use super::glob::{Glob, Subject};
use super::view::{Place, Typed, View};
use crate::policy::language::{Condition, ConditionKey, Effect, Pattern, Principal, Statement, Values};

/// What the statements of a set read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Whether a statement names callers.
    pub principal: bool,
    /// Whether a statement names resources, or the account that owns them.
    pub resource: bool,
    /// Attributes of the context.
    pub typed: BTreeSet<Typed>,
    /// Tags of the resource, by their bare key.
    pub tags: BTreeSet<ConditionKey>,
    /// Condition values by view.
    pub views: BTreeSet<(View, ConditionKey)>,
    /// Patterns with `?` that the host must match.
    pub globs: Vec<Glob>,
    /// Whether a statement reads what one request brings and the next may not.
    pub request_values: bool,
}

impl Needs {
    /// Adds what one statement reads, its resources apart: a slice has none left.
    pub fn add(&mut self, statement: &Statement) {
        for principal in statement.principals.iter().flatten() {
            self.principal = true;
            // An Allow for an account as such asks who owns the resource.
            self.resource |= matches!(principal, Principal::Account(_)) && statement.effect == Effect::Allow;
        }
        for condition in &statement.conditions {
            self.add_condition(condition);
        }
    }

    /// Adds what the resources of a statement read.
    pub fn add_resources(&mut self, statement: &Statement) {
        let patterns = &statement.resources;
        if patterns.iter().any(Pattern::is_any) {
            return;
        }
        for pattern in patterns {
            if pattern.has_one() {
                self.add_glob(Subject::Resource, pattern);
            } else {
                self.resource = true;
            }
        }
    }

    /// Whether equal principals asking for the same on an equal resource always get the same answer: nothing is read
    /// but attributes of the principal and of the resource, tags included.
    pub const fn is_static(&self) -> bool {
        !self.request_values
    }

    fn add_condition(&mut self, condition: &Condition) {
        let key = &condition.key;
        let view = View::of(condition.operator, &condition.values);
        match Place::of(key, view) {
            Place::Context(typed) => {
                self.typed.insert(typed);
            }
            Place::ResourceTag(_) => {
                self.tags.insert(key.clone());
            }
            Place::In(view) => {
                self.views.insert((view, key.clone()));
            }
        }
        if let Values::Patterns(patterns) = &condition.values {
            for pattern in patterns.iter().filter(|pattern| pattern.has_one()) {
                self.add_glob(Subject::Key(key.clone()), pattern);
            }
        }
        self.request_values |= !is_of_principal_or_resource(key);
    }

    fn add_glob(&mut self, subject: Subject, pattern: &Pattern) {
        let pattern = pattern.clone();
        let glob = Glob { subject, pattern };
        if !self.globs.contains(&glob) {
            self.globs.push(glob);
        }
    }
}

/// Whether the key's value follows from the rows of the principal and the resource. An access key is not its user; a
/// second factor belongs to one session; kms:KeySpec and its kin are the key's for most operations but CreateKey's own
/// words for one: all of these count as the request's.
const fn is_of_principal_or_resource(key: &ConditionKey) -> bool {
    match key {
        ConditionKey::PrincipalArn
        | ConditionKey::AccountId
        | ConditionKey::Tag(_)
        | ConditionKey::Absent(_) => true,
        ConditionKey::CurrentTime
        | ConditionKey::SourceIp
        | ConditionKey::SecureTransport
        | ConditionKey::MfaPresent
        | ConditionKey::AccessId
        | ConditionKey::UserAgent
        | ConditionKey::EncryptionAlgorithm
        | ConditionKey::SigningAlgorithm
        | ConditionKey::KeySpec
        | ConditionKey::KeyUsage
        | ConditionKey::KeyOrigin
        | ConditionKey::ProtectionLevel
        | ConditionKey::ExternalId
        | ConditionKey::RoleSessionName
        | ConditionKey::SourceIdentity
        | ConditionKey::RequestTag(_)
        | ConditionKey::EncryptionContext(_) => false,
    }
}
