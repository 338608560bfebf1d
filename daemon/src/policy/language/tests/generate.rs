//! Documents that are legal, by kind.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::policy::language::{ConditionKey, DocumentKind, Family, Operator};

pub(super) fn kind() -> impl Strategy<Value = DocumentKind> {
    prop_oneof![
        Just(DocumentKind::Identity),
        Just(DocumentKind::Session),
        Just(DocumentKind::Resource),
        Just(DocumentKind::Trust),
    ]
}

pub(super) fn key() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(ConditionKey::FIXED).prop_map(|key| key.canonical().to_lowercase());
    prop_oneof![
        fixed,
        "(kms:tag/|acs:ResourceTag/|ACS:requesttag/|kms:encryptioncontext:)[a-zA-Zü:/ ]{1,5}",
        "(oss|ecs):[A-Za-z/:]{1,5}",
    ]
}

fn list(item: impl Strategy<Value = Value> + Clone + 'static) -> impl Strategy<Value = Value> {
    prop_oneof![
        item.clone(),
        prop::collection::vec(item, 1..4).prop_map(Value::Array)
    ]
}

fn value(family: Family) -> BoxedStrategy<Value> {
    let text = |strategy: &'static str| strategy.prop_map(Value::String);
    match family {
        Family::String => text("[a*?ß \"\\\\/é]{0,6}").boxed(),
        Family::Numeric => prop_oneof![
            text("-?[0-9]{1,6}(\\.[0-9]{1,4})?"),
            any::<i32>().prop_map(|number| json!(number)),
            (-99_999..99_999_i32).prop_map(|number| json!(f64::from(number) / 8.0 * 2.0)),
        ]
        .boxed(),
        Family::Date => {
            text("(19|20)[0-9]{2}-0[1-9]-[12][0-8](T[01][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-]0[0-9]:?30))?").boxed()
        }
        Family::Bool => prop_oneof![text("(true|FALSE|False)"), any::<bool>().prop_map(Value::Bool)].boxed(),
        Family::Ip => text("(10\\.[0-9]\\.0\\.1(/[12]?[0-9])?|::ffff:10\\.0\\.0\\.1|fe80::[0-9a-f]{1,4}(/[1-9][0-9])?)").boxed(),
    }
}

fn operator() -> impl Strategy<Value = (String, Value)> {
    prop::sample::select(Operator::ALL).prop_flat_map(|operator| {
        let entry = (key(), list(value(operator.family())));
        // Two spellings of one key under one operator are a fault: one key an operator here.
        entry.prop_map(move |(key, values)| (operator.name().to_owned(), json!({ key: values })))
    })
}

fn conditions() -> impl Strategy<Value = Option<Value>> {
    prop::option::of(
        prop::collection::vec(operator(), 1..3)
            .prop_map(|operators| Value::Object(operators.into_iter().collect::<Map<_, _>>())),
    )
}

fn actions(kind: DocumentKind) -> BoxedStrategy<Value> {
    let text = |strategy: &'static str| strategy.prop_map(Value::String);
    match kind {
        DocumentKind::Identity | DocumentKind::Session => {
            list(text("(kms:[A-Z*?]{1,4}|k\\*|\\*|ram:GetUser)")).boxed()
        }
        DocumentKind::Resource => list(text("(kms:[A-Z*?]{1,4}|KMS:Encrypt)")).boxed(),
        DocumentKind::Trust => Just(json!("sts:AssumeRole")).boxed(),
    }
}

fn principals(kind: DocumentKind) -> BoxedStrategy<Option<Value>> {
    let ram = list("acs:ram::[0-9]{6}:(root|user/[a-z.]{1,4}|role/[a-z-]{1,4})".prop_map(Value::String));
    let service = list("[a-z]{1,4}\\.aliyuncs\\.com".prop_map(Value::String));
    match kind {
        DocumentKind::Identity | DocumentKind::Session => Just(None).boxed(),
        DocumentKind::Resource => ram.prop_map(|ram| Some(json!({ "RAM": ram }))).boxed(),
        DocumentKind::Trust => (ram, service)
            .prop_map(|(ram, service)| Some(json!({ "RAM": ram, "Service": service })))
            .boxed(),
    }
}

fn resources(kind: DocumentKind) -> BoxedStrategy<Option<Value>> {
    match kind {
        DocumentKind::Identity | DocumentKind::Session => {
            let one = "(\\*|acs:kms:[a-z*]{0,3}:[0-9*]{0,3}:[a-z?*/ü]{1,6})".prop_map(Value::String);
            list(one).prop_map(Some).boxed()
        }
        DocumentKind::Resource => Just(Some(json!("*"))).boxed(),
        DocumentKind::Trust => Just(None).boxed(),
    }
}

fn statement(kind: DocumentKind) -> impl Strategy<Value = Value> {
    let sid = prop::option::of("[a-z \"ü]{0,9}");
    let complement = any::<bool>();
    (
        sid,
        any::<bool>(),
        complement,
        actions(kind),
        principals(kind),
        resources(kind),
        conditions(),
    )
        .prop_map(
            move |(sid, allow, complement, actions, principals, resources, conditions)| {
                let only = !complement || matches!(kind, DocumentKind::Resource | DocumentKind::Trust);
                let elements = [
                    ("Sid", sid.map(Value::String)),
                    ("Effect", Some(json!(if allow { "Allow" } else { "Deny" }))),
                    (if only { "Action" } else { "NotAction" }, Some(actions)),
                    ("Principal", principals),
                    ("Resource", resources),
                    ("Condition", conditions),
                ];
                elements
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect::<Value>()
            },
        )
}

/// A legal document and its kind.
pub(super) fn document() -> impl Strategy<Value = (DocumentKind, String)> {
    kind().prop_flat_map(|kind| {
        prop::collection::vec(statement(kind), 1..3).prop_map(move |statements| {
            (
                kind,
                json!({ "Version": "1", "Statement": statements }).to_string(),
            )
        })
    })
}
