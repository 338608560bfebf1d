//! With a real solver: CHANCERY_CVC5, or cvc5 on PATH. `tests/run prove` brings one.

use std::time::Instant;

use serde_json::Value;

use super::*;
use crate::policy::catalogue;
use crate::policy::cedar::tests::generate::{Dice, request, text};
use crate::policy::language::{ConditionKey, DocumentKind, Moment, Pattern};
use crate::policy::plain::Plain;
use crate::policy::request::{Check, Who};
use crate::policy::system::SYSTEM_POLICIES;
use crate::policy::verdict::{Evaluator, Layer};

fn arguments(kind: Kind, alone: bool) -> Arguments {
    Arguments {
        old: "old.json".into(),
        new: "new.json".into(),
        kind,
        alone,
        solver: std::env::var_os("CHANCERY_CVC5")
            .unwrap_or_else(|| "cvc5".into())
            .into(),
    }
}

/// `[statement, ...]` as a document.
fn parsed(kind: Kind, statements: &str) -> Document {
    let text = format!(r#"{{"Version": "1", "Statement": {statements}}}"#);
    Document::parse(kind.into(), &text).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

fn compared(kind: Kind, alone: bool, old: &str, new: &str) -> Outcome {
    let start = Instant::now();
    let outcome = compare(&arguments(kind, alone), parsed(kind, old), parsed(kind, new)).unwrap();
    println!("{:?}: {outcome:?}", start.elapsed());
    outcome
}

#[track_caller]
fn proved(old: &str, new: &str) {
    let outcome = compared(Kind::Identity, false, old, new);
    assert!(
        matches!(outcome, Outcome::Proved { .. }),
        "{old}\n{new}\n{outcome:?}"
    );
}

#[track_caller]
fn refuted_as(kind: Kind, old: &str, new: &str) -> Witness {
    match compared(kind, false, old, new) {
        Outcome::Refuted { witness, .. } => *witness,
        other => panic!("{old}\n{new}\n{other:?}"),
    }
}

#[track_caller]
fn refuted(old: &str, new: &str) -> Witness {
    refuted_as(Kind::Identity, old, new)
}

/// An Allow of kms:Encrypt on every key under these conditions.
fn when(conditions: &str) -> String {
    format!(
        r#"[{{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "acs:kms:*:*:key/*", "Condition": {{{conditions}}}}}]"#
    )
}

const NARROW: &str = r#"[{"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "acs:kms:*:123456:key/*",
    "Condition": {"StringEquals": {"kms:tag/Project": "apollo"}, "IpAddress": {"acs:SourceIp": "10.1.0.0/16"}}}]"#;
const WIDE: &str = r#"[{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
    "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}]"#;

#[test]
fn a_narrower_policy_is_proved_and_a_wider_one_refuted() {
    proved(WIDE, NARROW);
    let witness = refuted(NARROW, WIDE);
    assert!(witness.caller.starts_with("acs:ram::"), "{witness:?}");
    assert!(
        witness.resource == "*" || witness.resource.starts_with("acs:kms:"),
        "{witness:?}"
    );
    assert_eq!(witness.values[0].0, "acs:SourceIp");
    assert!(witness.values[0].1.starts_with("10."), "{witness:?}");
    assert_eq!(witness.new, "allowed by Statement[0]");
    proved(WIDE, WIDE);
    proved(NARROW, NARROW);
}

#[test]
fn numbers_and_moments_are_compared_by_value() {
    let less =
        when(r#""NumericLessThan": {"kms:tag/Level": 5}, "DateLessThan": {"acs:CurrentTime": "2027-01-01"}"#);
    let more =
        when(r#""NumericLessThan": {"kms:tag/Level": 9}, "DateLessThan": {"acs:CurrentTime": "2028-01-01"}"#);
    proved(&more, &less);
    refuted(&less, &more);
}

#[test]
fn a_deny_that_changes_nothing_alone_matters_beside_other_policies() {
    let deny = r#"{"Effect": "Deny", "Action": "kms:*", "Resource": "*",
        "Condition": {"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}"#;
    let both = WIDE.replacen('[', &format!("[{deny}, "), 1);
    proved(WIDE, &both);
    let alone = compared(Kind::Identity, true, &both, WIDE);
    assert!(matches!(alone, Outcome::Proved { .. }), "{alone:?}");
    match compared(Kind::Identity, false, &both, WIDE) {
        Outcome::Refuted { claim, witness } => {
            assert_eq!(claim, Claim::Denies);
            assert_eq!(witness.old, "denied by Statement[0]");
        }
        other => panic!("{other:?}"),
    }
}

// Goal: each construct of the language gives a counterexample in its own words, and the reverse is proved.
#[test]
fn every_construct_is_refuted_with_a_request_of_its_own() {
    for (narrow, wide, key, fits) in [
        (
            r#""StringEquals": {"kms:tag/Env": "dev"}"#,
            r#""StringEquals": {"kms:tag/Env": ["dev", "test"]}"#,
            "kms:tag/Env",
            "test",
        ),
        (
            r#""StringLike": {"kms:tag/Env": "d?v"}"#,
            r#""StringLike": {"kms:tag/Env": ["d?v", "t?st"]}"#,
            "kms:tag/Env",
            "t?st",
        ),
        (
            r#""StringLike": {"acs:UserAgent": "aws*"}"#,
            r#""StringLike": {"acs:UserAgent": "a*"}"#,
            "acs:UserAgent",
            "a*",
        ),
        (
            r#""StringEquals": {"acs:UserAgent": "Cli"}"#,
            r#""StringEqualsIgnoreCase": {"acs:UserAgent": "Cli"}"#,
            "acs:UserAgent",
            "???",
        ),
        (
            r#""IpAddress": {"acs:SourceIp": "10.1.0.0/16"}"#,
            r#""IpAddress": {"acs:SourceIp": "10.0.0.0/8"}"#,
            "acs:SourceIp",
            "10.*",
        ),
        (
            r#""Bool": {"acs:SecureTransport": "true"}"#,
            r#""Bool": {"acs:SecureTransport": ["true", "false"]}"#,
            "acs:SecureTransport",
            "false",
        ),
        (
            r#""DateGreaterThan": {"acs:CurrentTime": "2028-01-01"}"#,
            r#""DateGreaterThan": {"acs:CurrentTime": "2027-01-01"}"#,
            "acs:CurrentTime",
            "202?-*",
        ),
        (
            r#""NumericEquals": {"kms:EncryptionContext:n": "5"}"#,
            r#""NumericLessThanEquals": {"kms:EncryptionContext:n": "5"}"#,
            "kms:EncryptionContext:n",
            "*",
        ),
    ] {
        let witness = refuted(&when(narrow), &when(wide));
        let value = witness.values.iter().find(|(name, _)| name == key);
        let (_, value) = value.unwrap_or_else(|| panic!("{key}: {witness:?}"));
        assert!(Pattern::parse(fits).matches(value), "{fits}: {witness:?}");
    }
    proved(
        &when(r#""StringEqualsIgnoreCase": {"kms:tag/Env": "Dev"}"#),
        &when(r#""StringEqualsIgnoreCase": {"kms:tag/Env": "dEV"}"#),
    );
}

#[test]
fn missing_values_count() {
    let not = when(r#""StringNotEquals": {"kms:tag/Env": "prod"}"#);
    let is = when(r#""StringEquals": {"kms:tag/Env": "dev"}"#);
    proved(&not, &is);
    let witness = refuted(&is, &not);
    assert!(
        witness
            .values
            .iter()
            .all(|(key, value)| key == "kms:tag/Env" && value != "dev"),
        "{witness:?}"
    );
}

#[test]
fn resources_and_actions_are_told_apart() {
    let on = |action: &str, resource: &str| {
        format!(r#"[{{"Effect": "Allow", "Action": {action}, "Resource": "{resource}"}}]"#)
    };
    let witness = refuted(
        &on("\"kms:Encrypt\"", "acs:kms:*:*:key/apollo-*"),
        &on("\"kms:Encrypt\"", "acs:kms:*:*:key/ap*"),
    );
    assert_eq!(witness.action, "kms:Encrypt");
    assert!(witness.resource.contains(":key/ap"), "{witness:?}");
    let witness = refuted(
        &on("\"kms:Encrypt\"", "*"),
        &on("[\"kms:Encrypt\", \"kms:ReEncrypt\"]", "*"),
    );
    assert!(witness.action.starts_with("kms:ReEncrypt"), "{witness:?}");
    let witness = refuted(
        &on("\"kms:Encrypt\"", "acs:kms:*:*:key/a?"),
        &on("\"kms:Encrypt\"", "acs:kms:*:*:key/??"),
    );
    assert!(!witness.resource.contains("key/a"), "{witness:?}");
    proved(&on("\"*\"", "*"), &on("\"kms:*\"", "acs:kms:*:*:key/??"));
}

#[test]
fn key_policies_are_asked_about_keys_and_trust_policies_about_roles() {
    let to = |effect: &str, who: &str| {
        format!(
            r#"[{{"Effect": "{effect}", "Action": "kms:*", "Resource": "*", "Principal": {{"RAM": ["{who}"]}}}}]"#
        )
    };
    let witness = refuted_as(
        Kind::Key,
        &to("Allow", "acs:ram::12:user/alice"),
        &to("Allow", "acs:ram::12:role/ci"),
    );
    assert_eq!(witness.caller, "acs:ram::12:role/ci");
    assert!(witness.resource.contains(":key/"), "{witness:?}");
    let witness = refuted_as(
        Kind::Key,
        &to("Allow", "acs:ram::12:user/alice"),
        &to("Allow", "acs:ram::12:root"),
    );
    assert!(
        !witness.resource.contains(":12:"),
        "an account as such delegates to its own policies: {witness:?}"
    );
    let witness = refuted_as(
        Kind::Key,
        &to("Deny", "acs:ram::12:root"),
        &to("Deny", "acs:ram::12:user/alice"),
    );
    assert!(
        witness.caller.starts_with("acs:ram::12:") && witness.caller != "acs:ram::12:user/alice",
        "{witness:?}"
    );
    let trust =
        |who: &str| format!(r#"[{{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {who}}}]"#);
    let witness = refuted_as(
        Kind::Trust,
        &trust(r#"{"RAM": ["acs:ram::12:user/alice"]}"#),
        &trust(r#"{"RAM": ["acs:ram::12:user/alice"], "Service": ["ecs.aliyuncs.com"]}"#),
    );
    assert_eq!(
        (&*witness.caller, &*witness.action),
        ("ecs.aliyuncs.com", "sts:AssumeRole")
    );
}

// Goal: requests that only Cedar can think of refute nothing. A text that is not `dev` in lower case is not `dev`; a
// literal that a pattern with `?` covers is covered; `*` is no ARN of a key; a tag condition on an alias never holds.
#[test]
fn what_nobody_can_send_is_set_aside() {
    for (old, new) in [
        (when(r#""StringEqualsIgnoreCase": {"acs:UserAgent": "*"}"#), when(r#""StringEquals": {"acs:UserAgent": "*"}"#)),
        (when(r#""StringLike": {"kms:tag/Env": "d*v"}"#), when(r#""StringLike": {"kms:tag/Env": "d?v"}"#)),
        (
            r#"[{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "acs:kms:*:*:key/*"}]"#.to_owned(),
            r#"[{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}]"#.to_owned(),
        ),
        (
            r#"[{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]"#.to_owned(),
            r#"[{"Effect": "Allow", "Action": "kms:ListAliases", "Resource": "*", "Condition": {"StringEquals": {"kms:tag/Env": "x"}}}]"#.to_owned(),
        ),
    ] {
        match compared(Kind::Identity, false, &old, &new) {
            Outcome::Proved { aside, .. } => assert_eq!(aside.len(), 1, "{old}\n{new}"),
            other => panic!("{old}\n{new}\n{other:?}"),
        }
    }
}

#[test]
fn a_solver_that_is_not_there_is_named_with_the_cure() {
    let mut arguments = arguments(Kind::Identity, false);
    arguments.solver = "/nonexistent/cvc5".into();
    let failure = compare(
        &arguments,
        parsed(Kind::Identity, WIDE),
        parsed(Kind::Identity, WIDE),
    )
    .unwrap_err();
    let (code, text) = failure.into_parts();
    assert_eq!(code, 3);
    assert!(text.contains("pip install cvc5"), "{text}");
}

#[test]
fn the_report_says_what_was_found() {
    let outcome = compared(Kind::Identity, false, NARROW, WIDE);
    let (lines, code) = report(&arguments(Kind::Identity, false), &outcome);
    assert_eq!(
        (code, &*lines[0]),
        (1, "refuted: new.json allows what the other does not")
    );
    assert!(
        lines.iter().any(|line| line.starts_with("  acs:SourceIp = 10.")),
        "{lines:?}"
    );
    let outcome = compared(Kind::Identity, false, WIDE, NARROW);
    let (lines, code) = report(&arguments(Kind::Identity, false), &outcome);
    assert_eq!(code, 0);
    assert!(
        lines[0].starts_with("proved: new.json is no more permissive than old.json"),
        "{lines:?}"
    );
}

// Goal: what policies/README.md says of the system policies. None of a service reaches beyond its FullAccess, reading
// is not managing, and who manages keys does not use them.
#[test]
fn system_policies_are_no_wider_than_documented() {
    let system = |name: &str| crate::policy::system::find(name).unwrap().document;
    let outcome = |old: &str, new: &str| {
        let read = |text: &str| Document::parse(DocumentKind::Identity, text).unwrap();
        compare(&arguments(Kind::Identity, false), read(old), read(new)).unwrap()
    };
    for (family, full) in [
        ("AliyunKMS", "AliyunKMSFullAccess"),
        ("AliyunRAM", "AliyunRAMFullAccess"),
        ("AliyunActionTrail", "AliyunActionTrailFullAccess"),
    ] {
        for policy in SYSTEM_POLICIES
            .iter()
            .filter(|policy| policy.name.starts_with(family))
        {
            let outcome = outcome(system(full), policy.document);
            assert!(
                matches!(outcome, Outcome::Proved { .. }),
                "{}: {outcome:?}",
                policy.name
            );
        }
    }
    for (old, new) in [
        ("AliyunKMSReadOnlyAccess", "AliyunKMSSecretUserAccess"),
        ("AliyunKMSCryptoAdminAccess", "AliyunKMSCryptoUserAccess"),
        ("AliyunKMSFullAccess", "AdministratorAccess"),
    ] {
        let outcome = outcome(system(old), system(new));
        assert!(
            matches!(outcome, Outcome::Refuted { .. }),
            "{old}, {new}: {outcome:?}"
        );
    }
}

/// The document with one thing changed.
fn changed(dice: &mut Dice, kind: DocumentKind, old: &str) -> String {
    let mut document: Value = serde_json::from_str(old).unwrap();
    let statements = document["Statement"].as_array_mut().unwrap();
    let at = dice.below(statements.len());
    match dice.below(4) {
        0 if statements.len() > 1 => drop(statements.remove(at)),
        1 => drop(statements[at].as_object_mut().unwrap().remove("Condition")),
        2 => {
            let other: Value = serde_json::from_str(&text(dice, kind)).unwrap();
            statements[at]["Condition"] = other["Statement"][0]["Condition"].clone();
            if statements[at]["Condition"].is_null() {
                statements[at].as_object_mut().unwrap().remove("Condition");
            }
        }
        _ => {
            let other: Value = serde_json::from_str(&text(dice, kind)).unwrap();
            statements.push(other["Statement"][0].clone());
        }
    }
    document.to_string()
}

// Goal: what is proved holds for requests that somebody can send, and what is refuted has a witness. Random documents,
// each with one change; 400 requests are held against each proof by the plain reading.
#[test]
fn no_request_contradicts_a_proof() {
    let (mut proved, mut refuted, mut open) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let (kind, place) = [
            (DocumentKind::Identity, Kind::Identity),
            (DocumentKind::Resource, Kind::Key),
            (DocumentKind::Trust, Kind::Trust),
        ][dice.below(3)];
        let old_text = text(&mut dice, kind);
        let new_text = changed(&mut dice, kind, &old_text);
        let read = |text: &str| Document::parse(kind, text).unwrap();
        let (old, new) = (read(&old_text), read(&new_text));
        let outcome = compare(&arguments(place, false), old.clone(), new.clone()).unwrap();
        match outcome {
            Outcome::Proved { .. } => proved += 1,
            Outcome::Refuted { .. } => {
                refuted += 1;
                continue;
            }
            Outcome::Open(kinds) => {
                open += 1;
                println!("seed {seed}: {kinds:?}\n{old_text}\n{new_text}");
                continue;
            }
        }
        for _ in 0..400 {
            let mut request = request(&mut dice);
            let asked = match (kind, request.caller.who) {
                (DocumentKind::Identity, Who::Root | Who::Service(_)) => false,
                (DocumentKind::Resource, Who::Service(_)) => false,
                (DocumentKind::Resource, _) => request.resource.contains(":key/"),
                (DocumentKind::Trust, _) => request.action == "sts:AssumeRole",
                _ => true,
            };
            if !asked {
                continue;
            }
            // What every request has, and what none has.
            let given = &mut request.conditions.0;
            given.insert(ConditionKey::PrincipalArn, request.caller.arn());
            given.insert(ConditionKey::AccountId, request.caller.account.to_owned());
            let time = given.entry(ConditionKey::CurrentTime).or_default();
            if Moment::read(time).is_none() {
                *time = "2026-06-01T00:00:00Z".to_owned();
            }
            if !catalogue::find(request.action).unwrap().sees_tags() {
                given.retain(|key, _| !key.is_resource_tag());
            }
            let check = Check {
                action: request.action,
                resource: &request.resource,
                conditions: &request.conditions,
            };
            let [before, now] =
                [&old, &new].map(|document| Plain.layer(&[document], &request.caller, &check));
            let more = now.allows() && !before.allows();
            let undenied = matches!(before, Layer::Denied(_)) && !matches!(now, Layer::Denied(_));
            assert!(
                !more && (kind == DocumentKind::Trust || !undenied),
                "seed {seed}: {request:?}\n{old_text}\n{new_text}"
            );
        }
    }
    println!("{proved} proved, {refuted} refuted, {open} open");
    assert!(
        proved > SEEDS / 8 && refuted > SEEDS / 8,
        "{proved} proved, {refuted} refuted"
    );
    assert!(open <= SEEDS / 8, "{open} of {SEEDS} stay open");
}

/// Pairs of documents; a pair takes a second.
const SEEDS: u64 = 32;
