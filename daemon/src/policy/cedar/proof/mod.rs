//! What has to be proved for one document to be no more permissive than another. Says it in Cedar; a symbolic compiler
//! and a solver, which are not of this room, find the answer.
//!
//! I1  Whatever else is attached beside the document, it counts by two things alone: what it allows, and what it denies
//!     explicitly. So the two claims together are exactly "no call more comes through than before".
//! I2  A proof is about more requests than there are: views are independent of each other and an ARN need not fit its
//!     type. What holds for all of them holds for the real ones.
//! I3  A refutation is shown only as a request in RAM's terms which the plain reading of both documents confirms.
//! I4  What is set aside (`reality`, `Seen::exclusion`) is only what no request can be, or what was tried and is none.

mod candidate;
mod reality;
mod sample;
mod seen;
mod witness;

use std::sync::Arc;

use cedar_policy::pst::{
    ActionConstraint, Clause, Effect as CedarEffect, PolicyID, PrincipalConstraint, ResourceConstraint,
    StaticPolicy, Template,
};
use cedar_policy::{Effect, Policy, PolicySet, RequestEnv, Schema};

use super::compiled::{Compiled, Named};
use super::expr::Node;
use super::needs::Needs;
use super::schema::{schema, type_name};
use crate::policy::catalogue::ResourceKind;
use crate::policy::language::{Document, DocumentKind, Effect as RamEffect, dialect};

pub use reality::reality;
pub use seen::Seen;
pub use witness::Witness;

/// One half of "no more permissive".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// What the new document allows, the old one allows.
    Allows,
    /// What the old document denies explicitly, the new one denies explicitly. A Deny also takes away what other
    /// documents allow.
    Denies,
}

/// The translation cannot be handed to a proof; a fault of the translation, never of the documents.
#[derive(Debug, thiserror::Error)]
#[error("the translation of a policy can't be used in a proof: {0}")]
pub struct Unusable(String);

/// The two documents.
#[derive(Debug)]
pub struct Pair {
    old: Compiled,
    new: Compiled,
    kind: DocumentKind,
}

/// The policies of both sides: the claim holds where `new` allows nothing that `old` does not.
#[derive(Debug)]
pub struct Sides {
    /// Of the new document.
    pub new: PolicySet,
    /// Of the old document.
    pub old: PolicySet,
}

impl Pair {
    /// Both are of this kind.
    pub fn new(kind: DocumentKind, old: Document, new: Document) -> Self {
        let compiled = |document| {
            Compiled::new([Named {
                name: "document".into(),
                document: Arc::new(document),
            }])
        };
        Self {
            old: compiled(old),
            new: compiled(new),
            kind,
        }
    }

    /// What is to be proved (I1). A trust or session policy must itself allow, so it does not matter to it whether a
    /// denial is explicit; neither does it to a document that stands `alone`.
    pub fn claims(&self, alone: bool) -> Vec<Claim> {
        let must_allow = matches!(self.kind, DocumentKind::Session | DocumentKind::Trust);
        let denies = self.document(false).is_some_and(|old| {
            let mut statements = old.statements().iter();
            statements.any(|statement| statement.effect == RamEffect::Deny)
        });
        if alone || must_allow || !denies {
            vec![Claim::Allows]
        } else {
            vec![Claim::Allows, Claim::Denies]
        }
    }

    /// The kinds of request that the documents are asked about: an action on a type of resource. A document that stands
    /// on one resource is asked about that type alone; for what everybody may do, none is asked.
    pub fn environments(&self, on: Option<ResourceKind>) -> Result<Vec<RequestEnv>, Unusable> {
        let trust = self.kind == DocumentKind::Trust;
        let environments = Self::schema()?.request_envs();
        Ok(environments
            .filter(|env| !reality::kinds(env).is_empty())
            .filter(|env| on.is_none_or(|kind| env.resource().to_string() == type_name(kind)))
            .filter(|env| !trust || env.action().id().unescaped() == dialect::ASSUME_ROLE)
            .collect())
    }

    /// The schema of the proof.
    pub fn schema() -> Result<&'static Schema, Unusable> {
        schema().map_err(|fault| Unusable(fault.to_owned()))
    }

    /// What the solver is asked for a claim.
    pub fn sides(&self, claim: Claim) -> Result<Sides, Unusable> {
        Ok(Sides {
            new: policies(&self.new, claim)?,
            old: policies(&self.old, claim)?,
        })
    }

    /// The document of one side. There always is one.
    fn document(&self, new: bool) -> Option<&Document> {
        let set = if new { &self.new } else { &self.old };
        set.documents().first().map(|named| &*named.document)
    }

    fn documents(&self) -> impl Iterator<Item = &Document> {
        [true, false].into_iter().filter_map(|new| self.document(new))
    }

    fn needs(&self) -> [&Needs; 2] {
        [&self.new.whole().needs, &self.old.whole().needs]
    }
}

fn policies(set: &Compiled, claim: Claim) -> Result<PolicySet, Unusable> {
    let whole = set.whole();
    if whole.broken {
        return Err(Unusable("a statement has no form in Cedar".to_owned()));
    }
    let chosen = whole
        .policies
        .policies()
        .filter(|policy| claim == Claim::Allows || policy.effect() == Effect::Forbid)
        .cloned();
    let mut policies = PolicySet::from_policies(chosen).map_err(unusable)?;
    if claim == Claim::Denies {
        // Everything but what is denied: the less the new side denies, the more is left of it.
        let rest = made("rest", CedarEffect::Permit, None)?;
        policies.add(rest).map_err(unusable)?;
    }
    Ok(policies)
}

/// A policy about every request that meets the condition.
fn made(id: &str, effect: CedarEffect, when: Option<Node>) -> Result<Policy, Unusable> {
    let template = Template::new(
        PolicyID(id.into()),
        effect,
        PrincipalConstraint::Any,
        ActionConstraint::Any,
        ResourceConstraint::Any,
    )
    .try_with_clauses(when.map(Clause::When))
    .map_err(unusable)?;
    let policy = StaticPolicy::try_from(template).map_err(|slots| Unusable(format!("{slots:?}")))?;
    Policy::from_pst(cedar_policy::pst::Policy::Static(policy)).map_err(unusable)
}

fn unusable(fault: impl std::fmt::Display) -> Unusable {
    Unusable(fault.to_string())
}
