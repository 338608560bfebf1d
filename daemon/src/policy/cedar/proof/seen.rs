//! A counterexample as the solver gives it, as far as the two documents read it.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::{BinaryOp, Effect, UnaryOp};
use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, EvalResult, Policy, Request};

use super::{Pair, Unusable, made};
use crate::policy::cedar::expr::{
    Node, all, binary, equal, flag, not, of_context, of_principal, of_resource, text, unary,
};
use crate::policy::cedar::glob::Glob;
use crate::policy::cedar::translate::read;
use crate::policy::cedar::view::{Place, View};
use crate::policy::language::{ConditionKey, Moment};

/// Where a document finds a value: the family it reads it in, and the key.
pub(super) type Slot = (View, ConditionKey);

/// The values that the two documents read.
pub(super) fn slots(pair: &Pair) -> BTreeSet<Slot> {
    let of_one = |needs: &crate::policy::cedar::needs::Needs| {
        let typed = needs.typed.iter().map(|typed| (typed.view(), typed.key()));
        let tags = needs.tags.iter().map(|key| (View::Text, key.clone()));
        typed
            .chain(tags)
            .chain(needs.views.iter().cloned())
            .collect::<Vec<_>>()
    };
    pair.needs().into_iter().flat_map(of_one).collect()
}

/// What the solver thought of. Texts are Cedar's normal forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The resource's ARN.
    pub(super) arn: String,
    /// The account that owns it.
    pub(super) owner: String,
    /// The caller's name.
    pub(super) caller: String,
    /// The caller's account.
    pub(super) account: String,
    /// The values that the documents read; `None` where the request has none.
    pub(super) values: BTreeMap<Slot, Option<String>>,
    /// The patterns with `?` that the documents ask for, and whether they matched.
    pub(super) globs: Vec<(Glob, bool)>,
    reads_resource: bool,
    reads_caller: bool,
}

impl Seen {
    /// Reads a counterexample of the two documents.
    pub fn of(pair: &Pair, request: &Request, entities: &Entities) -> Self {
        let principal = request.principal().and_then(|uid| entities.get(uid));
        let resource = request.resource().and_then(|uid| entities.get(uid));
        let values = slots(pair)
            .into_iter()
            .map(|slot| {
                let found = value(&slot, request, entities, resource);
                let shown = found.and_then(shown);
                (slot, shown)
            })
            .collect();
        let mut globs: Vec<(Glob, bool)> = Vec::new();
        let held = request.context().and_then(|context| context.get("globs"));
        for glob in pair.needs().into_iter().flat_map(|needs| &needs.globs) {
            let name = EvalResult::String(glob.to_string());
            let is_held = matches!(&held, Some(EvalResult::Set(set)) if set.contains(&name));
            if !globs.iter().any(|(known, _)| known == glob) {
                globs.push((glob.clone(), is_held));
            }
        }
        Self {
            arn: attribute(resource, "arn"),
            owner: attribute(resource, "account"),
            caller: attribute(principal, "arn"),
            account: attribute(principal, "account"),
            values,
            globs,
            reads_resource: pair.needs().iter().any(|needs| needs.resource),
            reads_caller: pair.needs().iter().any(|needs| needs.principal),
        }
    }

    /// A denial of exactly what was seen, for the new side of the same question. `None` if the documents read nothing
    /// of it: that would set aside everything.
    pub fn exclusion(&self, nth: usize) -> Result<Option<Policy>, Unusable> {
        let mut terms = Vec::new();
        if self.reads_resource {
            terms.push(equal(of_resource("arn"), text(&self.arn)));
            terms.push(equal(of_resource("account"), text(&self.owner)));
        }
        if self.reads_caller {
            terms.push(equal(of_principal("arn"), text(&self.caller)));
            terms.push(equal(of_principal("account"), text(&self.account)));
        }
        for ((view, key), found) in &self.values {
            let (present, value) = read(key, *view);
            terms.push(match found {
                Some(found) => binary(BinaryOp::And, present, equal(value, constant(*view, found))),
                None => not(present),
            });
        }
        for (glob, held) in &self.globs {
            let holds = binary(BinaryOp::Contains, of_context("globs"), text(&glob.to_string()));
            terms.push(if *held { holds } else { not(holds) });
        }
        all(terms)
            .map(|when| made(&format!("seen-{nth}"), Effect::Forbid, Some(when)))
            .transpose()
    }
}

/// The value as Cedar writes it.
pub(super) fn constant(view: View, value: &str) -> Node {
    match view {
        View::Text | View::Lower => text(value),
        View::Flag => flag(value == "true"),
        View::Number => unary(UnaryOp::Decimal, text(value)),
        View::Date => unary(UnaryOp::Datetime, text(value)),
        View::Address => unary(UnaryOp::Ip, text(value)),
    }
}

fn value(
    (view, key): &Slot,
    request: &Request,
    entities: &Entities,
    resource: Option<&Entity>,
) -> Option<EvalResult> {
    match Place::of(key, *view) {
        Place::Context(typed) => request.context()?.get(typed.name()),
        Place::ResourceTag(tag) => resource?.tag(tag)?.ok(),
        Place::In(view) => {
            let name: EntityTypeName = view.type_name().parse().ok()?;
            let uid = EntityUid::from_type_name_and_id(name, EntityId::new(view.id()));
            entities.get(&uid)?.tag(&key.canonical())?.ok()
        }
    }
}

fn attribute(of: Option<&Entity>, name: &str) -> String {
    match of.and_then(|entity| entity.attr(name)) {
        Some(Ok(EvalResult::String(text))) => text,
        _ => String::new(),
    }
}

/// The value as text: what stands between the quotes of `decimal("5.0000")` and `ip("10.0.0.0/8")`; a moment is
/// `(datetime("1970-01-01")).offset(duration("5ms"))`.
fn shown(value: EvalResult) -> Option<String> {
    match value {
        EvalResult::String(text) => Some(text),
        EvalResult::Bool(flag) => Some(flag.to_string()),
        EvalResult::ExtensionValue(call) => {
            let quoted = call.split('"').skip(1).step_by(2).collect::<Vec<_>>();
            match quoted.as_slice() {
                [value] => Some((*value).to_owned()),
                [_epoch, offset] => {
                    let millis = offset.strip_suffix("ms")?.parse().ok()?;
                    Moment::from_millis(millis).map(|moment| moment.to_string())
                }
                _ => None,
            }
        }
        _ => None,
    }
}
