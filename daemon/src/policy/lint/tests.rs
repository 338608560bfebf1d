use super::*;
use crate::policy::language::DocumentKind;
use crate::policy::system::SYSTEM_POLICIES;

fn found(statements: &str) -> Vec<String> {
    let text = format!(r#"{{"Version":"1","Statement":[{statements}]}}"#);
    let document = Document::parse(DocumentKind::Identity, &text).unwrap();
    findings(&document).iter().map(Finding::to_string).collect()
}

fn one(statements: &str, wanted: &str) {
    let found = found(statements);
    assert!(
        found.len() == 1 && found[0].contains(wanted),
        "{wanted}: {found:#?}"
    );
}

fn none(statements: &str) {
    assert_eq!(found(statements), Vec::<String>::new(), "{statements}");
}

#[test]
fn unknown_actions_are_named_with_their_neighbours() {
    one(
        r#"{"Effect":"Allow","Action":["kms:Encypt","kms:Decrypt"],"Resource":"*"}"#,
        "mistake: Statement[0]: no action is called `kms:Encypt`; did you mean `kms:Encrypt`",
    );
    one(
        r#"{"Effect":"Allow","Action":"kms:Frobnicate*","Resource":"*"}"#,
        "`kms:Frobnicate*`",
    );
    one(r#"{"Effect":"Allow","Action":"ecs:*","Resource":"*"}"#, "advice");
    none(r#"{"Effect":"Allow","Action":["kms:reencrypt","k*"],"Resource":"*"}"#);
}

#[test]
fn resources_of_the_wrong_kind_are_found() {
    one(
        r#"{"Effect":"Allow","Action":"kms:List*","Resource":["*","acs:kms:*:*:key:*"]}"#,
        "have four colons",
    );
    let container =
        r#"{"Effect":"Allow","Action":["kms:ListKeys","kms:Encrypt"],"Resource":"acs:kms:*:*:key/*"}"#;
    one(container, "`kms:ListKeys` is checked on `acs:kms:*:*:key`");
    let unscoped = r#"{"Effect":"Allow","Action":["kms:GetRandomPassword","kms:GetSecretValue"],"Resource":"acs:kms:*:*:secret/*"}"#;
    one(unscoped, "`kms:GetRandomPassword` is checked on `*`");
    one(
        r#"{"Effect":"Allow","Action":"kms:Enc*","Resource":["acs:kms:*:*:key/*","acs:kms:*:*:secret/*"]}"#,
        "`acs:kms:*:*:secret/*` matches nothing",
    );
    none(
        r#"{"Effect":"Allow","Action":"kms:UpdateAlias","Resource":["acs:kms:*:*:key/1","acs:kms:*:*:alias/a"]}"#,
    );
}

#[test]
fn tag_conditions_need_something_with_tags() {
    one(
        r#"{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"StringEquals":{"kms:tag/a":"b"}}}"#,
        "checked on something with tags",
    );
    one(
        r#"{"Effect":"Allow","Action":["kms:ListKeys","kms:Encrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:tag/a":"b"}}}"#,
        "can't be met for `kms:ListKeys`",
    );
    // Without a value the negated operator holds.
    none(
        r#"{"Effect":"Deny","Action":"kms:ListKeys","Resource":"*","Condition":{"StringNotEquals":{"kms:tag/a":"b"}}}"#,
    );
}

#[test]
fn shadows_are_found_and_equal_statements_once() {
    let narrow = r#"{"Effect":"Allow","Action":"kms:Encrypt","Resource":"acs:kms:*:*:key/*"}"#;
    let wide = r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#;
    let deny = r#"{"Effect":"Deny","Action":"kms:E*","Resource":"*"}"#;
    let when = r#"{"Effect":"Deny","Action":"kms:E*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":"false"}}}"#;
    one(
        &format!("{narrow},{wide}"),
        "Statement[0]: it adds nothing to Statement[1]",
    );
    one(
        &format!("{narrow},{narrow}"),
        "Statement[1]: it adds nothing to Statement[0]",
    );
    one(
        &format!("{narrow},{deny}"),
        "Statement[0]: it never has an effect: Statement[1] denies",
    );
    none(&format!("{narrow},{when}"));
}

#[test]
fn conditions_that_exclude_each_other_never_apply() {
    let with = |condition: &str| {
        format!(r#"{{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{condition}}}"#)
    };
    for impossible in [
        r#"{"StringEquals":{"kms:tag/a":"b"},"StringNotEquals":{"kms:tag/a":["b","c"]}}"#,
        r#"{"StringEquals":{"kms:tag/a":"b"},"StringLike":{"kms:tag/a":"c*"}}"#,
        r#"{"NumericLessThan":{"kms:tag/a":"1"},"NumericGreaterThan":{"kms:tag/a":"1"}}"#,
        r#"{"DateGreaterThan":{"acs:CurrentTime":"2027-01-01"},"DateLessThan":{"acs:CurrentTime":"2026-01-01"}}"#,
    ] {
        one(&with(impossible), "exclude each other");
    }
    for possible in [
        r#"{"StringEquals":{"kms:tag/a":["b","c"]},"StringNotEquals":{"kms:tag/a":"b"}}"#,
        r#"{"StringEqualsIgnoreCase":{"kms:tag/a":"b"},"StringLike":{"kms:tag/a":"B*"}}"#,
        r#"{"NumericLessThan":{"kms:tag/a":"1.0001"},"NumericGreaterThan":{"kms:tag/a":"0.9999"}}"#,
        r#"{"DateGreaterThan":{"acs:CurrentTime":"2026-01-01"},"DateLessThan":{"acs:CurrentTime":"2027-01-01"}}"#,
    ] {
        none(&with(possible));
    }
    one(
        &with(r#"{"StringEquals":{"acs:SourceVpc":"v"}}"#),
        "no request here has `acs:SourceVpc`",
    );
    one(
        &with(r#"{"StringEquals":{"sts:ExternalId":"v"}}"#),
        "none of its actions brings",
    );
}

#[test]
fn the_mfa_idiom_that_stops_nobody_earns_advice() {
    one(
        r#"{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"Bool":{"acs:MFAPresent":"false"}}}"#,
        "does not stop them",
    );
}

#[test]
fn system_policies_have_no_mistakes() {
    for policy in SYSTEM_POLICIES {
        let document = Document::parse(DocumentKind::Identity, policy.document).unwrap();
        let found = findings(&document);
        assert!(
            found.iter().all(|finding| finding.level == Level::Advice),
            "{}: {found:#?}",
            policy.name
        );
    }
}
