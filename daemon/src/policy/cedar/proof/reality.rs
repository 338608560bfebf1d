//! What every real request fulfils and Cedar's schema does not say. Added to a question when its first counterexample is
//! one that nobody can send; each of these takes away only what no request can be.

use std::collections::BTreeMap;

use cedar_policy::pst::{BinaryOp, Effect, UnaryOp};
use cedar_policy::{Policy, RequestEnv};

use super::seen::{constant, slots};
use super::{Pair, Unusable, made};
use crate::policy::catalogue::{self, ResourceKind};
use crate::policy::cedar::expr::{
    Node, all, any, binary, context_has, equal, like, not, of_context, of_principal, of_resource, text, unary,
};
use crate::policy::cedar::glob::{Glob, Subject};
use crate::policy::cedar::schema::type_name;
use crate::policy::cedar::translate::read;
use crate::policy::cedar::view::View;
use crate::policy::language::value::{lower, read_address, read_flag};
use crate::policy::language::{ConditionKey, Moment, Number, Pattern, Principal, Values};

/// Denials for the new side of a question about this kind of request.
pub fn reality(pair: &Pair, environment: &RequestEnv) -> Result<Vec<Policy>, Unusable> {
    let untrue = [
        arn(environment),
        time(),
        globs(pair),
        dates(pair),
        cases(pair),
        families(pair),
        missing(pair, environment),
        accounts(pair),
        callers(pair),
        constants(pair),
    ];
    let untrue = untrue.into_iter().flatten().enumerate();
    untrue
        .map(|(nth, when)| made(&format!("unreal-{nth}"), Effect::Forbid, Some(when)))
        .collect()
}

/// The kinds of resource that a kind of request is about.
pub(super) fn kinds(environment: &RequestEnv) -> Vec<ResourceKind> {
    let wanted = environment.resource().to_string();
    let action = catalogue::find(environment.action().id().unescaped());
    let on = action.map_or(&[][..], |action| action.on).iter().copied();
    on.filter(|kind| type_name(*kind) == wanted).collect()
}

/// The ARN has the form of its kind.
fn arn(environment: &RequestEnv) -> Option<Node> {
    let forms = kinds(environment).into_iter().filter_map(|kind| {
        if kind == ResourceKind::Unscoped {
            return Some(equal(of_resource("arn"), text("*")));
        }
        like(of_resource("arn"), &Pattern::parse(kind.form()))
    });
    any(forms.collect()).map(not)
}

/// A request has a time, and one that can be written.
fn time() -> Option<Node> {
    let bound = |op, moment| {
        binary(
            op,
            of_context("currentTime"),
            unary(UnaryOp::Datetime, text(moment)),
        )
    };
    let real = [
        context_has("currentTime"),
        bound(BinaryOp::GreaterEq, FIRST),
        bound(BinaryOp::LessEq, LAST),
    ];
    all(real.into()).map(not)
}

/// The values of the view of moments, too, can be written.
fn dates(pair: &Pair) -> Option<Node> {
    let outside = slots(pair)
        .into_iter()
        .filter(|(view, _)| *view == View::Date)
        .filter_map(|(view, key)| {
            let (present, value) = read(&key, view);
            let bound = |op, moment| binary(op, value.clone(), unary(UnaryOp::Datetime, text(moment)));
            let real = any(vec![bound(BinaryOp::Less, FIRST), bound(BinaryOp::Greater, LAST)])?;
            Some(binary(BinaryOp::And, present, real))
        });
    any(outside.collect())
}

/// A pattern with `?` that matched also matches when each `?` is read as `*`.
fn globs(pair: &Pair) -> Option<Node> {
    let globs = pair.needs().into_iter().flat_map(|needs| &needs.globs);
    let unreal = globs.filter_map(|glob| {
        let wider = Pattern::parse(&glob.pattern.to_string().replace('?', "*"));
        let held = binary(BinaryOp::Contains, of_context("globs"), text(&glob.to_string()));
        let fits = match &glob.subject {
            Subject::Resource => like(of_resource("arn"), &wider)?,
            Subject::Key(key) => {
                let (present, value) = read(key, View::Text);
                binary(BinaryOp::And, present, like(value, &wider)?)
            }
        };
        Some(binary(BinaryOp::And, held, not(fits)))
    });
    any(unreal.collect())
}

/// Lower case has no capitals.
fn cases(pair: &Pair) -> Option<Node> {
    let lower = slots(pair).into_iter().filter(|(view, _)| *view == View::Lower);
    let unreal = lower.filter_map(|(view, key)| {
        let (present, value) = read(&key, view);
        let capitals = ('A'..='Z').filter_map(|c| like(value.clone(), &Pattern::parse(&format!("*{c}*"))));
        Some(binary(BinaryOp::And, present, any(capitals.collect())?))
    });
    any(unreal.collect())
}

/// A value that reads in one family is a text, and so has a lower case; one text is no number and a moment at once.
fn families(pair: &Pair) -> Option<Node> {
    let mut views: BTreeMap<ConditionKey, Vec<View>> = BTreeMap::new();
    for (view, key) in slots(pair) {
        views.entry(key).or_default().push(view);
    }
    let mut unreal = Vec::new();
    for (key, views) in &views {
        for (nth, one) in views.iter().enumerate() {
            for other in views.iter().skip(nth + 1) {
                let (one_has, _) = read(key, *one);
                let (other_has, _) = read(key, *other);
                let is_text = |view: &View| matches!(view, View::Text | View::Lower);
                unreal.push(match (is_text(one), is_text(other)) {
                    (true, true) => not(equal(one_has, other_has)),
                    (true, false) => binary(BinaryOp::And, other_has, not(one_has)),
                    (false, true) => binary(BinaryOp::And, one_has, not(other_has)),
                    (false, false) => binary(BinaryOp::And, one_has, other_has),
                });
            }
        }
    }
    any(unreal)
}

/// Some keys never have a value, and few kinds of resource have tags.
fn missing(pair: &Pair, environment: &RequestEnv) -> Option<Node> {
    let tagged = kinds(environment).into_iter().any(ResourceKind::has_tags);
    let never = slots(pair).into_iter().filter(|(_, key)| match key {
        ConditionKey::Absent(_) => true,
        ConditionKey::Tag(_) => !tagged,
        _ => false,
    });
    any(never.map(|(view, key)| read(&key, view).0).collect())
}

/// Who is named is of the account that the name says; a service is of none, and nobody comes from an identity provider.
fn accounts(pair: &Pair) -> Option<Node> {
    let statements = pair.documents().flat_map(|document| document.statements());
    let named = statements.flat_map(|statement| statement.principals.iter().flatten());
    let unreal = named.filter_map(|principal| {
        let account = match principal {
            Principal::User { account, .. } | Principal::Role { account, .. } => account,
            Principal::Service(_) => "",
            Principal::Federated(_) => return Some(equal(of_principal("arn"), text(&principal.to_string()))),
            Principal::Account(_) => return None,
        };
        let is_it = equal(of_principal("arn"), text(&principal.to_string()));
        let elsewhere = not(equal(of_principal("account"), text(account)));
        Some(binary(BinaryOp::And, is_it, elsewhere))
    });
    any(unreal.collect())
}

/// The conditions about the caller read what the caller is: a name that is no truth value and no moment, an account
/// that is no address either.
fn callers(pair: &Pair) -> Option<Node> {
    let unreal = slots(pair).into_iter().filter_map(|(view, key)| {
        let (present, value) = read(&key, view);
        let right = match key {
            ConditionKey::PrincipalArn => of_principal("arn"),
            ConditionKey::AccountId => of_principal("account"),
            _ => return None,
        };
        match view {
            View::Text => Some(not(binary(BinaryOp::And, present, equal(value, right)))),
            View::Flag | View::Date => Some(present),
            View::Address => (key == ConditionKey::AccountId).then_some(present),
            View::Lower | View::Number => None,
        }
    });
    any(unreal.collect())
}

/// The texts that the documents themselves name have known readings, and known patterns match them.
fn constants(pair: &Pair) -> Option<Node> {
    let slots = slots(pair);
    let statements = || pair.documents().flat_map(|document| document.statements());
    let globs = || pair.needs().into_iter().flat_map(|needs| &needs.globs);
    let held = |glob: &Glob| binary(BinaryOp::Contains, of_context("globs"), text(&glob.to_string()));
    let mut unreal = Vec::new();
    for condition in statements().flat_map(|statement| &statement.conditions) {
        let key = &condition.key;
        if !slots.contains(&(View::Text, key.clone())) {
            continue;
        }
        let (present, value) = read(key, View::Text);
        for named in literals(&condition.values) {
            let mut wrong = Vec::new();
            for view in View::ALL.into_iter().filter(|view| *view != View::Text) {
                if slots.contains(&(view, key.clone())) {
                    let (has, found) = read(key, view);
                    wrong.push(match reading(view, &named) {
                        Some(right) => not(binary(BinaryOp::And, has, equal(found, constant(view, &right)))),
                        None => has,
                    });
                }
            }
            for glob in globs().filter(|glob| glob.subject == Subject::Key(key.clone())) {
                let holds = held(glob);
                wrong.push(if glob.pattern.matches(&named) {
                    not(holds)
                } else {
                    holds
                });
            }
            let is_it = binary(BinaryOp::And, present.clone(), equal(value.clone(), text(&named)));
            unreal.extend(any(wrong).map(|wrong| binary(BinaryOp::And, is_it, wrong)));
        }
    }
    let literals = statements()
        .flat_map(|statement| &statement.resources)
        .filter_map(Pattern::literal);
    for named in literals {
        for glob in globs().filter(|glob| glob.subject == Subject::Resource) {
            let holds = held(glob);
            let wrong = if glob.pattern.matches(named) {
                not(holds)
            } else {
                holds
            };
            unreal.push(binary(
                BinaryOp::And,
                equal(of_resource("arn"), text(named)),
                wrong,
            ));
        }
    }
    any(unreal)
}

fn literals(values: &Values) -> Vec<String> {
    match values {
        Values::Patterns(patterns) => {
            let literals = patterns.iter().filter_map(Pattern::literal);
            literals.map(str::to_owned).collect()
        }
        values => values.texts(),
    }
}

/// What a text is in a family, in Cedar's form.
fn reading(view: View, named: &str) -> Option<String> {
    match view {
        View::Text => Some(named.to_owned()),
        View::Lower => Some(lower(named)),
        View::Number => Number::read(named).map(|value| value.to_string()),
        View::Date => Moment::read(named).map(|value| value.to_string()),
        View::Address => read_address(named).map(|value| value.to_string()),
        View::Flag => read_flag(named).map(|value| value.to_string()),
    }
}

/// The first and the last moment that can be written (`Moment`).
const FIRST: &str = "0001-01-01T00:00:00.000Z";
const LAST: &str = "9999-12-31T23:59:59.999Z";
