//! Conformance vectors: cases of policies, a request and what must come of it, as `policies/vectors.json` holds them.
//!
//! A case is `{name, policies, request, expect, why}` with optional `sessionPolicy`, `resourcePolicy`, `trustPolicy`.
//! A policy is an object, or a string that holds the raw document. The request names a principal (`acs:ram::A:root`,
//! `user/N`, `assumed-role/R/S`; a bare name is a service) and either `action` with `resource` or `resources` (the same
//! `tags` on each), or `checks` of {action, resource, tags}; all must be allowed. `context` holds condition keys as
//! texts. `operation` names the API operation whose checks these are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::language::{ConditionKey, Document, DocumentKind, Fault};
use super::request::{Caller, Check, Conditions, Who};
use super::verdict::{Documents, Evaluator, Outcome, decide};

/// One case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// Its name, unique in its file.
    pub name: String,
    policies: Vec<Text>,
    session_policy: Option<Text>,
    resource_policy: Option<Text>,
    trust_policy: Option<Text>,
    request: Request,
    /// What must come of it.
    pub expect: Expect,
    /// Why.
    pub why: String,
}

/// What comes of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Expect {
    /// Every check is allowed.
    Allow,
    /// At least one is not.
    Deny,
    /// At least one of the documents is none.
    InvalidPolicy,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A document, as an object or as its raw text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Text {
    Raw(String),
    Object(serde_json::Map<String, serde_json::Value>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    principal: String,
    action: Option<String>,
    resource: Option<String>,
    resources: Option<Vec<String>>,
    checks: Option<Vec<RawCheck>>,
    #[expect(dead_code, reason = "for readers: which operation makes these checks")]
    operation: Option<String>,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    action: String,
    resource: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// What came of a case, and why, for people.
#[derive(Debug)]
pub struct Report {
    /// What came of it.
    pub got: Expect,
    /// The fault of a document, or what was decided for each check.
    pub detail: String,
}

/// A file of cases that cannot be read, or a case that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// Not a list of cases.
    #[error("not a list of cases: {0}")]
    Json(#[from] serde_json::Error),
    /// A case without a readable request.
    #[error("case `{name}`: {reason}")]
    Case {
        /// The case.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Reads a file of cases.
pub fn read(text: &str) -> Result<Vec<Case>, VectorError> {
    Ok(serde_json::from_str(text)?)
}

/// The moment of a request whose context names none.
const DEFAULT_TIME: &str = "2026-11-23T12:00:00Z";

impl Case {
    /// Runs the case with one evaluator.
    pub fn run(&self, evaluator: &dyn Evaluator) -> Result<Report, VectorError> {
        let wrong = |reason| VectorError::Case {
            name: self.name.clone(),
            reason,
        };
        let caller = caller(&self.request.principal).ok_or_else(|| wrong("the principal does not read"))?;
        let checks = self
            .request
            .checks()
            .ok_or_else(|| wrong("the request names no checks"))?;
        let given = match self.documents() {
            Ok(given) => given,
            Err(fault) => {
                return Ok(Report {
                    got: Expect::InvalidPolicy,
                    detail: fault.to_string(),
                });
            }
        };
        let identity: Vec<&Document> = given.identity.iter().collect();
        let documents = Documents {
            identity: &identity,
            session: given.session.as_ref(),
            resource: given.resource.as_ref(),
            trust: given.trust.as_ref(),
        };
        let mut report = Report {
            got: Expect::Allow,
            detail: String::new(),
        };
        for (action, resource, tags) in checks {
            let conditions = Given::new(&self.request.context, tags, &caller);
            let check = Check {
                action,
                resource,
                conditions: &conditions,
            };
            let outcome = decide(evaluator, &documents, &caller, &check);
            if !outcome.is_allowed() {
                report.got = Expect::Deny;
            }
            report.say(action, resource, &outcome);
        }
        Ok(report)
    }

    fn documents(&self) -> Result<Parsed, Fault> {
        let parse = |kind, text: &Text| Document::parse(kind, &text.to_text());
        let optional = |kind, text: &Option<Text>| text.as_ref().map(|text| parse(kind, text)).transpose();
        Ok(Parsed {
            identity: self
                .policies
                .iter()
                .map(|text| parse(DocumentKind::Identity, text))
                .collect::<Result<_, _>>()?,
            session: optional(DocumentKind::Session, &self.session_policy)?,
            resource: optional(DocumentKind::Resource, &self.resource_policy)?,
            trust: optional(DocumentKind::Trust, &self.trust_policy)?,
        })
    }
}

impl Report {
    fn say(&mut self, action: &str, resource: &str, outcome: &Outcome) {
        let layer = outcome
            .layer
            .map_or(String::new(), |layer| format!(" ({layer:?})"));
        let line = format!("{action} on {resource}: {:?}{layer}", outcome.kind);
        if !self.detail.is_empty() {
            self.detail.push_str("; ");
        }
        self.detail.push_str(&line);
    }
}

struct Parsed {
    identity: Vec<Document>,
    session: Option<Document>,
    resource: Option<Document>,
    trust: Option<Document>,
}

impl Text {
    fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Raw(text) => text.into(),
            // A map of JSON values always prints.
            Self::Object(object) => serde_json::to_string(object).unwrap_or_default().into(),
        }
    }
}

type Tags = BTreeMap<String, String>;

impl Request {
    fn checks(&self) -> Option<Vec<(&str, &str, &Tags)>> {
        match (&self.checks, &self.action, &self.resource, &self.resources) {
            (Some(checks), None, None, None) => Some(
                checks
                    .iter()
                    .map(|raw| (&*raw.action, &*raw.resource, &raw.tags))
                    .collect(),
            ),
            (None, Some(action), Some(resource), None) => Some(vec![(action, resource, &self.tags)]),
            (None, Some(action), None, Some(resources)) => Some(
                resources
                    .iter()
                    .map(|resource| (&**action, &**resource, &self.tags))
                    .collect(),
            ),
            _ => None,
        }
    }
}

fn caller(principal: &str) -> Option<Caller<'_>> {
    let Some(rest) = principal.strip_prefix("acs:ram::") else {
        return (!principal.contains(':')).then_some(Caller {
            account: "",
            who: Who::Service(principal),
        });
    };
    let (account, relative) = rest.split_once(':')?;
    let who = match relative.split_once('/') {
        None if relative == "root" => Who::Root,
        Some(("user", name)) => Who::User { name },
        Some(("assumed-role", rest)) => {
            let (role, session) = rest.split_once('/')?;
            Who::Session { role, session }
        }
        _ => return None,
    };
    Some(Caller { account, who })
}

/// The condition values of one check.
#[derive(Debug)]
struct Given<'a> {
    context: BTreeMap<ConditionKey, &'a str>,
    tags: &'a Tags,
    arn: String,
}

impl<'a> Given<'a> {
    fn new(context: &'a BTreeMap<String, String>, tags: &'a Tags, caller: &Caller<'_>) -> Self {
        let keys = context
            .iter()
            .filter_map(|(name, value)| Some((ConditionKey::parse(name)?, &**value)));
        let time = [(ConditionKey::CurrentTime, DEFAULT_TIME)];
        Self {
            context: time.into_iter().chain(keys).collect(),
            tags,
            arn: caller.arn(),
        }
    }
}

impl Conditions for Given<'_> {
    fn value(&self, key: &ConditionKey) -> Option<Cow<'_, str>> {
        match key {
            ConditionKey::Absent(_) => None,
            ConditionKey::PrincipalArn => Some((&*self.arn).into()),
            ConditionKey::Tag(tag) => self.tags.get(&**tag).map(|value| (&**value).into()),
            key => self.context.get(key).map(|value| (*value).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::plain::Plain;

    #[test]
    fn the_plain_reading_passes_every_vector() {
        let cases = read(include_str!("../../../policies/vectors.json")).unwrap();
        assert_eq!(cases.len(), 305);
        for case in cases {
            let report = case.run(&Plain).unwrap();
            assert_eq!(
                report.got, case.expect,
                "{} ({}): {}",
                case.name, case.why, report.detail
            );
        }
    }
}
