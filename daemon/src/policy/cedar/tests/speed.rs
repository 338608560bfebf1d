//! What a decision costs. Run in release: `cargo test --release -p chancery --lib -- --ignored --nocapture speed`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use super::generate::Given;
use crate::policy::cedar::{Compiled, Judge, Named};
use crate::policy::language::{ConditionKey, Document, DocumentKind};
use crate::policy::plain::Plain;
use crate::policy::remember::{Basis, Lasting, Remembered};
use crate::policy::request::{Caller, Check, Who};
use crate::policy::verdict::Evaluator;

/// Prints the best of many short rounds, in microseconds: the machine is shared, and a slow round says nothing of ours.
fn time<R>(what: &str, mut work: impl FnMut() -> R) {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(work());
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
    });
    println!("{what:<60} {:>8.2} us", rounds.fold(f64::MAX, f64::min));
}

const ROUNDS: u32 = 100;
const CALLS: u32 = 100;

/// Policies as applications have them: an exact key and a project's tag; every third denies what comes from outside, and
/// every fifth ends with the year.
fn documents(count: usize, is_static: bool) -> Vec<Named> {
    let document = |index: usize| {
        let condition = match (is_static, index % 15) {
            (false, 0 | 3 | 6 | 9 | 12) => r#"{"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}"#,
            (false, 5 | 10) => r#"{"DateGreaterThan": {"acs:CurrentTime": "2027-01-01T00:00:00Z"}}"#,
            _ => r#"{"StringEquals": {"kms:tag/Frozen": "yes"}}"#,
        };
        let text = format!(
            r#"{{"Version": "1", "Statement": [
                {{"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"],
                  "Resource": "acs:kms:cn-hangzhou:1000000000000001:key/{index}",
                  "Condition": {{"StringEqualsIgnoreCase": {{"kms:tag/Project": "apollo"}}}}}},
                {{"Effect": "Deny", "Action": "kms:{}", "Resource": "*", "Condition": {condition}}}]}}"#,
            ["Encrypt", "Decrypt", "*"][index % 3]
        );
        Document::parse(DocumentKind::Identity, &text).unwrap()
    };
    (0..count)
        .map(|index| Named {
            name: format!("p{index}").into(),
            document: Arc::new(document(index)),
        })
        .collect()
}

#[test]
#[ignore = "a measurement"]
fn speed() {
    let judge = Judge::new();
    let caller = Caller {
        account: "1000000000000001",
        who: Who::User { name: "alice" },
    };
    let values = [
        ("kms:tag/Project", "Apollo"),
        ("kms:tag/Env", "prod"),
        ("kms:tag/Owner", "ops"),
        ("acs:SourceIp", "10.1.2.3"),
        ("acs:CurrentTime", "2026-11-25T12:00:00.000Z"),
    ];
    let conditions = Given(
        values
            .map(|(key, value)| (ConditionKey::parse(key).unwrap(), value.to_owned()))
            .into(),
    );
    let check = Check {
        action: "kms:Encrypt",
        resource: "acs:kms:cn-hangzhou:1000000000000001:key/1",
        conditions: &conditions,
    };
    for (count, is_static) in [(1, false), (10, false), (10, true), (100, false)] {
        let named = documents(count, is_static);
        let parsed: Vec<&Document> = named.iter().map(|named| &*named.document).collect();
        let what = format!(
            "{count} policies{}",
            if is_static { ", attributes only" } else { "" }
        );
        let set = Compiled::new(named.clone());
        let answer = judge.decide(&set, &caller, &check);
        assert!(answer.layer.allows() || count == 1, "{answer:?}");
        assert_eq!(answer.is_static, is_static);
        time(&format!("{what}: slice, inputs included"), || {
            judge.decide(&set, &caller, &check)
        });
        time(&format!("{what}: plain"), || {
            Plain.layer(&parsed, &caller, &check)
        });
        if count == 10 {
            time(&format!("{what}: whole set"), || {
                judge.decide_whole(&set, &caller, &check, None)
            });
            let actions: Vec<_> = crate::policy::catalogue::all().collect();
            let first = Instant::now();
            judge.decide(&Compiled::new(named.clone()), &caller, &check);
            println!("{what}: compile and decide once {:?}", first.elapsed());
            let all = Instant::now();
            let set = Compiled::new(named);
            actions.iter().for_each(|action| {
                drop(judge.decide(
                    &set,
                    &caller,
                    &Check {
                        action: action.name,
                        ..check
                    },
                ))
            });
            println!("{what}: all {} slices {:?}", actions.len(), all.elapsed());
        }
    }
    let full = Document::parse(
        DocumentKind::Identity,
        r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}"#,
    );
    let full = Compiled::new([Named {
        name: "full".into(),
        document: Arc::new(full.unwrap()),
    }]);
    time("kms:* on *", || judge.decide(&full, &caller, &check));

    let store = Remembered::new(4_096);
    let basis = Basis {
        principal: "1000000000000001/alice",
        principal_revision: 3,
        action: check.action,
        resource: check.resource,
        resource_revision: 9,
        resource_policy: Some([7; 32]),
    };
    let answer = judge.decide(&full, &caller, &check);
    store.keep(
        &basis,
        Arc::new(answer.layer.clone()),
        Lasting::of([&answer]).unwrap(),
    );
    time("remembered", || store.recall(&basis));
}
