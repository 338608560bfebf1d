//! Conditions that no request can meet.

use super::{Notes, Subject};
use crate::policy::catalogue::Action;
use crate::policy::language::{
    Condition, ConditionKey, Effect, Family, Moment, Number, Operator, Values, dialect,
};

pub(super) fn look(subject: &Subject<'_>, notes: &mut Notes) {
    let conditions = &subject.statement.conditions;
    // A negated operator holds without a value: such a condition is met, not impossible.
    for condition in conditions
        .iter()
        .filter(|condition| !condition.operator.is_negated())
    {
        missing(subject, condition, notes);
    }
    let mut seen: Vec<&ConditionKey> = Vec::new();
    for condition in conditions {
        if !seen.contains(&&condition.key) {
            seen.push(&condition.key);
            let same: Vec<_> = conditions
                .iter()
                .filter(|other| other.key == condition.key)
                .collect();
            if contradict(&same) {
                notes.mistake(format!(
                    "it never applies: its conditions on `{}` exclude each other",
                    condition.key
                ));
            }
        }
    }
}

/// A value that no request, or not every request, brings.
fn missing(subject: &Subject<'_>, condition: &Condition, notes: &mut Notes) {
    let key = &condition.key;
    if let ConditionKey::Absent(name) = key {
        notes.mistake(format!("it never applies: no request here has `{name}`"));
        return;
    }
    let (with, without): (Vec<&Action>, Vec<&Action>) = subject
        .covered
        .iter()
        .copied()
        .partition(|action| carries(action, key));
    if with.is_empty() {
        let reason = if key.is_resource_tag() {
            "none of its actions is checked on something with tags".to_owned()
        } else {
            format!("none of its actions brings `{key}`")
        };
        notes.mistake(format!("it never applies: {reason}"));
        return;
    }
    let named = |action: &&Action| {
        let patterns = subject.statement.actions.patterns();
        patterns
            .iter()
            .any(|p| !p.as_str().contains(['*', '?']) && p.matches(action.name))
    };
    let never: Vec<_> = without
        .into_iter()
        .filter(named)
        .map(|action| action.name)
        .collect();
    if !never.is_empty() {
        let names = super::some(never);
        notes.mistake(format!("its condition on `{key}` can't be met for {names}"));
    }
    if *key == ConditionKey::MfaPresent && subject.statement.effect == Effect::Deny {
        let key = key.canonical();
        notes.advice(format!(
            "calls with an AccessKey carry no `{key}`, so this Deny does not stop them"
        ));
    }
}

/// Whether a check of the action can have a value for the key.
fn carries(action: &Action, key: &ConditionKey) -> bool {
    let name = action.name;
    match key {
        ConditionKey::Tag(_) => action.sees_tags(),
        ConditionKey::RequestTag(_) => [
            "kms:CreateKey",
            "kms:CreateSecret",
            "kms:TagResource",
            "kms:TagResources",
        ]
        .contains(&name),
        ConditionKey::ExternalId | ConditionKey::RoleSessionName | ConditionKey::SourceIdentity => {
            name == dialect::ASSUME_ROLE
        }
        ConditionKey::EncryptionContext(_)
        | ConditionKey::EncryptionAlgorithm
        | ConditionKey::SigningAlgorithm
        | ConditionKey::KeySpec
        | ConditionKey::KeyUsage
        | ConditionKey::KeyOrigin
        | ConditionKey::ProtectionLevel => action.service() == "kms",
        _ => true,
    }
}

/// Whether no value meets all of these, which are all the conditions of one key.
fn contradict(conditions: &[&Condition]) -> bool {
    // Without a positive operator a request that has no value meets them.
    if conditions.iter().all(|condition| condition.operator.is_negated()) {
        return false;
    }
    let Some(candidates) = candidates(conditions) else {
        return false;
    };
    !candidates
        .iter()
        .any(|text| conditions.iter().all(|condition| condition.holds(Some(text))))
}

/// Texts of which one meets the conditions if any does; `None` if they are not so simple.
fn candidates(conditions: &[&Condition]) -> Option<Vec<String>> {
    // StringEquals lists all there is.
    let exact = conditions
        .iter()
        .find(|condition| condition.operator == Operator::StringEquals);
    if let Some(exact) = exact {
        return Some(exact.values.texts());
    }
    let family = conditions.first()?.operator.family();
    if conditions
        .iter()
        .any(|condition| condition.operator.family() != family)
    {
        return None;
    }
    // Between two neighbouring limits nothing changes, so the limits and their neighbours stand for all values.
    let around = |limit: i64| [limit.saturating_sub(1), limit, limit.saturating_add(1)];
    match family {
        Family::Bool => Some(vec!["true".into(), "false".into()]),
        Family::Numeric => Some(
            limits(conditions)
                .flat_map(around)
                .filter_map(Number::from_ten_thousandths)
                .map(|number| number.to_string())
                .collect(),
        ),
        Family::Date => Some(
            limits(conditions)
                .flat_map(around)
                .filter_map(Moment::from_millis)
                .map(|moment| moment.to_string())
                .collect(),
        ),
        Family::String | Family::Ip => None,
    }
}

fn limits<'a>(conditions: &'a [&'a Condition]) -> impl Iterator<Item = i64> + 'a {
    conditions.iter().flat_map(|condition| -> Vec<i64> {
        match &condition.values {
            Values::Numbers(values) => values.iter().map(|value| value.ten_thousandths()).collect(),
            Values::Moments(values) => values.iter().map(|value| value.as_millis()).collect(),
            Values::Texts(_) | Values::Patterns(_) | Values::Flags(_) | Values::Networks(_) => Vec::new(),
        }
    })
}
