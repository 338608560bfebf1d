//! Signature v1.0 of the RPC form (HMAC-SHA1), whole and in steps.
//!
//! A benchmark signs the same call again and again; only nonce and time differ, and both sort behind the long
//! parameters. So the keyed hash of the string to sign is kept up to the nonce and continued for each request: the
//! signature is the same, the generator's share of it is a fraction of a microsecond.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use aws_lc_rs::hmac::{Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends `text` percent-encoded after RFC 3986: unreserved characters stay, all else is `%XX`.
pub fn percent_encode(text: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            for digit in [byte >> 4, byte & 15] {
                into.extend(HEX.get(usize::from(digit)).copied().map(char::from));
            }
        }
    }
}

/// Returns `text` percent-encoded.
pub fn encoded(text: &str) -> String {
    let mut into = String::with_capacity(text.len() * 3 / 2);
    percent_encode(text, &mut into);
    into
}

/// `Name=value&Name=value`, sorted by name, encoded: the canonical query string, and a form body.
pub fn canonical(parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let mut text = String::new();
    for (name, value) in sorted {
        if !text.is_empty() {
            text.push('&');
        }
        percent_encode(name, &mut text);
        text.push('=');
        percent_encode(value, &mut text);
    }
    text
}

/// A signature begun: all that sorts before the nonce is hashed.
#[derive(Debug, Clone)]
pub struct Begun(Context);

impl Begun {
    /// Begins the signature of a POST with these parameters, all of which must sort before `SignatureNonce`.
    pub fn new(secret: &str, parameters: &[(&str, &str)]) -> Result<Self> {
        let late = parameters.iter().find(|(name, _)| *name >= "SignatureNonce");
        anyhow::ensure!(late.is_none(), "parameter {late:?} sorts behind the nonce");
        let mut text = canonical(parameters);
        text.push_str("&SignatureNonce=");
        let mut context = Context::with_key(&key(secret));
        context.update(b"POST&%2F&");
        context.update(encoded(&text).as_bytes());
        Ok(Self(context))
    }

    /// Finishes it with a nonce of unreserved characters and a timestamp; returns the signature in Base64.
    pub fn finish(&self, nonce: &str, timestamp: &str) -> String {
        let mut context = self.0.clone();
        context.update(nonce.as_bytes());
        context.update(b"%26SignatureVersion%3D1.0%26Timestamp%3D");
        // The colons are encoded in the canonical string, and that is encoded again.
        for (n, part) in timestamp.split(':').enumerate() {
            context.update(if n == 0 { b"" } else { b"%253A" });
            context.update(part.as_bytes());
        }
        context.update(b"%26Version%3D2016-01-20");
        STANDARD.encode(context.sign())
    }
}

fn key(secret: &str) -> Key {
    Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{secret}&").as_bytes())
}

/// Returns the seconds since 1970 by the system clock.
pub fn now_seconds() -> Result<u64> {
    Ok(SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?
        .as_secs())
}

/// Writes seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`. Civil date from days after Howard Hinnant's algorithm.
pub fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::*;

    /// The whole signature, straight from the definition.
    fn sign(method: &str, secret: &str, parameters: &[(&str, &str)]) -> String {
        let text = format!("{method}&%2F&{}", encoded(&canonical(parameters)));
        STANDARD.encode(hmac::sign(&key(secret), text.as_bytes()))
    }

    // Goal: the definition agrees with the two worked examples of the API's reference.
    #[test]
    fn documented_signatures_are_reproduced() {
        let documented = [
            ("Action", "CreateKey"),
            ("Version", "2016-01-20"),
            ("Format", "json"),
            ("AccessKeyId", "testid"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureVersion", "1.0"),
            ("Timestamp", "2016-03-28T03:13:08Z"),
        ];
        assert_eq!(
            sign("GET", "testsecret", &documented),
            "41wk2SSX1GJh7fwnc5eqOfiJPFg="
        );
        let reserved = [
            ("Action", "Encrypt"),
            ("Version", "2016-01-20"),
            ("Format", "JSON"),
            ("RegionId", "cn-hangzhou"),
            ("AccessKeyId", "testid"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureType", ""),
            ("SignatureVersion", "1.0"),
            ("SignatureNonce", "9b7a44b0-3be1-11e5-8c73-08002700c460"),
            ("Timestamp", "2020-09-27T08:00:00Z"),
            ("KeyId", "alias/a b*~"),
            ("Plaintext", "aGVsbG8="),
            ("EncryptionContext", r#"{"k":"v"}"#),
        ];
        assert_eq!(
            sign("POST", "testsecret", &reserved),
            "PAEcILxrimvhPdLM4iBUJaPj9r8="
        );
    }

    #[test]
    fn a_signature_in_steps_is_the_whole_signature() {
        let early = [
            ("AccessKeyId", "testid"),
            ("Action", "Encrypt"),
            ("Format", "JSON"),
            ("KeyId", "alias/a b*~"),
            ("Plaintext", "a+/GVsbG8="),
            ("SignatureMethod", "HMAC-SHA1"),
        ];
        let begun = Begun::new("testsecret", &early).unwrap();
        for nonce in ["0123456789abcdef", "ff"] {
            let mut all = early.to_vec();
            all.extend([
                ("SignatureNonce", nonce),
                ("SignatureVersion", "1.0"),
                ("Timestamp", "2020-09-27T08:00:00Z"),
                ("Version", "2016-01-20"),
            ]);
            assert_eq!(
                begun.finish(nonce, "2020-09-27T08:00:00Z"),
                sign("POST", "testsecret", &all)
            );
        }
    }

    #[test]
    fn a_parameter_behind_the_nonce_is_refused() {
        assert!(Begun::new("secret", &[("Tags", "[]")]).is_err());
    }

    #[test]
    fn timestamps_cross_leap_days_and_centuries() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_601_193_600), "2020-09-27T08:00:00Z");
        assert_eq!(timestamp(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
