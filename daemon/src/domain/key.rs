//! Keys: made, enabled, disabled, scheduled for deletion and kept after all (wire contract, sections 4 and 10.1).

use super::key_ref::find;
use super::metadata::metadata;
use super::{Command, Decided, Facts, KeyRef, Needs, Refusal, Scope, Unresolved};
use crate::base::{Answer, Arn, KeyId, KeyOrigin, KeySpec, KeyUsage, ProtectionLevel, Seq, limits};
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
}

impl Command for CreateKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let _opened = reader.account(scope.account);
        Ok(vec![Arn::keys(&scope.region, scope.account)])
    }

    fn needs(&self) -> Needs {
        Needs::NewKey(self.spec)
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        let Facts::NewKey(key, version) = facts else {
            return Err(Refusal::NoSlot);
        };
        let created = KeyCreated {
            at: scope.at,
            key: *key,
            spec: self.spec,
            usage: self.usage,
            origin: self.origin,
            region: scope.region.clone(),
            account: scope.account,
            version: version.clone(),
            protection: self.protection,
            description: self.description.clone(),
        };
        let row = Key::created(&created, Seq::new(state.size()));
        let mut recorded = Recorded::default();
        recorded.insert("KeyId", Element::text(&key.to_string()));
        Ok(Decided {
            answer: Answer::new().with("KeyMetadata", metadata(&row)),
            changes: vec![Change::KeyCreated(created)],
            recorded,
        })
    }
}

/// What can be asked of an existing key's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Make it usable.
    Enable,
    /// Make it unusable.
    Disable,
    /// Destroy it in so many days.
    ScheduleDeletion {
        /// From now.
        days: u64,
    },
    /// Keep it after all.
    CancelDeletion,
}

/// Moves a key along its life.
#[derive(Debug)]
pub struct ChangeLifecycle {
    /// Which key; only ids reach here.
    pub key: KeyRef,
    /// Where to.
    pub transition: Transition,
}

impl ChangeLifecycle {
    fn changes(&self, scope: &Scope, id: KeyId, state: Lifecycle) -> Result<Decided, Refusal> {
        use Lifecycle::{Disabled, Enabled, PendingDeletion};

        let change = match (self.transition, state) {
            (Transition::Enable, Enabled) | (Transition::Disable, Disabled) => return Ok(Decided::nothing()),
            (Transition::Enable, Disabled) => Change::KeyEnabled { key: id },
            (Transition::Disable, Enabled) => Change::KeyDisabled { key: id },
            (Transition::ScheduleDeletion { days }, Enabled | Disabled) => Change::KeyDeletionScheduled {
                key: id,
                delete_at: scope.at.plus_millis(days * limits::DAY_MILLIS),
            },
            (Transition::CancelDeletion, PendingDeletion { .. }) => Change::KeyDeletionCancelled { key: id },
            (_, PendingDeletion { .. }) | (Transition::CancelDeletion, Enabled | Disabled) => {
                return Err(Refusal::StateForbidsChange);
            }
        };
        Ok(Decided::change(change))
    }
}

impl Command for ChangeLifecycle {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let key = self.key.resolve(scope, reader)?;
        Ok(vec![scope.key_arn(key.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        self.changes(scope, key.id, key.state)
    }
}

/// Destroys a key whose time has come; asked for by the daemon alone.
#[derive(Debug)]
pub struct DestroyKey {
    /// Which.
    pub key: KeyId,
}

impl Command for DestroyKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let key = find(self.key, scope, reader)?;
        Ok(vec![scope.key_arn(key.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = find(self.key, scope, &Reader::new(state))?;
        match key.state {
            Lifecycle::PendingDeletion { delete_at } if delete_at <= scope.at => {
                Ok(Decided::change(Change::KeyDestroyed { key: key.id }))
            }
            _ => Err(Refusal::NotDue),
        }
    }
}
