//! The documents of one layer of one principal, ready to decide.
//!
//! I1  A set is made of documents that were understood. One that was not makes the whole set `broken`, which denies.
//! I2  For each check there is a *slice*: the policies whose action scope and whose resources hold the check, without
//!     both, and what they read. A slice gives the verdict and the reasons that the whole set gives.
//! I3  Slices are made when first asked for, and kept up to a bound. Most principals use a handful of actions out of
//!     hundreds, and checks that the same statements cover share one slice.
//!
//! Cedar takes a microsecond for each policy, whether it holds or not; most statements of a user name other keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use cedar_policy::{Policy, PolicySet};
use parking_lot::RwLock;
use smallvec::SmallVec;

use super::needs::Needs;
use super::scope;
use super::translate::{Form, translate};
use crate::base::limits;
use crate::policy::catalogue;
use crate::policy::language::{Document, Statement};
use crate::policy::request::Check;
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
    /// By action, the statements that cover it.
    covering: Box<[OnceLock<Box<[StatementRef]>>]>,
    slices: RwLock<HashMap<Box<[StatementRef]>, Arc<Slice>>>,
    /// Statements in all slices; changed under their lock.
    sliced: AtomicUsize,
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
            covering: catalogue::all().map(|_| OnceLock::new()).collect(),
            slices: RwLock::default(),
            sliced: AtomicUsize::new(0),
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

    /// How many statements it holds, in its documents and in its slices: some 2 KB each at the most.
    pub fn weight(&self) -> usize {
        self.size() + self.sliced.load(Ordering::Relaxed)
    }

    fn size(&self) -> usize {
        let statements = self
            .documents
            .iter()
            .map(|named| named.document.statements().len());
        // Nothing is for nothing: even an empty set has its table of actions.
        1 + statements.sum::<usize>()
    }

    fn sliced_max(&self) -> usize {
        limits::SLICED_STATEMENTS_ALWAYS + limits::SLICED_STATEMENTS_PER_STATEMENT * self.size()
    }

    /// What decides a check; `None` for an action that the catalogue does not know.
    pub(super) fn slice(&self, check: &Check<'_>) -> Option<Arc<Slice>> {
        let slot = self.covering.get(scope::index(check.action)?)?;
        let covering = slot.get_or_init(|| {
            let all = self.statements();
            all.filter(|(_, _, statement)| statement.actions.cover(check.action))
                .map(|(at, _, _)| at)
                .collect()
        });
        let holds = |at: &StatementRef| {
            self.statement(*at)
                .is_some_and(|statement| is_about(statement, check.resource))
        };
        let chosen: SmallVec<[StatementRef; 16]> = covering.iter().copied().filter(holds).collect();
        if let Some(known) = self.slices.read().get(&*chosen) {
            return Some(Arc::clone(known));
        }
        let made = Arc::new(self.build(&chosen));
        let mut slices = self.slices.write();
        // Forgetting all is the simplest bound; what is in use is soon there again. Who asks for ever other resources makes ever
        // other choices of statements: they are counted, not the choices.
        if self.sliced.fetch_add(chosen.len(), Ordering::Relaxed) + chosen.len() > self.sliced_max() {
            slices.clear();
            self.sliced.store(chosen.len(), Ordering::Relaxed);
        }
        // Two threads may have made it; either is as good.
        Some(Arc::clone(slices.entry((*chosen).into()).or_insert(made)))
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
                whole.add(at, translate(document.kind(), statement, form).ok());
                whole.needs.add_resources(statement);
                whole.needs.add(statement);
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

    fn build(&self, chosen: &[StatementRef]) -> Slice {
        let mut slice = Slice::empty(self.broken);
        for at in chosen {
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
            slice.add(*at, translate(named.document.kind(), statement, form).ok());
            slice.needs.add(statement);
        }
        slice
    }

    fn statements(&self) -> impl Iterator<Item = (StatementRef, &Named, &Statement)> {
        self.documents.iter().enumerate().flat_map(|(document, named)| {
            let statements = named.document.statements().iter().enumerate();
            statements.map(move |(statement, said)| (StatementRef { document, statement }, named, said))
        })
    }
}

/// Whether the statement's resources hold this one; those of a trust policy hold the role it belongs to.
fn is_about(statement: &Statement, resource: &str) -> bool {
    let patterns = &statement.resources;
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(resource))
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

    fn add(&mut self, at: StatementRef, translated: Option<Option<cedar_policy::pst::Policy>>) {
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
            Some(id) => drop(self.ids.insert(id, at)),
            None => self.broken = true,
        }
    }
}
