//! Single points of the translation that a reader would ask about, and the vectors.

use std::sync::Arc;

use super::generate::Given;
use crate::policy::cedar::evaluator::{Slices, Whole};
use crate::policy::cedar::validate::validate;
use crate::policy::cedar::{Compiled, Judge, Named};
use crate::policy::language::{ConditionKey, Document, DocumentKind};
use crate::policy::request::{Caller, Check, Who};
use crate::policy::system;
use crate::policy::vectors;
use crate::policy::verdict::{Evaluator, Layer};

const ALICE: Caller<'static> = Caller {
    account: "1000000000000001",
    who: Who::User { name: "alice" },
};
const KEY: &str = "acs:kms:cn-hangzhou:1000000000000001:key/k1";

fn compiled(kind: DocumentKind, text: &str) -> Compiled {
    let document = Document::parse(kind, text).unwrap();
    Compiled::new([Named {
        name: "p".into(),
        document: Arc::new(document),
    }])
}

fn set(statement: &str) -> Compiled {
    compiled(
        DocumentKind::Identity,
        &format!(r#"{{"Version": "1", "Statement": [{statement}]}}"#),
    )
}

fn ask(set: &Compiled, action: &'static str) -> crate::policy::cedar::Answer {
    let conditions = Given::default();
    let check = Check {
        action,
        resource: KEY,
        conditions: &conditions,
    };
    Judge::new().decide(set, &ALICE, &check)
}

fn passes_every_vector(evaluator: &dyn Evaluator) {
    let cases = vectors::read(include_str!("../../../../../policies/vectors.json")).unwrap();
    for case in cases {
        let report = case.run(evaluator).unwrap();
        let vectors::Case {
            name, expect, why, ..
        } = &case;
        assert_eq!(report.got, *expect, "{name} ({why}): {}", report.detail);
    }
}

#[test]
fn slices_pass_every_vector() {
    passes_every_vector(&Slices::default());
}

#[test]
fn whole_sets_pass_every_vector() {
    passes_every_vector(&Whole::default());
}

#[test]
fn the_system_policies_validate_strictly() {
    for policy in system::SYSTEM_POLICIES {
        let document = Document::parse(DocumentKind::Identity, policy.document).unwrap();
        assert_eq!(validate(&Arc::new(document)), Ok(()), "{}", policy.name);
    }
}

#[test]
fn an_unknown_action_and_a_broken_set_deny() {
    let all = set(r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#);
    assert!(ask(&all, "kms:Encrypt").layer.allows());
    assert_eq!(ask(&all, "kms:Ecnrypt").layer, Layer::Broken);
    let broken = ask(&Compiled::broken(), "kms:Encrypt");
    assert_eq!(broken.layer, Layer::Broken);
    assert!(broken.fault.is_some() && !broken.is_static);
}

#[test]
fn a_set_without_documents_is_silent_and_static() {
    let answer = ask(&Compiled::new([]), "kms:Encrypt");
    assert_eq!((answer.layer, answer.is_static), (Layer::Silent, true));
}

#[test]
fn only_what_is_read_makes_an_answer_perishable() {
    let with = |condition: &str| {
        let statement = format!(
            r#"{{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "acs:kms:*:*:key/k?", "Condition": {condition}}}"#
        );
        let set = set(&statement);
        // Another action's slice does not hold the statement.
        assert!(ask(&set, "kms:Decrypt").is_static);
        ask(&set, "kms:Encrypt").is_static
    };
    assert!(with(
        r#"{"StringEquals": {"kms:tag/Project": "a", "acs:PrincipalARN": "b"}}"#
    ));
    assert!(with(r#"{"StringLike": {"acs:ResourceTag/Project": "a?"}}"#));
    for key in [
        "acs:SourceIp",
        "acs:CurrentTime",
        "acs:UserAgent",
        "kms:EncryptionContext:a",
        "acs:AccessId",
    ] {
        assert!(
            !with(&format!(r#"{{"StringNotEquals": {{"{key}": "a"}}}}"#)),
            "{key}"
        );
    }
}

// Cedar evaluates by recursion and errs when less than 100 KiB of stack are left: a list as long as the language allows
// must not make it deep.
#[test]
fn the_longest_list_is_evaluated_on_a_small_stack() {
    let values: Vec<_> = (0..500).map(|i| format!("\"v{i}\"")).collect();
    let text = format!(
        r#"{{"Version": "1", "Statement": [{{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*",
            "Principal": {{"RAM": "acs:ram::1000000000000001:user/alice"}},
            "Condition": {{"StringEquals": {{"kms:tag/Project": [{}]}}}}}}]}}"#,
        values.join(", ")
    );
    let decide = move || {
        let set = compiled(DocumentKind::Resource, &text);
        let project = ConditionKey::parse("kms:tag/Project").unwrap();
        let conditions = Given([(project, "v499".to_owned())].into());
        let check = Check {
            action: "kms:Encrypt",
            resource: KEY,
            conditions: &conditions,
        };
        Judge::new().decide(&set, &ALICE, &check)
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    let answer = thread.spawn(decide).unwrap().join().unwrap();
    assert!(answer.layer.allows(), "{answer:?}");
}

#[test]
fn two_documents_of_one_name_stay_apart() {
    let text =
        r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}]}"#;
    let document = Arc::new(Document::parse(DocumentKind::Identity, text).unwrap());
    let named = || Named {
        name: "p".into(),
        document: Arc::clone(&document),
    };
    let set = Compiled::new([named(), named()]);
    assert_eq!(set.to_cedar().len(), 2);
    let Layer::Allowed(reasons) = ask(&set, "kms:Encrypt").layer else {
        panic!("not allowed")
    };
    assert_eq!(reasons.len(), 2);
}
