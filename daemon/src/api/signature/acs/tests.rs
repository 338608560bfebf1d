use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::api::signature::{SignedRequest, Style};
use crate::base::Timestamp;

/// A request that owns its parts.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    query: String,
    headers: HeaderMap,
    body: &'static [u8],
    product: &'static str,
}

type Verdict = Result<(), Code>;

impl Sent {
    fn new(query: &str, headers: &[(&'static str, &'static str)]) -> Self {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Self {
            method: "POST",
            query: query.to_owned(),
            headers: map,
            body: b"",
            product: "kms",
        }
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }

    fn without(&self, name: &str) -> Self {
        let mut copy = self.clone();
        copy.headers.remove(name);
        copy
    }

    fn with(&self, name: &'static str, value: &str) -> Self {
        let mut copy = self.clone();
        copy.set(name, value);
        copy
    }

    /// The request with a piece of its Authorization header replaced.
    fn altered(&self, from: &str, to: &str) -> Self {
        let old = self.headers["authorization"].to_str().unwrap().to_owned();
        assert!(old.contains(from), "{from}");
        self.with("authorization", &old.replace(from, to))
    }

    fn parsed<T>(&self, then: impl FnOnce(Result<SignedRequest<'_>, ApiError>) -> T) -> T {
        let wire = WireRequest {
            method: self.method,
            path: "/",
            query: Some(&self.query),
            content_type: Some("application/x-www-form-urlencoded"),
            headers: &self.headers,
            body: self.body,
        };
        let (method, params) = wire.open().unwrap();
        let style = Style::of(&wire, &params);
        assert_eq!(style, Style::Header);
        then(SignedRequest::parse(&Presented {
            method,
            wire: &wire,
            params: &params,
            style,
            product: self.product,
        }))
    }

    fn check(&self, secret: &str) -> Result<(), ApiError> {
        let secret = SecretBytes::new(secret.as_bytes().to_vec());
        self.parsed(|request| {
            let request = request?;
            request.stamp(Timestamp::parse_wire(DATE).unwrap())?;
            request.verify(&secret)?;
            request
                .security_token()
                .map_or(Ok(()), |_| Err(Code::MalformedSecurityToken.into()))
        })
    }

    fn verdict(&self) -> Verdict {
        self.check("testsecret").map_err(|error| error.code)
    }
}

const DATE: &str = "2020-09-27T08:00:00Z";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const MINIMUM: &str = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";
const ACS3_SIGNATURE: &str = "81e25fe1b80d8dccc949e4f77ded7382e57e3ef316235a5e10e89658c550dbd7";

/// The worked example of the wire contract, section 1.5.
fn acs3() -> Sent {
    let headers = [
        ("host", "127.0.0.1:8443"),
        ("x-acs-action", "Encrypt"),
        ("x-acs-content-sha256", EMPTY),
        ("x-acs-date", DATE),
        ("x-acs-signature-nonce", "9b7a44b03be111e58c7308002700c460"),
        ("x-acs-version", "2016-01-20"),
    ];
    let query = "KeyId=alias%2Fa+b%2a~&Plaintext=aGVsbG8=&EncryptionContext=%7B%22k%22%3A%22v%22%7D";
    Sent::new(query, &headers).with(
        "authorization",
        &format!("ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={MINIMUM},Signature={ACS3_SIGNATURE}"),
    )
}

/// The same request with the signature of section 1.6.
fn acs4() -> Sent {
    acs3().with(
        "authorization",
        &format!(
            "ACS4-HMAC-SHA256 Credential=testid/20200927/cn-hangzhou/Kms/aliyun_v4_request,SignedHeaders={MINIMUM},\
             Signature=fececb44b3f021857d67a599a1768196996ae80ae31711e3f8c715ca77e4cf96"
        ),
    )
}

/// Signs whatever the request is now, with the code under test: for tests of what is *not* a matter of the signature.
fn resigned(sent: &Sent) -> Sent {
    let signature = sent.parsed(|request| {
        let request = request.unwrap();
        let super::super::Claim::Acs(claim) = &request.claim else {
            panic!()
        };
        let to_sign = claim.string_to_sign(&hex(&Sha256::digest(sent.body)));
        let secret = SecretBytes::new(b"testsecret".to_vec());
        claim.expected(&secret, &to_sign).unwrap()
    });
    let old = sent.headers["authorization"].to_str().unwrap();
    let (front, _) = old.rsplit_once('=').unwrap();
    sent.with(
        "authorization",
        &format!("{front}={}", std::str::from_utf8(&*signature).unwrap()),
    )
}

#[test]
fn the_worked_example_verifies() {
    assert_eq!(acs3().check("testsecret"), Ok(()));
    acs3().parsed(|request| {
        let request = request.unwrap();
        assert_eq!(request.access_key.as_str(), "testid");
        assert_eq!(request.nonce, "9b7a44b03be111e58c7308002700c460");
        assert_eq!(request.region, None);
    });
    // However the parameters are ordered and encoded, the same is signed.
    let mut other = acs3();
    other.query =
        "Plaintext=aGVsbG8%3D&&EncryptionContext={%22k%22:%22v%22}&KeyId=alias/a%20b*%7E".to_owned();
    assert_eq!(other.verdict(), Ok(()));
}

#[test]
fn the_worked_example_with_a_form_body_verifies() {
    let mut sent = Sent::new(
        "SecretName=s%2F1&VersionId=v2",
        &[
            ("host", "127.0.0.1:8443"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-acs-version", "2016-01-20"),
            ("x-acs-action", "PutSecretValue"),
            ("x-acs-date", DATE),
            ("x-acs-signature-nonce", "n2"),
            (
                "x-acs-content-sha256",
                "ac1aa5d471bdc7109f9d058d8eb0d38bb311e52ee72d6a32196b2c7745c90f24",
            ),
        ],
    );
    sent.body = b"SecretData=%7B%22a%22%3A%22b+c%22%7D";
    sent.set(
        "authorization",
        &format!(
            "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=content-type;{MINIMUM},\
             Signature=8b0ddf60b9cdef0fa165ffe11b79a899051bda7e5575bf78835e3b4c45e6e281"
        ),
    );
    assert_eq!(sent.verdict(), Ok(()));
    // The same parameters in another body are another request.
    sent.body = b"SecretData=%7B%22a%22%3A%22b%20c%22%7D";
    assert_eq!(sent.verdict(), Err(Code::SignatureDoesNotMatch));
    sent.body = b"";
    assert_eq!(sent.verdict(), Err(Code::SignatureDoesNotMatch));
}

/// Section 1.5, last paragraph: Alibaba's own example, of another product.
#[test]
fn the_official_vector_verifies() {
    let sent = Sent::new(
        "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai",
        &[
            ("host", "ecs.cn-shanghai.aliyuncs.com"),
            ("x-acs-action", "RunInstances"),
            ("x-acs-content-sha256", EMPTY),
            ("x-acs-date", "2023-10-26T10:22:32Z"),
            ("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d"),
            ("x-acs-version", "2014-05-26"),
        ],
    )
    .with(
        "authorization",
        &format!(
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders={MINIMUM},\
             Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        ),
    );
    let secret = SecretBytes::new(b"YourAccessKeySecret".to_vec());
    assert!(sent.parsed(|request| request.unwrap().verify(&secret).is_ok()));
}

#[test]
fn the_worked_example_of_acs4_verifies_and_names_its_region() {
    assert_eq!(acs4().verdict(), Ok(()));
    assert_eq!(
        acs4().parsed(|request| request.unwrap().region.map(str::to_owned)),
        Some("cn-hangzhou".to_owned())
    );
    let scope = Scope::parse("20200927/cn-hangzhou/Kms/aliyun_v4_request").unwrap();
    let key = scope.key(&SecretBytes::new(b"testsecret".to_vec())).unwrap();
    assert_eq!(
        hex(&*key),
        "83d1b44de7238bf7b20c0bf81a0f7387841235e510d5a11adc7aefaebfad23a2"
    );
}

#[test]
fn whatever_differs_does_not_match() {
    for (what, sent) in [
        (
            "method",
            Sent {
                method: "GET",
                ..acs3()
            },
        ),
        (
            "value",
            Sent {
                query: acs3().query.replace("aGVsbG8", "aGVsbG9"),
                ..acs3()
            },
        ),
        (
            "name",
            Sent {
                query: acs3().query.replace("KeyId", "keyId"),
                ..acs3()
            },
        ),
        (
            "one more",
            Sent {
                query: format!("{}&A=", acs3().query),
                ..acs3()
            },
        ),
        ("host", acs3().with("host", "127.0.0.1:8444")),
        ("action", acs3().with("x-acs-action", "Decrypt")),
        ("nonce", acs3().with("x-acs-signature-nonce", "n")),
        ("date", acs3().with("x-acs-date", "2020-09-27T08:00:01Z")),
        ("version", acs3().with("x-acs-version", "2016-01-21")),
        (
            "hash of the body",
            acs3().with("x-acs-content-sha256", &EMPTY.replace('e', "f")),
        ),
        (
            "order of the headers",
            acs3().altered(
                "x-acs-date;x-acs-signature-nonce",
                "x-acs-signature-nonce;x-acs-date",
            ),
        ),
        (
            "one more header",
            acs3().with("accept", "*/*").altered("=host;", "=accept;host;"),
        ),
        (
            "a header that is not there",
            acs3().altered("=host;", "=accept;host;"),
        ),
        ("signature", acs3().altered("81e25", "81e26")),
        ("letters of the signature", acs3().altered("81e25", "81E25")),
        ("length of the signature", acs3().altered("81e25", "1e25")),
        (
            "algorithm",
            acs4()
                .altered("ACS4", "ACS3")
                .altered("/20200927/cn-hangzhou/Kms/aliyun_v4_request", ""),
        ),
        ("day of the scope", acs4().altered("20200927", "20200928")),
        ("region of the scope", acs4().altered("cn-hangzhou", "cn-beijing")),
        ("product of the scope", acs4().altered("Kms", "Ram")),
        ("letters of the product", acs4().altered("Kms", "kms")),
    ] {
        assert_eq!(sent.verdict(), Err(Code::SignatureDoesNotMatch), "{what}");
    }
    for sent in [acs3(), acs4()] {
        for secret in ["testsecreT", "", "testsecret&"] {
            let error = sent.check(secret).unwrap_err();
            assert_eq!(error.code, Code::SignatureDoesNotMatch, "{secret}");
        }
    }
}

/// Also a whole signature is worth nothing for another day or another product than it names, or over another body.
#[test]
fn a_signature_is_good_for_its_scope_and_its_body_alone() {
    assert_eq!(resigned(&acs4()).verdict(), Ok(()));
    let yesterday = acs4().altered("20200927", "20200926");
    assert_eq!(resigned(&yesterday).verdict(), Err(Code::SignatureDoesNotMatch));
    let other = acs4().altered("Kms", "Ram");
    assert_eq!(resigned(&other).verdict(), Err(Code::SignatureDoesNotMatch));
    assert_eq!(
        Sent {
            product: "ram",
            ..resigned(&other)
        }
        .verdict(),
        Ok(())
    );
    let hash = acs3().with("x-acs-content-sha256", &EMPTY.replace('e', "f"));
    assert_eq!(resigned(&hash).verdict(), Err(Code::SignatureDoesNotMatch));
}

#[test]
fn repeated_headers_are_sorted_and_values_trimmed() {
    let mut sent = acs3().altered("x-acs-version,", "x-acs-version;x-more,");
    for value in ["  b ", "a\t"] {
        sent.headers.append("x-more", HeaderValue::from_static(value));
    }
    let signed = resigned(&sent);
    assert_eq!(signed.verdict(), Ok(()));
    let mut joined = signed.clone();
    joined.set("x-more", "a,b");
    assert_eq!(joined.verdict(), Ok(()));
}

#[test]
fn the_sender_reads_what_should_have_been_signed_after_the_only_colon() {
    let error = acs3().check("wrong").unwrap_err();
    let (_, echoed) = error.message.split_once(" server string to sign is:").unwrap();
    assert_eq!(
        echoed,
        "ACS3-HMAC-SHA256\n0c8072edc135d6ff0e580deec98967c0d43189976520aed8b5c43702d6b53874"
    );
    assert_eq!(error.message.matches(':').count(), 1);
    let error = acs4().check("wrong").unwrap_err();
    assert!(
        error.message.ends_with(
            "is:ACS4-HMAC-SHA256\n0c8072edc135d6ff0e580deec98967c0d43189976520aed8b5c43702d6b53874"
        )
    );
}

#[test]
fn a_header_that_is_not_whole_is_refused_before_anything_is_looked_up() {
    let whole = acs3().headers["authorization"].to_str().unwrap().to_owned();
    let mut table: Vec<Sent> = [
        "",
        "ACS3-HMAC-SHA256",
        "ACS5-HMAC-SHA256 Credential=testid,SignedHeaders=host,Signature=00",
        "acs3-hmac-sha256 Credential=testid,SignedHeaders=host,Signature=00",
        "ACS3-HMAC-SHA256\tCredential=testid,SignedHeaders=host,Signature=00",
        "Basic dGVzdA==",
        "Bearer x",
    ]
    .into_iter()
    .map(|value| acs3().with("authorization", value))
    .collect();
    table.extend([
        acs3().altered("Credential=testid,", ""),
        acs3().altered("Credential=testid", "Credential="),
        acs3().altered("Credential=testid", "Credential=testid,Credential=testid"),
        acs3().altered(
            "Credential=testid",
            "Credential=testid/20200927/cn-hangzhou/Kms/aliyun_v4_request",
        ),
        acs3().altered(&format!("SignedHeaders={MINIMUM},"), ""),
        acs3().altered("Signature=", "More=1,Signature="),
        acs3().altered(&format!(",Signature={ACS3_SIGNATURE}"), ""),
        acs3().altered("host;", "Host;"),
        acs4().altered("/aliyun_v4_request", ""),
        acs4().altered("/aliyun_v4_request", "/aws4_request"),
        acs4().altered("/aliyun_v4_request", "/aliyun_v4_request/"),
        acs4().altered("cn-hangzhou", ""),
        acs4().altered("testid/20200927/cn-hangzhou/Kms/aliyun_v4_request", "testid"),
        acs3().with("x-acs-accesskey-id", "testid"),
        acs3().with("x-acs-security-token", "t"),
        acs3()
            .with("x-acs-accesskey-id", "other")
            .altered("=host;", "=host;x-acs-accesskey-id;"),
        acs3().with("x-acs-signature-nonce", ""),
    ]);
    // What must be signed is signed, and there once.
    for name in MINIMUM.split(';') {
        let listed = MINIMUM.replace(name, "").replace(";;", ";");
        table.push(acs3().altered(MINIMUM, listed.trim_matches(';')));
        if name.starts_with("x-acs-") && !["x-acs-action", "x-acs-version"].contains(&name) {
            let mut twice = acs3();
            let value = twice.headers[name].clone();
            twice.headers.append(name, value);
            table.push(twice);
        }
    }
    for name in ["x-acs-content-sha256", "x-acs-signature-nonce"] {
        table.push(acs3().without(name));
    }
    let mut twice = acs3();
    twice
        .headers
        .append("authorization", HeaderValue::from_str(&whole).unwrap());
    table.push(twice);
    for sent in table {
        assert_eq!(
            sent.verdict(),
            Err(Code::IncompleteSignature),
            "{:?}",
            sent.headers
        );
    }
}

#[test]
fn algorithms_that_only_the_sdks_know_are_named_as_not_supported() {
    for algorithm in ["ACS3-HMAC-SM3", "ACS3-RSA-SHA256", "ACS4-HMAC-SM3"] {
        let error = acs3()
            .altered("ACS3-HMAC-SHA256", algorithm)
            .check("testsecret")
            .unwrap_err();
        assert_eq!(error, ApiError::invalid("Authorization"), "{algorithm}");
    }
}

#[test]
fn the_date_is_there_well_formed_and_fresh() {
    let unlisted = acs3().altered("x-acs-date;", "");
    for (sent, code) in [
        (acs3().without("x-acs-date"), Code::MissingTimestamp),
        (unlisted.without("x-acs-date"), Code::MissingTimestamp),
        (acs3().with("x-acs-date", ""), Code::MissingTimestamp),
        (
            acs3().with("x-acs-date", "20200927T080000Z"),
            Code::MalformedTimestamp,
        ),
        (
            acs3().with("x-acs-date", "2020-09-27T08:15:01Z"),
            Code::ExpiredTimestamp,
        ),
        (
            acs3().with("x-acs-date", "2020-09-27T07:44:59Z"),
            Code::ExpiredTimestamp,
        ),
    ] {
        assert_eq!(sent.verdict(), Err(code), "{:?}", sent.headers);
    }
    let late = acs3().with("x-acs-date", "2020-09-27T08:15:00Z");
    assert_eq!(resigned(&late).verdict(), Ok(()));
}

#[test]
fn a_token_that_is_none_of_ours_is_refused_after_the_signature() {
    let header = acs3()
        .with("x-acs-security-token", "token")
        .with("x-acs-accesskey-id", "testid")
        .altered(
            "x-acs-version,",
            "x-acs-version;x-acs-accesskey-id;x-acs-security-token,",
        );
    assert_eq!(header.verdict(), Err(Code::SignatureDoesNotMatch));
    assert_eq!(resigned(&header).verdict(), Err(Code::MalformedSecurityToken));
    let mut parameter = acs3();
    parameter.query.push_str("&SecurityToken=token");
    assert_eq!(resigned(&parameter).verdict(), Err(Code::MalformedSecurityToken));
}

#[test]
fn an_access_key_that_can_not_be_does_not_exist() {
    let sent = acs3().altered("Credential=testid", "Credential=test id");
    assert_eq!(sent.verdict(), Err(Code::UnknownAccessKey));
}

/// The header goes first, whatever the parameters say (section 1.3).
#[test]
fn a_signature_in_the_parameters_is_not_asked() {
    let mut sent = acs3();
    sent.query
        .push_str("&AccessKeyId=other&Signature=x&SignatureMethod=y");
    assert_eq!(sent.verdict(), Err(Code::SignatureDoesNotMatch));
    let signed = resigned(&sent);
    assert_eq!(
        signed.parsed(|request| request.unwrap().access_key.as_str().to_owned()),
        "testid"
    );
    assert_eq!(signed.verdict(), Ok(()));
}
