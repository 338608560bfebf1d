//! RAM and STS at the front: their own words for faults, no regions, and what is known and not served.

use super::*;
use crate::base::{Arn, RoleName, SessionName};
use crate::domain::{Command, Decided, Facts, Needs, Refusal, Unresolved};
use crate::engine::{Actor, AssumeRole};
use crate::projection::{Reader, State};

/// The largest legal calls of RAM and STS.
pub(super) fn largest(action: &str) -> Option<Vec<(&'static str, String)>> {
    let role = ("RoleName", "r".repeat(64));
    let policy = ("PolicyName", "p".repeat(128));
    let kind = ("PolicyType", "Custom".to_owned());
    let version = ("VersionId", "v4294967295".to_owned());
    // Four bytes in UTF-8, one character to the limit.
    let text = "\u{10348}".repeat(limits::RAM_DESCRIPTION_CHARS_MAX);
    let page = [("MaxItems", "1000".to_owned()), ("Tag", tags_json())];
    Some(match action {
        "ListVirtualMFADevices" | "GetPasswordPolicy" | "GetSecurityPreference" | "GetCallerIdentity" => {
            vec![]
        }
        "CreateRole" => vec![
            role,
            ("AssumeRolePolicyDocument", trust(limits::TRUST_POLICY_CHARS_MAX)),
            ("Description", text),
            ("MaxSessionDuration", "43200".to_owned()),
            ("Tag", tags_json()),
        ],
        "UpdateRole" => vec![
            role,
            (
                "NewAssumeRolePolicyDocument",
                trust(limits::TRUST_POLICY_CHARS_MAX),
            ),
            ("NewDescription", text),
        ],
        "GetRole" | "DeleteRole" | "ListPoliciesForRole" => vec![role],
        "ListRoles" => page.to_vec(),
        "CreatePolicy" => vec![
            policy,
            ("PolicyDocument", document(limits::POLICY_CHARS_MAX)),
            ("Description", text),
            ("Tag", tags_json()),
        ],
        "GetPolicy" | "ListPolicyVersions" | "ListEntitiesForPolicy" => vec![kind, policy],
        "UpdatePolicyDescription" => vec![policy, ("NewDescription", text)],
        "DeletePolicy" => vec![policy, ("CascadingDelete", "true".to_owned())],
        "ListPolicies" => page.to_vec(),
        "CreatePolicyVersion" => vec![
            policy,
            ("PolicyDocument", document(limits::POLICY_CHARS_MAX)),
            ("SetAsDefault", "true".to_owned()),
        ],
        "GetPolicyVersion" => vec![kind, policy, version],
        "DeletePolicyVersion" | "SetDefaultPolicyVersion" => vec![policy, version],
        "AttachPolicyToRole" | "DetachPolicyFromRole" => vec![kind, policy, role],
        "AttachPolicyToUser" | "DetachPolicyFromUser" => vec![kind, policy, user()],
        "AttachPolicyToGroup" | "DetachPolicyFromGroup" => vec![kind, policy, group()],
        "DecodeDiagnosticMessage" => vec![("EncodedDiagnosticMessage", "x".repeat(4_096))],
        "ListPoliciesForUser" => vec![user()],
        "ListPoliciesForGroup" => vec![group()],
        "TagResources" => vec![policies(), names(), ("Tag", tags_json())],
        "UntagResources" => vec![policies(), names(), ("TagKeys", tag_keys_json())],
        "ListTagResources" => vec![policies(), names(), ("Tag", tags_json())],
        "AssumeRole" => vec![
            ("RoleArn", format!("acs:ram::1000000000000001:role/{}", role.1)),
            ("RoleSessionName", "s".repeat(64)),
            ("DurationSeconds", "43200".to_owned()),
            ("Policy", document(limits::SESSION_POLICY_CHARS_MAX)),
            ("ExternalId", "x".repeat(1_224)),
            ("SourceIdentity", "s".repeat(64)),
        ],
        _ => return None,
    })
}

/// The largest policy of a key.
pub(super) fn key_policy() -> String {
    let begin = "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"kms:*\",\"Resource\":[\"*\"],\"Principal\":{\"RAM\":[\"acs:ram::1000000000000001:root\"]},\"Condition\":{\"StringEquals\":{\"acs:UserAgent\":\"";
    let end = "\"}}}]}";
    let filling = "x".repeat(limits::KEY_POLICY_BYTES_MAX - begin.len() - end.len());
    format!("{begin}{filling}{end}")
}

fn user() -> (&'static str, String) {
    ("UserName", "u".repeat(64))
}

fn group() -> (&'static str, String) {
    ("GroupName", "g".repeat(64))
}

fn policies() -> (&'static str, String) {
    ("ResourceType", "policy".to_owned())
}

fn names() -> (&'static str, String) {
    let names: Vec<String> = (0..limits::TAGGED_AT_ONCE_MAX)
        .map(|n| format!("{n:0>128}"))
        .collect();
    ("ResourceNames", serde_json::Value::from(names).to_string())
}

fn tags_json() -> String {
    let tags: Vec<_> = (0..limits::TAGS_PER_RESOURCE_MAX)
        .map(|n| serde_json::json!({"Key": tag_key(n), "Value": "v".repeat(256)}))
        .collect();
    serde_json::Value::from(tags).to_string()
}

/// A policy of so many characters, most of them of four bytes.
fn document(chars: usize) -> String {
    let begin = "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"acs:UserAgent\":\"";
    let end = "\"}}}]}";
    let filling = "\u{10348}".repeat(chars - begin.len() - end.len());
    format!("{begin}{filling}{end}")
}

fn trust(chars: usize) -> String {
    let begin = "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":[\"acs:ram::1000000000000001:root\"]},\"Condition\":{\"StringEquals\":{\"acs:UserAgent\":\"";
    let end = "\"}}}]}";
    let filling = "\u{10348}".repeat(chars - begin.len() - end.len());
    format!("{begin}{filling}{end}")
}

impl Bench {
    async fn product(&self, peer: &Peer, version: &str, params: Sent<'_>) -> (u16, serde_json::Value) {
        let all = [&[("Version", version)], params].concat();
        self.send(peer, &chancery_client::sign::form(&all)).await
    }

    pub(super) async fn ram(&self, peer: &Peer, params: Sent<'_>) -> (u16, serde_json::Value) {
        self.product(peer, "2015-05-01", params).await
    }

    pub(super) async fn sts(&self, peer: &Peer, params: Sent<'_>) -> (u16, serde_json::Value) {
        self.product(peer, "2015-04-01", params).await
    }
}

#[tokio::test]
async fn a_denial_has_the_products_own_word() {
    let bench = start();
    let denied = bench.ram(&STRANGER, &[("Action", "GetPasswordPolicy")]).await;
    assert_eq!(code(&denied), (403, "NoPermission"));
    let denied = bench.kms(&STRANGER, &[("Action", "ListKeys")]).await;
    assert_eq!(code(&denied), (403, "Forbidden.NoPermission"));
}

#[tokio::test]
async fn global_products_look_at_no_region() {
    let bench = start();
    let elsewhere = [("Action", "GetCallerIdentity"), ("RegionId", "mars-1")];
    let (status, answer) = bench.sts(&LOCAL, &elsewhere).await;
    assert_eq!(status, 200, "{answer}");
    let account = bench.front.engine.account().to_string();
    assert_eq!(answer["Arn"], format!("acs:ram::{account}:root"));
    assert_eq!(answer["IdentityType"], "Account");
    assert_eq!(answer["PrincipalId"], account);
    let list = bench.ram(&LOCAL, &[("Action", "ListVirtualMFADevices")]).await;
    assert_eq!(
        list.1["VirtualMFADevices"],
        serde_json::json!({"VirtualMFADevice": []})
    );
}

#[tokio::test]
async fn what_sdks_know_and_nobody_serves_is_no_operation() {
    let bench = start();
    let size = bench.store.size().unwrap();
    for (version, action, expected) in [
        ("2015-05-01", "CreateLoginProfile", (400, "UnsupportedOperation")),
        ("2015-04-01", "AssumeRoleWithSAML", (400, "UnsupportedOperation")),
        ("2015-05-01", "GetAccountSummary", (404, "InvalidApi.NotFound")),
        // The same name in another product is another operation.
        ("2015-05-01", "ListKeys", (404, "InvalidApi.NotFound")),
        ("2016-01-20", "GetCallerIdentity", (404, "InvalidApi.NotFound")),
    ] {
        let answer = bench.product(&REMOTE, version, &[("Action", action)]).await;
        assert_eq!(code(&answer), expected, "{action}");
    }
    assert_eq!(bench.store.size().unwrap(), size);
}

/// A session of a role, opened as AssumeRole does, for a test that comes in with its credentials.
async fn open_session(bench: &Bench, role: &str, seconds: u64) -> (String, String, String) {
    let account = bench.front.engine.account().to_string();
    let trust = trust(200).replace("1000000000000001", &account);
    let made = bench
        .ram(
            &LOCAL,
            &[
                ("Action", "CreateRole"),
                ("RoleName", role),
                ("AssumeRolePolicyDocument", &trust),
            ],
        )
        .await;
    assert_eq!(made.0, 200, "{}", made.1);
    let engine = &bench.front.engine;
    let scope = Scope {
        account: engine.account(),
        region: engine.region().clone(),
        at: engine.now(),
    };
    let request = AssumeRole {
        actor: Actor::system(engine.account()),
        account: engine.account(),
        role: RoleName::parse(role).unwrap(),
        session: SessionName::parse("ci-1").unwrap(),
        seconds,
        policy: None,
        external_id: None,
        source: None,
    };
    let call = Call {
        rid: engine.make_request_id(),
        op: "sts/AssumeRole",
        open: false,
        dry_run: false,
        lane: crate::engine::Lane::Short,
        actor: Actor::system(engine.account()),
        origin: Origin::internal(),
        scope,
        recorded: crate::engine::Recorded::default(),
        work: Work::Command(Box::new(Trusted(request))),
    };
    let answer = engine.submit(call).await.unwrap().reply.result.unwrap();
    let Some(crate::base::Value::Object(credentials)) = answer.get("Credentials") else {
        panic!("{answer:?}")
    };
    let text = |name: &str| match credentials.get(name) {
        Some(crate::base::Value::Text(text)) => text.to_string(),
        Some(crate::base::Value::Secret(secret)) => secret.expose().to_owned(),
        other => panic!("{other:?}"),
    };
    (
        text("AccessKeyId"),
        text("AccessKeySecret"),
        text("SecurityToken"),
    )
}

/// AssumeRole by the daemon itself, which no trust policy is asked about.
#[derive(Debug)]
struct Trusted(AssumeRole);

impl Command for Trusted {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.0.resources(scope, reader)
    }

    fn needs(&self) -> Needs {
        self.0.needs()
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        self.0.decide(scope, state, facts)
    }
}

/// GetCallerIdentity, signed with version 1.0.
fn signed_by(id: &str, secret: &str, token: Option<&str>, nonce: &str) -> String {
    let stamp = SystemClock.now().to_string();
    let mut params = vec![
        ("Action", "GetCallerIdentity"),
        ("Version", "2015-04-01"),
        ("AccessKeyId", id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", nonce),
        ("Timestamp", &stamp),
    ];
    params.extend(token.map(|token| ("SecurityToken", token)));
    let text = chancery_client::sign::string_to_sign("POST", &params);
    let signature = chancery_client::sign::signature(secret, &text);
    chancery_client::sign::form(&[&params[..], &[("Signature", &signature)]].concat()).to_string()
}

#[tokio::test]
async fn a_session_is_known_by_its_access_key_and_its_token_together() {
    let bench = start();
    let (id, secret, token) = open_session(&bench, "Deploy", 900).await;
    let (other, _, others) = open_session(&bench, "Other", 900).await;
    let account = bench.front.engine.account().to_string();
    let (status, answer) = bench
        .send(&REMOTE, &signed_by(&id, &secret, Some(&token), "n1"))
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["Arn"],
        format!("acs:ram::{account}:assumed-role/Deploy/ci-1")
    );
    assert_eq!(answer["IdentityType"], "AssumedRoleUser");
    let principal = format!("{}:ci-1", answer["RoleId"].as_str().unwrap());
    assert_eq!(answer["PrincipalId"], principal);
    assert!(answer.get("UserId").is_none());
    let event = bench.last().1;
    assert_eq!(event.actor.session.map(String::from).as_deref(), Some("ci-1"));

    let root = (&bench.access_key.0, &bench.access_key.1);
    for (form, expected) in [
        (signed_by(&id, &secret, None, "n2"), "MissingSecurityToken"),
        (
            signed_by(&id, &secret, Some("AQ=="), "n3"),
            "InvalidSecurityToken.Malformed",
        ),
        (
            signed_by(&id, &secret, Some(&others), "n4"),
            "InvalidSecurityToken.MismatchWithAccessKey",
        ),
        (
            signed_by(root.0, root.1, Some(&token), "n5"),
            "InvalidSecurityToken.MismatchWithAccessKey",
        ),
        (
            signed_by(root.0, root.1, Some("AQ=="), "n6"),
            "InvalidSecurityToken.Malformed",
        ),
        (
            signed_by(&other, &secret, Some(&others), "n7"),
            "SignatureDoesNotMatch",
        ),
        (
            signed_by("STS.NoSuchKey", &secret, Some(&token), "n8"),
            "InvalidAccessKeyId.NotFound",
        ),
    ] {
        let answer = bench.send(&REMOTE, &form).await;
        assert_eq!(code(&answer).1, expected, "{}", answer.1);
    }
}

#[tokio::test]
async fn a_session_ends_with_its_role() {
    let bench = start();
    let (id, secret, token) = open_session(&bench, "Gone", 900).await;
    let gone = bench
        .ram(&LOCAL, &[("Action", "DeleteRole"), ("RoleName", "Gone")])
        .await;
    assert_eq!(gone.0, 200, "{}", gone.1);
    let answer = bench
        .send(&REMOTE, &signed_by(&id, &secret, Some(&token), "n1"))
        .await;
    assert_eq!(code(&answer), (400, "InvalidSecurityToken.Expired"));
}

#[tokio::test]
async fn a_session_of_no_time_is_over_at_once_and_then_forgotten() {
    let bench = start();
    let (id, secret, token) = open_session(&bench, "Brief", 0).await;
    let form = |nonce| signed_by(&id, &secret, Some(&token), nonce);
    let answer = bench.send(&REMOTE, &form("n1")).await;
    assert_eq!(code(&answer), (400, "InvalidSecurityToken.Expired"));
    bench.front.engine.keep_house().await;
    let state = bench.front.engine.tools().published.applied();
    let id = crate::base::AccessKeyId::parse(&id).unwrap();
    assert!(state.session(&id).is_none(), "forgotten");
    let answer = bench.send(&REMOTE, &form("n2")).await;
    assert_eq!(
        code(&answer),
        (400, "InvalidSecurityToken.Expired"),
        "still known as ours"
    );
}

#[tokio::test]
async fn root_may_assume_no_role() {
    let bench = start();
    let account = bench.front.engine.account().to_string();
    open_session(&bench, "Deploy", 900).await;
    for (arn, expected) in [
        (format!("acs:ram::{account}:role/deploy"), (403, "NoPermission")),
        // Not even whether there is such a role.
        (format!("acs:ram::{account}:role/none"), (403, "NoPermission")),
        (
            format!("acs:ram::{account}:user/deploy"),
            (400, "InvalidParameter.RoleArn"),
        ),
    ] {
        let params = [
            ("Action", "AssumeRole"),
            ("RoleArn", arn.as_str()),
            ("RoleSessionName", "ci-1"),
        ];
        let answer = bench.sts(&LOCAL, &params).await;
        assert_eq!(code(&answer), expected, "{arn}");
    }
}

#[tokio::test]
async fn a_key_has_the_policy_that_it_was_given() {
    let bench = start();
    let key = bench.make_key().await;
    let read = [("Action", "GetKeyPolicy"), ("KeyId", key.as_str())];
    let (_, answer) = bench.kms(&LOCAL, &read).await;
    let default: serde_json::Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    let account = bench.front.engine.account().to_string();
    let whole = serde_json::json!([format!("acs:ram::{account}:*")]);
    assert_eq!(default["Statement"][0]["Principal"]["RAM"], whole);
    let document = key_policy();
    let set = |document| {
        [
            ("Action", "SetKeyPolicy"),
            ("KeyId", key.as_str()),
            ("Policy", document),
        ]
    };
    assert_eq!(bench.kms(&LOCAL, &set(&document)).await.0, 200);
    assert_eq!(bench.kms(&LOCAL, &read).await.1["Policy"], document.as_str());
    let too_long = format!("{document} ");
    assert_eq!(
        code(&bench.kms(&LOCAL, &set(&too_long)).await),
        (400, "InvalidParameter")
    );
    assert_eq!(
        code(&bench.kms(&LOCAL, &set("{}")).await),
        (400, "InvalidParameter")
    );
    let other = [&read[..], &[("PolicyName", "other")]].concat();
    assert_eq!(
        code(&bench.kms(&LOCAL, &other).await),
        (404, "Forbidden.ResourceNotFound")
    );
}
