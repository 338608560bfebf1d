//! One RAM statement becomes one Cedar policy (authorization reference, section 3.2).
//!
//! I1  Total: every statement that parses has a translation, and no evaluation of it can err. Cedar skips a policy that
//!     errs, and a skipped forbid would allow; so every access is guarded, and no value of a request is converted.
//! I2  The policy holds exactly when the statement does. The plain evaluator is the second reading; a property test
//!     holds both to one verdict and the same deciding statements.
//! I3  RAM's text stays the source of truth: translations are made anew at every start, since a newer catalogue may
//!     give `kms:*` more members.

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, Effect as CedarEffect, Policy, PolicyID, PrincipalConstraint,
    PstConstructionError, ResourceConstraint, StaticPolicy, Template, UnaryOp,
};

use super::expr::{
    self, Node, action, all, any, binary, context_has, equal, flag, like, not, of_context, of_principal,
    of_resource, text, unary,
};
use super::glob::{Glob, Subject};
use super::scope::{self, Scope};
use super::view::{Place, View};
use crate::policy::language::value::lower;
use crate::policy::language::{
    Condition, ConditionKey, DocumentKind, Effect, Operator, Pattern, Principal, Statement, Values, dialect,
};

/// The name that the statement's policy has, and what of it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form<'a> {
    /// For display, validation and proofs: with its action scope and its annotations, named `NAME#STATEMENT`.
    Whole {
        /// The name of the document.
        name: &'a str,
        /// The index of the statement in it.
        statement: usize,
    },
    /// For a slice, whose choice has already proved action and resource: without both, and without annotations.
    Slice {
        /// The index of the document in its layer.
        document: usize,
        /// The index of the statement in it.
        statement: usize,
    },
}

/// Translates a statement of a document of this kind. `None` if no action of the catalogue is covered: such a statement
/// can decide nothing. The error can only come from Cedar refusing what I1 promises; callers deny on it.
pub fn translate(
    kind: DocumentKind,
    statement: &Statement,
    form: Form<'_>,
) -> Result<Option<Policy>, Box<PstConstructionError>> {
    let (id, scope) = match form {
        Form::Whole {
            name,
            statement: index,
        } => match action_scope(statement) {
            Some(scope) => (format!("{name}#{index}"), scope),
            None => return Ok(None),
        },
        Form::Slice { document, statement } => (format!("{document}#{statement}"), ActionConstraint::Any),
    };
    let effect = match statement.effect {
        Effect::Allow => CedarEffect::Permit,
        Effect::Deny => CedarEffect::Forbid,
    };
    let template = Template::new(
        PolicyID(id.into()),
        effect,
        PrincipalConstraint::Any,
        scope,
        ResourceConstraint::Any,
    )
    .try_with_clauses(body(kind, statement, form).map(Clause::When))
    .map_err(Box::new)?
    .with_annotations(
        annotations(statement, form)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect(),
    );
    let policy = StaticPolicy::try_from(template).map_err(|slots| Box::new(slots.into()))?;
    Ok(Some(Policy::Static(policy)))
}

/// What a reader of the policy wants to know of its origin; a slice is read by nobody.
fn annotations(statement: &Statement, form: Form<'_>) -> Vec<(&'static str, String)> {
    match form {
        Form::Slice { .. } => Vec::new(),
        Form::Whole {
            name,
            statement: index,
        } => {
            let origin = [("policy", name.to_owned()), ("statement", index.to_string())];
            let sid = statement.sid.iter().map(|sid| ("sid", sid.to_string()));
            origin.into_iter().chain(sid).collect()
        }
    }
}

fn action_scope(statement: &Statement) -> Option<ActionConstraint> {
    Some(match Scope::of(&statement.actions) {
        Scope::Everything => ActionConstraint::Any,
        Scope::These(names) => match names.as_slice() {
            [] => return None,
            // A group is never asked for itself.
            [one] if !scope::is_group(one) => ActionConstraint::Eq(action(one)),
            many => ActionConstraint::In(many.iter().map(|name| action(name)).collect()),
        },
    })
}

/// The conjunction of all that the statement asks for; `None` if it asks for nothing.
fn body(kind: DocumentKind, statement: &Statement, form: Form<'_>) -> Option<Node> {
    let mut terms = Vec::new();
    if let Form::Whole { .. } = form {
        terms.extend(resources(&statement.resources));
    }
    terms.extend(
        statement
            .principals
            .as_deref()
            .map(|named| principals(kind, statement.effect, named)),
    );
    terms.extend(statement.conditions.iter().map(condition));
    all(terms)
}

/// `None` for every resource.
fn resources(patterns: &[Pattern]) -> Option<Node> {
    if patterns.iter().any(Pattern::is_any) {
        return None;
    }
    any(patterns
        .iter()
        .map(|pattern| matching(Subject::Resource, || of_resource("arn"), pattern))
        .collect())
}

/// An empty list names nobody.
fn principals(kind: DocumentKind, effect: Effect, named: &[Principal]) -> Node {
    let named = named.iter().map(|principal| match principal {
        Principal::Account(account) => {
            let member = equal(of_principal("account"), text(account));
            // In the Allow of a key policy, an account as such is no grant to the users of the key's own account.
            if kind == DocumentKind::Resource && effect == Effect::Allow {
                let elsewhere = binary(BinaryOp::NotEq, of_resource("account"), text(account));
                binary(BinaryOp::And, member, elsewhere)
            } else {
                member
            }
        }
        Principal::User { .. } | Principal::Role { .. } | Principal::Service(_) | Principal::Federated(_) => {
            equal(of_principal("arn"), text(&principal.to_string()))
        }
    });
    any(named.collect()).unwrap_or_else(|| flag(false))
}

/// Guarded by `present`, so that a missing value can neither match nor err.
fn condition(condition: &Condition) -> Node {
    let view = View::of(condition.operator, &condition.values);
    let (present, value) = read(&condition.key, view);
    let matches = any(matches(condition, &value)).unwrap_or_else(|| flag(false));
    let without_value = dialect::holds_without_value(condition.operator);
    match (condition.operator.is_negated(), without_value) {
        (false, false) => binary(BinaryOp::And, present, matches),
        (true, true) => not(binary(BinaryOp::And, present, matches)),
        (true, false) => binary(BinaryOp::And, present, not(matches)),
        (false, true) => not(binary(BinaryOp::And, present, not(matches))),
    }
}

/// Whether the key has a value in this view, and the value.
fn read(key: &ConditionKey, view: View) -> (Node, Node) {
    let tagged = |entity: Node, tag: &str| {
        let has = binary(BinaryOp::HasTag, entity.clone(), text(tag));
        (has, binary(BinaryOp::GetTag, entity, text(tag)))
    };
    match Place::of(key, view) {
        Place::Context(typed) => (context_has(typed.name()), of_context(typed.name())),
        Place::ResourceTag(tag) => tagged(expr::resource(), tag),
        Place::In(view) => tagged(expr::view(view), &key.canonical()),
    }
}

/// One term for each value.
fn matches(condition: &Condition, value: &Node) -> Vec<Node> {
    fn each<T>(values: &[T], term: impl Fn(&T) -> Node) -> Vec<Node> {
        values.iter().map(term).collect()
    }
    let typed = |function, constant: String| unary(function, text(&constant));
    let compare = comparison(condition.operator);
    match &condition.values {
        Values::Texts(texts) if View::of(condition.operator, &condition.values) == View::Lower => {
            each(texts, |constant| equal(value.clone(), text(&lower(constant))))
        }
        Values::Texts(texts) => each(texts, |constant| equal(value.clone(), text(constant))),
        Values::Patterns(patterns) => each(patterns, |pattern| {
            matching(Subject::Key(condition.key.clone()), || value.clone(), pattern)
        }),
        Values::Numbers(numbers) => each(numbers, |number| {
            binary(
                compare,
                value.clone(),
                typed(UnaryOp::Decimal, number.to_string()),
            )
        }),
        Values::Moments(moments) => each(moments, |moment| {
            binary(
                compare,
                value.clone(),
                typed(UnaryOp::Datetime, moment.to_string()),
            )
        }),
        Values::Flags(flags) => each(flags, |constant| equal(value.clone(), flag(*constant))),
        Values::Networks(networks) => each(networks, |network| {
            binary(
                BinaryOp::IsInRange,
                value.clone(),
                typed(UnaryOp::Ip, network.to_string()),
            )
        }),
    }
}

/// How the operator's positive compares; decimals have words of their own in Cedar.
const fn comparison(operator: Operator) -> BinaryOp {
    use Operator as O;
    match operator {
        O::NumericLessThan => BinaryOp::DecimalLessThan,
        O::NumericLessThanEquals => BinaryOp::DecimalLessEq,
        O::NumericGreaterThan => BinaryOp::DecimalGreater,
        O::NumericGreaterThanEquals => BinaryOp::DecimalGreaterEq,
        O::DateLessThan => BinaryOp::Less,
        O::DateLessThanEquals => BinaryOp::LessEq,
        O::DateGreaterThan => BinaryOp::Greater,
        O::DateGreaterThanEquals => BinaryOp::GreaterEq,
        O::StringEquals
        | O::StringNotEquals
        | O::StringEqualsIgnoreCase
        | O::StringNotEqualsIgnoreCase
        | O::StringLike
        | O::StringNotLike
        | O::NumericEquals
        | O::NumericNotEquals
        | O::DateEquals
        | O::DateNotEquals
        | O::Bool
        | O::IpAddress
        | O::NotIpAddress => BinaryOp::Eq,
    }
}

/// A pattern without wildcard is an equality, one with `*` a `like`, one with `?` a question to the host.
fn matching(subject: Subject, value: impl Fn() -> Node, pattern: &Pattern) -> Node {
    if let Some(literal) = pattern.literal() {
        return equal(value(), text(literal));
    }
    like(value(), pattern).unwrap_or_else(|| {
        let pattern = pattern.clone();
        let glob = Glob { subject, pattern };
        binary(BinaryOp::Contains, of_context("globs"), text(&glob.to_string()))
    })
}
