//! From the layers' answers to one outcome. Pure and small, so that its whole table is tested.
//!
//! I1  An explicit Deny wins, whatever the order, policy or layer.
//! I2  What nothing allows is denied.
//! I3  A layer that cannot be read denies.
//! I4  A session policy only narrows.

use super::language::{Document, dialect};
use super::request::{Caller, Check, Who};

/// A statement: the index of its document in the layer, and its own in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementRef {
    /// The document, counted from 0 in the layer's order.
    pub document: usize,
    /// The statement, counted from 0.
    pub statement: usize,
}

/// What one layer says about one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// These statements deny.
    Denied(Vec<StatementRef>),
    /// These allow, and none denies.
    Allowed(Vec<StatementRef>),
    /// No statement is about the check.
    Silent,
    /// A document of the layer cannot be read, or its evaluation failed.
    Broken,
}

impl Layer {
    /// From the statements that hold.
    pub fn of(allows: Vec<StatementRef>, denies: Vec<StatementRef>) -> Self {
        match (allows.is_empty(), denies.is_empty()) {
            (_, false) => Self::Denied(denies),
            (false, true) => Self::Allowed(allows),
            (true, true) => Self::Silent,
        }
    }

    /// Whether it allows.
    pub const fn allows(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// Where a document stands. In the order in which a denial is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerName {
    /// The trust policy of the role to be assumed.
    Trust,
    /// The session's own policy.
    Session,
    /// The policies attached to the user and its groups, or to the role.
    Identity,
    /// The policy of the key or secret.
    Resource,
}

/// How the caller stands to the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The owner of the resource's account, or of the caller's own where nobody owns the resource.
    Root,
    /// Of the account that owns the resource, or nobody owns it.
    Home,
    /// Of another account.
    Stranger,
    /// A service, which has no identity policies.
    Service,
}

impl Standing {
    /// Of this caller to the resource of this owner.
    pub fn of(caller: &Caller<'_>, owner: Option<&str>) -> Self {
        let home = owner.is_none_or(|owner| owner == caller.account);
        match (caller.who, home) {
            (Who::Service(_), _) => Self::Service,
            (Who::Root, true) => Self::Root,
            (_, true) => Self::Home,
            (_, false) => Self::Stranger,
        }
    }
}

/// The layers' answers to one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    /// The trust policy; `Some` exactly when the action is sts:AssumeRole.
    pub trust: Option<Layer>,
    /// The session policy, if the session was given one.
    pub session: Option<Layer>,
    /// The attached policies; `Silent` for who has none.
    pub identity: Layer,
    /// The policy of the resource, if it has one.
    pub resource: Option<Layer>,
}

/// Yes or no.
pub type Verdict = super::language::Effect;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The account's owner needs no policy.
    Root,
    /// Statements allow.
    Allow,
    /// Nothing allows.
    ImplicitDeny,
    /// A statement denies, or a layer cannot be read.
    ExplicitDeny,
}

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why it is as it is.
    pub kind: Kind,
    /// The layer that decided: the first that denies, the first whose Allow is missing, or the first that allows.
    /// `None` for the root.
    pub layer: Option<LayerName>,
    /// Every statement that made the decision: of the deciding layer for a Deny, of all allowing layers for an Allow.
    pub statements: Vec<(LayerName, StatementRef)>,
}

impl Outcome {
    /// Yes or no.
    pub const fn effect(&self) -> Verdict {
        match self.kind {
            Kind::Root | Kind::Allow => Verdict::Allow,
            Kind::ImplicitDeny | Kind::ExplicitDeny => Verdict::Deny,
        }
    }

    /// Whether the check passes.
    pub const fn is_allowed(&self) -> bool {
        matches!(self.kind, Kind::Root | Kind::Allow)
    }
}

/// Combines the layers (authorization reference, section 1.7).
pub fn combine(standing: Standing, layers: Layers) -> Outcome {
    // A root needs no policy, and assumes no role: a session would hide who acts.
    if standing == Standing::Root && layers.trust.is_none() {
        return Outcome {
            kind: Kind::Root,
            layer: None,
            statements: Vec::new(),
        };
    }
    // Who may allow: each group needs one layer that does. Session first, for it only narrows (I4).
    let sides: &[&[LayerName]] = match (layers.trust.is_some(), standing) {
        (true, Standing::Service) => &[&[LayerName::Trust]],
        (true, _) => &[&[LayerName::Trust], &[LayerName::Identity]],
        // A service has no identity policies: only what names it could allow, and key policies name none.
        (false, Standing::Stranger | Standing::Service) => &[&[LayerName::Identity], &[LayerName::Resource]],
        (false, _) => &[&[LayerName::Identity, LayerName::Resource]],
    };
    let named = [
        (LayerName::Trust, layers.trust),
        (LayerName::Session, layers.session),
        (LayerName::Identity, Some(layers.identity)),
        (LayerName::Resource, layers.resource),
    ];
    for (name, layer) in &named {
        let denies = match layer {
            Some(Layer::Denied(denies)) => denies.as_slice(),
            Some(Layer::Broken) => &[],
            Some(Layer::Allowed(_) | Layer::Silent) | None => continue,
        };
        return Outcome {
            kind: Kind::ExplicitDeny,
            layer: Some(*name),
            statements: denies.iter().map(|statement| (*name, *statement)).collect(),
        };
    }
    let allowed = |name: &LayerName| {
        named
            .iter()
            .any(|(other, layer)| other == name && layer.as_ref().is_some_and(Layer::allows))
    };
    let narrowed = named
        .iter()
        .find(|(name, layer)| *name == LayerName::Session && layer.is_some())
        .filter(|(name, _)| !allowed(name))
        .map(|(name, _)| *name);
    let missing = sides
        .iter()
        .filter(|side| !side.iter().any(allowed))
        .find_map(|side| side.first().copied());
    if let Some(layer) = narrowed.into_iter().chain(missing).min() {
        return Outcome {
            kind: Kind::ImplicitDeny,
            layer: Some(layer),
            statements: Vec::new(),
        };
    }
    let mut statements = Vec::new();
    for (name, layer) in &named {
        let counts = *name == LayerName::Session || sides.iter().any(|side| side.contains(name));
        if let (true, Some(Layer::Allowed(allows))) = (counts, layer) {
            statements.extend(allows.iter().map(|statement| (*name, *statement)));
        }
    }
    let by_side = statements
        .iter()
        .map(|(name, _)| *name)
        .find(|name| *name != LayerName::Session);
    Outcome {
        kind: Kind::Allow,
        layer: by_side,
        statements,
    }
}

/// Answers for one layer: the documents that stand in it, against one check.
pub trait Evaluator: std::fmt::Debug {
    /// What the layer says. Statement indexes refer to `documents`.
    fn layer(&self, documents: &[&Document], caller: &Caller<'_>, check: &Check<'_>) -> Layer;
}

/// The documents that bear on one check, by layer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Documents<'a> {
    /// The attached policies.
    pub identity: &'a [&'a Document],
    /// The session policy.
    pub session: Option<&'a Document>,
    /// The policy of the key or secret under check.
    pub resource: Option<&'a Document>,
    /// The trust policy of the role to be assumed.
    pub trust: Option<&'a Document>,
}

/// Decides one check: asks the evaluator for each layer, and combines.
pub fn decide(
    evaluator: &dyn Evaluator,
    documents: &Documents<'_>,
    caller: &Caller<'_>,
    check: &Check<'_>,
) -> Outcome {
    let one = |document: &Document| evaluator.layer(&[document], caller, check);
    let assumes = check.action.eq_ignore_ascii_case(dialect::ASSUME_ROLE);
    let layers = Layers {
        // A role without a readable trust policy trusts nobody.
        trust: assumes.then(|| documents.trust.map_or(Layer::Silent, one)),
        session: documents.session.map(one),
        // Nothing is ever attached to a root or a service, and nothing handed in by mistake counts.
        identity: match caller.who {
            Who::Root | Who::Service(_) => Layer::Silent,
            Who::User { .. } | Who::Session { .. } => evaluator.layer(documents.identity, caller, check),
        },
        resource: documents.resource.map(one),
    };
    combine(Standing::of(caller, check.owner()), layers)
}

#[cfg(test)]
mod tests;
