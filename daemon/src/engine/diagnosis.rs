//! The message in a denial by which those who may read it find its event: where that stands, and a MAC.
//!
//! I1  The message holds nothing of the decision: what it decodes to is read from the log, so it can't lie.
//! I2  It can't be guessed: nobody learns of others' denials by counting.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::tools::Tools;
use crate::base::{ApiError, SecretBytes, Seq};
use crate::event::InternalKeyPurpose;

/// The version of the message.
const VERSION: u8 = 1;

/// Bytes of the MAC that a message carries.
const MAC_LEN: usize = 16;

/// Adds the message to a denial by policies, whose event is at `seq`.
pub fn complete<T>(result: &mut Result<T, ApiError>, seq: Seq, tools: &Tools) {
    if let Err(ApiError {
        denied: Some(denied), ..
    }) = result
    {
        let key = tools.internal_key(InternalKeyPurpose::Diagnostics).ok();
        denied.diagnosis = key.map(|key| encode(&key, seq).into());
    }
}

/// The message for the event at `seq`: `base64url(version ‖ seq ‖ MAC)`, 34 characters.
pub(super) fn encode(key: &SecretBytes, seq: Seq) -> String {
    let mut message = Vec::with_capacity(1 + 8 + MAC_LEN);
    message.push(VERSION);
    message.extend_from_slice(&seq.get().to_be_bytes());
    let mac = mac(key, seq).finalize().into_bytes();
    message.extend(mac.iter().take(MAC_LEN));
    URL_SAFE_NO_PAD.encode(message)
}

/// The event that a message is about; none when it is not one of ours.
pub(super) fn decode(key: &SecretBytes, text: &str) -> Option<Seq> {
    // 25 bytes are 34 characters; nothing longer is looked at.
    let message = (text.len() == 34).then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
    let (version, rest) = message.split_first()?;
    let (seq, sent) = rest.split_first_chunk::<8>()?;
    let seq = Seq::new(u64::from_be_bytes(*seq));
    let authentic = *version == VERSION && sent.len() == MAC_LEN;
    (authentic && mac(key, seq).verify_truncated_left(sent).is_ok()).then_some(seq)
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
fn mac(key: &SecretBytes, seq: Seq) -> Hmac<Sha256> {
    // EXPOSE: the MAC keeps a schedule of the key, which it wipes.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("any length");
    mac.update(b"chancery/diagnosis/v1");
    mac.update(&seq.get().to_be_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_finds_its_event_and_can_not_be_made_up() {
        let key = SecretBytes::new(vec![7; 32]);
        let message = encode(&key, Seq::new(258));
        assert_eq!(decode(&key, &message), Some(Seq::new(258)));
        assert_eq!(decode(&SecretBytes::new(vec![8; 32]), &message), None);
        for at in 0..message.len() {
            let mut forged = message.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(decode(&key, std::str::from_utf8(&forged).unwrap()), None, "{at}");
        }
        assert_eq!(decode(&key, ""), None);
        assert_eq!(decode(&key, &format!("{message}A")), None);
    }
}
