//! From a counterexample to requests in RAM's terms that may be one. Guesses: each is confirmed or dropped (I3).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::RequestEnv;

use super::Pair;
use super::reality::kinds;
use super::sample::{self, ACCOUNT, ELSEWHERE};
use super::seen::Seen;
use crate::policy::catalogue::ResourceKind;
use crate::policy::cedar::glob::Subject;
use crate::policy::cedar::schema::kind_of;
use crate::policy::cedar::view::View;
use crate::policy::language::{ConditionKey, DocumentKind, Pattern, Principal, Values};
use crate::policy::request::{Caller, Conditions, Who};

/// A caller that owns its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Someone {
    Root(String),
    User(String, String),
    Session(String, String),
    Service(String),
}

impl Someone {
    pub fn caller(&self) -> Caller<'_> {
        let (account, who) = match self {
            Self::Root(account) => (account.as_str(), Who::Root),
            Self::User(account, name) => (account.as_str(), Who::User { name }),
            Self::Session(account, role) => (
                account.as_str(),
                Who::Session {
                    role,
                    session: "session",
                },
            ),
            Self::Service(name) => ("", Who::Service(name)),
        };
        Caller { account, who }
    }

    /// Somebody of the account.
    fn of(kind: DocumentKind, account: String) -> Self {
        if kind == DocumentKind::Session {
            Self::Session(account, "somebody".to_owned())
        } else {
            Self::User(account, "somebody".to_owned())
        }
    }

    /// The caller of this name, if policies of this kind are asked about it: not about a root in its own account, and
    /// those of a session about sessions alone.
    fn named(kind: DocumentKind, name: &str) -> Option<Self> {
        let parsed = Principal::parse_ram(kind, name);
        let parsed =
            parsed.or_else(|| (kind == DocumentKind::Trust).then(|| Principal::parse_service(name))?);
        match parsed? {
            Principal::User { .. } if kind == DocumentKind::Session => None,
            Principal::User { account, name } => Some(Self::User(account.into(), name.into())),
            Principal::Role { account, name } => Some(Self::Session(account.into(), name.into())),
            Principal::Service(name) => Some(Self::Service(name.into())),
            Principal::Account(account) => {
                (kind == DocumentKind::Resource).then(|| Self::Root(account.into()))
            }
            Principal::Federated(_) => None,
        }
    }
}

/// The condition values of one request, besides those that follow from its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub arn: String,
    pub account: String,
    pub tagged: bool,
    pub values: BTreeMap<ConditionKey, String>,
}

impl Conditions for Given {
    fn value(&self, key: &ConditionKey) -> Option<Cow<'_, str>> {
        match key {
            ConditionKey::Absent(_) => None,
            ConditionKey::Tag(_) if !self.tagged => None,
            ConditionKey::PrincipalArn => Some((&*self.arn).into()),
            ConditionKey::AccountId => Some((&*self.account).into()),
            // Every request has a time.
            ConditionKey::CurrentTime => Some(self.values.get(key).map_or(NOON, |time| &**time).into()),
            key => self.values.get(key).map(|value| (&**value).into()),
        }
    }
}

/// A request that may be a counterexample.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub who: Someone,
    pub action: String,
    pub resource: String,
    pub values: BTreeMap<ConditionKey, String>,
}

impl Candidate {
    pub fn given(&self) -> Given {
        let caller = self.who.caller();
        Given {
            arn: caller.arn(),
            account: caller.account.to_owned(),
            tagged: kind_of(&self.resource).has_tags(),
            values: self.values.clone(),
        }
    }
}

/// Those worth trying, the likeliest first.
pub(super) fn candidates(pair: &Pair, environment: &RequestEnv, seen: &Seen) -> Vec<Candidate> {
    let action = environment.action().id().unescaped();
    let mut found = Vec::new();
    for values in values(pair, seen) {
        for who in callers(pair, seen) {
            for resource in resources(pair, environment, seen) {
                found.push(Candidate {
                    who: who.clone(),
                    action: action.to_owned(),
                    resource,
                    values: values.clone(),
                });
                if found.len() >= CANDIDATES_MAX {
                    return found;
                }
            }
        }
    }
    found
}

/// Most requests tried for one counterexample.
const CANDIDATES_MAX: usize = 20_000;

/// The time of requests whose documents ask for none.
const NOON: &str = "2026-01-01T12:00:00.000Z";

/// Every value as it was seen, and then each one alone otherwise.
fn values(pair: &Pair, seen: &Seen) -> Vec<BTreeMap<ConditionKey, String>> {
    let keys: BTreeSet<&ConditionKey> = seen.values.keys().map(|(_, key)| key).collect();
    let absent = |key: &ConditionKey| matches!(key, ConditionKey::Absent(_));
    let first: BTreeMap<ConditionKey, String> = keys
        .iter()
        .filter(|key| !absent(key))
        .filter_map(|key| Some(((*key).clone(), primary(seen, key)?)))
        .collect();
    let mut found = vec![first.clone()];
    for key in keys.into_iter().filter(|key| !absent(key)) {
        let mut others = others(pair, seen, key);
        others.push(None);
        for other in others {
            let mut values = first.clone();
            match other {
                Some(value) => values.insert(key.clone(), value),
                None => values.remove(key),
            };
            if !found.contains(&values) {
                found.push(values);
            }
        }
    }
    found
}

/// The value that says what was seen: the text where a document reads the text, else the normal form of its family.
fn primary(seen: &Seen, key: &ConditionKey) -> Option<String> {
    match seen.values.get(&(View::Text, key.clone())) {
        Some(text) => text.clone(),
        None => seen_as(seen, key).into_iter().next(),
    }
}

fn seen_as(seen: &Seen, key: &ConditionKey) -> Vec<String> {
    let views = View::ALL.into_iter().filter_map(|view| {
        let value = seen.values.get(&(view, key.clone()))?.as_deref()?;
        // Cedar's addresses may be blocks.
        let address = value.split_once('/').map_or(value, |(address, _)| address);
        Some(if view == View::Address { address } else { value }.to_owned())
    });
    views.collect()
}

/// Other readings of what was seen, and what the documents themselves ask for.
fn others(pair: &Pair, seen: &Seen, key: &ConditionKey) -> Vec<Option<String>> {
    let mut found = seen_as(seen, key);
    found.extend(found.clone().iter().map(|value| value.to_uppercase()));
    let held = seen
        .globs
        .iter()
        .filter(|(glob, held)| *held && glob.subject == Subject::Key(key.clone()));
    found.extend(held.map(|(glob, _)| sample::fitting(&glob.pattern, ACCOUNT)));
    let statements = pair.documents().flat_map(|document| document.statements());
    let asked = statements
        .flat_map(|statement| &statement.conditions)
        .filter(|asked| asked.key == *key);
    for condition in asked {
        match &condition.values {
            Values::Patterns(patterns) => {
                found.extend(patterns.iter().map(|pattern| sample::fitting(pattern, ACCOUNT)));
            }
            Values::Networks(networks) => {
                found.extend(networks.iter().map(|network| network.address().to_string()));
            }
            values => found.extend(values.texts()),
        }
    }
    found.into_iter().map(Some).collect()
}

/// By name, as it was seen or as a condition wants it; else somebody of an account that was.
fn callers(pair: &Pair, seen: &Seen) -> Vec<Someone> {
    let wanted = |key: ConditionKey| {
        let mut wanted = seen_as(seen, &key);
        wanted.extend(others(pair, seen, &key).into_iter().flatten());
        wanted
    };
    let named = [seen.caller.clone()]
        .into_iter()
        .chain(wanted(ConditionKey::PrincipalArn));
    let mut found: Vec<Someone> = Vec::new();
    let mut add = |who: Someone| {
        if !found.contains(&who) {
            found.push(who);
        }
    };
    named
        .filter_map(|name| Someone::named(pair.kind, &name))
        .for_each(&mut add);
    let accounts = [seen.account.clone(), seen.owner.clone()]
        .into_iter()
        .chain(wanted(ConditionKey::AccountId));
    for account in accounts
        .filter(|account| is_account(account))
        .chain([ACCOUNT.to_owned()])
    {
        add(Someone::of(pair.kind, account));
    }
    found
}

/// Plain ones first, then what the documents name, then what the solver thought of, made whole; of the accounts that
/// were seen and of another.
fn resources(pair: &Pair, environment: &RequestEnv, seen: &Seen) -> Vec<String> {
    let seen_accounts = [seen.owner.as_str(), seen.account.as_str()].into_iter();
    let accounts: Vec<&str> = seen_accounts
        .filter(|account| is_account(account))
        .chain([ACCOUNT, ELSEWHERE])
        .collect();
    let mut found: Vec<String> = Vec::new();
    for kind in kinds(environment) {
        if kind == ResourceKind::Unscoped {
            found.push("*".to_owned());
            continue;
        }
        let form = Pattern::parse(kind.form());
        let statements = pair.documents().flat_map(|document| document.statements());
        let named = statements.flat_map(|statement| &statement.resources);
        let mut thought: Vec<String> = [&form]
            .into_iter()
            .chain(named)
            .flat_map(|pattern| accounts.iter().map(|account| sample::fitting(pattern, account)))
            .collect();
        thought.extend(
            accounts
                .iter()
                .map(|account| sample::repaired(&seen.arn, account)),
        );
        thought.retain(|arn| kind_of(arn) == kind && form.matches(arn));
        for arn in thought {
            if !found.contains(&arn) {
                found.push(arn);
            }
        }
    }
    found
}

fn is_account(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
