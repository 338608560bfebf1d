//! Policies attached to users, groups and roles, and detached. Neither is idempotent: who attaches twice is told so.

use super::holder::HolderName;
use super::policy;
use crate::base::{Arn, limits};
use crate::domain::{Command, Decided, Facts, Refusal, Scope, Unresolved};
use crate::event::{Change, Element, Holder, PolicyRef, Recorded};
use crate::policy::system;
use crate::projection::{Reader, State};

/// Attaches a policy.
#[derive(Debug)]
pub struct AttachPolicy {
    /// To whom.
    pub holder: HolderName,
    /// Which.
    pub policy: PolicyRef,
}

impl Command for AttachPolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        pair(&self.holder, &self.policy, scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let holder = found(&self.holder, &self.policy, scope, state)?;
        let attached = state.attached_to(holder);
        if attached.iter().any(|attached| attached.policy == self.policy) {
            return Err(Refusal::AttachedAlready(self.holder.kind()));
        }
        // System and custom ones are counted apart.
        let alike = attached
            .iter()
            .filter(|attached| attached.policy.kind() == self.policy.kind());
        let most = match self.policy {
            PolicyRef::System(_) => limits::ATTACHED_MAX.0,
            PolicyRef::Custom(_) => limits::ATTACHED_MAX.1,
        };
        if alike.count() >= most {
            return Err(Refusal::AttachmentsReached(self.holder.kind()));
        }
        Ok(decided(
            Change::PolicyAttached {
                at: scope.at,
                holder,
                policy: self.policy.clone(),
            },
            &self.policy,
        ))
    }
}

/// Detaches a policy.
#[derive(Debug)]
pub struct DetachPolicy {
    /// From whom.
    pub holder: HolderName,
    /// Which.
    pub policy: PolicyRef,
}

impl Command for DetachPolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        pair(&self.holder, &self.policy, scope, reader)
    }

    // Usually it takes away what was allowed; that it may take away what was denied is the caller's to weigh.
    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let holder = found(&self.holder, &self.policy, scope, state)?;
        let attached = state.attached_to(holder);
        if !attached.iter().any(|attached| attached.policy == self.policy) {
            return Err(Refusal::NotAttached(self.holder.kind()));
        }
        Ok(decided(
            Change::PolicyDetached {
                holder,
                policy: self.policy.clone(),
            },
            &self.policy,
        ))
    }
}

fn decided(change: Change, policy: &PolicyRef) -> Decided {
    let mut recorded = Recorded::default();
    recorded.insert("PolicyName", Element::text(policy.name().as_str()));
    recorded.insert("PolicyType", Element::Text(policy.kind().into()));
    Decided {
        changes: vec![change],
        recorded,
        ..Decided::default()
    }
}

/// Both have to be allowed. What does not exist is told to those who may act on both.
fn pair(
    holder: &HolderName,
    policy: &PolicyRef,
    scope: &Scope,
    reader: &Reader<'_>,
) -> Result<Vec<Arn>, Unresolved> {
    let arns = vec![holder.arn(scope), policy::arn(policy, scope)];
    let refusal = match (holder.read(scope, reader), exists(policy, scope, reader)) {
        (Some(_), true) => return Ok(arns),
        (None, _) => holder.absent(),
        (Some(_), false) => Refusal::PolicyNotFound,
    };
    Err(Unresolved { refusal, ask: arns })
}

/// Whether there is such a policy.
pub fn exists(policy: &PolicyRef, scope: &Scope, reader: &Reader<'_>) -> bool {
    match policy {
        PolicyRef::System(name) => system::find(name.as_str()).is_some(),
        PolicyRef::Custom(name) => reader.policy_named(scope.account, name).is_some(),
    }
}

fn found(holder: &HolderName, policy: &PolicyRef, scope: &Scope, state: &State) -> Result<Holder, Refusal> {
    let found = holder.find(scope, state).ok_or(holder.absent())?;
    if exists(policy, scope, &Reader::new(state)) {
        Ok(found)
    } else {
        Err(Refusal::PolicyNotFound)
    }
}
