//! Signatures: who sent this request, and is it as they sent it? (wire contract, sections 1.3 to 1.8 and 2)
//!
//! The caller keeps the order of the contract's section 2, one call a step:
//!
//! ```text
//! let request = SignedRequest::parse(method, &params, authorization)?;   credentials present and whole
//! (look the access key up)                                               known, active
//! let stamp = request.stamp(now)?;                                       present, well formed, fresh
//! request.verify(&secret)?;                                              the signature
//! nonces.admit(hash, &request.access_key, stamp, now)?;                  never used before
//! ```
//!
//! I1  A signature is compared in constant time, and only as the exact text that we would have sent.
//! I2  An unknown or unsupported scheme is refused, never skipped in favour of another one in the same request.
//! I3  The string to sign, which may hold plaintext, is zeroized; on a mismatch it goes, as the error's text, to the sender alone.
//!
//! Never: knows an access key's secret longer than one call, or records a nonce (that is for after `verify`).

use std::fmt;

use zeroize::Zeroizing;

use crate::base::limits::TIMESTAMP_SKEW_MILLIS_MAX;
use crate::base::{AccessKeyId, ApiError, Code, SecretBytes, Timestamp};

use super::params::Params;
use super::wire::Method;

mod v1;

/// A request that claims to be signed. Nothing in it is to be believed before `verify`.
pub struct SignedRequest<'a> {
    /// The access key it names.
    pub access_key: AccessKeyId,
    /// What makes it unique; the signature itself when the request brings no nonce.
    pub nonce: &'a str,
    stamp: Option<&'a str>,
    claim: v1::Claim<'a>,
}

/// Whether the request brings credentials of any kind, complete or not. A local peer is known by its uid only when it brings
/// none: a half-signed request must not pass as a peer's.
pub fn is_present(params: &Params, authorization: Option<&str>) -> bool {
    authorization.is_some()
        || [
            "AccessKeyId",
            "Signature",
            "SignatureMethod",
            "SignatureNonce",
            "SecurityToken",
        ]
        .iter()
        .any(|name| params.get(name).is_some())
}

impl<'a> SignedRequest<'a> {
    /// Chooses the verifier and reads the credentials (I2).
    pub fn parse(method: Method, params: &'a Params, authorization: Option<&str>) -> Result<Self, ApiError> {
        if authorization.is_some() {
            // ACS3-HMAC-SHA256 and ACS4-HMAC-SHA256 belong here; no scheme is supported yet.
            return Err(Code::IncompleteSignature.into());
        }
        let access_key = params.required("AccessKeyId")?;
        let claim = v1::Claim::parse(method, params)?;
        // An id that no access key can have is an access key that does not exist.
        let access_key = AccessKeyId::parse(access_key).ok_or(Code::UnknownAccessKey)?;
        Ok(Self {
            access_key,
            nonce: params.optional("SignatureNonce").unwrap_or(claim.signature()),
            stamp: params.optional("Timestamp"),
            claim,
        })
    }

    /// The time stamp: present, well formed, and at most 15 minutes from `now`, the raw wall clock.
    pub fn stamp(&self, now: Timestamp) -> Result<Timestamp, ApiError> {
        let text = self.stamp.ok_or(Code::MissingTimestamp)?;
        let stamp = Timestamp::parse_wire(text).ok_or(Code::MalformedTimestamp)?;
        if stamp.abs_diff(now) > TIMESTAMP_SKEW_MILLIS_MAX {
            return Err(Code::ExpiredTimestamp.into());
        }
        Ok(stamp)
    }

    /// Whether the holder of `secret` signed exactly these parameters (I1).
    pub fn verify(&self, secret: &SecretBytes) -> Result<(), Mismatch> {
        self.claim.verify(secret)
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
    pub fn into_error(self) -> ApiError {
        let text = format!("{EXPLANATION}{}", *self.string_to_sign);
        ApiError::with_message(Code::SignatureDoesNotMatch, text)
    }
}

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
