//! Compiled policies, kept as long as what they are made of stays the same.
//!
//! I1  What is kept for a principal is kept under its revision, which moves with everything that it may do: nothing has to
//!     be told when a policy changes.
//! I2  A document that does not read, though it was read when it was stored, leaves its whole layer broken: it denies.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::RwLock;

use super::cedar::CompiledSet;
use super::language::{Document, DocumentKind};
use super::request::{Caller, Check};
use super::system;
use super::verdict::{Layer, StatementRef};
use crate::base::{AccountId, Digest, Seq, limits};
use crate::event::{PolicyRef, PrincipalId};
use crate::projection::{Attached, PolicyKey, State};

/// The policies of one layer, compiled.
#[derive(Debug)]
pub struct Compiled {
    /// None when a document of the layer does not read (I2).
    set: Option<CompiledSet>,
    names: Vec<Box<str>>,
}

/// What was compiled.
#[derive(Debug, Default)]
pub struct Library {
    identities: Shelf<(PrincipalId, Seq)>,
    documents: Shelf<(DocumentKind, Digest)>,
}

impl Library {
    /// What is attached to a principal and to its groups. `revision` is the principal's in `state`.
    pub(super) fn identity(&self, principal: PrincipalId, revision: Seq, state: &State) -> Arc<Compiled> {
        self.identities.find((principal, revision), || {
            Compiled::new(DocumentKind::Identity, attached(principal, state))
        })
    }

    /// One document that is a layer by itself.
    pub(super) fn document(&self, kind: DocumentKind, name: &str, text: &str) -> Arc<Compiled> {
        self.documents.find((kind, Digest::of(text.as_bytes())), || {
            Compiled::new(kind, vec![(name.into(), Some(text.to_owned()))])
        })
    }
}

impl Compiled {
    /// Compiles the documents of one layer; a document without text is one that is missing.
    pub fn new(kind: DocumentKind, documents: Vec<(Box<str>, Option<String>)>) -> Self {
        let (names, texts): (Vec<_>, Vec<_>) = documents.into_iter().unzip();
        let read = |(name, text): (&Box<str>, Option<String>)| {
            let document = text.ok_or_else(|| "it is missing".to_owned());
            let document = document.and_then(|text| Document::parse(kind, &text).map_err(|fault| fault.to_string()));
            document
                .map_err(|fault| tracing::error!(policy = %name, %fault, "a stored policy does not read: it denies"))
                .ok()
        };
        let documents: Option<Vec<Document>> = names.iter().zip(texts).map(read).collect();
        let set = documents.map(|documents| {
            let named = names.iter().map(|name| name.to_string()).zip(documents);
            CompiledSet::new(kind, named.collect())
        });
        Self { set, names }
    }

    /// What this layer says of a check.
    pub fn evaluate(&self, caller: &Caller<'_>, check: &Check<'_>) -> Layer {
        match &self.set {
            Some(set) => set.evaluate(caller, check),
            None => Layer::Broken,
        }
    }

    /// A statement as events and explanations name it: `POLICY@VERSION#INDEX`.
    pub fn statement(&self, statement: StatementRef) -> String {
        let name = self.names.get(statement.document).map_or("?", |name| &**name);
        format!("{name}#{}", statement.statement)
    }
}

/// The documents in force of what is attached to a principal: its own, then its groups', each once.
fn attached(principal: PrincipalId, state: &State) -> Vec<(Box<str>, Option<String>)> {
    let (account, mut policies): (AccountId, Vec<&PolicyRef>) = match principal {
        PrincipalId::User(id) => {
            let Some(user) = state.user(id) else { return Vec::new() };
            let groups = user.groups.iter().filter_map(|membership| state.group(membership.group));
            let through_groups = groups.flat_map(|group| &group.attached);
            let all = user.attached.iter().chain(through_groups);
            (user.account, all.map(|attached: &Attached| &attached.policy).collect())
        }
        PrincipalId::Role(id) => {
            let Some(role) = state.role(id) else { return Vec::new() };
            (role.account, role.attached.iter().map(|attached| &attached.policy).collect())
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    policies.retain(|policy| seen.insert(*policy));
    policies.into_iter().map(|policy| document(account, policy, state)).collect()
}

fn document(account: AccountId, policy: &PolicyRef, state: &State) -> (Box<str>, Option<String>) {
    match policy {
        PolicyRef::System(name) => {
            let text = system::find(name.as_str()).map(|policy| policy.document.to_owned());
            (format!("{name}@v1").into(), text)
        }
        PolicyRef::Custom(name) => {
            let version = state
                .policy(&PolicyKey::new(account, name))
                .and_then(|policy| policy.in_force());
            match version {
                Some(row) => (format!("{name}@{}", row.version).into(), Some(row.document.clone())),
                None => (format!("{name}@v0").into(), None),
            }
        }
    }
}

/// A bounded map. When it is full it is emptied: what is in use is made again in a moment, and nothing has to be counted
/// at each use.
#[derive(Debug)]
struct Shelf<K>(RwLock<HashMap<K, Arc<Compiled>>>);

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash> Shelf<K> {
    fn find(&self, key: K, make: impl FnOnce() -> Compiled) -> Arc<Compiled> {
        if let Some(found) = self.0.read().get(&key) {
            return Arc::clone(found);
        }
        let made = Arc::new(make());
        let mut shelf = self.0.write();
        if shelf.len() >= limits::COMPILED_POLICIES_MAX {
            shelf.clear();
        }
        shelf.insert(key, Arc::clone(&made));
        made
    }
}
