//! Requests that are signed, or only named, in their headers.

use hyper::header::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::*;

/// A request as a v2 SDK would send it.
struct Headed {
    method: &'static str,
    query: String,
    headers: HeaderMap,
    body: &'static [u8],
}

const ACTION: &str = "x-acs-action";

impl Headed {
    fn new(query: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        Self {
            method: "POST",
            query: query.to_owned(),
            headers: map,
            body: b"",
        }
    }

    /// Signed by an implementation of the wire contract's section 1.5 that shares nothing with the verifier; the query must
    /// be canonical already.
    fn acs3(bench: &Bench, action: &str, query: &str, nonce: &str) -> Self {
        Self::signed(bench, action, query, nonce, None)
    }

    /// The same for section 1.6.
    fn acs4(bench: &Bench, action: &str, query: &str, nonce: &str, region: &str) -> Self {
        Self::signed(bench, action, query, nonce, Some(region))
    }

    fn signed(bench: &Bench, action: &str, query: &str, nonce: &str, region: Option<&str>) -> Self {
        let (id, secret) = &bench.access_key;
        let date = SystemClock.now().to_string();
        let empty = hex(&Sha256::digest(b""));
        let headers = [
            ("host", "localhost"),
            (ACTION, action),
            ("x-acs-content-sha256", empty.as_str()),
            ("x-acs-date", date.as_str()),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-version", "2016-01-20"),
        ];
        let names = headers.map(|(name, _)| name).join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let canonical = format!("POST\n/\n{query}\n{lines}\n{names}\n{empty}");
        let hash = hex(&Sha256::digest(canonical));
        let authorization = if let Some(region) = region {
            let day = date[..10].replace('-', "");
            let mut key = format!("aliyun_v4{secret}").into_bytes();
            for step in [&*day, region, "Kms", "aliyun_v4_request"] {
                key = mac(&key, step);
            }
            let signature = hex(&mac(&key, &format!("ACS4-HMAC-SHA256\n{hash}")));
            format!(
                "ACS4-HMAC-SHA256 Credential={id}/{day}/{region}/Kms/aliyun_v4_request,SignedHeaders={names},Signature={signature}"
            )
        } else {
            let signature = hex(&mac(secret.as_bytes(), &format!("ACS3-HMAC-SHA256\n{hash}")));
            format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={names},Signature={signature}")
        };
        let mut all = headers.to_vec();
        all.push(("authorization", &authorization));
        Self::new(query, &all)
    }

    async fn send(&self, bench: &Bench, peer: &Peer) -> (u16, serde_json::Value) {
        let request = WireRequest {
            method: self.method,
            path: "/",
            query: Some(&self.query),
            content_type: Some("application/x-www-form-urlencoded"),
            headers: &self.headers,
            body: self.body,
        };
        let about = About {
            peer,
            user_agent: None,
            host: Some("localhost"),
        };
        let response = bench.front.handle(request, &about).await;
        assert_eq!(response.content_type(), "application/json;charset=utf-8");
        let status = response.status();
        (status, serde_json::from_slice(&response.into_body()).unwrap())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-SHA256 as RFC 2104 spells it out; keys are shorter than a block.
fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let padded = |with: u8| -> Vec<u8> {
        let rest = std::iter::repeat_n(&0, 64 - key.len());
        key.iter().chain(rest).map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::digest([&padded(0x36)[..], text.as_bytes()].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

#[tokio::test]
async fn acs_requests_are_admitted_once_and_answered_in_json() {
    let bench = start();
    let acs3 = Headed::acs3(&bench, "ListKeys", "Format=XML&PageSize=5", "n1");
    let (status, body) = acs3.send(&bench, &REMOTE).await;
    assert_eq!((status, &body["PageSize"]), (200, &5.into()));
    assert_eq!(
        bench.last().1.actor.ak.as_ref().map(|ak| ak.as_str()),
        Some(&*bench.access_key.0)
    );
    assert!(bench.last().1.origin.nonce.is_some());
    assert_eq!(
        code(&acs3.send(&bench, &REMOTE).await),
        (400, "SignatureNonceUsed")
    );
    let acs4 = Headed::acs4(&bench, "ListKeys", "", "n2", "cn-hangzhou");
    assert_eq!(acs4.send(&bench, &REMOTE).await.0, 200);
    // Used is used, also after a restart.
    let again = Bench {
        front: Front::new(Arc::clone(&bench.front.engine), settings()).unwrap(),
        ..bench
    };
    for sent in [acs3, acs4] {
        assert_eq!(
            code(&sent.send(&again, &REMOTE).await),
            (400, "SignatureNonceUsed")
        );
    }
}

/// Section 3.2 of the wire contract: parameter, then scope, then Host, then the default.
#[tokio::test]
async fn the_scope_of_acs4_selects_the_region_unless_a_parameter_does() {
    let bench = start();
    let key = bench.make_key().await;
    let describe = format!("KeyId={key}");
    for (query, region, expected) in [
        (&*describe, "cn-hangzhou", (200, "")),
        (&*describe, "center", (200, "")),
        (&*describe, "cn-beijing", (404, "Forbidden.KeyNotFound")),
        (&*describe, "mars-1", (400, "InvalidParameter")),
        (
            &*format!("{describe}&RegionId=cn-hangzhou"),
            "cn-beijing",
            (200, ""),
        ),
        (
            &*format!("{describe}&RegionId=cn-beijing"),
            "cn-hangzhou",
            (404, "Forbidden.KeyNotFound"),
        ),
    ] {
        let nonce = format!("{query} {region}");
        let sent = Headed::acs4(&bench, "DescribeKey", query, &nonce, region);
        let answer = sent.send(&bench, &REMOTE).await;
        assert_eq!(code(&answer), expected, "{query} {region}");
    }
}

#[tokio::test]
async fn header_and_parameter_must_not_contradict_each_other() {
    let bench = start();
    let same = Headed::acs3(&bench, "ListKeys", "Action=ListKeys&Version=2016-01-20", "n1");
    assert_eq!(same.send(&bench, &REMOTE).await.0, 200);
    for query in ["Action=CreateKey", "Version=2026-12-01"] {
        let other = Headed::acs3(&bench, "ListKeys", query, query);
        assert_eq!(
            code(&other.send(&bench, &REMOTE).await),
            (400, "InvalidParameter"),
            "{query}"
        );
    }
    let mut twice = Headed::acs3(&bench, "ListKeys", "", "n2");
    twice.headers.append(ACTION, HeaderValue::from_static("ListKeys"));
    assert_eq!(
        code(&twice.send(&bench, &REMOTE).await),
        (400, "InvalidParameter")
    );
}

/// A version 1.0 signature covers no header: whoever is on the way could write one.
#[tokio::test]
async fn headers_say_nothing_beside_a_signature_of_the_parameters() {
    let bench = start();
    let whole = bench.signed("n1", SystemClock.now(), &bench.access_key.1);
    let headers = [(ACTION, "CreateKey"), ("x-acs-version", "2026-12-01")];
    let answer = Headed::new(&whole, &headers).send(&bench, &REMOTE).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    assert_eq!(bench.last().1.op, "kms/ListKeys");
    // Nor does a header stand for a parameter that was never signed.
    let without = whole.replace("Action=ListKeys&", "");
    let answer = Headed::new(&without, &headers).send(&bench, &REMOTE).await;
    assert_eq!(code(&answer), (400, "MissingParameter"));
}

#[tokio::test]
async fn a_local_peer_may_name_the_operation_in_headers() {
    let bench = start();
    let named = [(ACTION, "ListKeys"), ("x-acs-version", "2016-01-20")];
    assert_eq!(Headed::new("", &named).send(&bench, &LOCAL).await.0, 200);
    // With half a credential it is no local peer any more.
    for value in ["", "ACS3-HMAC-SHA256 Credential=x"] {
        let half = Headed::new("", &[named[0], named[1], ("authorization", value)]);
        let answer = half.send(&bench, &LOCAL).await;
        assert_eq!(code(&answer), (400, "IncompleteSignature"), "{value:?}");
    }
    // And over the network nobody is known by headers alone.
    let answer = Headed::new("", &named).send(&bench, &REMOTE).await;
    assert_eq!(code(&answer), (400, "MissingParameter"));
    assert!(answer.1["Message"].as_str().unwrap().contains("AccessKeyId"));
}

#[tokio::test]
async fn the_string_to_sign_is_for_the_sender_alone() {
    let bench = start();
    let size = bench.store.size().unwrap();
    let mut sent = Headed::acs3(&bench, "Encrypt", "KeyId=k&Plaintext=c2VjcmV0", "n1");
    sent.query.push('x');
    let answer = sent.send(&bench, &REMOTE).await;
    assert_eq!(code(&answer), (400, "SignatureDoesNotMatch"));
    let message = answer.1["Message"].as_str().unwrap();
    let (_, echoed) = message.split_once("string to sign is:").unwrap();
    assert!(echoed.starts_with("ACS3-HMAC-SHA256\n") && echoed.len() == 17 + 64);
    assert_eq!(bench.store.size().unwrap(), size);
}

/// Section 2 of the wire contract, for requests that sign with headers.
#[tokio::test]
async fn the_first_fault_in_order_wins() {
    let bench = start();
    let mut sent = Headed::acs3(&bench, "MakeCoffee", "", "n1");
    sent.headers
        .insert("x-acs-date", HeaderValue::from_static("never"));
    sent.headers
        .insert("x-acs-security-token", HeaderValue::from_static("forged"));
    let own = sent.headers["authorization"].clone();
    let own = own.to_str().unwrap();
    let set = |sent: &mut Headed, name: &'static str, value: &str| {
        sent.headers.insert(name, HeaderValue::from_str(value).unwrap());
    };
    let expect = async |sent: &Headed, expected| {
        assert_eq!(code(&sent.send(&bench, &REMOTE).await), expected);
    };
    set(&mut sent, "authorization", "ACS3-HMAC-SHA256");
    expect(&sent, (404, "InvalidApi.NotFound")).await;
    set(&mut sent, ACTION, "ListKeys");
    expect(&sent, (400, "IncompleteSignature")).await;
    let listed = own.replace("x-acs-version,", "x-acs-security-token;x-acs-version,");
    set(
        &mut sent,
        "authorization",
        &listed.replace(&bench.access_key.0, "nobody"),
    );
    expect(&sent, (404, "InvalidAccessKeyId.NotFound")).await;
    set(&mut sent, "authorization", &listed);
    expect(&sent, (400, "InvalidTimeStamp.Format")).await;
    set(&mut sent, "x-acs-date", &SystemClock.now().to_string());
    expect(&sent, (400, "SignatureDoesNotMatch")).await;
}
