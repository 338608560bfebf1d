//! Signature version 1.0, HMAC-SHA1 over the sorted parameters (wire contract, section 1.4).
//!
//! ```text
//! GET&%2F&AccessKeyId%3Dtestid%26Action%3DCreateKey%26...
//! ```
//!
//! Method, `&`, the encoded path `/`, `&`, then the encoded canonical query: all parameters but `Signature`, sorted, names and
//! values percent-encoded, joined by `=` and `&`, and the whole percent-encoded once more. The two encodings are made in one pass.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::api::params::Params;
use crate::api::wire::Method;
use crate::base::{ApiError, Code, SecretBytes};

use super::Mismatch;
use super::percent::{hex_digit, is_unreserved};

/// What a request of this version claims.
pub(super) struct Claim<'a> {
    method: Method,
    params: &'a Params,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    /// Reads the fields of the signature, in the order in which their faults are answered.
    pub(super) fn parse(method: Method, params: &'a Params) -> Result<Self, ApiError> {
        let field = |name| params.optional(name).ok_or(Code::IncompleteSignature);
        let signature = field("Signature")?;
        if field("SignatureMethod")? != "HMAC-SHA1" {
            return Err(Code::InvalidSignatureMethod.into());
        }
        if field("SignatureVersion")? != "1.0" {
            return Err(Code::IncompleteSignature.into());
        }
        // The v1 SDKs send it empty; bearer tokens and private keys are not supported.
        if params.optional("SignatureType").is_some() {
            return Err(ApiError::invalid("SignatureType"));
        }
        Ok(Self {
            method,
            params,
            signature,
        })
    }

    pub(super) fn signature(&self) -> &'a str {
        self.signature
    }

    /// Compares texts, not bytes: one request has one signature that is taken, and a malformed one is simply another.
    pub(super) fn verify(&self, secret: &SecretBytes) -> Result<(), Mismatch> {
        let string_to_sign = string_to_sign(self.method, self.params);
        let expected = signature(secret, &string_to_sign);
        let equal = expected.is_some_and(|expected| expected.ct_eq(self.signature.as_bytes()).into());
        if equal {
            Ok(())
        } else {
            Err(Mismatch { string_to_sign })
        }
    }
}

/// The signature as text. Gives nothing only if HMAC refused its key, which it does for no length; then nothing matches.
fn signature(secret: &SecretBytes, string_to_sign: &str) -> Option<[u8; ENCODED_LEN]> {
    let mut key = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
    // EXPOSE: the copy is zeroized at the end of this function, and HMAC keeps only its hash states.
    key.extend_from_slice(secret.expose());
    key.push(b'&');
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).ok()?;
    mac.update(string_to_sign.as_bytes());
    let mut tag = mac.finalize().into_bytes();
    let mut text = [0; ENCODED_LEN];
    let written = STANDARD.encode_slice(tag, &mut text).ok()?;
    // A right signature that nobody sent is a credential: it does not stay on the stack.
    tag.as_mut_slice().zeroize();
    (written == ENCODED_LEN).then_some(text)
}

/// Base64 of 20 bytes.
const ENCODED_LEN: usize = 28;

/// What the sender should have signed. Its length is counted first: a string that grew would leave plaintext behind.
fn string_to_sign(method: Method, params: &Params) -> Zeroizing<String> {
    let signed = || params.iter().filter(|(name, _)| *name != "Signature");
    let joints = method.as_str().len() + "&%2F&".len() + params.len() * ("%3D".len() + "%26".len());
    let len: usize = joints
        + signed()
            .map(|(name, value)| twice_len(name) + twice_len(value))
            .sum::<usize>();
    let mut text = Zeroizing::new(String::with_capacity(len));
    text.push_str(method.as_str());
    text.push_str("&%2F&");
    for (position, (name, value)) in signed().enumerate() {
        if position > 0 {
            text.push_str("%26");
        }
        push_twice(name, &mut text);
        text.push_str("%3D");
        push_twice(value, &mut text);
    }
    debug_assert!(
        text.len() <= len,
        "the string to sign grew past what was set aside"
    );
    text
}

/// Length after encoding twice: a reserved byte becomes `%XX`, then `%25XX`.
fn twice_len(text: &str) -> usize {
    text.len() + 4 * text.bytes().filter(|b| !is_unreserved(*b)).count()
}

/// Percent-encodes the UTF-8 bytes of `text` twice.
fn push_twice(text: &str, into: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let plain_len = rest.bytes().position(|b| !is_unreserved(b)).unwrap_or(rest.len());
        // Only ASCII is unreserved, so the split is between characters.
        let (plain, tail) = rest.split_at_checked(plain_len).unwrap_or((rest, ""));
        into.push_str(plain);
        let mut characters = tail.chars();
        if let Some(reserved) = characters.next() {
            for byte in reserved.encode_utf8(&mut [0; 4]).bytes() {
                into.push_str("%25");
                into.push(char::from(hex_digit(byte >> 4)));
                into.push(char::from(hex_digit(byte & 15)));
            }
        }
        rest = characters.as_str();
    }
}

#[cfg(test)]
pub(super) mod oracle {
    //! The same, for tests that sign.

    use super::*;

    pub(in super::super) fn sign(method: Method, params: &Params, secret: &str) -> String {
        let secret = SecretBytes::new(secret.as_bytes().to_vec());
        let text = signature(&secret, &string_to_sign(method, params)).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    pub(in super::super) fn to_sign(method: Method, params: &Params) -> String {
        string_to_sign(method, params).to_string()
    }
}
