//! A counterexample that the plain reading confirms.

use cedar_policy::RequestEnv;

use super::candidate::{Candidate, candidates};
use super::seen::Seen;
use super::{Claim, Pair};
use crate::policy::language::{ConditionKey, Document};
use crate::policy::plain::Plain;
use crate::policy::request::Check;
use crate::policy::verdict::{Evaluator, Layer, StatementRef};

/// A request that comes through now and did not before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Who asks.
    pub caller: String,
    /// For which action.
    pub action: String,
    /// On which resource.
    pub resource: String,
    /// The values that matter, by key.
    pub values: Vec<(String, String)>,
    /// What the old document says.
    pub old: String,
    /// What the new document says.
    pub new: String,
}

impl Witness {
    /// The first request near to what the solver saw that is a real counterexample; `None` if none of them is.
    pub fn find(pair: &Pair, claim: Claim, environment: &RequestEnv, seen: &Seen) -> Option<Self> {
        let mut tried = candidates(pair, environment, seen).into_iter();
        let mut found = tried.find(|candidate| refutes(pair, claim, candidate))?;
        // What does not matter only distracts.
        for key in found.values.keys().cloned().collect::<Vec<_>>() {
            let mut less = found.clone();
            less.values.remove(&key);
            if refutes(pair, claim, &less) {
                found = less;
            }
        }
        let mut values: Vec<_> = found
            .values
            .iter()
            .filter(|(key, _)| !matches!(key, ConditionKey::PrincipalArn | ConditionKey::AccountId))
            .map(|(key, value)| (key.to_string(), value.clone()))
            .collect();
        values.sort();
        let says = |new: bool| {
            pair.document(new)
                .map_or(String::new(), |document| told(document, &layer(document, &found)))
        };
        Some(Self {
            caller: found.who.caller().arn(),
            old: says(false),
            new: says(true),
            action: found.action,
            resource: found.resource,
            values,
        })
    }
}

/// Whether the request contradicts the claim, by the plain reading of both documents.
fn refutes(pair: &Pair, claim: Claim, candidate: &Candidate) -> bool {
    let says = |new: bool| pair.document(new).map(|document| layer(document, candidate));
    let (Some(old), Some(new)) = (says(false), says(true)) else {
        return false;
    };
    match claim {
        Claim::Allows => new.allows() && !old.allows(),
        Claim::Denies => matches!(old, Layer::Denied(_)) && !matches!(new, Layer::Denied(_)),
    }
}

fn layer(document: &Document, candidate: &Candidate) -> Layer {
    let conditions = candidate.given();
    let check = Check {
        action: &candidate.action,
        resource: &candidate.resource,
        conditions: &conditions,
    };
    Plain.layer(&[document], &candidate.who.caller(), &check)
}

fn told(document: &Document, layer: &Layer) -> String {
    let named = |statements: &[StatementRef]| {
        let names = statements.iter().map(|at| {
            let sid = document
                .statements()
                .get(at.statement)
                .and_then(|statement| statement.sid.as_deref());
            let sid = sid.map_or(String::new(), |sid| format!(" ({sid})"));
            format!("Statement[{}]{sid}", at.statement)
        });
        names.collect::<Vec<_>>().join(", ")
    };
    match layer {
        Layer::Allowed(statements) => format!("allowed by {}", named(statements)),
        Layer::Denied(statements) => format!("denied by {}", named(statements)),
        Layer::Silent | Layer::Broken => "nothing allows or denies it".to_owned(),
    }
}
