//! ACS3-HMAC-SHA256 and ACS4-HMAC-SHA256: signatures in the Authorization header (wire contract, sections 1.5 and 1.6).
//!
//! ```text
//! Authorization: ACS3-HMAC-SHA256 Credential=AK,SignedHeaders=host;x-acs-action;...,Signature=hex
//! Authorization: ACS4-HMAC-SHA256 Credential=AK/yyyymmdd/region/Kms/aliyun_v4_request,SignedHeaders=...,Signature=hex
//! ```
//!
//! Both sign the hash of one canonical request; ACS4 signs it with a key that is derived for a day, a region and a product.

use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::header::{AUTHORIZATION, HeaderName};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::api::params::Params;
use crate::api::wire::{Method, WireRequest, header};
use crate::base::{ApiError, Code, SecretBytes};

use super::percent::each_encoded;
use super::{Mismatch, Presented};

/// What a request with such a header claims.
pub(super) struct Claim<'a> {
    wire: WireRequest<'a>,
    method: Method,
    query: Query<'a>,
    /// ACS4 has a scope, ACS3 has none.
    scope: Option<Scope<'a>>,
    product: &'a str,
    date: Option<&'a str>,
    nonce: &'a str,
    security_token: Option<&'a str>,
    content_hash: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// What an ACS4 signature is good for.
struct Scope<'a> {
    day: &'a str,
    region: &'a str,
    product: &'a str,
}

/// The parameters of the query alone, which a signature covers apart from the body.
enum Query<'a> {
    /// The request has no others.
    All(&'a Params),
    /// Read again, without those of the form.
    Apart(Params),
}

impl<'a> Claim<'a> {
    /// Reads the header, in the order in which its faults are answered. Gives the access key's id beside the claim.
    pub(super) fn parse(presented: &Presented<'a>) -> Result<(&'a str, Self), ApiError> {
        let wire = *presented.wire;
        let text = wire
            .header(&AUTHORIZATION)
            .map_err(|_| Code::IncompleteSignature)?;
        let text = text.ok_or(Code::IncompleteSignature)?;
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        let has_scope = match algorithm {
            ACS3 => false,
            ACS4 => true,
            // The SDKs know them; this service does not.
            "ACS3-HMAC-SM3" | "ACS3-RSA-SHA256" | "ACS4-HMAC-SM3" => {
                return Err(ApiError::invalid("Authorization"));
            }
            _ => return Err(Code::IncompleteSignature.into()),
        };
        let fields = Fields::parse(rest).ok_or(Code::IncompleteSignature)?;
        let (access_key, scope) = match fields.credential.split_once('/') {
            None if !has_scope => (fields.credential, None),
            Some((access_key, scope)) if has_scope => (
                access_key,
                Some(Scope::parse(scope).ok_or(Code::IncompleteSignature)?),
            ),
            _ => return Err(Code::IncompleteSignature.into()),
        };
        let once = |name: &HeaderName| wire.header(name).map_err(|_| Code::IncompleteSignature);
        let date = once(&header::DATE)?;
        let security_token = once(&header::SECURITY_TOKEN)?;
        let nonce = once(&header::NONCE)?.filter(|nonce| !nonce.is_empty());
        let content_hash = once(&header::CONTENT_SHA256)?;
        let named = once(&header::ACCESS_KEY_ID)?;
        if named.is_some_and(|named| named != access_key) {
            return Err(Code::IncompleteSignature.into());
        }
        let is_signed = |name: HeaderName| {
            fields
                .signed_headers
                .split(';')
                .any(|signed| signed == name.as_str())
        };
        let must_be_signed = SIGNED_ALWAYS
            .into_iter()
            .chain(date.map(|_| header::DATE))
            .chain(security_token.map(|_| header::SECURITY_TOKEN))
            .chain(named.map(|_| header::ACCESS_KEY_ID));
        let well_named = !fields
            .signed_headers
            .bytes()
            .any(|byte| byte.is_ascii_uppercase());
        if !well_named || !must_be_signed.into_iter().all(is_signed) {
            return Err(Code::IncompleteSignature.into());
        }
        let query = if wire.body.is_empty() {
            Query::All(presented.params)
        } else {
            Query::Apart(Params::parse(wire.query, None)?)
        };
        let claim = Self {
            wire,
            method: presented.method,
            query,
            scope,
            product: presented.product,
            date,
            nonce: nonce.ok_or(Code::IncompleteSignature)?,
            security_token,
            content_hash: content_hash.ok_or(Code::IncompleteSignature)?,
            signed_headers: fields.signed_headers,
            signature: fields.signature,
        };
        Ok((access_key, claim))
    }

    pub(super) fn date(&self) -> Option<&'a str> {
        self.date
    }

    pub(super) fn nonce(&self) -> &'a str {
        self.nonce
    }

    pub(super) fn security_token(&self) -> Option<&'a str> {
        self.security_token
    }

    /// The region of the scope. The SDKs write `center` when their user named none.
    pub(super) fn region(&self) -> Option<&'a str> {
        let region = self.scope.as_ref().map(|scope| scope.region);
        region.filter(|region| *region != "center")
    }

    /// Compares texts, as `v1` does, and everything that is compared in constant time.
    pub(super) fn verify(&self, secret: &SecretBytes) -> Result<(), Mismatch> {
        let body_hash = hex(&Sha256::digest(self.wire.body));
        let string_to_sign = self.string_to_sign(&body_hash);
        let expected = self.expected(secret, &string_to_sign);
        let signed = expected.is_some_and(|expected| expected.ct_eq(self.signature.as_bytes()).into());
        let whole: bool = body_hash.as_bytes().ct_eq(self.content_hash.as_bytes()).into();
        if signed && whole && self.is_in_scope() {
            Ok(())
        } else {
            Err(Mismatch { string_to_sign })
        }
    }

    /// Whether the scope is that of this request: its day, its product.
    fn is_in_scope(&self) -> bool {
        let Some(scope) = &self.scope else { return true };
        let date = self.date.unwrap_or_default();
        let day = date.split('T').next().unwrap_or_default().split('-');
        day.flat_map(str::chars).eq(scope.day.chars()) && scope.product.eq_ignore_ascii_case(self.product)
    }

    /// The signature as text. Gives nothing only if HMAC refused a key, which it does for no length; then nothing matches.
    fn expected(&self, secret: &SecretBytes, string_to_sign: &str) -> Option<Zeroizing<[u8; SIGNATURE_LEN]>> {
        let tag = match &self.scope {
            // EXPOSE: HMAC takes a slice and keeps only its hash states.
            None => hmac(secret.expose(), string_to_sign.as_bytes())?,
            Some(scope) => hmac(&*scope.key(secret)?, string_to_sign.as_bytes())?,
        };
        // A right signature that nobody sent is a credential: it does not stay on the stack.
        let mut text = Zeroizing::new([0; SIGNATURE_LEN]);
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(tag.iter()) {
            *pair = hex_pair(*byte);
        }
        Some(text)
    }

    fn string_to_sign(&self, body_hash: &str) -> Zeroizing<String> {
        let algorithm = if self.scope.is_some() { ACS4 } else { ACS3 };
        // Two lines, and the second one is a hash: no plaintext is in it.
        Zeroizing::new(format!("{algorithm}\n{}", hex(&self.canonical_hash(body_hash))))
    }

    /// The hash of the canonical request, which is never put together: its query may hold a plaintext.
    fn canonical_hash(&self, body_hash: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.method.as_str());
        hash.update("\n/\n");
        let params = match &self.query {
            Query::All(params) => params,
            Query::Apart(params) => params,
        };
        for (position, (name, value)) in params.iter().enumerate() {
            if position > 0 {
                hash.update("&");
            }
            each_encoded(name, |piece| hash.update(piece));
            hash.update("=");
            each_encoded(value, |piece| hash.update(piece));
        }
        hash.update("\n");
        for name in self.signed_headers.split(';') {
            hash.update(name);
            hash.update(":");
            let mut values: Vec<&[u8]> = self
                .wire
                .headers
                .get_all(name)
                .iter()
                .map(|value| value.as_bytes().trim_ascii())
                .collect();
            values.sort_unstable();
            for (position, value) in values.into_iter().enumerate() {
                if position > 0 {
                    hash.update(",");
                }
                hash.update(value);
            }
            hash.update("\n");
        }
        hash.update("\n");
        hash.update(self.signed_headers);
        hash.update("\n");
        hash.update(body_hash);
        hash.finalize().into()
    }
}

/// The three fields of the header, each there once.
struct Fields<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in text.split(',') {
            let (name, value) = field.trim_ascii().split_once('=')?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return None,
            };
            if value.is_empty() || place.replace(value).is_some() {
                return None;
            }
        }
        Some(Self {
            credential: credential?,
            signed_headers: signed_headers?,
            signature: signature?,
        })
    }
}

impl<'a> Scope<'a> {
    /// `yyyymmdd/region/Kms/aliyun_v4_request`.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split('/');
        let scope = Self {
            day: parts.next()?,
            region: parts.next()?,
            product: parts.next()?,
        };
        let ended = parts.next() == Some(TERMINATOR) && parts.next().is_none();
        (ended && !scope.region.is_empty()).then_some(scope)
    }

    /// The key of this scope, derived step by step.
    fn key(&self, secret: &SecretBytes) -> Option<Zeroizing<[u8; 32]>> {
        let mut first = Zeroizing::new(Vec::with_capacity(KEY_PREFIX.len() + secret.len()));
        first.extend_from_slice(KEY_PREFIX);
        // EXPOSE: the copy is zeroized at the end of this function, and HMAC keeps only its hash states.
        first.extend_from_slice(secret.expose());
        let mut key = hmac(&first, self.day.as_bytes())?;
        for step in [self.region, self.product, TERMINATOR] {
            key = hmac(&*key, step.as_bytes())?;
        }
        Some(key)
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    let mut tag = mac.finalize().into_bytes();
    let kept = Zeroizing::new(tag.into());
    tag.as_mut_slice().zeroize();
    Some(kept)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| hex_pair(*byte))
        .map(char::from)
        .collect()
}

/// Two lower-case hexadecimal digits.
fn hex_pair(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' + nibble - 10
        }
    };
    [digit(byte >> 4), digit(byte & 15)]
}

const ACS3: &str = "ACS3-HMAC-SHA256";
const ACS4: &str = "ACS4-HMAC-SHA256";
const KEY_PREFIX: &[u8] = b"aliyun_v4";
const TERMINATOR: &str = "aliyun_v4_request";

/// HMAC-SHA256 in hexadecimal digits.
const SIGNATURE_LEN: usize = 64;

/// Headers without which a signature would leave open what is asked, when, of whom. The date joins them when it is there:
/// without one it is the time stamp that is missing, not a part of the signature.
const SIGNED_ALWAYS: [HeaderName; 5] = [
    hyper::header::HOST,
    header::ACTION,
    header::CONTENT_SHA256,
    header::NONCE,
    header::VERSION,
];

#[cfg(test)]
mod tests;
