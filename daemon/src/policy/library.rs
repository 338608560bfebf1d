//! Compiled policies, kept as long as what they are made of stays the same.
//!
//! I1  What is kept for a principal is kept under its revision, which moves with everything that it may do: nothing has to
//!     be told when a policy changes, and the edition before is dropped.
//! I2  A document that does not read, though it was read when it was stored, leaves its whole layer broken: it denies.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::RwLock;

use super::cedar::{Answer, Compiled, Judge, Named};
use super::language::{Document, DocumentKind};
use super::remember::Remembered;
use super::request::{Caller, Check};
use super::system;
use super::verdict::StatementRef;
use crate::base::{AccountId, Digest, Figure, Seq, limits};
use crate::event::{Checked, PolicyRef, PrincipalId};
use crate::projection::{Attached, PolicyKey, State};

/// What was compiled, and who decides by it.
#[derive(Debug)]
pub struct Library {
    identities: Shelf<PrincipalId, Seq>,
    documents: Shelf<(DocumentKind, Digest), ()>,
    judge: Judge,
    pub(super) remembered: Remembered<Checked>,
    /// Checks that could not be evaluated, and so were denied. Anything but 0 is a fault of this software.
    pub faults: Figure,
}

impl Default for Library {
    fn default() -> Self {
        Self {
            identities: Shelf::default(),
            documents: Shelf::default(),
            judge: Judge::new(),
            remembered: Remembered::new(limits::DECISIONS_REMEMBERED),
            faults: Figure::default(),
        }
    }
}

impl Library {
    /// What is attached to a principal and to its groups. `revision` is the principal's in `state`.
    pub(super) fn identity(&self, principal: PrincipalId, revision: Seq, state: &State) -> Arc<Compiled> {
        self.identities.find(principal, revision, || {
            compile(DocumentKind::Identity, attached(principal, state))
        })
    }

    /// One document that is a layer by itself.
    pub(super) fn document(&self, kind: DocumentKind, name: &str, text: &str) -> Arc<Compiled> {
        self.documents.find((kind, Digest::of(text.as_bytes())), (), || {
            compile(kind, vec![(name.into(), Some(text.to_owned()))])
        })
    }

    /// What a layer says of a check, and whether it will say so again as long as the rows of principal and resource stay.
    pub(super) fn ask(&self, layer: &Compiled, caller: &Caller<'_>, check: &Check<'_>) -> Answer {
        let answer = self.judge.decide(layer, caller, check);
        if let Some(fault) = &answer.fault {
            self.faults.add(1);
            tracing::error!(%fault, action = check.action, "a policy can't be evaluated: it denies");
        }
        answer
    }
}

/// A statement as events and explanations name it: `POLICY@VERSION#INDEX`.
pub(super) fn statement(layer: &Compiled, at: StatementRef) -> String {
    let name = layer
        .documents()
        .get(at.document)
        .map_or("?", |named| &*named.name);
    format!("{name}#{}", at.statement)
}

/// Compiles the documents of one layer; a document without text is one that is missing (I2).
fn compile(kind: DocumentKind, documents: Vec<(Box<str>, Option<String>)>) -> Compiled {
    let mut read = Vec::with_capacity(documents.len());
    for (name, text) in documents {
        let parsed = text.map(|text| Document::parse(kind, &text));
        match parsed {
            Some(Ok(document)) => read.push(Named {
                name,
                document: Arc::new(document),
            }),
            Some(Err(fault)) => {
                tracing::error!(policy = %name, %fault, "a stored policy does not read: it denies");
                return Compiled::broken();
            }
            None => {
                tracing::error!(policy = %name, "a policy that is attached is missing: it denies");
                return Compiled::broken();
            }
        }
    }
    Compiled::new(read)
}

/// The documents in force of what is attached to a principal: its own, then its groups', each once.
fn attached(principal: PrincipalId, state: &State) -> Vec<(Box<str>, Option<String>)> {
    let Some((account, mut policies)) = refs(principal, state) else {
        return Vec::new();
    };
    let mut seen = std::collections::BTreeSet::new();
    policies.retain(|policy| seen.insert(*policy));
    policies
        .into_iter()
        .map(|policy| document(account, policy, state))
        .collect()
}

/// Whether a system policy that this build does not have is attached to a principal or to one of its groups: what was
/// decided for it by another build can't be decided again.
pub fn lacks_system_policy(principal: PrincipalId, state: &State) -> bool {
    let policies = refs(principal, state).map_or_else(Vec::new, |(_, policies)| policies);
    policies
        .iter()
        .any(|policy| matches!(policy, PolicyRef::System(name) if system::find(name.as_str()).is_none()))
}

/// The account of a principal, and what is attached to it and to its groups.
fn refs(principal: PrincipalId, state: &State) -> Option<(AccountId, Vec<&PolicyRef>)> {
    match principal {
        PrincipalId::User(id) => {
            let user = state.user(id)?;
            let groups = user
                .groups
                .iter()
                .filter_map(|membership| state.group(membership.group));
            let through_groups = groups.flat_map(|group| &group.attached);
            let all = user.attached.iter().chain(through_groups);
            let policies = all.map(|attached: &Attached| &attached.policy).collect();
            Some((user.account, policies))
        }
        PrincipalId::Role(id) => {
            let role = state.role(id)?;
            let policies = role.attached.iter().map(|attached| &attached.policy).collect();
            Some((role.account, policies))
        }
    }
}

fn document(account: AccountId, policy: &PolicyRef, state: &State) -> (Box<str>, Option<String>) {
    match policy {
        PolicyRef::System(name) => {
            let text = system::find(name.as_str()).map(|policy| policy.document.to_owned());
            (format!("{name}@v1").into(), text)
        }
        PolicyRef::Custom(name) => {
            let version = state
                .policy_at(&PolicyKey::new(account, name))
                .and_then(|policy| policy.in_force());
            match version {
                Some(row) => (
                    format!("{name}@{}", row.version).into(),
                    Some(row.document.clone()),
                ),
                None => (format!("{name}@v0").into(), None),
            }
        }
    }
}

/// A bounded map, an entry a name: another edition displaces the one before. When it weighs too much it is emptied: what is in
/// use is made again in a moment, and nothing has to be counted at each use.
#[derive(Debug)]
struct Shelf<K, E>(RwLock<HashMap<K, (E, Arc<Compiled>)>>);

impl<K, E> Default for Shelf<K, E> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash, E: PartialEq> Shelf<K, E> {
    fn find(&self, name: K, edition: E, make: impl FnOnce() -> Compiled) -> Arc<Compiled> {
        if let Some((_, found)) = self.0.read().get(&name).filter(|(kept, _)| *kept == edition) {
            return Arc::clone(found);
        }
        let made = Arc::new(make());
        let mut shelf = self.0.write();
        // Weighed when something is added, which takes milliseconds anyway: sets grow while they are used, up to a bound each.
        let weight: usize = shelf.values().map(|(_, kept)| kept.weight()).sum();
        if shelf.len() >= limits::COMPILED_POLICIES_MAX
            || weight + made.weight() > limits::COMPILED_STATEMENTS_MAX
        {
            shelf.clear();
        }
        shelf.insert(name, (edition, Arc::clone(&made)));
        made
    }
}

#[cfg(test)]
mod tests;
