//! Documents and requests by seed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use super::pools::{
    ACCOUNT, ACTIONS, KEYS, MOMENTS, NETWORKS, NUMBERS, OTHER, PATTERNS, PRINCIPALS, RESOURCES, TEXTS,
};
use crate::policy::catalogue::{self, Action, ResourceKind};
use crate::policy::cedar::Named;
use crate::policy::language::{ConditionKey, Document, DocumentKind, Family, Operator};
use crate::policy::request::{Caller, Conditions, Who};

/// A source of choices; the same seed makes the same choices.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn some(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> Value) -> Value {
        if self.one_in(3) {
            return make(self);
        }
        let count = 1 + self.below(most);
        (0..count).map(|_| make(self)).collect()
    }
}

fn value(dice: &mut Dice, operator: Operator) -> Value {
    let pool = match (operator.family(), operator) {
        (Family::String, Operator::StringLike | Operator::StringNotLike) => PATTERNS,
        (Family::String, _) => TEXTS,
        (Family::Numeric, _) => NUMBERS,
        (Family::Date, _) => MOMENTS,
        (Family::Bool, _) => &["true", "FALSE"],
        (Family::Ip, _) => NETWORKS,
    };
    json!(dice.pick(pool))
}

fn conditions(dice: &mut Dice) -> Value {
    let mut operators = Map::new();
    for _ in 0..=dice.below(2) {
        let operator = Operator::ALL[dice.below(Operator::ALL.len())];
        let mut keys = Map::new();
        let mut seen = Vec::new();
        for _ in 0..=dice.below(2) {
            let key = dice.pick(KEYS);
            let canonical = ConditionKey::parse(key).unwrap();
            if !seen.contains(&canonical) {
                seen.push(canonical);
                keys.insert(key.to_owned(), dice.some(3, |dice| value(dice, operator)));
            }
        }
        operators.insert(operator.name().to_owned(), keys.into());
    }
    operators.into()
}

fn statement(dice: &mut Dice, kind: DocumentKind) -> Value {
    let mut parts = Map::new();
    if dice.one_in(2) {
        parts.insert("Sid".to_owned(), json!(dice.pick(TEXTS)));
    }
    let effect = if dice.one_in(3) { "Deny" } else { "Allow" };
    parts.insert("Effect".to_owned(), effect.into());
    match kind {
        DocumentKind::Identity | DocumentKind::Session => {
            let element = if dice.one_in(5) { "NotAction" } else { "Action" };
            parts.insert(element.to_owned(), dice.some(3, |dice| json!(dice.pick(ACTIONS))));
            parts.insert(
                "Resource".to_owned(),
                dice.some(3, |dice| json!(dice.pick(RESOURCES))),
            );
        }
        DocumentKind::Resource => {
            let ours: Vec<_> = ACTIONS
                .iter()
                .copied()
                .filter(|action| action.starts_with("kms:"))
                .collect();
            parts.insert("Action".to_owned(), dice.some(3, |dice| json!(dice.pick(&ours))));
            parts.insert("Resource".to_owned(), "*".into());
            parts.insert(
                "Principal".to_owned(),
                json!({"RAM": dice.some(2, |dice| json!(dice.pick(PRINCIPALS)))}),
            );
        }
        DocumentKind::Trust => {
            parts.insert("Action".to_owned(), "sts:AssumeRole".into());
            let principal = match dice.below(4) {
                0 => json!({"Service": ["ecs.aliyuncs.com"]}),
                1 => json!({"Federated": ["acs:ram::1000000000000001:saml-provider/idp"]}),
                _ => json!({"RAM": dice.some(2, |dice| json!(dice.pick(PRINCIPALS)))}),
            };
            parts.insert("Principal".to_owned(), principal);
        }
    }
    if !dice.one_in(3) {
        parts.insert("Condition".to_owned(), conditions(dice));
    }
    parts.into()
}

/// The text of a document.
pub(super) fn text(dice: &mut Dice, kind: DocumentKind) -> String {
    let count = 1 + dice.below(3);
    let statements: Vec<_> = (0..count).map(|_| statement(dice, kind)).collect();
    json!({"Version": "1", "Statement": statements}).to_string()
}

/// The documents of one layer; sometimes two of one name.
pub(super) fn documents(dice: &mut Dice) -> Vec<Named> {
    let kind = match dice.below(6) {
        0 => DocumentKind::Resource,
        1 => DocumentKind::Trust,
        2 => DocumentKind::Session,
        _ => DocumentKind::Identity,
    };
    let count = if kind == DocumentKind::Identity {
        1 + dice.below(3)
    } else {
        1
    };
    (0..count)
        .map(|_| {
            let text = text(dice, kind);
            let document = Document::parse(kind, &text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
            Named {
                name: format!("p{}", dice.below(3)).into(),
                document: Arc::new(document),
            }
        })
        .collect()
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub caller: Caller<'static>,
    pub action: &'static str,
    pub resource: String,
    pub conditions: Given,
}

/// Condition values, by canonical key.
#[derive(Debug, Clone, Default)]
pub(super) struct Given(pub BTreeMap<ConditionKey, String>);

impl Conditions for Given {
    fn value(&self, key: &ConditionKey) -> Option<Cow<'_, str>> {
        self.0.get(key).map(|value| value.as_str().into())
    }
}

/// A request that the catalogue allows to be made.
pub(super) fn request(dice: &mut Dice) -> Request {
    let action = *action(dice);
    let kind = if action.on.is_empty() {
        ResourceKind::Unscoped
    } else {
        action.on[dice.below(action.on.len())]
    };
    let account = if dice.one_in(4) { OTHER } else { ACCOUNT };
    let mut given = BTreeMap::new();
    for key in KEYS {
        let key = ConditionKey::parse(key).unwrap();
        if !matches!(key, ConditionKey::Absent(_)) && !dice.one_in(3) {
            given.insert(key, dice.pick(TEXTS).to_owned());
        }
    }
    let caller = Caller {
        account: if dice.one_in(4) { OTHER } else { ACCOUNT },
        who: match dice.below(6) {
            0 => Who::Root,
            1 => Who::Session {
                role: "ops",
                session: "alice",
            },
            2 => Who::Service("ecs.aliyuncs.com"),
            3 => Who::User { name: "ops" },
            _ => Who::User { name: "alice" },
        },
    };
    if dice.one_in(2) {
        given.insert(ConditionKey::PrincipalArn, caller.arn());
    }
    Request {
        caller,
        action: action.name,
        resource: resource(dice, kind, account),
        conditions: Given(given),
    }
}

fn action(dice: &mut Dice) -> &'static Action {
    let often = [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:GetSecretValue",
        "sts:AssumeRole",
        "kms:ReEncryptTo",
    ];
    if !dice.one_in(3) {
        return catalogue::find(dice.pick(&often)).unwrap();
    }
    let all: Vec<_> = catalogue::all().collect();
    all[dice.below(all.len())]
}

fn resource(dice: &mut Dice, kind: ResourceKind, account: &str) -> String {
    let relative = match kind {
        ResourceKind::Key => dice.pick(&["key/k1", "key/k2", "key/K1", "key/key-long"]),
        ResourceKind::Secret => dice.pick(&["secret/db_cred", "secret/db?cred/x", "secret/q\"u\\o\n"]),
        ResourceKind::Certificate => "certificate/c1",
        ResourceKind::Alias => "alias/a1",
        ResourceKind::KeyContainer => "key",
        ResourceKind::SecretContainer => "secret",
        ResourceKind::AliasContainer => "alias",
        ResourceKind::CertificateContainer => "certificate",
        ResourceKind::User => return format!("acs:ram::{account}:user/alice"),
        ResourceKind::Group => return format!("acs:ram::{account}:group/g"),
        ResourceKind::Role => return format!("acs:ram::{account}:role/ops"),
        ResourceKind::Policy => return "acs:ram::system:policy/AliyunKMSFullAccess".to_owned(),
        ResourceKind::Account => return format!("acs:ram::{account}:*"),
        ResourceKind::Trail => return format!("acs:actiontrail:cn-hangzhou:{account}:trail/t"),
        ResourceKind::Log => return format!("acs:chancery:cn-hangzhou:{account}:log"),
        ResourceKind::Accounts => return format!("acs:chancery::{account}:account"),
        ResourceKind::RootKeys => return format!("acs:chancery::{account}:root-key"),
        ResourceKind::Unscoped => return "*".to_owned(),
    };
    format!("acs:kms:cn-hangzhou:{account}:{relative}")
}
