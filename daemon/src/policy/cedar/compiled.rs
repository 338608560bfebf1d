//! The documents of one layer of one principal, ready to decide.
//!
//! I1  A set is made of documents that were understood. One that was not makes the whole set `broken`, which denies.
//! I2  For each action there is a *slice*: the policies whose scope holds the action, with the scope removed, and what
//!     they read. A slice gives the verdict and the reasons that the whole set gives.
//! I3  Slices are built when first asked for; most principals use a handful of actions out of hundreds. Actions that
//!     the same statements cover share one slice.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Policy, PolicySet};
use parking_lot::Mutex;

use super::needs::Needs;
use super::scope;
use super::translate::{Form, translate};
use crate::policy::catalogue;
use crate::policy::language::{Document, Statement};
use crate::policy::verdict::StatementRef;

/// A document under the name that explanations use.
#[derive(Debug, Clone)]
pub struct Named {
    /// The policy's name, or what it is attached to.
    pub name: Box<str>,
    /// What it says.
    pub document: Arc<Document>,
}

/// A compiled set.
#[derive(Debug)]
pub struct Compiled {
    documents: Box<[Named]>,
    broken: bool,
    slices: Box<[OnceLock<Arc<Slice>>]>,
    shared: Mutex<HashMap<Vec<StatementRef>, Arc<Slice>>>,
    whole: OnceLock<Slice>,
}

impl Compiled {
    /// A set of these documents.
    pub fn new(documents: impl IntoIterator<Item = Named>) -> Self {
        Self::with(documents, false)
    }

    /// A set with a document that cannot be read: it denies whatever it is asked (I1).
    pub fn broken() -> Self {
        Self::with([], true)
    }

    fn with(documents: impl IntoIterator<Item = Named>, broken: bool) -> Self {
        Self {
            documents: documents.into_iter().collect(),
            broken,
            slices: catalogue::all().map(|_| OnceLock::new()).collect(),
            shared: Mutex::default(),
            whole: OnceLock::new(),
        }
    }

    /// The documents, in the order that `StatementRef` counts.
    pub fn documents(&self) -> &[Named] {
        &self.documents
    }

    /// The statement a reference means.
    pub fn statement(&self, at: StatementRef) -> Option<&Statement> {
        self.documents
            .get(at.document)?
            .document
            .statements()
            .get(at.statement)
    }

    /// What decides this action; `None` for an action that the catalogue does not know.
    pub(super) fn slice(&self, action: &str) -> Option<&Arc<Slice>> {
        let slot = self.slices.get(scope::index(action)?)?;
        Some(slot.get_or_init(|| self.build(action)))
    }

    /// All statements with their scopes.
    pub(super) fn whole(&self) -> &Slice {
        self.whole.get_or_init(|| {
            let mut whole = Slice::empty(self.broken);
            for (at, named, statement) in self.statements() {
                let Named { name, document } = named;
                // Two documents of one name stay apart; only in display do they look alike.
                let twins = self
                    .documents
                    .iter()
                    .take(at.document)
                    .filter(|other| other.name == *name)
                    .count();
                let name = if twins == 0 {
                    name.to_string()
                } else {
                    format!("{name}~{twins}")
                };
                let form = Form::Whole {
                    name: &name,
                    statement: at.statement,
                };
                whole.add(at, statement, translate(document.kind(), statement, form).ok());
            }
            whole
        })
    }

    /// The whole set as Cedar text, a policy a statement; statements about foreign services alone have none.
    pub fn to_cedar(&self) -> Vec<String> {
        let whole = self.whole();
        let mut policies: Vec<_> = whole.ids.iter().map(|(id, at)| (at, id)).collect();
        policies.sort();
        policies
            .into_iter()
            .filter_map(|(_, id)| whole.policies.policy(&cedar_policy::PolicyId::new(id)))
            .filter_map(Policy::to_cedar)
            .collect()
    }

    fn build(&self, action: &str) -> Arc<Slice> {
        let covering = self
            .statements()
            .filter(|(_, _, statement)| statement.actions.cover(action));
        let key: Vec<_> = covering.map(|(at, _, _)| at).collect();
        if let Some(known) = self.shared.lock().get(&key) {
            return Arc::clone(known);
        }
        let mut slice = Slice::empty(self.broken);
        for at in &key {
            let Some(named) = self.documents.get(at.document) else {
                continue;
            };
            let Some(statement) = self.statement(*at) else {
                continue;
            };
            let form = Form::Slice {
                document: at.document,
                statement: at.statement,
            };
            slice.add(
                *at,
                statement,
                translate(named.document.kind(), statement, form).ok(),
            );
        }
        // Two threads may have built it; either is as good, and one is kept.
        Arc::clone(self.shared.lock().entry(key).or_insert_with(|| Arc::new(slice)))
    }

    fn statements(&self) -> impl Iterator<Item = (StatementRef, &Named, &Statement)> {
        self.documents.iter().enumerate().flat_map(|(document, named)| {
            let statements = named.document.statements().iter().enumerate();
            statements.map(move |(statement, said)| (StatementRef { document, statement }, named, said))
        })
    }
}

/// Policies that are decided together.
#[derive(Debug)]
pub(super) struct Slice {
    /// The policies.
    pub policies: PolicySet,
    /// What they read.
    pub needs: Needs,
    /// Whether a statement of it could not be taken in; it then denies.
    pub broken: bool,
    ids: HashMap<String, StatementRef>,
}

impl Slice {
    fn empty(broken: bool) -> Self {
        Self {
            policies: PolicySet::new(),
            needs: Needs::default(),
            broken,
            ids: HashMap::new(),
        }
    }

    /// Which statement the policy came from.
    pub fn origin(&self, id: &str) -> Option<StatementRef> {
        self.ids.get(id).copied()
    }

    fn add(
        &mut self,
        at: StatementRef,
        statement: &Statement,
        translated: Option<Option<cedar_policy::pst::Policy>>,
    ) {
        let Some(translated) = translated else {
            self.broken = true;
            return;
        };
        let Some(translated) = translated else { return };
        let added = Policy::from_pst(translated).ok().and_then(|policy| {
            let id = policy.id().to_string();
            self.policies.add(policy).ok().map(|()| id)
        });
        match added {
            Some(id) => {
                self.ids.insert(id, at);
                self.needs.add(statement);
            }
            None => self.broken = true,
        }
    }
}
