//! The documents of the simulation: few, so that changes meet, and simple, so that `rights` can read them.

use chancery::base::AccountId;

/// The text of the one system policy that is attached to anybody.
pub const SYSTEM: &str = include_str!("../../../policies/system/AliyunKMSCryptoUserAccess.json");
/// Its name.
pub const SYSTEM_NAME: &str = "AliyunKMSCryptoUserAccess";

/// What is attached to users, groups and roles.
pub const IDENTITY: [&str; 6] = [
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#,
    r#"{"Version":"1","Statement":[
        {"Effect":"Allow","Action":["kms:Encrypt","kms:GenerateDataKey"],"Resource":"acs:kms:*:*:key/*"},
        {"Effect":"Allow","Action":["kms:Decrypt","kms:ReEncryptFrom"],"Resource":"*",
         "Condition":{"StringEquals":{"kms:tag/a":"1"}}}]}"#,
    r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":["kms:Encrypt","kms:DisableKey"],"Resource":"*"}]}"#,
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["ram:*","sts:*"],"Resource":"*"}]}"#,
    r#"{"Version":"1","Statement":[
        {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram::*:role/r0"},
        {"Effect":"Allow","Action":["kms:DescribeKey","kms:ListKeys","kms:Decrypt"],"Resource":"*"}]}"#,
    r#"{"Version":"1","Statement":[
        {"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:TagResources","kms:DisableKey"],"Resource":"*"},
        {"Effect":"Deny","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:tag/a":"2"}}}]}"#,
];

/// What a session may be narrowed to.
pub const SESSION: [&str; 2] = [
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:Encrypt","kms:GenerateDataKey"],"Resource":"*"}]}"#,
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:*","sts:*"],"Resource":"*"}]}"#,
];

/// How many trust policies there are.
pub const TRUSTS: usize = 6;

/// Whom a role trusts: an account, a user, another role, nobody who is there, an account whose requests bring what was
/// agreed on, or say who is behind them.
pub fn trust(which: usize, account: AccountId) -> String {
    let (whom, condition) = [
        ("root", ""),
        ("user/a", ""),
        ("role/r1", ""),
        ("user/nobody", ""),
        (
            "root",
            r#","Condition":{"StringEquals":{"sts:ExternalId":"partner"}}"#,
        ),
        (
            "root",
            r#","Condition":{"StringEquals":{"sts:SourceIdentity":"alice"}}"#,
        ),
    ][which];
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":["acs:ram::{account}:{whom}"]}}{condition}}}]}}"#
    )
}

/// How many policies of keys there are.
pub const OF_KEYS: usize = 4;

/// The policy of a key: all left to RAM, a user let in, a role let in, everybody kept from encrypting.
pub fn of_key(which: usize, account: AccountId) -> String {
    let (effect, action, whom) = [
        ("Allow", "kms:*", "root"),
        ("Allow", "kms:*", "user/a"),
        ("Allow", "kms:Encrypt", "role/r0"),
        ("Deny", "kms:Encrypt", "root"),
    ][which];
    format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"{effect}","Action":"{action}","Resource":"*","Principal":{{"RAM":["acs:ram::{account}:{whom}"]}}}}]}}"#
    )
}

#[test]
fn the_documents_read() {
    use chancery::engine::{DocumentKind, check_policy};

    let account = "1000000000000001".parse().unwrap();
    let read =
        |kind, text: &str| check_policy(kind, text).unwrap_or_else(|fault| panic!("{fault:?}: {text}"));
    IDENTITY
        .iter()
        .for_each(|text| read(DocumentKind::Identity, text));
    SESSION.iter().for_each(|text| read(DocumentKind::Session, text));
    (0..TRUSTS).for_each(|which| read(DocumentKind::Trust, &trust(which, account)));
    (0..OF_KEYS).for_each(|which| read(DocumentKind::Resource, &of_key(which, account)));
}
