//! Small words for building Cedar expressions, so that the translation reads like its table.
//!
//! Expressions are built as trees of public syntax nodes, never as text: there is nothing to escape.

use std::sync::{Arc, LazyLock};

use cedar_policy::pst::{BinaryOp, EntityType, EntityUID, Expr, Literal, Name, PatternElem, UnaryOp, Var};
use nonempty::NonEmpty;

use super::view::View;
use crate::policy::language::{Pattern, Piece};

/// An expression, shared where it is used twice.
pub(super) type Node = Arc<Expr>;

/// A text constant.
pub(super) fn text(value: &str) -> Node {
    Arc::new(Expr::Literal(Literal::String(value.into())))
}

/// A truth constant.
pub(super) fn flag(value: bool) -> Node {
    Arc::new(Expr::Literal(Literal::Bool(value)))
}

/// `resource`.
pub(super) fn resource() -> Node {
    Arc::new(Expr::Var(Var::Resource))
}

/// `principal.NAME`.
pub(super) fn of_principal(name: &str) -> Node {
    attribute(Expr::Var(Var::Principal), name)
}

/// `resource.NAME`.
pub(super) fn of_resource(name: &str) -> Node {
    attribute(Expr::Var(Var::Resource), name)
}

/// `context.NAME`.
pub(super) fn of_context(name: &str) -> Node {
    attribute(Expr::Var(Var::Context), name)
}

/// `context has NAME`.
pub(super) fn context_has(name: &str) -> Node {
    Arc::new(Expr::HasAttr {
        expr: Arc::new(Expr::Var(Var::Context)),
        attrs: NonEmpty::new(name.into()),
    })
}

/// The entity that holds a view.
pub(super) fn view(view: View) -> Node {
    Arc::new(Expr::Literal(Literal::EntityUID(EntityUID {
        ty: NAMES.of(view).clone(),
        eid: view.id().into(),
    })))
}

/// `Action::"NAME"`.
pub(super) fn action(name: &str) -> EntityUID {
    EntityUID {
        ty: NAMES.action.clone(),
        eid: name.into(),
    }
}

/// `LEFT op RIGHT`.
pub(super) fn binary(op: BinaryOp, left: Node, right: Node) -> Node {
    Arc::new(Expr::BinaryOp { op, left, right })
}

/// A function of one argument.
pub(super) fn unary(op: UnaryOp, expr: Node) -> Node {
    Arc::new(Expr::UnaryOp { op, expr })
}

/// `LEFT == RIGHT`.
pub(super) fn equal(left: Node, right: Node) -> Node {
    binary(BinaryOp::Eq, left, right)
}

/// `!(EXPR)`.
pub(super) fn not(expr: Node) -> Node {
    unary(UnaryOp::Not, expr)
}

/// `VALUE like PATTERN`; `None` for a pattern with `?`, which Cedar cannot express.
pub(super) fn like(value: Node, pattern: &Pattern) -> Option<Node> {
    let mut elements = Vec::new();
    for piece in pattern.pieces() {
        match piece {
            Piece::Literal(text) => elements.extend(text.chars().map(PatternElem::Char)),
            Piece::Any => elements.push(PatternElem::Wildcard),
            Piece::One => return None,
        }
    }
    Some(Arc::new(Expr::Like {
        expr: value,
        pattern: elements,
    }))
}

/// All of them; `None` if there are none.
pub(super) fn all(terms: Vec<Node>) -> Option<Node> {
    joined(BinaryOp::And, &terms)
}

/// Any of them; `None` if there are none.
pub(super) fn any(terms: Vec<Node>) -> Option<Node> {
    joined(BinaryOp::Or, &terms)
}

/// A short chain reads from the left; a long one is cut in halves. Cedar evaluates by recursion and errs when the stack
/// runs low, so the depth must not grow with the length of a list that a policy's author chooses.
fn joined(op: BinaryOp, terms: &[Node]) -> Option<Node> {
    if terms.len() <= FLAT_MAX {
        return terms
            .iter()
            .cloned()
            .reduce(|left, right| binary(op, left, right));
    }
    let (left, right) = terms.split_at(terms.len() / 2);
    Some(binary(op, joined(op, left)?, joined(op, right)?))
}

/// Longest chain that is not cut in halves.
const FLAT_MAX: usize = 8;

fn attribute(of: Expr, name: &str) -> Node {
    Arc::new(Expr::GetAttr {
        expr: Arc::new(of),
        attr: name.into(),
    })
}

/// The entity types of expressions, read once: a name costs microseconds to read.
struct Names {
    action: EntityType,
    texts: EntityType,
    numbers: EntityType,
    moments: EntityType,
    addresses: EntityType,
    flags: EntityType,
}

impl Names {
    const fn of(&self, view: View) -> &EntityType {
        match view {
            View::Text | View::Lower => &self.texts,
            View::Number => &self.numbers,
            View::Date => &self.moments,
            View::Address => &self.addresses,
            View::Flag => &self.flags,
        }
    }
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    action: named("Action"),
    texts: named(View::Text.type_name()),
    numbers: named(View::Number.type_name()),
    moments: named(View::Date.type_name()),
    addresses: named(View::Address.type_name()),
    flags: named(View::Flag.type_name()),
});

#[expect(
    clippy::expect_used,
    reason = "the names are constants; every test of this room reads them"
)]
fn named(text: &str) -> EntityType {
    EntityType::from_name(Name::unqualified(text).expect("a constant identifier"))
}
