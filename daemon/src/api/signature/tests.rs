use hyper::header::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::v1::oracle;
use super::*;

const SECRET: &str = "testsecret";

fn secret() -> SecretBytes {
    SecretBytes::new(SECRET.as_bytes().to_vec())
}

fn params(query: &str) -> Params {
    Params::parse(Some(query), None).unwrap()
}

/// The worked examples of the wire contract, section 1.4, as they arrive on the wire.
const EXAMPLE_1: &str = "AccessKeyId=testid&Action=CreateKey&Format=json&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0\
    &Timestamp=2016-03-28T03%3A13%3A08Z&Version=2016-01-20&Signature=41wk2SSX1GJh7fwnc5eqOfiJPFg%3D";
const EXAMPLE_2: &str = "Action=Encrypt&Version=2016-01-20&Format=JSON&RegionId=cn-hangzhou&AccessKeyId=testid\
    &SignatureMethod=HMAC-SHA1&SignatureType=&SignatureVersion=1.0\
    &SignatureNonce=9b7a44b0-3be1-11e5-8c73-08002700c460&Timestamp=2020-09-27T08%3A00%3A00Z&KeyId=alias%2Fa+b%2a~\
    &Plaintext=aGVsbG8=&EncryptionContext=%7B%22k%22%3A%22v%22%7D&Signature=PAEcILxrimvhPdLM4iBUJaPj9r8%3D";
const EXAMPLE_3_QUERY: &str = "Action=PutSecretValue&Version=2016-01-20&Format=json&AccessKeyId=testid\
    &SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=n1&Timestamp=2020-09-27T08%3A00%3A00Z\
    &SecretName=s%2F1&VersionId=v2&Signature=cWN5ArgPTBXkbhdNAA%2FZdSr0WY4%3D";
const EXAMPLE_3_FORM: &[u8] = b"SecretData=%7B%22a%22%3A%22b+c%22%7D";

fn check(method: Method, params: &Params, secret: &SecretBytes) -> Result<(), ApiError> {
    Ok(SignedRequest::parse_parameters(method, params)?.verify(secret)?)
}

#[test]
fn the_documented_get_verifies() {
    let params = params(EXAMPLE_1);
    let request = SignedRequest::parse_parameters(Method::Get, &params).unwrap();
    assert_eq!(request.access_key.as_str(), "testid");
    // Without a nonce, the signature is what must not come twice.
    assert_eq!(request.nonce, "41wk2SSX1GJh7fwnc5eqOfiJPFg=");
    assert!(request.verify(&secret()).is_ok());
    let to_sign = oracle::to_sign(Method::Get, &params);
    assert_eq!(
        to_sign,
        "GET&%2F&AccessKeyId%3Dtestid%26Action%3DCreateKey%26Format%3Djson%26SignatureMethod%3DHMAC-SHA1\
         %26SignatureVersion%3D1.0%26Timestamp%3D2016-03-28T03%253A13%253A08Z%26Version%3D2016-01-20"
    );
}

#[test]
fn reserved_characters_and_an_empty_signature_type_verify() {
    let params = params(EXAMPLE_2);
    let request = SignedRequest::parse_parameters(Method::Post, &params).unwrap();
    assert_eq!(request.nonce, "9b7a44b0-3be1-11e5-8c73-08002700c460");
    assert!(request.verify(&secret()).is_ok());
}

#[test]
fn a_form_body_is_part_of_what_is_signed() {
    let whole = Params::parse(Some(EXAMPLE_3_QUERY), Some(EXAMPLE_3_FORM)).unwrap();
    assert_eq!(check(Method::Post, &whole, &secret()), Ok(()));
    let without = Params::parse(Some(EXAMPLE_3_QUERY), None).unwrap();
    assert_eq!(
        check(Method::Post, &without, &secret()).unwrap_err().code,
        Code::SignatureDoesNotMatch
    );
}

#[test]
fn whatever_differs_does_not_match() {
    let refused = |method, query: &str, secret: &str| {
        let secret = SecretBytes::new(secret.as_bytes().to_vec());
        check(method, &params(query), &secret).unwrap_err().code
    };
    assert_eq!(
        refused(Method::Get, EXAMPLE_2, SECRET),
        Code::SignatureDoesNotMatch
    );
    assert_eq!(
        refused(Method::Post, EXAMPLE_2, "testsecreT"),
        Code::SignatureDoesNotMatch
    );
    assert_eq!(refused(Method::Post, EXAMPLE_2, ""), Code::SignatureDoesNotMatch);
    for (from, to) in [
        ("Action=Encrypt", "Action=Decrypt"),
        ("&SignatureType=", ""),
        ("alias%2Fa+b", "alias%2Fa%2Bb"),
        ("&Plaintext", "&plaintext"),
        ("&Version", "&More=1&Version"),
        ("PAEc", "PAEd"),
        ("%3D&", "&"),
        // The same bytes in another Base64 text: only the text that we would have sent is taken.
        ("Paj9r8%3D", "Paj9r9%3D"),
        ("Paj9r8%3D", "Paj9r8"),
        ("Paj9r8%3D", "Paj9r8%3D%0A"),
    ] {
        let query = EXAMPLE_2.replace(from, to);
        if query != EXAMPLE_2 {
            assert_eq!(
                refused(Method::Post, &query, SECRET),
                Code::SignatureDoesNotMatch,
                "{from} -> {to}"
            );
        }
    }
}

#[test]
fn the_sender_reads_what_should_have_been_signed_after_the_only_colon() {
    let params = params(&EXAMPLE_2.replace("PAEc", "PAEd"));
    let error = check(Method::Post, &params, &secret()).unwrap_err();
    let (_, echoed) = error.message.split_once(':').unwrap();
    assert!(error.message.contains(" server string to sign is:"));
    assert_eq!(echoed, oracle::to_sign(Method::Post, &params));
    assert!(!echoed.contains(':'));
    assert!(!error.message.contains(SECRET));
    let request = SignedRequest::parse_parameters(Method::Post, &params).unwrap();
    assert_eq!(
        format!("{:?}", request.verify(&secret()).unwrap_err()),
        "Mismatch"
    );
    assert!(!format!("{request:?}").contains("aGVsbG8"));
}

/// Section 2 of the contract: with several faults at once, the first in this order is answered.
#[test]
fn credentials_are_read_in_order() {
    let code = |query: &str| {
        SignedRequest::parse_parameters(Method::Post, &params(query))
            .err()
            .map(|error| error.code)
    };
    let signed = "Signature=x&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0";
    for (query, expected) in [
        ("", Code::MissingParameter),
        ("Action=Encrypt&Signature=x", Code::MissingParameter),
        ("AccessKeyId=&Signature=x", Code::MissingParameter),
        ("AccessKeyId=a+b", Code::IncompleteSignature),
        ("AccessKeyId=a&Signature=", Code::IncompleteSignature),
        ("AccessKeyId=a&Signature=x", Code::IncompleteSignature),
        (
            "AccessKeyId=a&Signature=x&SignatureMethod=HMAC-SHA256",
            Code::InvalidSignatureMethod,
        ),
        (
            "AccessKeyId=a&Signature=x&SignatureMethod=hmac-sha1&SignatureVersion=1.0",
            Code::InvalidSignatureMethod,
        ),
        (
            "AccessKeyId=a&Signature=x&SignatureMethod=HMAC-SHA1",
            Code::IncompleteSignature,
        ),
        (
            "AccessKeyId=a&Signature=x&SignatureMethod=HMAC-SHA1&SignatureVersion=2.0",
            Code::IncompleteSignature,
        ),
        (
            &format!("AccessKeyId=a&SignatureType=BEARERTOKEN&{signed}"),
            Code::InvalidParameter,
        ),
        (&format!("AccessKeyId=a+b&{signed}"), Code::UnknownAccessKey),
        (
            &format!("AccessKeyId={}&{signed}", "a".repeat(65)),
            Code::UnknownAccessKey,
        ),
    ] {
        assert_eq!(code(query), Some(expected), "{query}");
    }
    assert_eq!(code(&format!("AccessKeyId=a&{signed}")), None);
}

#[test]
fn the_error_without_credentials_names_the_access_key_id() {
    let error = SignedRequest::parse_parameters(Method::Post, &params("Action=ListKeys")).unwrap_err();
    assert_eq!(error, ApiError::missing("AccessKeyId"));
}

#[test]
fn half_a_credential_is_a_credential() {
    let style = |query: &str, headers: &HeaderMap| {
        let wire = WireRequest {
            method: "POST",
            path: "/",
            query: Some(query),
            content_type: None,
            headers,
            body: b"",
        };
        Style::of(&wire, &params(query))
    };
    let none = HeaderMap::new();
    assert_eq!(style("Action=ListKeys&SignatureNonce=1", &none), Style::Unsigned);
    for query in ["AccessKeyId=a", "AccessKeyId=", "Signature="] {
        assert_eq!(style(query, &none), Style::Parameters, "{query}");
    }
    // Also a header that can't be read, and one beside a whole signature in the parameters.
    for value in [&b""[..], b"ACS3-HMAC-SHA256", b"\xff\xfe"] {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        for query in ["", EXAMPLE_1] {
            assert_eq!(style(query, &headers), Style::Header, "{value:?} {query}");
        }
    }
}

#[test]
fn stamps_are_fresh_for_fifteen_minutes_either_way() {
    let at = |stamp: &str, now_millis: u64| {
        let query =
            format!("AccessKeyId=a&Signature=x&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0{stamp}");
        let params = params(&query);
        let request = SignedRequest::parse_parameters(Method::Post, &params).unwrap();
        request
            .stamp(Timestamp::from_millis(now_millis))
            .map_err(|error| error.code)
    };
    let signed = 1_459_134_788_000;
    let stamp = "&Timestamp=2016-03-28T03%3A13%3A08Z";
    let window = 15 * 60 * 1_000;
    for now in [signed - window, signed, signed + window] {
        assert_eq!(at(stamp, now), Ok(Timestamp::from_millis(signed)));
    }
    for now in [0, signed - window - 1, signed + window + 1, u64::MAX] {
        assert_eq!(at(stamp, now), Err(Code::ExpiredTimestamp));
    }
    assert_eq!(at("", signed), Err(Code::MissingTimestamp));
    assert_eq!(at("&Timestamp=", signed), Err(Code::MissingTimestamp));
    for malformed in [
        "2016-03-28",
        "1459134788",
        "2016-03-28T03%3A13%3A08%2B08%3A00",
        "2016-03-28T03%3A13%3A08.5Z",
    ] {
        assert_eq!(
            at(&format!("&Timestamp={malformed}"), signed),
            Err(Code::MalformedTimestamp)
        );
    }
}

proptest! {
    /// Two implementations, written apart, agree: what the client signs, the daemon verifies, and nothing else.
    #[test]
    fn the_client_signs_what_the_daemon_verifies(
        map in proptest::collection::btree_map("[A-Za-z.0-9]{1,9}|.{1,5}", ".{0,20}", 0..8),
        secret in "[A-Za-z0-9+/]{1,40}",
        security_token in proptest::option::of(".{1,10}"),
    ) {
        let own = |name: &String| ["AccessKeyId", "Timestamp", "SecurityToken"].contains(&name.as_str()) || name.starts_with("Signature");
        prop_assume!(!map.keys().any(own));
        let mut credentials = chancery_client::Credentials::new("testid", secret.clone());
        if let Some(token) = security_token {
            credentials = credentials.with_security_token(token);
        }
        let sent: Vec<_> = map.iter().map(|(n, v)| (n.as_str(), v.as_str())).rev().collect();
        let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
        let form = chancery_client::sign::signed_form(&sent, &credentials, now).unwrap();
        let params = Params::parse(None, Some(form.as_bytes())).unwrap();
        let request = SignedRequest::parse_parameters(Method::Post, &params).unwrap();
        let right = SecretBytes::new(secret.clone().into_bytes());
        let wrong = SecretBytes::new(format!("{secret}x").into_bytes());
        prop_assert!(request.verify(&right).is_ok());
        prop_assert!(request.verify(&wrong).is_err());
        prop_assert!(request.stamp(Timestamp::from_millis(1_600_000_000_000)).is_ok());

        let received: Vec<_> = params.iter().filter(|(name, _)| *name != "Signature").collect();
        let expected = chancery_client::sign::string_to_sign("POST", &received);
        prop_assert_eq!(oracle::to_sign(Method::Post, &params), expected.to_string());
    }

    #[test]
    fn a_changed_parameter_never_verifies(value in ".{0,20}", other in ".{0,20}") {
        prop_assume!(value != other);
        let with = |value: &str| {
            let pairs = [("AccessKeyId", "testid"), ("SignatureMethod", "HMAC-SHA1"), ("SignatureVersion", "1.0"), ("V", value)];
            chancery_client::sign::form(&pairs).to_string()
        };
        let signature = oracle::sign(Method::Post, &params(&with(&value)), SECRET);
        let signed = |value: &str| format!("{}&{}", with(value), *chancery_client::sign::form(&[("Signature", &signature)]));
        prop_assert_eq!(check(Method::Post, &params(&signed(&value)), &secret()), Ok(()));
        prop_assert!(check(Method::Post, &params(&signed(&other)), &secret()).is_err());
    }
}
