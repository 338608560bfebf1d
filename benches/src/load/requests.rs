//! Requests as bytes, built once; a signed one is finished for each use.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::acs3::{Acs3, Signing};
use super::signature::{Begun, canonical, encoded, now_seconds, timestamp};

/// One call of the API, without credentials: the parameters beyond Action, Version and Format.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation
    pub action: &'static str,
    /// Its parameters
    pub parameters: Vec<(&'static str, String)>,
}

/// An access key, as the daemon leaves it in `root-access-key.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKey {
    access_key_id: String,
    access_key_secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// The source of one run's requests.
#[derive(Debug, Clone)]
pub enum Requests {
    /// The same bytes each time
    Constant(Vec<u8>),
    /// A new nonce, time and signature each time, among the parameters (HMAC-SHA1)
    Signed(Box<Signed>),
    /// The same in headers (ACS3-HMAC-SHA256)
    Acs3(Box<Acs3>),
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scheme {
    /// Version 1.0, HMAC-SHA1, in a form body: the older SDKs
    V1,
    /// ACS3-HMAC-SHA256, in headers, the parameters in the query: the current SDKs
    Acs3,
}

/// Nonces that are not used twice, and the time.
#[derive(Debug, Clone)]
pub struct Stamps {
    prefix: u64,
    count: u64,
    second: u64,
    time: String,
}

impl Stamps {
    /// Nonces that nobody else has.
    pub fn new() -> Result<Self> {
        Ok(Self {
            prefix: random()?,
            count: 0,
            second: 0,
            time: String::new(),
        })
    }

    /// The next nonce; the time is looked at too.
    pub fn next(&mut self) -> Result<String> {
        let second = now_seconds()?;
        if second != self.second {
            (self.second, self.time) = (second, timestamp(second));
        }
        let nonce = format!("{:016x}{:016x}", self.prefix, self.count);
        self.count += 1;
        Ok(nonce)
    }

    /// The time at the last look.
    pub fn time(&self) -> &str {
        &self.time
    }
}

/// A signed request, built up to its nonce.
#[derive(Debug, Clone)]
pub struct Signed {
    begun: Begun,
    body: String,
    stamps: Stamps,
}

impl Call {
    /// Encrypt of 1 KiB of random bytes.
    pub fn encrypt(key_id: &str) -> Result<Self> {
        let plaintext = plaintext()?;
        Ok(Self {
            action: "Encrypt",
            parameters: vec![("KeyId", key_id.to_owned()), ("Plaintext", plaintext)],
        })
    }

    /// CreateKey with the defaults: a symmetric key.
    pub fn create_key() -> Self {
        Self {
            action: "CreateKey",
            parameters: Vec::new(),
        }
    }

    fn all<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut all = vec![("Action", self.action), ("Format", "JSON")];
        all.extend(
            self.parameters
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        all.extend_from_slice(more);
        all
    }
}

impl AccessKey {
    /// Reads the daemon's file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("no access key in {}", path.display()))
    }
}

impl Requests {
    /// A call without credentials, for a Unix socket.
    pub fn peer(call: &Call) -> Self {
        Self::Constant(post(FORM, &canonical(&call.all(&[("Version", VERSION)]))))
    }

    /// A call signed each time anew.
    pub fn signed(call: &Call, key: &AccessKey, scheme: Scheme) -> Result<Self> {
        match scheme {
            Scheme::V1 => Self::v1(call, key),
            Scheme::Acs3 => Self::acs3(call, key),
        }
    }

    fn acs3(call: &Call, key: &AccessKey) -> Result<Self> {
        let parameters: Vec<_> = call
            .parameters
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let signing = Signing {
            host: HOST,
            action: call.action,
            version: VERSION,
            parameters: &parameters,
        };
        let acs3 = Acs3::new(&key.access_key_id, &key.access_key_secret, signing)?;
        Ok(Self::Acs3(Box::new(acs3)))
    }

    fn v1(call: &Call, key: &AccessKey) -> Result<Self> {
        let all = call.all(&[
            ("AccessKeyId", &key.access_key_id),
            ("SignatureMethod", "HMAC-SHA1"),
        ]);
        Ok(Self::Signed(Box::new(Signed {
            begun: Begun::new(&key.access_key_secret, &all)?,
            body: canonical(&all),
            stamps: Stamps::new()?,
        })))
    }

    /// The toy's Encrypt: a JSON body.
    pub fn toy(key_id: &str) -> Result<Self> {
        let body = serde_json::json!({ "KeyId": key_id, "Plaintext": plaintext()? });
        Ok(Self::Constant(post("application/json", &body.to_string())))
    }

    /// Makes a copy for another run: its nonces are new ones, for a copied counter would repeat them.
    pub fn for_another_run(&self) -> Result<Self> {
        let mut copy = self.clone();
        match &mut copy {
            Self::Constant(_) => {}
            Self::Signed(signed) => signed.stamps = Stamps::new()?,
            Self::Acs3(acs3) => acs3.renew()?,
        }
        Ok(copy)
    }

    /// Puts the next request into `buffer`.
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        buffer.clear();
        match self {
            Self::Constant(bytes) => buffer.extend_from_slice(bytes),
            Self::Signed(signed) => signed.next(buffer)?,
            Self::Acs3(acs3) => acs3.next(buffer)?,
        }
        Ok(())
    }
}

impl Signed {
    fn next(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        let nonce = self.stamps.next()?;
        let time = self.stamps.time();
        let signature = encoded(&self.begun.finish(&nonce, time));
        let time = encoded(time);
        let tail = format!(
            "&SignatureNonce={nonce}&SignatureVersion=1.0&Timestamp={time}&Version={VERSION}&Signature={signature}"
        );
        head(FORM, self.body.len() + tail.len(), buffer);
        buffer.extend_from_slice(self.body.as_bytes());
        buffer.extend_from_slice(tail.as_bytes());
        Ok(())
    }
}

fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// 1 KiB of random bytes in Base64.
fn plaintext() -> Result<String> {
    let mut bytes = [0; 1024];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(STANDARD.encode(bytes))
}

fn post(content_type: &str, body: &str) -> Vec<u8> {
    let mut request = Vec::with_capacity(body.len() + 256);
    head(content_type, body.len(), &mut request);
    request.extend_from_slice(body.as_bytes());
    request
}

fn head(content_type: &str, body_bytes: usize, into: &mut Vec<u8>) {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: chancery-bench\r\nContent-Type: {content_type}\r\n\
         Content-Length: {body_bytes}\r\n\r\n"
    );
    into.extend_from_slice(head.as_bytes());
}

const HOST: &str = "localhost";
const FORM: &str = "application/x-www-form-urlencoded";
const VERSION: &str = "2016-01-20";

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(requests: &mut Requests) -> String {
        let mut buffer = Vec::new();
        requests.next(&mut buffer).unwrap();
        let text = String::from_utf8(buffer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        body.to_owned()
    }

    #[test]
    fn the_form_body_carries_the_plaintext_percent_encoded() {
        let call = Call {
            action: "Encrypt",
            parameters: vec![("KeyId", "k".into()), ("Plaintext", "a+/=".into())],
        };
        assert_eq!(
            body_of(&mut Requests::peer(&call)),
            "Action=Encrypt&Format=JSON&KeyId=k&Plaintext=a%2B%2F%3D&Version=2016-01-20"
        );
    }

    #[test]
    fn each_signed_request_has_its_own_nonce_and_signature() {
        let key = AccessKey {
            access_key_id: "id".into(),
            access_key_secret: "secret".into(),
        };
        let mut requests = Requests::signed(&Call::encrypt("k").unwrap(), &key, Scheme::V1).unwrap();
        let (one, two) = (body_of(&mut requests), body_of(&mut requests));
        let part = |body: &str, name: &str| {
            body.split('&')
                .find_map(|p| p.strip_prefix(&format!("{name}=")))
                .unwrap()
                .to_owned()
        };
        assert_ne!(part(&one, "SignatureNonce"), part(&two, "SignatureNonce"));
        assert_ne!(part(&one, "Signature"), part(&two, "Signature"));
    }

    // A nonce used twice is refused by the daemon, and the copy of a counter starts where the original started.
    #[test]
    fn another_run_of_the_same_requests_repeats_no_nonce() {
        let key = AccessKey {
            access_key_id: "id".into(),
            access_key_secret: "secret".into(),
        };
        for scheme in [Scheme::V1, Scheme::Acs3] {
            let requests = Requests::signed(&Call::create_key(), &key, scheme).unwrap();
            let [one, two] = [(); 2].map(|()| {
                let mut buffer = Vec::new();
                requests.for_another_run().unwrap().next(&mut buffer).unwrap();
                buffer
            });
            assert_ne!(one, two);
        }
    }

    #[test]
    fn debug_of_an_access_key_hides_the_secret() {
        let key = AccessKey {
            access_key_id: "id".into(),
            access_key_secret: "hidden".into(),
        };
        assert!(!format!("{key:?}").contains("hidden"));
    }
}
