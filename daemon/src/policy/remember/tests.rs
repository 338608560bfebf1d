use std::borrow::Cow;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::policy::cedar::{Compiled, Judge, Named};
use crate::policy::language::{ConditionKey, Document, DocumentKind};
use crate::policy::request::{Caller, Check, Conditions, Who};
use crate::policy::verdict::Layer;

fn basis(revision: u64) -> Basis<'static> {
    Basis {
        principal: "u1",
        principal_revision: revision,
        action: "kms:Encrypt",
        resource: "acs:kms:cn-hangzhou:1:key/k1",
        resource_revision: 7,
        resource_policy: None,
    }
}

fn lasting() -> Lasting {
    Lasting::of([]).unwrap()
}

fn answer(is_static: bool) -> Answer {
    Answer {
        layer: Layer::Silent,
        is_static,
        fault: None,
    }
}

#[test]
fn one_perishable_layer_keeps_a_decision_from_lasting() {
    assert!(Lasting::of([&answer(true), &answer(true)]).is_some());
    assert!(Lasting::of([&answer(true), &answer(false)]).is_none());
}

#[test]
fn every_part_of_the_basis_counts() {
    let store = Remembered::new(16);
    store.keep(&basis(1), 'a', lasting());
    assert_eq!(store.recall(&basis(1)), Some('a'));
    let policy = Some([1; 32]);
    for other in [
        basis(2),
        Basis {
            principal: "u2",
            ..basis(1)
        },
        Basis {
            action: "kms:Decrypt",
            ..basis(1)
        },
        Basis {
            resource: "acs:kms:cn-hangzhou:1:key/k2",
            ..basis(1)
        },
        Basis {
            resource_revision: 8,
            ..basis(1)
        },
        Basis {
            resource_policy: policy,
            ..basis(1)
        },
    ] {
        assert_eq!(store.recall(&other), None, "{other:?}");
    }
}

#[test]
fn the_store_is_bounded() {
    let store = Remembered::new(8);
    let principals: Vec<_> = (0..1_000).map(|i| format!("u{i}")).collect();
    for principal in &principals {
        store.keep(
            &Basis {
                principal,
                ..basis(1)
            },
            (),
            lasting(),
        );
    }
    let left = principals.iter().filter(|principal| {
        store
            .recall(&Basis {
                principal,
                ..basis(1)
            })
            .is_some()
    });
    assert!((1..=8).contains(&left.count()));
}

/// A principal and a resource whose rows change.
#[derive(Debug, Clone)]
struct Rows {
    document: usize,
    principal_revision: u64,
    tag: usize,
    resource_revision: u64,
}

#[derive(Debug)]
struct Values {
    tag: &'static str,
    address: &'static str,
}

impl Conditions for Values {
    fn value(&self, key: &ConditionKey) -> Option<Cow<'_, str>> {
        match key {
            ConditionKey::Tag(_) => Some(self.tag.into()),
            ConditionKey::SourceIp => Some(self.address.into()),
            _ => None,
        }
    }
}

const TAGS: [&str; 3] = ["apollo", "zeus", ""];
const ADDRESSES: [&str; 2] = ["10.0.0.1", "192.168.0.1"];
const ACTIONS: [&str; 3] = ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"];
const DOCUMENTS: [&str; 3] = [
    r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
        "Condition": {"StringEquals": {"kms:tag/Project": "apollo"}}}]}"#,
    r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*",
        "Condition": {"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}]}"#,
    r#"{"Version": "1", "Statement": [{"Effect": "Deny", "Action": "kms:DescribeKey", "Resource": "*"}]}"#,
];

#[derive(Debug, Clone)]
enum Step {
    Attach(usize),
    Tag(usize),
    Ask { action: usize, address: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..DOCUMENTS.len()).prop_map(Step::Attach),
        1 => (0..TAGS.len()).prop_map(Step::Tag),
        6 => (0..ACTIONS.len(), 0..ADDRESSES.len()).prop_map(|(action, address)| Step::Ask { action, address }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Goal: whatever changes between two questions, remembering never changes an answer.
    #[test]
    fn a_recalled_answer_is_a_fresh_one(steps in prop::collection::vec(step(), 1..80)) {
        let sets = DOCUMENTS.map(|text| {
            let document = Arc::new(Document::parse(DocumentKind::Identity, text).unwrap());
            Compiled::new([Named { name: "p".into(), document }])
        });
        let judge = Judge::new();
        let store = Remembered::new(8);
        let mut recalled = 0;
        let mut rows = Rows { document: 0, principal_revision: 1, tag: 0, resource_revision: 1 };
        for step in steps {
            let (action, address) = match step {
                Step::Attach(document) => {
                    rows.document = document;
                    rows.principal_revision += 1;
                    continue;
                }
                Step::Tag(tag) => {
                    rows.tag = tag;
                    rows.resource_revision += 1;
                    continue;
                }
                Step::Ask { action, address } => (ACTIONS[action], ADDRESSES[address]),
            };
            let values = Values { tag: TAGS[rows.tag], address };
            let basis = Basis {
                action,
                principal_revision: rows.principal_revision,
                resource_revision: rows.resource_revision,
                ..basis(0)
            };
            let caller = Caller { account: "1", who: Who::User { name: "u1" } };
            let check = Check { action, resource: basis.resource, conditions: &values };
            let fresh = judge.decide(&sets[rows.document], &caller, &check);
            match store.recall(&basis) {
                Some(kept) => {
                    recalled += 1;
                    prop_assert_eq!(kept, fresh.layer);
                }
                None => {
                    if let Some(lasting) = Lasting::of([&fresh]) {
                        store.keep(&basis, fresh.layer, lasting);
                    }
                }
            }
        }
        let _ = recalled;
    }
}
