//! Signatures: who sent this request, and is it as they sent it? (wire contract, sections 1.3 to 1.8 and 2)
//!
//! The caller keeps the order of the contract's section 2, one call a step:
//!
//! ```text
//! let request = SignedRequest::parse(&presented)?;                      credentials present and whole
//! (look the access key up)                                               known, active
//! let stamp = request.stamp(now)?;                                       present, well formed, fresh
//! request.verify(&secret)?;                                              the signature
//! nonces.admit(hash, &request.access_key, stamp, now)?;                  never used before
//! (look at `request.security_token()`)                                   the token, for temporary access keys
//! ```
//!
//! I1  A signature is compared in constant time, and only as the exact text that we would have sent.
//! I2  An unknown or unsupported scheme is refused, never skipped in favour of another one in the same request.
//! I3  The string to sign, which may hold plaintext, is zeroized; on a mismatch it goes, as the error's text, to the sender alone.
//!
//! Never: knows an access key's secret longer than one call, or records a nonce (that is for after `verify`).

use std::fmt;

use hyper::header::AUTHORIZATION;
use zeroize::Zeroizing;

use crate::base::limits::TIMESTAMP_SKEW_MILLIS_MAX;
use crate::base::{AccessKeyId, ApiError, Code, SecretBytes, Timestamp};

use super::params::Params;
use super::wire::{Method, WireRequest};

mod acs;
mod percent;
mod v1;

/// Where a request brings its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// In the Authorization header: ACS3 and ACS4. Headers are signed too, so they may say what is asked.
    Header,
    /// In its parameters: version 1.0. No header is signed.
    Parameters,
    /// It brings none.
    Unsigned,
}

impl Style {
    /// Credentials of any kind count, complete or not. A local peer is known by its uid only when there are none: a
    /// half-signed request must not pass as a peer's. The header goes first (wire contract, section 1.3).
    pub fn of(wire: &WireRequest<'_>, params: &Params) -> Self {
        if wire.headers.contains_key(AUTHORIZATION) {
            Self::Header
        } else if ["AccessKeyId", "Signature", "SignatureMethod", "SecurityToken"]
            .iter()
            .any(|name| params.get(name).is_some())
        {
            Self::Parameters
        } else {
            Self::Unsigned
        }
    }
}

/// A request before anything in it is believed.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// The method.
    pub method: Method,
    /// The request on the wire.
    pub wire: &'a WireRequest<'a>,
    /// The parameters of query and form.
    pub params: &'a Params,
    /// Where its credentials are.
    pub style: Style,
    /// The product that it asks; ACS4 signs it.
    pub product: &'a str,
}

/// A request that claims to be signed. Nothing in it is to be believed before `verify`.
pub struct SignedRequest<'a> {
    /// The access key it names.
    pub access_key: AccessKeyId,
    /// What makes it unique; the signature itself when the request brings no nonce.
    pub nonce: &'a str,
    /// The region that the signature is good for; ACS4 alone names one.
    pub region: Option<&'a str>,
    security_token: Option<&'a str>,
    stamp: Option<&'a str>,
    claim: Claim<'a>,
}

/// The schemes.
enum Claim<'a> {
    V1(v1::Claim<'a>),
    Acs(Box<acs::Claim<'a>>),
}

impl<'a> SignedRequest<'a> {
    /// Chooses the verifier and reads the credentials (I2).
    pub fn parse(presented: &Presented<'a>) -> Result<Self, ApiError> {
        match presented.style {
            Style::Header => Self::parse_header(presented),
            Style::Parameters | Style::Unsigned => Self::parse_parameters(presented.method, presented.params),
        }
    }

    fn parse_header(presented: &Presented<'a>) -> Result<Self, ApiError> {
        let (access_key, claim) = acs::Claim::parse(presented)?;
        Ok(Self {
            access_key: AccessKeyId::parse(access_key).ok_or(Code::UnknownAccessKey)?,
            nonce: claim.nonce(),
            region: claim.region(),
            // A token among the parameters is signed as well, and no less a token.
            security_token: claim
                .security_token()
                .or_else(|| presented.params.optional("SecurityToken")),
            stamp: claim.date(),
            claim: Claim::Acs(Box::new(claim)),
        })
    }

    fn parse_parameters(method: Method, params: &'a Params) -> Result<Self, ApiError> {
        let access_key = params.required("AccessKeyId")?;
        let claim = v1::Claim::parse(method, params)?;
        Ok(Self {
            // An id that no access key can have is an access key that does not exist.
            access_key: AccessKeyId::parse(access_key).ok_or(Code::UnknownAccessKey)?,
            nonce: params.optional("SignatureNonce").unwrap_or(claim.signature()),
            region: None,
            security_token: params.optional("SecurityToken"),
            stamp: params.optional("Timestamp"),
            claim: Claim::V1(claim),
        })
    }

    /// The time stamp: present, well formed, and at most 15 minutes from `now`, the raw wall clock.
    pub fn stamp(&self, now: Timestamp) -> Result<Timestamp, ApiError> {
        let text = self
            .stamp
            .filter(|text| !text.is_empty())
            .ok_or(Code::MissingTimestamp)?;
        let stamp = Timestamp::parse_wire(text).ok_or(Code::MalformedTimestamp)?;
        if stamp.abs_diff(now) > TIMESTAMP_SKEW_MILLIS_MAX {
            return Err(Code::ExpiredTimestamp.into());
        }
        Ok(stamp)
    }

    /// Whether the holder of `secret` signed exactly this request (I1).
    pub fn verify(&self, secret: &SecretBytes) -> Result<(), Mismatch> {
        match &self.claim {
            Claim::V1(claim) => claim.verify(secret),
            Claim::Acs(claim) => claim.verify(secret),
        }
    }

    /// The token that it brings; temporary access keys need theirs, permanent ones have none (wire contract, section 1.7).
    pub const fn security_token(&self) -> Option<&'a str> {
        self.security_token
    }
}

impl fmt::Debug for SignedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// The signature is not that of the access key. Holds what should have been signed.
pub struct Mismatch {
    string_to_sign: Zeroizing<String>,
}

impl Mismatch {
    /// What the sender reads. For the sender's eyes only (I3): events, traces and counters take the code and its catalogue text.
    /// The v1 SDKs take all that follows the only colon, compare it with their own string, and tell their user whether the
    /// secret or the request is wrong; without a colon they crash.
    /// A string of more than a request line may hold is not sent back: a wrong signature must not buy a large answer.
    pub fn into_error(self) -> ApiError {
        let echo = if self.string_to_sign.len() <= ECHO_BYTES_MAX {
            self.string_to_sign.as_str()
        } else {
            ""
        };
        let text = format!("{EXPLANATION}{echo}");
        ApiError::with_message(Code::SignatureDoesNotMatch, text)
    }
}

/// Longest string to sign that is sent back, bytes.
const ECHO_BYTES_MAX: usize = 128 << 10;
const EXPLANATION: &str = "Specified signature does not match our calculation. server string to sign is:";

impl From<Mismatch> for ApiError {
    fn from(mismatch: Mismatch) -> Self {
        mismatch.into_error()
    }
}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mismatch")
    }
}

#[cfg(test)]
mod tests;
