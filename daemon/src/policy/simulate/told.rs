//! An answer, and what is to be said about it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Simulation;
use crate::event::{CheckKind, PolicyLayer};
use crate::policy::authorize::{Question, Ruling};
use crate::policy::cedar::pretty::pretty;
use crate::policy::checks::examine;
use crate::policy::explain;
use crate::policy::language::{Effect, Statement};
use crate::policy::library::{Library, statement};
use crate::policy::plain::{Miss, misses};
use crate::policy::request::{Caller, Check, owner};
use crate::policy::verdict::{LayerName, StatementRef};
use crate::projection::{Reader, State};

/// One check, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Simulated {
    /// Who asks, as policies know it.
    pub principal: String,
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// Whether it is allowed.
    pub allowed: bool,
    /// `Allow`, `ImplicitDeny` or `ExplicitDeny`.
    pub kind: &'static str,
    /// The kind of policy that decided, as denials name it; empty when none was asked.
    pub layer: &'static str,
    /// The rule that decided, where no policy was asked; else empty.
    pub rule: String,
    /// The statements that decided.
    pub statements: Vec<Told>,
    /// Of a denial that no statement made: the statements that come nearest to allowing it.
    pub misses: Vec<Told>,
    /// What would have to be otherwise; empty when it is allowed.
    pub advice: Vec<String>,
    /// Condition keys without a value that statements about this action and resource ask for.
    pub missing: Vec<String>,
    /// The Cedar text of the documents concerned, if it was asked for.
    pub cedar: Vec<String>,
}

/// A statement, and why it does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Told {
    /// Its name, `POLICY@VERSION#INDEX`.
    pub name: String,
    /// The kind of policy it stands in, as denials name it.
    pub layer: &'static str,
    /// What it says, as JSON.
    pub text: String,
    /// Each part of it that does not hold.
    pub why: Vec<String>,
}

/// Says what there is to say of an answer.
pub(super) fn tell(
    simulation: &Simulation,
    question: &Question<'_>,
    ruling: Ruling,
    state: &State,
    library: &Library,
) -> Simulated {
    let arn = question.actor.principal_arn();
    let mut told = Simulated {
        principal: arn.map_or_else(String::new, |arn| arn.to_string()),
        action: question.op.replacen('/', ":", 1),
        resource: question.resources.first().copied().unwrap_or("*").to_owned(),
        allowed: ruling.answer.is_ok(),
        kind: if ruling.answer.is_ok() {
            "Allow"
        } else {
            "ImplicitDeny"
        },
        layer: "",
        rule: ruling.by.first().map_or_else(String::new, ToString::to_string),
        statements: Vec::new(),
        misses: Vec::new(),
        advice: Vec::new(),
        missing: Vec::new(),
        cedar: Vec::new(),
    };
    let Some(checked) = ruling.checks.into_iter().next() else {
        if !told.allowed {
            told.advice.push(format!("no policy can allow it: {}", told.rule));
        }
        return told;
    };
    told.kind = match checked.kind {
        CheckKind::Allow => "Allow",
        CheckKind::ImplicitDeny => "ImplicitDeny",
        CheckKind::ExplicitDeny => "ExplicitDeny",
    };
    told.layer = explain::policy_type(checked.layer);
    // What other accounts' policies say is theirs to tell (I4).
    let own = question.actor.account.to_string();
    let is_foreign = owner(&told.resource).is_some_and(|owner| owner != own);
    examine(question, &Reader::new(state), library, |layers, caller, check| {
        for (name, layer) in layers {
            if is_foreign && matches!(name, LayerName::Trust | LayerName::Resource) {
                continue;
            }
            for (document, named) in layer.documents().iter().enumerate() {
                let mut concerned = false;
                for (index, read) in named.document.statements().iter().enumerate() {
                    let at = StatementRef {
                        document,
                        statement: index,
                    };
                    let by = statement(layer, at);
                    let missed = misses(&named.document, read, caller, check);
                    told.note_missing(&missed, read, check);
                    let mut said = Told {
                        name: by,
                        layer: explain::policy_type(explain::layer(Some(*name))),
                        text: serde_json::to_string(read).unwrap_or_default(),
                        why: missed.iter().map(|miss| why(miss, read, check)).collect(),
                    };
                    if missed.is_empty() && checked.by.contains(&said.name) {
                        said.why.clear();
                        told.statements.push(said);
                        concerned = true;
                    } else if checked.kind == CheckKind::ImplicitDeny
                        && read.effect == Effect::Allow
                        && !missed.is_empty()
                    {
                        told.misses.push(said);
                        concerned = true;
                    }
                }
                if concerned && simulation.cedar {
                    told.cedar
                        .extend(pretty(&named.name, (*named.document).clone()).ok());
                }
            }
        }
        told.misses.sort_by_key(|miss| distance(&miss.why));
        told.advise(caller, check);
        told.misses.truncate(MISSES_SHOWN);
    });
    told
}

impl Simulated {
    /// How much text it is.
    pub(super) fn bytes(&self) -> usize {
        let told = self.statements.iter().chain(&self.misses);
        let told = told.map(|told| told.text.len() + told.why.iter().map(String::len).sum::<usize>());
        let lines = self.advice.iter().chain(&self.missing).chain(&self.cedar);
        told.sum::<usize>() + lines.map(String::len).sum::<usize>()
    }

    fn note_missing(&mut self, missed: &[Miss], read: &Statement, check: &Check<'_>) {
        let about = !missed
            .iter()
            .any(|miss| matches!(miss, Miss::Action | Miss::Resource));
        if !about {
            return;
        }
        let absent = read
            .conditions
            .iter()
            .filter(|condition| check.conditions.value(&condition.key).is_none());
        let names: BTreeSet<String> = absent.map(|condition| condition.key.to_string()).collect();
        for name in names {
            if !self.missing.contains(&name) {
                self.missing.push(name);
            }
        }
    }

    fn advise(&mut self, caller: &Caller<'_>, check: &Check<'_>) {
        let layer = self.layer;
        match self.kind {
            "Allow" => {}
            "ExplicitDeny" if self.statements.is_empty() => self.advice.push(format!(
                "a document of the {layer} can't be read or evaluated, and denies everything: replace it"
            )),
            "ExplicitDeny" => {
                let denying = self.statements.iter();
                let lines = denying.map(|told| {
                    format!(
                        "{} denies it, whatever else allows it: take it away or narrow it",
                        told.name
                    )
                });
                self.advice = lines.collect();
            }
            _ => {
                // Where an attached policy is missing, that of the key can allow as well.
                let is_side =
                    |miss: &&Told| miss.layer == layer || (layer == IDENTITY && miss.layer == RESOURCE);
                let here = self.misses.iter().filter(is_side);
                let near: Vec<&Told> = here
                    .filter(|miss| !miss.why.iter().any(|why| why.starts_with(NOT_THE_ACTION)))
                    .take(ADVICE_SHOWN)
                    .collect();
                if near.is_empty() {
                    let whose = caller.arn();
                    self.advice.push(match layer {
                        "AssumeRolePolicy" => {
                            format!("the trust policy of {} does not trust {whose}", check.resource)
                        }
                        "SessionPolicy" => format!("the session policy does not allow {}", check.action),
                        _ => format!(
                            "no statement that {whose} has allows {}: attach a policy that does",
                            check.action
                        ),
                    });
                } else {
                    let lines = near
                        .iter()
                        .map(|miss| format!("{} would allow it, but {}", miss.name, miss.why.join("; and ")));
                    self.advice = lines.collect();
                }
            }
        }
    }
}

/// How far a statement is from holding.
fn distance(why: &[String]) -> (bool, usize) {
    let other_action = why.iter().any(|why| why.starts_with(NOT_THE_ACTION));
    (other_action, why.len())
}

/// One part of a statement that does not hold, in words.
fn why(miss: &Miss, read: &Statement, check: &Check<'_>) -> String {
    match miss {
        Miss::Action => format!("{NOT_THE_ACTION} {}", check.action),
        Miss::Resource => {
            let patterns: Vec<String> = read.resources.iter().map(ToString::to_string).collect();
            format!(
                "its Resource is `{}`, which is not {}",
                patterns.join("` or `"),
                check.resource
            )
        }
        Miss::Principal => "it is about other callers".to_owned(),
        Miss::Condition {
            operator,
            key,
            expected,
            actual,
        } => {
            let wanted = expected.join("` or `");
            match actual {
                Some(actual) => format!("{key} is `{actual}`, the statement wants {operator} `{wanted}`"),
                None => format!("the request has no {key}, the statement wants {operator} `{wanted}`"),
            }
        }
    }
}

const IDENTITY: &str = explain::policy_type(PolicyLayer::Identity);
const RESOURCE: &str = explain::policy_type(PolicyLayer::Resource);
/// How the words about a statement on other actions begin.
const NOT_THE_ACTION: &str = "it is not about";
/// Statements shown that come near.
const MISSES_SHOWN: usize = 8;
/// Statements that advice is given of.
const ADVICE_SHOWN: usize = 3;
