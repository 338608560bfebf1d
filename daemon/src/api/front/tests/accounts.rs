//! Accounts and regions can't see each other, and only the operator sees the daemon.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::audit::{StoreSource, verify};

/// The largest legal calls of the account operations.
pub(super) fn largest(action: &str) -> Option<Vec<(&'static str, String)>> {
    let account = ("AccountId", "1000000000000001".to_owned());
    Some(match action {
        "ListAccounts" => vec![("PageNumber", "4294967295".to_owned())],
        "CreateAccount" => vec![("AccountName", "\u{10348}".repeat(limits::ACCOUNT_NAME_CHARS_MAX))],
        "RotateRootKey" => vec![("DeleteOthers", "true".to_owned())],
        "DeleteRootKey" => vec![account, ("RootKeyId", "x".repeat(64))],
        _ => return None,
    })
}

/// Who calls over TCP with an access key: the root of an account, or a user.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub account: String,
    pub id: String,
    pub secret: String,
}

static NONCES: AtomicU64 = AtomicU64::new(0);

impl Root {
    fn of(answer: &serde_json::Value) -> Self {
        let text = |name: &str| {
            answer[name]
                .as_str()
                .unwrap_or_else(|| panic!("{answer}"))
                .to_owned()
        };
        Self {
            account: text("AccountId"),
            id: text("AccessKeyId"),
            secret: text("AccessKeySecret"),
        }
    }

    pub async fn call(&self, bench: &Bench, version: &str, params: Sent<'_>) -> (u16, serde_json::Value) {
        let (nonce, stamp) = (
            NONCES.fetch_add(1, Ordering::Relaxed).to_string(),
            SystemClock.now().to_string(),
        );
        let signing = [
            ("Version", version),
            ("AccessKeyId", self.id.as_str()),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", nonce.as_str()),
            ("Timestamp", stamp.as_str()),
        ];
        let params = [&signing, params].concat();
        let text = chancery_client::sign::string_to_sign("POST", &params);
        let signature = chancery_client::sign::signature(&self.secret, &text);
        let form = chancery_client::sign::form(&[&params[..], &[("Signature", &*signature)]].concat());
        bench.send(&REMOTE, &form).await
    }

    pub async fn kms(&self, bench: &Bench, params: Sent<'_>) -> (u16, serde_json::Value) {
        self.call(bench, "2016-01-20", params).await
    }

    async fn chancery(&self, bench: &Bench, params: Sent<'_>) -> (u16, serde_json::Value) {
        self.call(bench, "2026-12-01", params).await
    }
}

pub(super) fn founder(bench: &Bench) -> Root {
    Root {
        account: bench.front.engine.account().to_string(),
        id: bench.access_key.0.clone(),
        secret: bench.access_key.1.clone(),
    }
}

pub(super) async fn open_account(bench: &Bench) -> Root {
    let answer = founder(bench)
        .chancery(bench, &[("Action", "CreateAccount"), ("AccountName", "ci")])
        .await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    Root::of(&answer.1)
}

/// The whole log is lawful: each event, replayed, by somebody who has nothing but the log.
pub(super) fn assert_lawful(bench: &Bench) {
    let mut source = StoreSource::new(&*bench.store).unwrap();
    let report = verify(&mut source, &mut |_, _| ()).unwrap();
    assert!(report.is_verified(), "{}", report.problems);
}

/// Makes a key with everything that hangs on one, as `root` in `region`: id, alias, blob.
async fn furnish(bench: &Bench, root: &Root, region: &str) -> (String, String) {
    let region = ("RegionId", region);
    let made = root.kms(bench, &[("Action", "CreateKey"), region]).await;
    let key = made.1["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let id = ("KeyId", key.as_str());
    let alias = ("AliasName", "alias/mine");
    let tags = ("Tags", r#"[{"TagKey":"k","TagValue":"v"}]"#);
    for params in [
        &[("Action", "CreateAlias"), id, alias, region][..],
        &[("Action", "TagResource"), id, tags, region],
    ] {
        let done = root.kms(bench, params).await;
        assert_eq!(done.0, 200, "{}", done.1);
    }
    let plaintext = ("Plaintext", "aGVsbG8=");
    let made = root
        .kms(bench, &[("Action", "Encrypt"), id, plaintext, region])
        .await;
    let blob = made.1["CiphertextBlob"].as_str().unwrap().to_owned();
    (key, blob)
}

/// All that one account or region has is not there for another: by id, by alias, by ARN, in lists, as a ciphertext.
#[tokio::test]
async fn accounts_and_regions_see_nothing_of_each_other() {
    let bench = start();
    let (first, second) = (founder(&bench), open_account(&bench).await);
    assert_ne!(first.account, second.account);
    let (home, away) = ("cn-hangzhou", "cn-beijing");
    let (key, blob) = furnish(&bench, &first, home).await;
    let arn = format!("acs:kms:{home}:{}:key/{key}", first.account);
    let not_found = (404, "Forbidden.KeyNotFound");
    for (root, region) in [(&second, home), (&first, away), (&second, away)] {
        let region = ("RegionId", region);
        let id = ("KeyId", key.as_str());
        let refused: &[(Sent<'_>, (u16, &str))] = &[
            (&[("Action", "DescribeKey"), id, region], not_found),
            (&[("Action", "DescribeKey"), ("KeyId", &arn), region], not_found),
            (
                &[("Action", "DescribeKey"), ("KeyId", "alias/mine"), region],
                (404, "Forbidden.AliasNotFound"),
            ),
            (&[("Action", "DisableKey"), id, region], not_found),
            (&[("Action", "ScheduleKeyDeletion"), id, region], not_found),
            (&[("Action", "ListResourceTags"), id, region], not_found),
            (&[("Action", "ListAliasesByKeyId"), id, region], not_found),
            (&[("Action", "ListKeyVersions"), id, region], not_found),
            (
                &[("Action", "Encrypt"), id, ("Plaintext", "AA=="), region],
                not_found,
            ),
            (
                &[("Action", "Decrypt"), ("CiphertextBlob", &blob), region],
                not_found,
            ),
            (
                &[("Action", "DeleteAlias"), ("AliasName", "alias/mine"), region],
                (404, "Forbidden.AliasNotFound"),
            ),
        ];
        for (params, expected) in refused {
            assert_eq!(code(&root.kms(&bench, params).await), *expected, "{params:?}");
        }
        for list in ["ListKeys", "ListAliases"] {
            let listed = root.kms(&bench, &[("Action", list), region]).await;
            assert_eq!(listed.1["TotalCount"], 0, "{list}: {}", listed.1);
        }
        // The same name is free there, and the next to come from here meets its own alone.
        let (own, _) = furnish(&bench, root, region.1).await;
        let found = root
            .kms(
                &bench,
                &[("Action", "DescribeKey"), ("KeyId", "alias/mine"), region],
            )
            .await;
        assert_eq!(found.1["KeyMetadata"]["KeyId"], own.as_str());
    }
    let opened = first
        .kms(&bench, &[("Action", "Decrypt"), ("CiphertextBlob", &blob)])
        .await;
    assert_eq!(opened.1["Plaintext"], "aGVsbG8=");
    assert_lawful(&bench);
}

#[tokio::test]
async fn the_log_the_clock_and_the_accounts_are_the_operators_alone() {
    let bench = start();
    let (first, second) = (founder(&bench), open_account(&bench).await);
    for action in [
        "GetLogStatus",
        "GetLogEntries",
        "GetVault",
        "AcceptClock",
        "RotateLogKey",
        "ListAccounts",
        "CreateAccount",
    ] {
        let denied = second.chancery(&bench, &[("Action", action)]).await;
        assert_eq!(code(&denied), (403, "Forbidden.NoPermission"), "{action}");
        let allowed = first.chancery(&bench, &[("Action", action)]).await;
        assert_eq!(allowed.0, 200, "{action}: {}", allowed.1);
    }
    // Whether another account exists, and its keys, is not for everybody to know.
    for account in [first.account.as_str(), "1000000000000000"] {
        let params = [("Action", "RotateRootKey"), ("AccountId", account)];
        let denied = second.chancery(&bench, &params).await;
        assert_eq!(code(&denied), (403, "Forbidden.NoPermission"));
    }
    let params = [("Action", "RotateRootKey"), ("AccountId", "1000000000000000")];
    let missing = first.chancery(&bench, &params).await;
    assert_eq!(code(&missing), (404, "EntityNotExist.Account"));
    assert_lawful(&bench);
}

#[tokio::test]
async fn a_rotated_root_key_works_beside_the_old_one_until_that_is_deleted() {
    let bench = start();
    let old = open_account(&bench).await;
    let list: Sent<'_> = &[("Action", "ListKeys")];
    let rotated = old.chancery(&bench, &[("Action", "RotateRootKey")]).await;
    let new = Root::of(&rotated.1);
    assert_eq!(rotated.1["OtherAccessKeys"]["AccessKeyId"][0], old.id.as_str());
    assert_eq!(old.kms(&bench, list).await.0, 200);
    assert_eq!(new.kms(&bench, list).await.0, 200);
    let third = new.chancery(&bench, &[("Action", "RotateRootKey")]).await;
    assert_eq!(code(&third), (400, "Rejected.LimitExceeded"));

    let delete = [("Action", "DeleteRootKey"), ("RootKeyId", old.id.as_str())];
    assert_eq!(new.chancery(&bench, &delete).await.0, 200);
    let gone = (404, "InvalidAccessKeyId.NotFound");
    assert_eq!(code(&old.kms(&bench, list).await), gone);
    assert_eq!(new.kms(&bench, list).await.0, 200);
    assert_lawful(&bench);
}

/// A leaked key: one call of the operator, and neither it nor what it signed is good for anything.
#[tokio::test]
async fn the_operator_ends_all_keys_of_a_root_at_once_and_their_slots_are_erased() {
    let bench = start();
    let leaked = open_account(&bench).await;
    let list: Sent<'_> = &[("Action", "ListKeys")];
    assert_eq!(leaked.kms(&bench, list).await.0, 200);
    let engine = &bench.front.engine;
    let slot = {
        let state = engine.tools().published.applied();
        let id = crate::base::AccessKeyId::parse(&leaked.id).unwrap();
        state.access_key(&id).unwrap().slot
    };
    let rotate = [
        ("Action", "RotateRootKey"),
        ("AccountId", leaked.account.as_str()),
        ("DeleteOthers", "true"),
    ];
    let rotated = founder(&bench).chancery(&bench, &rotate).await;
    let new = Root::of(&rotated.1);
    assert_eq!(
        code(&leaked.kms(&bench, list).await),
        (404, "InvalidAccessKeyId.NotFound")
    );
    assert_eq!(new.kms(&bench, list).await.0, 200);
    engine.keep_house().await;
    assert!(engine.tools().vault.key(slot).is_err());
    assert_eq!(engine.tools().published.durable().state.erasures().count(), 0);
    assert_lawful(&bench);
}

#[tokio::test]
async fn a_secret_is_in_its_answer_and_never_in_the_log() {
    let bench = start();
    let made = open_account(&bench).await;
    let (_, event) = bench.last();
    assert_eq!(event.op, "chancery/CreateAccount");
    let entries = bench.store.entries(Seq::GENESIS, 64, usize::MAX).unwrap();
    for (_, entry) in entries {
        let found = entry
            .windows(made.secret.len())
            .any(|window| window == made.secret.as_bytes());
        assert!(!found);
    }
    let listed = founder(&bench)
        .chancery(&bench, &[("Action", "ListAccounts")])
        .await;
    assert_eq!(listed.1["TotalCount"], 2);
    assert!(!listed.1.to_string().contains(&made.secret));
    assert!(listed.1.to_string().contains(&made.id));
}
