//! The plain reading of RAM policies: statement by statement, as the reference says it. It is the oracle that the Cedar
//! translation is held against, and it explains near misses; it does not authorise.

use std::fmt;

use super::language::{ConditionKey, Document, Operator, Principal, Statement};
use super::request::{Caller, Check};
use super::verdict::{Evaluator, Layer, StatementRef};

/// The plain evaluator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Evaluator for Plain {
    fn layer(&self, documents: &[&Document], caller: &Caller<'_>, check: &Check<'_>) -> Layer {
        let (mut allows, mut denies) = (Vec::new(), Vec::new());
        for (document, parsed) in documents.iter().enumerate() {
            for (statement, read) in parsed.statements().iter().enumerate() {
                if first_miss(parsed, read, caller, check).is_none() {
                    let list = match read.effect {
                        super::language::Effect::Allow => &mut allows,
                        super::language::Effect::Deny => &mut denies,
                    };
                    list.push(StatementRef { document, statement });
                }
            }
        }
        Layer::of(allows, denies)
    }
}

/// The first part of a statement that does not hold for a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// It is about other actions.
    Action,
    /// It is about other resources.
    Resource,
    /// It is about other callers.
    Principal,
    /// A condition fails.
    Condition {
        /// The operator.
        operator: Operator,
        /// The key.
        key: ConditionKey,
        /// What the policy asks for, in normal form.
        expected: Vec<String>,
        /// What the request has; `None` if it has no such value.
        actual: Option<String>,
    },
}

/// The first part of the statement that does not hold; `None` if all of it does.
pub fn first_miss(
    document: &Document,
    statement: &Statement,
    caller: &Caller<'_>,
    check: &Check<'_>,
) -> Option<Miss> {
    if !statement.actions.cover(check.action) {
        return Some(Miss::Action);
    }
    // No patterns at all (a trust policy) means the role that the document belongs to.
    let resources = &statement.resources;
    if !resources.is_empty() && !resources.iter().any(|pattern| pattern.matches(check.resource)) {
        return Some(Miss::Resource);
    }
    let covers =
        |principal: &Principal| principal.covers(document.kind(), statement.effect, caller, check.owner());
    if let Some(principals) = &statement.principals
        && !principals.iter().any(covers)
    {
        return Some(Miss::Principal);
    }
    statement.conditions.iter().find_map(|condition| {
        let value = check.conditions.value(&condition.key);
        (!condition.holds(value.as_deref())).then(|| Miss::Condition {
            operator: condition.operator,
            key: condition.key.clone(),
            expected: condition.values.texts(),
            actual: value.map(|value| value.into_owned()),
        })
    })
}

/// Every part of the statement that does not hold: what would have to be otherwise for it to count.
pub fn misses(
    document: &Document,
    statement: &Statement,
    caller: &Caller<'_>,
    check: &Check<'_>,
) -> Vec<Miss> {
    let mut misses = Vec::new();
    let mut rest = statement.clone();
    // Each miss is taken out of the statement, until what is left of it holds.
    while let Some(miss) = first_miss(document, &rest, caller, check) {
        match &miss {
            Miss::Action => rest.actions = super::language::Actions::AllBut(Vec::new()),
            Miss::Resource => rest.resources.clear(),
            Miss::Principal => rest.principals = None,
            Miss::Condition { operator, key, .. } => rest
                .conditions
                .retain(|condition| (condition.operator, &condition.key) != (*operator, key)),
        }
        misses.push(miss);
    }
    misses
}

/// For each statement of the layer that does not hold, the first part that failed: what an implicit Deny is explained
/// with. The statements that miss by a condition alone come first, then those that miss by caller, resource, action.
pub fn nearest_misses(
    documents: &[&Document],
    caller: &Caller<'_>,
    check: &Check<'_>,
) -> Vec<(StatementRef, Miss)> {
    let mut misses = Vec::new();
    for (document, parsed) in documents.iter().enumerate() {
        for (statement, read) in parsed.statements().iter().enumerate() {
            if let Some(miss) = first_miss(parsed, read, caller, check) {
                misses.push((StatementRef { document, statement }, miss));
            }
        }
    }
    misses.sort_by_key(|(_, miss)| match miss {
        Miss::Condition { .. } => 0,
        Miss::Principal => 1,
        Miss::Resource => 2,
        Miss::Action => 3,
    });
    misses
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action => f.write_str("is about other actions"),
            Self::Resource => f.write_str("is about other resources"),
            Self::Principal => f.write_str("is about other callers"),
            Self::Condition {
                operator,
                key,
                expected,
                actual,
            } => {
                write!(f, "{operator} {key}: wants `{}`, ", expected.join("` or `"))?;
                match actual {
                    Some(actual) => write!(f, "has `{actual}`"),
                    None => f.write_str("the request has none"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::policy::language::DocumentKind;
    use crate::policy::request::{Conditions, Who};

    #[derive(Debug)]
    struct OneTag(&'static str);

    impl Conditions for OneTag {
        fn value(&self, key: &ConditionKey) -> Option<Cow<'_, str>> {
            (*key == ConditionKey::Tag("Env".into())).then_some(self.0.into())
        }
    }

    #[test]
    fn misses_name_the_first_part_that_failed_nearest_first() {
        let text = r#"{"Version":"1","Statement":[
            {"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"},
            {"Effect":"Allow","Action":"kms:*","Resource":"acs:kms:*:*:alias/*"},
            {"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringLike":{"acs:ResourceTag/Env":["p*","d?v"]}}},
            {"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"NumericLessThan":{"kms:tag/Level":5}}},
            {"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#;
        let document = Document::parse(DocumentKind::Identity, text).unwrap();
        let caller = Caller {
            account: "123456",
            who: Who::User { name: "alice" },
        };
        let check = Check {
            action: "kms:Encrypt",
            resource: "acs:kms:cn-hangzhou:123456:key/k",
            conditions: &OneTag("test"),
        };
        let misses = nearest_misses(&[&document], &caller, &check);
        let said: Vec<_> = misses
            .iter()
            .map(|(at, miss)| (at.statement, miss.to_string()))
            .collect();
        let want = [
            (2, "StringLike kms:tag/Env: wants `p*` or `d?v`, has `test`"),
            (
                3,
                "NumericLessThan kms:tag/Level: wants `5.0000`, the request has none",
            ),
            (1, "is about other resources"),
            (0, "is about other actions"),
        ];
        assert_eq!(said, want.map(|(at, text)| (at, text.to_owned())));
    }
}
