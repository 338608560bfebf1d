//! What is refused, with the place and the words.

use crate::policy::language::{Document, DocumentKind, dialect};

fn fault(kind: DocumentKind, text: &str) -> String {
    match Document::parse(kind, text) {
        Ok(_) => panic!("it parsed: {text}"),
        Err(fault) => fault.to_string(),
    }
}

fn identity(statement: &str) -> String {
    format!("{{\"Version\":\"1\",\n \"Statement\":[{statement}]}}")
}

#[track_caller]
fn refused(statement: &str, words: &str, path: &str) {
    let fault = fault(DocumentKind::Identity, &identity(statement));
    assert!(
        fault.contains(words) && fault.contains("(line 2, column "),
        "{fault}"
    );
    assert!(fault.ends_with(&format!("at {path})")), "{fault}");
}

#[test]
fn faults_name_their_element_and_place() {
    let rest = r#""Action":"kms:*","Resource":"*""#;
    let with = |condition: &str| format!(r#"{{"Effect":"Allow",{rest},"Condition":{condition}}}"#);
    refused(
        &format!(r#"{{"Effect":"allow",{rest}}}"#),
        "`Effect` is `allow`",
        "Statement[0]",
    );
    refused(
        &format!(r#"{{"Effect":"Deny","Effect":"Allow",{rest}}}"#),
        "`Effect` stands twice",
        "Statement[0]",
    );
    refused(
        &format!(r#"{{"Effect":"Allow",{rest},"Conditions":{{}}}}"#),
        "did you mean `Condition`?",
        "Statement[0]",
    );
    refused(
        &format!(r#"{{"Effect":"Allow",{rest},"Action":"a:b"}}"#),
        "`Action` stands twice",
        "Statement[0]",
    );
    refused(
        r#"{"Effect":"Allow","Action":["kms:*","Encrypt"],"Resource":"*"}"#,
        "`Encrypt` is no action",
        "Statement[0].Action[1]",
    );
    refused(
        r#"{"Effect":"Allow","Action":"kms:*","Resource":"key/*"}"#,
        "`key/*` is no resource",
        "Statement[0].Resource",
    );
    refused(&with("{}"), "`Condition` is empty", "Statement[0].Condition");
    refused(
        &with(r#"{"stringequals":{"kms:tag/a":"b"}}"#),
        "write `StringEquals`",
        "Statement[0].Condition",
    );
    refused(
        &with(r#"{"Bool":{"acs:SecureTransport":"true","ACS:securetransport":"true"}}"#),
        "stands twice",
        "Statement[0].Condition.Bool",
    );
    refused(
        &with(r#"{"NumericEquals":{"kms:tag/a":["1","five"]}}"#),
        "`five` is no value of NumericEquals",
        "Statement[0].Condition.NumericEquals.kms:tag/a[1]",
    );
    refused(
        &with(r#"{"StringEquals":{"kms:tag/a":["b",["c"]]}}"#),
        "expected values, a string",
        "Statement[0].Condition.StringEquals.kms:tag/a[1]",
    );
}

#[test]
fn numbers_that_would_change_in_reading_are_refused() {
    let with = |number: &str| {
        identity(&format!(
            r#"{{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{{"NumericEquals":{{"kms:tag/a":{number}}}}}}}"#
        ))
    };
    for bad in [
        "1e2",
        "1E0",
        "900719925474099.30",
        "0.12345",
        "18446744073709551616",
    ] {
        assert!(
            Document::parse(DocumentKind::Identity, &with(bad)).is_err(),
            "{bad}"
        );
    }
    for good in ["1", "-1.5", "900719925474099", "\"900719925474099.3001\"", "0.1"] {
        assert!(
            Document::parse(DocumentKind::Identity, &with(good)).is_ok(),
            "{good}"
        );
    }
    // Inside a text nothing of this is a number.
    let sid = identity(r#"{"Sid":"\"1e2","Effect":"Allow","Action":"kms:*","Resource":"*"}"#);
    assert!(Document::parse(DocumentKind::Identity, &sid).is_ok());
}

#[test]
fn limits_hold_on_both_sides() {
    let action = |n: usize| vec![r#""a:b""#; n].join(",");
    let statement = |n: usize| {
        identity(&format!(
            r#"{{"Effect":"Allow","Action":[{}],"Resource":"*"}}"#,
            action(n)
        ))
    };
    assert!(Document::parse(DocumentKind::Identity, &statement(dialect::VALUES_MAX)).is_ok());
    assert!(
        fault(DocumentKind::Identity, &statement(dialect::VALUES_MAX + 1)).contains("more than 500 values")
    );

    let one = r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#;
    let many = |n: usize| identity(&vec![one; n].join(","));
    assert!(Document::parse(DocumentKind::Identity, &many(100)).is_ok());
    assert!(fault(DocumentKind::Identity, &many(101)).contains("more than 100 statements"));

    // Characters count, not bytes: each of these is two.
    let pad = |kind: DocumentKind, total: usize, c: char| {
        let frame = identity(one);
        let left = total - frame.chars().count();
        let text = frame.replacen('\n', &" ".repeat(left + 1), 1);
        assert_eq!(text.chars().count(), total, "{kind} {c}");
        text
    };
    assert!(Document::parse(DocumentKind::Identity, &pad(DocumentKind::Identity, 6_144, ' ')).is_ok());
    assert!(
        fault(DocumentKind::Identity, &pad(DocumentKind::Identity, 6_145, ' ')).contains("longer than 6144")
    );
    let sid = |n: usize| {
        identity(&format!(
            r#"{{"Sid":"{}","Effect":"Deny","Action":"*","Resource":"*"}}"#,
            "ü".repeat(n)
        ))
    };
    assert!(Document::parse(DocumentKind::Identity, &sid(128)).is_ok());
    assert!(fault(DocumentKind::Identity, &sid(129)).contains("longer than 128"));
}

#[test]
fn deep_and_endless_nesting_is_refused_at_once() {
    for open in ["[", "{\"a\":", "{\"Version\":\"1\",\"Statement\":["] {
        fault(DocumentKind::Resource, &open.repeat(1_000));
    }
    fault(
        DocumentKind::Identity,
        &identity("{\"Effect\":\"Allow\",\"Action\":[[[[[[[\"a:b\"]]]]]]]}"),
    );
}

#[test]
fn kinds_differ_in_what_may_stand() {
    let principal = r#""Principal":{"RAM":["acs:ram::123456:user/alice"]}"#;
    let key = |rest: &str| identity(&format!(r#"{{"Effect":"Allow",{principal},{rest}}}"#));
    for (kind, statement, words) in [
        (
            DocumentKind::Resource,
            key(r#""Action":"kms:*","Resource":"acs:kms:*:*:key/a""#),
            "only resource",
        ),
        (
            DocumentKind::Resource,
            key(r#""Action":"*","Resource":"*""#),
            "does not start with `kms:`",
        ),
        (
            DocumentKind::Resource,
            key(r#""NotAction":"kms:*","Resource":"*""#),
            "has no place",
        ),
        (
            DocumentKind::Resource,
            key(r#""Action":"kms:*""#),
            "`Resource` is missing",
        ),
        (
            DocumentKind::Trust,
            key(r#""Action":"sts:*""#),
            "only action of a trust policy",
        ),
        (
            DocumentKind::Trust,
            key(r#""Action":"sts:AssumeRole","Resource":"*""#),
            "has no place",
        ),
        (
            DocumentKind::Identity,
            key(r#""Action":"kms:*","Resource":"*""#),
            "has no place",
        ),
        (
            DocumentKind::Session,
            key(r#""Action":"kms:*","Resource":"*""#),
            "has no place",
        ),
    ] {
        let fault = fault(kind, &statement);
        assert!(fault.contains(words), "{kind}: {fault}");
    }
    for (kind, who) in [
        (DocumentKind::Resource, r#"{"RAM":"acs:ram::*:root"}"#),
        (DocumentKind::Resource, r#"{"RAM":"acs:ram::123456:user/*"}"#),
        (DocumentKind::Resource, r#"{"RAM":"*"}"#),
        (DocumentKind::Resource, r#"{"Service":"ecs.aliyuncs.com"}"#),
        (DocumentKind::Resource, "\"*\""),
        (DocumentKind::Trust, r#"{"RAM":"acs:ram::123456:*"}"#),
        (DocumentKind::Trust, r#"{"RAM":[]}"#),
        (DocumentKind::Trust, "{}"),
        (DocumentKind::Trust, r#"{"Federated":"acs:ram::123456:user/a"}"#),
    ] {
        let (action, resource) = match kind {
            DocumentKind::Trust => ("sts:AssumeRole", ""),
            _ => ("kms:*", r#","Resource":"*""#),
        };
        let text = identity(&format!(
            r#"{{"Effect":"Allow","Action":"{action}","Principal":{who}{resource}}}"#
        ));
        let fault = fault(kind, &text);
        assert!(fault.contains("rincipal"), "{who}: {fault}");
    }
}

#[test]
fn messages_never_carry_a_whole_document_or_a_control_character() {
    let text = identity(&format!(r#"{{"Effect":"{}\u001b[2J"}}"#, "x".repeat(90)));
    let fault = fault(DocumentKind::Identity, &text);
    assert!(
        fault.chars().count() < 300 && !fault.contains('\u{1b}'),
        "{fault}"
    );
}
