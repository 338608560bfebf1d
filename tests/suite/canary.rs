//! Law 4 on the real binary: secrets are sent in every way there is, well and badly, to a daemon that tells all it can tell
//! (`CHANCERY_LOG=trace`); then no secret, in any form, is in any file it left or in anything it printed.
//!
//! `scan` has the positive control: each form, planted, is found.

mod scan;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery::base::entropy::{SystemEntropy, make_array};
use chancery_client::{Credentials, sign};
use serde_json::Value;

use crate::process::Daemon;
use scan::{Canary, Scanner};

const KMS: &str = "2016-01-20";
const RAM: &str = "2015-05-01";
const STS: &str = "2015-04-01";
const FORM: &str = "application/x-www-form-urlencoded";

/// The secrets of one run.
struct Secrets {
    canaries: Vec<Canary>,
}

impl Secrets {
    /// A new secret, to be sent as the Base64 of its bytes.
    fn base64(&mut self, name: &str) -> String {
        let bytes: [u8; 48] = make_array(&SystemEntropy);
        self.canaries.push(Canary::bytes(name, &bytes));
        STANDARD.encode(bytes)
    }

    /// A new secret, to be sent as text with characters that every encoding treats in its own way.
    fn text(&mut self, name: &str) -> String {
        let bytes: [u8; 48] = make_array(&SystemEntropy);
        let text = format!(
            "{}\"&\\ ä{}",
            STANDARD.encode(&bytes[..24]),
            STANDARD.encode(&bytes[24..])
        );
        self.canaries.push(Canary::text(name, &text));
        text
    }

    /// A secret that somebody else made.
    fn known(&mut self, name: &str, text: &str) {
        self.canaries.push(Canary::text(name, text));
    }
}

#[test]
fn no_secret_is_ever_written() {
    let mut daemon = Daemon::start("trace");
    let mut secrets = Secrets { canaries: Vec::new() };
    secrets.known(
        "AccessKeySecret",
        &daemon.root_access_key_field("AccessKeySecret"),
    );
    let root_key = std::fs::read_to_string(daemon.root_key()).unwrap();
    secrets.known("root key", root_key.lines().nth(1).unwrap());

    let sender = Sender {
        tcp: daemon.tcp(),
        version: KMS,
        credentials: daemon.credentials(),
    };
    let key = ordinary(&sender, &mut secrets);
    strangers(&sender, &mut secrets, &key);
    bad_signatures(&sender, &mut secrets, &key);
    malformed(&sender, &mut secrets, &key);
    not_http(&sender, &mut secrets);
    people(&sender, &mut secrets, &key);
    let local = local_peer(&daemon, &mut secrets, &key);

    let monitor = Sender {
        tcp: daemon.metrics(),
        version: KMS,
        credentials: daemon.credentials(),
    };
    let metrics = monitor.exchange(head("GET", "/metrics", "").as_bytes());
    assert!(metrics.contains("chancery_"), "{metrics}");
    let stdout = daemon.stop();
    let shown = daemon.log_says_yes(&["show", "--json"]);
    let scanner = Scanner::new(&secrets.canaries);
    let found = scanner.findings(daemon.home(), &|path, canary| may_hold(&daemon, path, canary));
    assert!(found.is_empty(), "{found:#?}");
    for (what, text) in [
        ("stdout", &stdout[..]),
        ("the decoded log", &shown),
        ("a metric", metrics.as_bytes()),
    ] {
        let found: Vec<_> = scanner
            .scan(text)
            .iter()
            .map(|(canary, form)| (canary.name(), *form))
            .collect();
        assert!(found.is_empty(), "in {what}: {found:?}");
    }

    // The run was a real one: the calls are in the log, the trace says something, and what may hold a secret does.
    let shown = String::from_utf8(shown).unwrap();
    for op in [
        "kms/Encrypt",
        "kms/Decrypt",
        "kms/GenerateDataKey",
        "ram/CreateAccessKey",
        "sts/AssumeRole",
        "chancery/",
    ] {
        assert!(shown.contains(op), "{op}");
    }
    assert!(shown.contains(&local), "the local call's request id");
    assert!(
        std::fs::metadata(daemon.stderr()).unwrap().len() > 0,
        "nothing was traced"
    );
    for path in [daemon.root_key(), daemon.root_access_key()] {
        assert_eq!(
            scanner.scan(&std::fs::read(&path).unwrap()).len(),
            1,
            "{}",
            path.display()
        );
    }
}

/// Two files are there to hold one secret each, and no other.
fn may_hold(daemon: &Daemon, path: &Path, canary: &Canary) -> bool {
    match canary.name() {
        "AccessKeySecret" => path == daemon.root_access_key(),
        "root key" => path == daemon.root_key(),
        _ => false,
    }
}

/// Calls that succeed: what is encrypted, what is decrypted, what is made. Gives the key.
fn ordinary(sender: &Sender, secrets: &mut Secrets) -> String {
    let key = field(&sender.signed("CreateKey", &[], secrets), "/KeyMetadata/KeyId");
    let context = r#"{"a":"b"}"#;
    for (round, context) in ["{}", context].into_iter().enumerate() {
        let plaintext = secrets.base64(&format!("Plaintext of Encrypt, {round}"));
        let params = [
            ("KeyId", key.as_str()),
            ("Plaintext", &plaintext),
            ("EncryptionContext", context),
        ];
        let blob = field(&sender.signed("Encrypt", &params, secrets), "/CiphertextBlob");
        let params = [("CiphertextBlob", blob.as_str()), ("EncryptionContext", context)];
        let opened = field(&sender.signed("Decrypt", &params, secrets), "/Plaintext");
        assert_eq!(opened, plaintext);
        // A context that does not fit: the error must not say what was inside.
        sender.signed(
            "Decrypt",
            &[("CiphertextBlob", &blob), ("EncryptionContext", r#"{"x":"y"}"#)],
            secrets,
        );
    }
    let made = field(
        &sender.signed("GenerateDataKey", &[("KeyId", &key)], secrets),
        "/Plaintext",
    );
    secrets.known("data key", &made);
    let params = [("KeyId", key.as_str()), ("NumberOfBytes", "1024")];
    let made = field(&sender.signed("GenerateDataKey", &params, secrets), "/Plaintext");
    secrets.known("long data key", &made);

    // Calls that are refused after they were read.
    sender.signed("DisableKey", &[("KeyId", &key)], secrets);
    let plaintext = secrets.base64("Plaintext for a disabled key");
    sender.signed("Encrypt", &[("KeyId", &key), ("Plaintext", &plaintext)], secrets);
    sender.signed("EnableKey", &[("KeyId", &key)], secrets);
    let plaintext = secrets.base64("Plaintext for no key");
    sender.signed(
        "Encrypt",
        &[("KeyId", "nobody"), ("Plaintext", &plaintext)],
        secrets,
    );
    let plaintext = secrets.text("Plaintext that is not Base64");
    sender.signed("Encrypt", &[("KeyId", &key), ("Plaintext", &plaintext)], secrets);
    let plaintext = secrets.base64("Plaintext beside a missing KeyId");
    sender.signed("Encrypt", &[("Plaintext", &plaintext)], secrets);
    let blob = secrets.base64("a secret sent as a CiphertextBlob");
    sender.signed("Decrypt", &[("CiphertextBlob", &blob)], secrets);
    key
}

/// Parameters that an operation does not know, or not yet: some of them will hold secrets one day.
fn strangers(sender: &Sender, secrets: &mut Secrets, key: &str) {
    let names = [
        "EncryptedKeyMaterial",
        "ImportToken",
        "SecretData",
        "Message",
        "Digest",
        "Recipient",
        "Password",
        "SecurityToken",
        "PrivateKey",
        "plaintext",
        "Plaintext.1",
        "X",
    ];
    for name in names {
        for action in [
            "DescribeKey",
            "GenerateDataKey",
            "ImportKeyMaterial",
            "CreateSecret",
            "MakeCoffee",
        ] {
            let value = secrets.text(&format!("{name} of {action}"));
            let answer = sender.signed(action, &[("KeyId", key), (name, &value)], secrets);
            if let Some(made) = answer.pointer("/Plaintext").and_then(Value::as_str) {
                secrets.known("data key beside a stranger", made);
            }
        }
    }
}

/// Requests that nobody vouches for: wrong secret, changed after signing, stale, replayed, or not signed at all.
fn bad_signatures(sender: &Sender, secrets: &mut Secrets, key: &str) {
    let wrong_secret = secrets.text("somebody's other AccessKeySecret");
    let wrong = Sender {
        tcp: sender.tcp,
        version: KMS,
        credentials: Credentials::new(sender.credentials.access_key_id(), wrong_secret),
    };
    let plaintext = secrets.base64("Plaintext under a wrong signature");
    let params = [("KeyId", key), ("Plaintext", plaintext.as_str())];
    let answer = wrong.signed("Encrypt", &params, secrets);
    assert_eq!(answer["Code"], "SignatureDoesNotMatch");

    let nobody = Sender {
        tcp: sender.tcp,
        version: KMS,
        credentials: Credentials::new("LTAI5tNobodyHasThisKey00", "x"),
    };
    let plaintext = secrets.base64("Plaintext of an unknown access key");
    let answer = nobody.signed("Encrypt", &[("KeyId", key), ("Plaintext", &plaintext)], secrets);
    assert_eq!(answer["Code"], "InvalidAccessKeyId.NotFound");

    let plaintext = secrets.base64("Plaintext of a stale request");
    let stale = sender.form(
        "Encrypt",
        &[("KeyId", key), ("Plaintext", &plaintext)],
        SystemTime::UNIX_EPOCH,
        secrets,
    );
    assert!(
        sender
            .post(FORM, stale.as_bytes())
            .contains("InvalidTimeStamp.Expired")
    );

    let plaintext = secrets.base64("Plaintext of a replayed request");
    let form = sender.form(
        "Encrypt",
        &[("KeyId", key), ("Plaintext", &plaintext)],
        SystemTime::now(),
        secrets,
    );
    assert!(sender.post(FORM, form.as_bytes()).contains("CiphertextBlob"));
    assert!(sender.post(FORM, form.as_bytes()).contains("SignatureNonceUsed"));

    let plaintext = secrets.base64("Plaintext of an unsigned request");
    let form = sign::form(&[
        ("Action", "Encrypt"),
        ("Version", KMS),
        ("KeyId", key),
        ("Plaintext", &plaintext),
    ]);
    assert!(sender.post(FORM, form.as_bytes()).contains("MissingParameter"));

    let token = secrets.text("SecurityToken of an STS call");
    let sts = Sender {
        tcp: sender.tcp,
        version: KMS,
        credentials: sender.credentials.clone().with_security_token(token),
    };
    assert_eq!(
        sts.signed("ListKeys", &[], secrets)["Code"],
        "InvalidSecurityToken.Malformed"
    );

    let signature = secrets.base64("Signature in an Authorization header");
    let head = format!(
        "POST /?Action=ListKeys&Version={KMS} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\
         Authorization: ACS3-HMAC-SHA256 Credential=x,SignedHeaders=host,Signature={signature}\r\n\
         x-acs-security-token: {signature}\r\nCookie: {signature}\r\n\r\n"
    );
    assert!(sender.exchange(head.as_bytes()).contains("IncompleteSignature"));
}

/// Requests that can't be read as they should be.
fn malformed(sender: &Sender, secrets: &mut Secrets, key: &str) {
    let secret = |secrets: &mut Secrets, how: &str| {
        let text = secrets.base64(&format!("Plaintext in {how}"));
        (text.clone(), sign::form(&[("Plaintext", &text)]).to_string())
    };
    let (_, form) = secret(secrets, "a broken escape");
    sender.post(FORM, format!("{form}&KeyId=%zz").as_bytes());
    let (_, form) = secret(secrets, "bytes that are no text");
    sender.post(FORM, &[form.as_bytes(), b"&KeyId=\xff\xfe&%ff=1"].concat());
    let (_, form) = secret(secrets, "a parameter given twice");
    sender.post(FORM, format!("{form}&{form}").as_bytes());
    let (text, _) = secret(secrets, "a JSON body");
    sender.post(
        "application/json",
        format!(r#"{{"Plaintext":"{text}"}}"#).as_bytes(),
    );
    let (text, _) = secret(secrets, "a body without a type");
    sender.post("", text.as_bytes());
    let (text, form) = secret(secrets, "a body that is too large");
    sender.post(
        FORM,
        format!("{form}&x={}&{text}", "y".repeat(2 << 20)).as_bytes(),
    );
    let (_, form) = secret(secrets, "many parameters");
    let crowd: String = (0..600).map(|n| format!("&p{n}=v")).collect();
    sender.post(FORM, format!("{form}{crowd}").as_bytes());
    let (text, form) = secret(secrets, "a query");
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"] {
        let target = format!("/?Action=Encrypt&Version={KMS}&KeyId={key}&{form}");
        sender.exchange(head(method, &target, "").as_bytes());
    }
    sender.exchange(head("GET", &format!("/{}", text.replace('/', "_")), "").as_bytes());
    let (text, form) = secret(secrets, "an operation's name");
    sender.exchange(head("POST", &format!("/?{}", form.replace("Plaintext", "Action")), "").as_bytes());
    drop(text);
    let (_, form) = secret(secrets, "a version");
    let target = format!("/?Action=Encrypt&{}", form.replace("Plaintext", "Version"));
    sender.exchange(head("POST", &target, "").as_bytes());
    let (_, form) = secret(secrets, "a region");
    let target = format!(
        "/?Action=ListKeys&Version={KMS}&{}",
        form.replace("Plaintext", "RegionId")
    );
    sender.exchange(head("POST", &target, "").as_bytes());
    let (text, _) = secret(secrets, "a body that ends too early");
    let request =
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 9999\r\n\r\n{text}");
    sender.abandon(request.as_bytes());
    let (text, _) = secret(secrets, "a chunked body with a bad length");
    let request =
        format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{text}\r\n0\r\n\r\n");
    sender.exchange(request.as_bytes());
}

/// Users, whose access keys are told once, and sessions, whose secrets and tokens are: used well and badly, and taken away.
fn people(root: &Sender, secrets: &mut Secrets, key: &str) {
    let ram = root.to(RAM, root.credentials.clone());
    let done = |action: &str, params: &[(&str, &str)], secrets: &mut Secrets| {
        let answer = ram.signed(action, params, secrets);
        assert!(answer.get("Code").is_none(), "{action}: {answer}");
        answer
    };
    let name = ("UserName", "reader");
    done("CreateUser", &[name], secrets);
    for policy in ["AliyunKMSFullAccess", "AliyunSTSAssumeRoleAccess"] {
        let params = [name, ("PolicyType", "System"), ("PolicyName", policy)];
        done("AttachPolicyToUser", &params, secrets);
    }
    let made = done("CreateAccessKey", &[name], secrets);
    let id = field(&made, "/AccessKey/AccessKeyId");
    let secret = field(&made, "/AccessKey/AccessKeySecret");
    secrets.known("AccessKeySecret of a user", &secret);
    let account = field(
        &root
            .to(STS, root.credentials.clone())
            .signed("GetCallerIdentity", &[], secrets),
        "/AccountId",
    );
    let trust = format!(
        r#"{{"Version":"1","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"RAM":["acs:ram::{account}:root"]}}}}]}}"#
    );
    let role = [
        ("RoleName", "reading"),
        ("AssumeRolePolicyDocument", trust.as_str()),
    ];
    done("CreateRole", &role, secrets);

    let user = Credentials::new(id.as_str(), secret);
    encrypts(&root.to(KMS, user.clone()), key, "a user", secrets, None);
    let arn = format!("acs:ram::{account}:role/reading");
    let assume = [("RoleArn", arn.as_str()), ("RoleSessionName", "session")];
    let opened = root.to(STS, user.clone()).signed("AssumeRole", &assume, secrets);
    let said = |part: &str| field(&opened, &format!("/Credentials/{part}"));
    let (secret, token) = (said("AccessKeySecret"), said("SecurityToken"));
    secrets.known("AccessKeySecret of a session", &secret);
    secrets.known("SecurityToken of a session", &token);
    let session = Credentials::new(said("AccessKeyId"), secret);
    // Denied, with its token; turned away, without it; denied, with another's.
    let with_token = root.to(KMS, session.clone().with_security_token(token));
    encrypts(
        &with_token,
        key,
        "a session",
        secrets,
        Some("Forbidden.NoPermission"),
    );
    let without = root.to(KMS, session).signed("ListKeys", &[], secrets);
    assert!(without.get("Code").is_some(), "{without}");

    for (action, status) in [
        ("UpdateAccessKey", Some(("Status", "Inactive"))),
        ("DeleteAccessKey", None),
    ] {
        let mut params = vec![name, ("UserAccessKeyId", id.as_str())];
        params.extend(status);
        done(action, &params, secrets);
        let answer = root.to(KMS, user.clone()).signed("ListKeys", &[], secrets);
        assert!(answer.get("Code").is_some(), "{action}: {answer}");
    }
}

fn encrypts(sender: &Sender, key: &str, who: &str, secrets: &mut Secrets, refusal: Option<&str>) {
    let plaintext = secrets.base64(&format!("Plaintext of {who}"));
    let answer = sender.signed("Encrypt", &[("KeyId", key), ("Plaintext", &plaintext)], secrets);
    assert_eq!(answer.get("Code").and_then(Value::as_str), refusal, "{answer}");
}

/// What is no HTTP at all.
fn not_http(sender: &Sender, secrets: &mut Secrets) {
    let text = secrets.base64("a line that is no HTTP");
    sender.exchange(format!("{text}\r\n\r\n").as_bytes());
    let text = secrets.base64("a header without a colon");
    sender.exchange(format!("GET / HTTP/1.1\r\n{text}\r\n\r\n").as_bytes());
    let text = secrets.base64("a header that is too long");
    sender.exchange(
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nX: {}{text}\r\n\r\n",
            "y".repeat(300 << 10)
        )
        .as_bytes(),
    );
    let text = secrets.base64("a TLS hello to a plain port");
    sender.exchange(format!("\x16\x03\x01\x02\x00\x01\x00\x01{text}").as_bytes());
}

/// The same over the Unix socket, without a signature. Gives the request id of a call that succeeded.
fn local_peer(daemon: &Daemon, secrets: &mut Secrets, key: &str) -> String {
    let client = chancery_client::blocking::Client::unix(daemon.socket()).unwrap();
    let plaintext = secrets.base64("Plaintext over the Unix socket");
    let answer = client
        .call(KMS, "Encrypt", &[("KeyId", key), ("Plaintext", &plaintext)])
        .unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let value = secrets.text("SecretData over the Unix socket");
    client.call(KMS, "ListKeys", &[("SecretData", &value)]).unwrap();
    field(&answer, "/RequestId")
}

/// Sends requests over TCP, byte by byte as wanted.
struct Sender {
    tcp: SocketAddr,
    /// Which product it talks to.
    version: &'static str,
    credentials: Credentials,
}

impl Sender {
    /// The same daemon, another product and other credentials.
    fn to(&self, version: &'static str, credentials: Credentials) -> Self {
        Self {
            tcp: self.tcp,
            version,
            credentials,
        }
    }

    /// A signed call; its signature is a secret too. Gives the answer, also a refusal.
    fn signed(&self, action: &str, params: &[(&str, &str)], secrets: &mut Secrets) -> Value {
        let form = self.form(action, params, SystemTime::now(), secrets);
        let answer = self.post(FORM, form.as_bytes());
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    fn form(&self, action: &str, params: &[(&str, &str)], now: SystemTime, secrets: &mut Secrets) -> String {
        let mut all = vec![("Action", action), ("Version", self.version), ("Format", "JSON")];
        all.extend_from_slice(params);
        let form = sign::signed_form(&all, &self.credentials, now).unwrap();
        let signature = form
            .split('&')
            .find_map(|pair| pair.strip_prefix("Signature="))
            .unwrap();
        let signature = signature
            .replace("%2B", "+")
            .replace("%2F", "/")
            .replace("%3D", "=");
        secrets.known("Signature", &signature);
        form.to_string()
    }

    fn post(&self, content_type: &str, body: &[u8]) -> String {
        let mut head = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        if !content_type.is_empty() {
            head += &format!("Content-Type: {content_type}\r\n");
        }
        self.exchange(&[head.as_bytes(), b"\r\n", body].concat())
    }

    /// Sends bytes and reads what comes, as far as it comes: a daemon may hang up on what it refuses.
    fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends bytes and hangs up.
    fn abandon(&self, request: &[u8]) {
        let _ = self.connect().write_all(request);
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.tcp).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }
}

fn head(method: &str, target: &str, more: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n{more}\r\n"
    )
}

fn field(answer: &Value, pointer: &str) -> String {
    let value = answer.pointer(pointer).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("no {pointer} in {answer}"))
        .to_owned()
}
