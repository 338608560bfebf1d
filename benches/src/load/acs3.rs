//! ACS3-HMAC-SHA256, as the current SDKs sign: in headers, the parameters in the query, no body.
//!
//! Written from the wire contract alone, so that it also checks the daemon's verifier. Of the canonical request only time
//! and nonce change, and both stand behind the long query; so its hash is kept up to the time and continued for each
//! request.

use anyhow::Result;
use aws_lc_rs::digest::{Context, SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

use super::requests::Stamps;
use super::signature::canonical;

/// A request signed up to its time.
#[derive(Clone)]
pub struct Acs3 {
    stamps: Stamps,
    /// The canonical request up to its time, hashed
    begun: Context,
    secret: Key,
    /// The request's bytes up to its time
    head: String,
    /// And those between nonce and signature
    authorization: String,
}

/// What is signed, besides the secret.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    /// The Host header
    pub host: &'a str,
    /// The operation
    pub action: &'a str,
    /// The product's version
    pub version: &'a str,
    /// All parameters
    pub parameters: &'a [(&'a str, &'a str)],
}

impl Acs3 {
    /// Begins a POST of an empty body.
    pub fn new(access_key_id: &str, secret: &str, signing: Signing<'_>) -> Result<Self> {
        let query = canonical(signing.parameters);
        let Signing {
            host,
            action,
            version,
            ..
        } = signing;
        let empty = hex(digest(&SHA256, b"").as_ref());
        let mut begun = Context::new(&SHA256);
        begun.update(
            format!("POST\n/\n{query}\nhost:{host}\nx-acs-action:{action}\nx-acs-content-sha256:{empty}\nx-acs-date:")
                .as_bytes(),
        );
        let head = format!(
            "POST /?{query} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: chancery-bench\r\nContent-Length: 0\r\n\
             x-acs-action: {action}\r\nx-acs-version: {version}\r\nx-acs-content-sha256: {empty}\r\nx-acs-date: "
        );
        let authorization = format!(
            "\r\nAuthorization: ACS3-HMAC-SHA256 Credential={access_key_id},SignedHeaders={SIGNED_HEADERS},Signature="
        );
        Ok(Self {
            stamps: Stamps::new()?,
            begun,
            secret: Key::new(HMAC_SHA256, secret.as_bytes()),
            head,
            authorization,
        })
    }

    /// Makes the nonces new ones.
    pub fn renew(&mut self) -> Result<()> {
        self.stamps = Stamps::new()?;
        Ok(())
    }

    /// Appends the next request.
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> Result<()> {
        let nonce = self.stamps.next()?;
        let time = self.stamps.time();
        let signature = self.sign(&nonce, time);
        for part in [
            &self.head,
            time,
            "\r\nx-acs-signature-nonce: ",
            &nonce,
            &self.authorization,
            &signature,
            "\r\n\r\n",
        ] {
            buffer.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }

    fn sign(&self, nonce: &str, time: &str) -> String {
        let mut request = self.begun.clone();
        request.update(time.as_bytes());
        request.update(b"\nx-acs-signature-nonce:");
        request.update(nonce.as_bytes());
        request.update(REST.as_bytes());
        let text = format!("ACS3-HMAC-SHA256\n{}", hex(request.finish().as_ref()));
        hex(sign(&self.secret, text.as_bytes()).as_ref())
    }
}

impl std::fmt::Debug for Acs3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acs3").finish_non_exhaustive()
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| DIGITS.get(usize::from(digit)).copied().map(char::from))
        .collect()
}

/// Sorted, as they are signed.
const SIGNED_HEADERS: &str =
    "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";

/// The canonical request from behind the nonce: version, blank line, names, hash of the empty body.
const REST: &str = "\nx-acs-version:2016-01-20\n\n\
    host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version\n\
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNING: Signing<'_> = Signing {
        host: "127.0.0.1:8443",
        action: "Encrypt",
        version: "2016-01-20",
        parameters: &[
            ("EncryptionContext", r#"{"k":"v"}"#),
            ("KeyId", "alias/a b*~"),
            ("Plaintext", "aGVsbG8="),
        ],
    };

    // Goal: the worked example of the API's reference, which the SDK's own function gives too.
    #[test]
    fn the_documented_signature_is_reproduced() {
        let acs3 = Acs3::new("testid", "testsecret", SIGNING).unwrap();
        assert_eq!(
            acs3.sign("9b7a44b03be111e58c7308002700c460", "2020-09-27T08:00:00Z"),
            "81e25fe1b80d8dccc949e4f77ded7382e57e3ef316235a5e10e89658c550dbd7"
        );
    }

    #[test]
    fn a_request_says_what_was_signed_and_is_another_one_each_time() {
        let mut acs3 = Acs3::new("testid", "testsecret", SIGNING).unwrap();
        let [one, two] = [(); 2].map(|()| {
            let mut buffer = Vec::new();
            acs3.next(&mut buffer).unwrap();
            String::from_utf8(buffer).unwrap()
        });
        let header = |request: &str, name: &str| {
            let found = request.lines().find_map(|line| line.strip_prefix(name));
            found.unwrap().trim_start_matches(": ").to_owned()
        };
        for request in [&one, &two] {
            assert!(request.starts_with("POST /?EncryptionContext=%7B"));
            assert!(request.ends_with("\r\n\r\n"));
            let nonce = header(request, "x-acs-signature-nonce");
            let time = header(request, "x-acs-date");
            let authorization = header(request, "Authorization");
            assert!(authorization.ends_with(&format!("Signature={}", acs3.sign(&nonce, &time))));
            assert!(authorization.contains(&format!("SignedHeaders={SIGNED_HEADERS},")));
        }
        assert_ne!(
            header(&one, "x-acs-signature-nonce"),
            header(&two, "x-acs-signature-nonce")
        );
    }

    #[test]
    fn debug_hides_the_secret() {
        let acs3 = Acs3::new("testid", "hidden", SIGNING).unwrap();
        assert!(!format!("{acs3:?}").contains("hidden"));
    }
}
