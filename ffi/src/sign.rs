//! The form body and its signature, version 1.0: HMAC-SHA1 over the sorted, percent-encoded parameters.
//!
//! Written from the protocol's description, apart from the daemon's verifier (I3).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::{ClientError, Credentials};

/// RFC 3986, section 2.3: everything else is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The parameters as a form body, in the given order.
pub fn form(params: &[(&str, &str)]) -> Zeroizing<String> {
    // Three bytes for each is the most that encoding makes; a string that grew would leave copies behind (I2).
    let len_max = params
        .iter()
        .map(|(name, value)| 3 * (name.len() + value.len()) + 2)
        .sum();
    let mut form = Zeroizing::new(String::with_capacity(len_max));
    for (name, value) in params {
        if !form.is_empty() {
            form.push('&');
        }
        form.extend(utf8_percent_encode(name, RESERVED));
        form.push('=');
        form.extend(utf8_percent_encode(value, RESERVED));
    }
    form
}

/// What is signed: method, `/` and the sorted parameters, each part encoded, joined by `&`.
pub fn string_to_sign(method: &str, params: &[(&str, &str)]) -> Zeroizing<String> {
    let mut sorted = params.to_vec();
    sorted.sort_unstable();
    let query = form(&sorted);
    let mut text = Zeroizing::new(String::with_capacity(method.len() + 5 + 3 * query.len()));
    text.push_str(method);
    text.push_str("&%2F&");
    text.extend(utf8_percent_encode(&query, RESERVED));
    text
}

/// The signature of a string to sign.
pub fn signature(access_key_secret: &str, string_to_sign: &str) -> String {
    let mut key = Zeroizing::new(Vec::with_capacity(access_key_secret.len() + 1));
    key.extend_from_slice(access_key_secret.as_bytes());
    key.push(b'&');
    // HMAC takes keys of any length. Were it to refuse one, the empty signature would be refused in turn.
    Hmac::<Sha1>::new_from_slice(&key).map_or_else(
        |_| String::new(),
        |mac| {
            STANDARD.encode(
                mac.chain_update(string_to_sign.as_bytes())
                    .finalize()
                    .into_bytes(),
            )
        },
    )
}

/// The form body of a signed POST: `params`, the signature's own parameters with a new nonce, and the signature.
pub fn signed_form(
    params: &[(&str, &str)],
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Zeroizing<String>, ClientError> {
    let nonce = make_nonce()?;
    let stamp = timestamp(now);
    let mut all = params.to_vec();
    all.extend([
        ("AccessKeyId", credentials.access_key_id()),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", &nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &stamp),
    ]);
    all.extend(credentials.security_token().map(|token| ("SecurityToken", token)));
    let signature = signature(credentials.access_key_secret(), &string_to_sign("POST", &all));
    all.push(("Signature", &signature));
    Ok(form(&all))
}

/// A version 4 UUID.
fn make_nonce() -> Result<String, ClientError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| ClientError::System {
        cause: error.to_string(),
    })?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid().to_string())
}

/// `YYYY-MM-DDThh:mm:ssZ`. The date follows Howard Hinnant's `civil_from_days`, with years that begin in March.
fn timestamp(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let from_march_0000 = days + 719_468;
    let (era, day_of_era) = (from_march_0000 / 146_097, from_march_0000 % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The worked examples of the wire contract, section 1.4.
    #[test]
    fn the_documented_request_has_its_signature() {
        let params = [
            ("Version", "2016-01-20"),
            ("Timestamp", "2016-03-28T03:13:08Z"),
            ("SignatureVersion", "1.0"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("Format", "json"),
            ("Action", "CreateKey"),
            ("AccessKeyId", "testid"),
        ];
        let text = string_to_sign("GET", &params);
        assert_eq!(
            *text,
            "GET&%2F&AccessKeyId%3Dtestid%26Action%3DCreateKey%26Format%3Djson%26SignatureMethod%3DHMAC-SHA1%26SignatureVersion%3D1.0%26Timestamp%3D2016-03-28T03%253A13%253A08Z%26Version%3D2016-01-20"
        );
        assert_eq!(signature("testsecret", &text), "41wk2SSX1GJh7fwnc5eqOfiJPFg=");
    }

    #[test]
    fn reserved_characters_and_empty_values_are_signed() {
        let params = [
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
        let text = string_to_sign("POST", &params);
        assert_eq!(signature("testsecret", &text), "PAEcILxrimvhPdLM4iBUJaPj9r8=");
    }

    #[test]
    fn time_stamps_are_known_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_459_134_788, "2016-03-28T03:13:08Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_signed_form_holds_each_parameter_once_and_a_new_nonce() {
        let credentials = Credentials::new("testid", "testsecret").with_security_token("t");
        let make = || {
            signed_form(&[("Action", "ListKeys")], &credentials, UNIX_EPOCH)
                .unwrap()
                .to_string()
        };
        let (one, two) = (make(), make());
        assert_ne!(one, two);
        assert!(!one.contains("testsecret"));
        let mut names: Vec<_> = one
            .split('&')
            .filter_map(|pair| Some(pair.split_once('=')?.0))
            .collect();
        names.sort_unstable();
        let expected = [
            "AccessKeyId",
            "Action",
            "SecurityToken",
            "Signature",
            "SignatureMethod",
            "SignatureNonce",
            "SignatureVersion",
            "Timestamp",
        ];
        assert_eq!(names, expected);
    }
}
