mod accounts;
use std::sync::Arc;

use hyper::HeaderMap;

use super::*;
use crate::api::authenticate::Listener;
use crate::base::entropy::SystemEntropy;
use crate::base::memory_file::MemoryFile;
use crate::base::time::{Clock, SystemClock};
use crate::base::{Seq, Timestamp};
use crate::custody::RootKey;
use crate::engine::boot::{Founding, RootAccessKey, Storage, World, found};
use crate::event::codec::decode_event;
use crate::event::{Effect, Event, Outcome};
use crate::ledger::EventStore;
use crate::ledger::cose::SignedEntry;
use crate::ledger::memory_store::MemoryStore;

mod headers;
mod identities;
mod local;
mod ram;

const LOCAL: Peer = Peer {
    listener: Listener::Unix,
    ip: None,
    uid: Some(1_000),
    pid: Some(7),
};
const STRANGER: Peer = Peer {
    uid: Some(1_001),
    ..LOCAL
};
const REMOTE: Peer = Peer {
    listener: Listener::Tcp,
    ip: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
    uid: None,
    pid: None,
};

struct Bench {
    front: Front,
    store: Arc<MemoryStore>,
    access_key: (String, String),
}

fn settings() -> Settings {
    Settings {
        nonces: crate::api::nonce::NonceLimits::default(),
        regions: ["cn-hangzhou", "cn-beijing"]
            .into_iter()
            .filter_map(Region::parse)
            .collect(),
        root_uid: Some(1_000),
        local_principals: Default::default(),
        quotas: Quotas::default(),
    }
}

fn start() -> Bench {
    let store = Arc::new(MemoryStore::new());
    let storage = Storage {
        log: Arc::clone(&store) as Arc<dyn EventStore>,
        mirrors: [Box::new(MemoryFile::new()), Box::new(MemoryFile::new())],
        anchor: Box::new(MemoryFile::new()),
    };
    let world = World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let founding = Founding {
        name: "test".into(),
        region: Region::parse("cn-hangzhou").unwrap(),
    };
    let mut access_key = None;
    let mut keep = |made: &RootAccessKey| {
        let secret = String::from_utf8(made.secret.expose().to_vec()).unwrap();
        access_key = Some((made.id.to_string(), secret));
        Ok(())
    };
    let core = found(
        storage,
        RootKey::make(&SystemEntropy),
        &world,
        &founding,
        &mut keep,
    )
    .unwrap();
    let (engine, _threads) = Engine::start(core, 1, |_| {}).unwrap();
    Bench {
        front: Front::new(engine, settings()).unwrap(),
        store,
        access_key: access_key.unwrap(),
    }
}

impl Bench {
    async fn send(&self, peer: &Peer, form: &str) -> (u16, serde_json::Value) {
        let request = WireRequest {
            method: "POST",
            path: "/",
            query: None,
            content_type: Some("application/x-www-form-urlencoded"),
            headers: &HeaderMap::new(),
            body: form.as_bytes(),
        };
        let about = About {
            peer,
            user_agent: Some("test"),
            host: Some("localhost"),
        };
        let response = self.front.handle(request, &about).await;
        let status = response.status();
        let body = serde_json::from_slice(&response.into_body()).unwrap();
        (status, body)
    }

    async fn kms(&self, peer: &Peer, params: &[(&str, &str)]) -> (u16, serde_json::Value) {
        let all = [&[("Version", "2016-01-20")], params].concat();
        self.send(peer, &chancery_client::sign::form(&all)).await
    }

    async fn make_key(&self) -> String {
        let (status, body) = self.kms(&LOCAL, &[("Action", "CreateKey")]).await;
        assert_eq!(status, 200, "{body}");
        body["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    fn signed(&self, nonce: &str, at: Timestamp, secret: &str) -> String {
        let stamp = at.to_string();
        let params = [
            ("Action", "ListKeys"),
            ("Version", "2016-01-20"),
            ("AccessKeyId", self.access_key.0.as_str()),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", nonce),
            ("Timestamp", &stamp),
        ];
        let text = chancery_client::sign::string_to_sign("POST", &params);
        let signature = chancery_client::sign::signature(secret, &text);
        chancery_client::sign::form(&[&params[..], &[("Signature", &signature)]].concat()).to_string()
    }

    fn last(&self) -> (usize, Event) {
        let seq = Seq::new(self.store.size().unwrap() - 1);
        let entries = self.store.entries(seq, 1, usize::MAX).unwrap();
        let bytes = &entries[0].1;
        (
            bytes.len(),
            decode_event(SignedEntry::parse(bytes).unwrap().payload).unwrap(),
        )
    }
}

fn code(answer: &(u16, serde_json::Value)) -> (u16, &str) {
    (answer.0, answer.1["Code"].as_str().unwrap_or(""))
}

/// Every operation has a largest legal call here; a new row without one fails.
fn largest(action: &str, key: &str) -> Option<Vec<(&'static str, String)>> {
    let key = ("KeyId", key.to_owned());
    // Four bytes in UTF-8, one character to the limit.
    let description = ("Description", "\u{10348}".repeat(limits::DESCRIPTION_CHARS_MAX));
    let context = (
        "EncryptionContext",
        format!(
            "{{\"k\":\"{}\"}}",
            "x".repeat(limits::ENCRYPTION_CONTEXT_CHARS_MAX - 8)
        ),
    );
    let plaintext = ("Plaintext", "A".repeat(limits::PLAINTEXT_BYTES_MAX / 3 * 4));
    let alias = ("AliasName", format!("alias/{}", "a".repeat(255)));
    let page = [
        ("PageNumber", u32::MAX.to_string()),
        ("PageSize", "100".to_owned()),
    ];
    Some(match action {
        "CreateKey" => vec![
            description,
            ("Tags", tags_json()),
            ("ClientToken", "t".repeat(64)),
            ("EnableAutomaticRotation", "true".to_owned()),
            ("RotationInterval", "63072000s".to_owned()),
        ],
        "Encrypt" => vec![key, plaintext, context],
        "GenerateDataKey" => vec![key, ("NumberOfBytes", "1024".to_owned()), context],
        "GenerateDataKeyWithoutPlaintext" => vec![key, ("NumberOfBytes", "1024".to_owned()), context],
        "UpdateKeyDescription" => vec![key, description],
        "SetDeletionProtection" => vec![
            key,
            ("EnableDeletionProtection", "true".to_owned()),
            ("DeletionProtectionDescription", description.1),
        ],
        "UpdateRotationPolicy" => vec![
            key,
            ("EnableAutomaticRotation", "true".to_owned()),
            ("RotationInterval", "63072000s".to_owned()),
        ],
        "TagResource" => vec![key, ("Tags", tags_json())],
        "UntagResource" => vec![key, ("TagKeys", tag_keys_json())],
        "DescribeKeyVersion" => vec![
            key,
            ("KeyVersionId", "00000000-0000-4000-8000-000000000000".to_owned()),
        ],
        "ListKeyVersions" | "ListAliasesByKeyId" => [&[key][..], &page].concat(),
        "TagResources" | "UntagResources" | "ListTagResources" => many_of(action, &key.1),
        "CreateAlias" | "UpdateAlias" => vec![alias, key],
        "DeleteAlias" => vec![alias],
        "ListKeys" | "ListAliases" => page.to_vec(),
        "DescribeKey" | "EnableKey" | "DisableKey" | "CancelKeyDeletion" | "ListResourceTags" => vec![key],
        "ScheduleKeyDeletion" => vec![key, ("PendingWindowInDays", "366".to_owned())],
        "GetKeyPolicy" => vec![key],
        "SetKeyPolicy" => vec![key, ("Policy", ram::key_policy())],
        "DescribeRegions"
        | "DescribeAccountKmsStatus"
        | "GetStatus"
        | "GetLogStatus"
        | "AcceptClock"
        | "RotateLogKey" => {
            vec![]
        }
        "SimulatePolicy" => {
            let mut params = vec![("Principal", "root".to_owned()), ("Resource.1", "*".to_owned())];
            params.extend((1..=20).map(|n| (&*format!("Action.{n}").leak(), "kms:Encrypt".to_owned())));
            params
        }
        "GetLogEntries" => vec![("From", "0".to_owned()), ("MaxEntries", "2048".to_owned())],
        "GetVault" => vec![("From", u32::MAX.to_string()), ("MaxRecords", "4096".to_owned())],
        _ => return accounts::largest(action),
    })
}

fn tag_key(n: usize) -> String {
    format!("{n:0>128}")
}

fn tags_json() -> String {
    let tags: Vec<_> = (0..limits::TAGS_PER_RESOURCE_MAX)
        .map(|n| serde_json::json!({"TagKey": tag_key(n), "TagValue": "v".repeat(256)}))
        .collect();
    serde_json::Value::from(tags).to_string()
}

fn tag_keys_json() -> String {
    let keys: Vec<_> = (0..limits::TAGS_PER_RESOURCE_MAX).map(tag_key).collect();
    serde_json::Value::from(keys).to_string()
}

/// The names of repeated parameters are made up as they go; leaking a few of them in a test is of no matter.
fn many_of(action: &str, key: &str) -> Vec<(&'static str, String)> {
    let leak = |name: String| &*name.leak();
    let mut params = vec![("ResourceType", "key".to_owned())];
    params
        .extend((1..=limits::TAGGED_AT_ONCE_MAX).map(|n| (leak(format!("ResourceId.{n}")), key.to_owned())));
    for n in 1..=limits::TAGS_PER_RESOURCE_MAX {
        match action {
            "UntagResources" => params.push((leak(format!("TagKey.{n}")), tag_key(n))),
            _ => {
                params.push((leak(format!("Tag.{n}.Key")), tag_key(n)));
                params.push((leak(format!("Tag.{n}.Value")), "v".repeat(256)));
            }
        }
    }
    params
}

/// Entries are prefixed with a u16 length in tlog tiles: what is legal must fit, whatever strangers come with it.
#[tokio::test]
async fn the_largest_call_of_every_operation_fits_an_entry() {
    let bench = start();
    let key = bench.make_key().await;
    for row in table::rows().filter(|row| !["Decrypt", "ReEncrypt"].contains(&row.action)) {
        let own = match row.product.name {
            "ram" | "sts" => identities::largest(row.action).or_else(|| ram::largest(row.action)),
            _ => largest(row.action, &key),
        }
        .unwrap_or_else(|| panic!("{} has no largest call", row.action));
        let strangers: Vec<_> = (0..200)
            .map(|n| (format!("{n:0>128}"), "v".repeat(100)))
            .collect();
        let mut params = vec![("Action", row.action), ("Version", row.product.version)];
        params.extend(own.iter().map(|(name, value)| (*name, value.as_str())));
        params.extend(
            strangers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let answer = bench.send(&LOCAL, &chancery_client::sign::form(&params)).await;
        let (bytes, event) = bench.last();
        assert_eq!(event.op, row.op, "{:?}", code(&answer));
        assert!(bytes <= limits::ENTRY_BYTES_MAX, "{}: {bytes} bytes", row.op);
        assert_ne!(code(&answer).1, "InvalidParameter.TooLarge", "{}", row.op);
        assert_ne!(code(&answer).1, "InvalidParameter", "{}: {}", row.op, answer.1);
    }
}

#[tokio::test]
async fn a_nonce_is_used_once_also_across_a_restart_of_the_front() {
    let bench = start();
    let form = bench.signed("n1", SystemClock.now(), &bench.access_key.1);
    assert_eq!(bench.send(&REMOTE, &form).await.0, 200);
    assert_eq!(
        code(&bench.send(&REMOTE, &form).await),
        (400, "SignatureNonceUsed")
    );
    let again = Bench {
        front: Front::new(Arc::clone(&bench.front.engine), settings()).unwrap(),
        ..bench
    };
    assert_eq!(
        code(&again.send(&REMOTE, &form).await),
        (400, "SignatureNonceUsed")
    );
    let fresh = again.signed("n2", SystemClock.now(), &again.access_key.1);
    assert_eq!(again.send(&REMOTE, &fresh).await.0, 200);
}

#[tokio::test]
async fn what_is_refused_before_it_is_an_operation_is_no_event() {
    let bench = start();
    let size = bench.store.size().unwrap();
    let now = SystemClock.now();
    let stale = now.minus_millis(limits::TIMESTAMP_SKEW_MILLIS_MAX + 60_000);
    for (form, expected) in [
        (bench.signed("n1", now, "wrong"), (400, "SignatureDoesNotMatch")),
        (bench.signed("n2", stale, &bench.access_key.1), (400, "InvalidTimeStamp.Expired")),
        ("Action=Nothing&Version=2016-01-20".to_owned(), (404, "InvalidApi.NotFound")),
        // The API has it; this daemon does not.
        ("Action=CreateCertificate&Version=2016-01-20".to_owned(), (400, "UnsupportedOperation")),
        ("Action=CreateCertificate&Version=2026-12-01".to_owned(), (404, "InvalidApi.NotFound")),
        ("Action=ListKeys&Version=1999-01-01".to_owned(), (400, "InvalidParameter")),
        ("Action=ListKeys".to_owned(), (400, "MissingParameter")),
        ("Action=ListKeys&Version=2016-01-20".to_owned(), (400, "MissingParameter")),
        ("Action=ListKeys&Version=2016-01-20&AccessKeyId=nobody&Signature=x&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0".to_owned(), (404, "InvalidAccessKeyId.NotFound")),
        ("Action=ListKeys&Action=ListKeys".to_owned(), (400, "InvalidParameter")),
        ("Action=%zz".to_owned(), (400, "ParseRequestParameterException")),
    ] {
        let answer = bench.send(&REMOTE, &form).await;
        assert_eq!(code(&answer), expected, "{form}");
    }
    assert_eq!(bench.store.size().unwrap(), size);
}

#[tokio::test]
async fn what_fails_after_authentication_is_an_event_and_keeps_the_senders_text_out() {
    let bench = start();
    let answer = bench
        .kms(
            &LOCAL,
            &[
                ("Action", "Encrypt"),
                ("KeyId", "k"),
                ("Plaintext", "not base64!"),
            ],
        )
        .await;
    assert_eq!(code(&answer), (400, "InvalidParameter"));
    let (_, event) = bench.last();
    let Outcome::Error { code, text, status } = &event.out else {
        panic!("{event:?}")
    };
    assert_eq!(
        (code.as_ref(), text.as_ref(), *status),
        ("InvalidParameter", Code::InvalidParameter.text(), 400)
    );
    assert!(!format!("{event:?}").contains("not base64"));
    assert_eq!(event.dec.effect, Effect::None);
}

#[tokio::test]
async fn a_stranger_at_the_socket_is_nobody_but_may_list_regions() {
    let bench = start();
    let key = bench.make_key().await;
    let denied = bench
        .kms(&STRANGER, &[("Action", "DescribeKey"), ("KeyId", &key)])
        .await;
    assert_eq!(code(&denied), (403, "Forbidden.NoPermission"));
    assert_eq!(bench.last().1.dec.effect, Effect::Deny);
    // Whether an alias exists is not for everybody to know.
    let guessed = bench
        .kms(&STRANGER, &[("Action", "DescribeKey"), ("KeyId", "alias/guess")])
        .await;
    assert_eq!(code(&guessed), (403, "Forbidden.NoPermission"));
    assert_eq!(
        bench.kms(&STRANGER, &[("Action", "DescribeRegions")]).await.0,
        200
    );
}

#[tokio::test]
async fn regions_are_told_apart_and_an_unknown_one_is_named() {
    let bench = start();
    let key = bench.make_key().await;
    let elsewhere = [
        ("Action", "DescribeKey"),
        ("KeyId", key.as_str()),
        ("RegionId", "cn-beijing"),
    ];
    assert_eq!(
        code(&bench.kms(&LOCAL, &elsewhere).await),
        (404, "Forbidden.KeyNotFound")
    );
    let nowhere = bench
        .kms(&LOCAL, &[("Action", "ListKeys"), ("RegionId", "mars-1")])
        .await;
    assert_eq!(code(&nowhere), (400, "InvalidParameter"));
    assert!(nowhere.1["Message"].as_str().unwrap().contains("RegionId"));
}

/// Parameters as they are sent.
type Sent<'a> = &'a [(&'a str, &'a str)];

/// Several faults at once: the one that the wire contract's section 2 puts first is the answer.
#[tokio::test]
async fn the_first_fault_in_order_wins() {
    let bench = start();
    let key = bench.make_key().await;
    bench
        .kms(&LOCAL, &[("Action", "DisableKey"), ("KeyId", &key)])
        .await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let table: [(&Peer, Sent<'_>, (u16, &str)); 7] = [
        (
            &STRANGER,
            &[("Action", "Encrypt"), ("KeyId", "")],
            (400, "MissingParameter"),
        ),
        (
            &STRANGER,
            &[("Action", "Encrypt"), ("KeyId", "alias/ä"), ("Plaintext", "")],
            (400, "MissingParameter"),
        ),
        (
            &STRANGER,
            &[("Action", "Encrypt"), ("KeyId", unknown), ("Plaintext", "?")],
            (400, "InvalidParameter"),
        ),
        (
            &STRANGER,
            &[("Action", "Encrypt"), ("KeyId", unknown), ("Plaintext", "AA==")],
            (404, "Forbidden.KeyNotFound"),
        ),
        (
            &STRANGER,
            &[("Action", "Encrypt"), ("KeyId", &key), ("Plaintext", "AA==")],
            (403, "Forbidden.NoPermission"),
        ),
        (
            &LOCAL,
            &[("Action", "Encrypt"), ("KeyId", &key), ("Plaintext", "AA==")],
            (409, "Rejected.Disabled"),
        ),
        (
            &LOCAL,
            &[("Action", "EnableKey"), ("KeyId", "alias/a")],
            (400, "Unsupported.Alias"),
        ),
    ];
    for (peer, params, expected) in table {
        assert_eq!(code(&bench.kms(peer, params).await), expected, "{params:?}");
    }
}

#[tokio::test]
async fn a_key_at_a_token_is_refused_while_there_is_no_token() {
    let bench = start();
    let answer = bench
        .kms(&LOCAL, &[("Action", "CreateKey"), ("ProtectionLevel", "HSM")])
        .await;
    assert_eq!(code(&answer), (400, "Unsupported.ProtectionLevel"));
}

#[test]
fn user_agents_are_cut_at_a_character() {
    let long = "ä".repeat(limits::USER_AGENT_BYTES_MAX);
    assert_eq!(cut_agent(&long).len(), limits::USER_AGENT_BYTES_MAX);
    let odd = format!("a{long}");
    assert_eq!(cut_agent(&odd).len(), limits::USER_AGENT_BYTES_MAX - 1);
}
