//! Temporary credentials: what a session of a role signs with. Nothing of them is stored: the secret is derived from the id
//! of the access key, and the token is sealed to it.
//!
//! T1  A secret is HMAC-SHA256 under the internal key `sts-secrets` of domain, log id, access key id and a counter, each with
//!     its length before it, turned into letters. Whoever has the log but not the vault can derive none.
//! T2  A token is Base64 of `version (1) || XAES-256-GCM(sts-tokens, expiry (8) || access key id)`, bound to domain and log.
//!     It grants nothing: what a session may do is looked up.
//! T3  A token is read only when it is no longer than one that we would make can be.
//!
//! Example: `AdS5…` is version 1, 24 bytes of nonce, 37 of sealed record, 16 of tag: 78 bytes, 104 characters.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::base::answer::SecretText;
use crate::base::entropy::{Entropy, letter};
use crate::base::{AccessKeyId, LogId, SecretBytes, Timestamp};
use crate::custody::{SealError, SealingKey};
use crate::domain::MadeSession;
use crate::event::Actor;

use super::service::Engine;

/// The keys behind temporary credentials.
pub struct Temporary {
    log: LogId,
    secrets: SecretBytes,
    tokens: SealingKey,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The access key that it belongs to.
    pub id: AccessKeyId,
    /// When both end.
    pub expires: Timestamp,
}

impl Temporary {
    /// Takes the internal keys `sts-secrets` and `sts-tokens`.
    pub fn new(log: LogId, secrets: SecretBytes, tokens: &SecretBytes) -> Result<Self, SealError> {
        let tokens = SealingKey::new(tokens)?;
        Ok(Self { log, secrets, tokens })
    }

    /// Draws a temporary access key that ends at `expires`.
    pub fn make(&self, expires: Timestamp, entropy: &dyn Entropy) -> MadeSession {
        let id = AccessKeyId::make_temporary(entropy);
        let secret = self.derive_secret(&id);
        // EXPOSE: handed to its owner as text; both copies are zeroized on drop.
        let text: String = secret.expose().iter().map(|byte| char::from(*byte)).collect();
        MadeSession {
            expires,
            secret: SecretText::new(text),
            token: self.make_token(&id, expires, entropy),
            id,
        }
    }

    /// The secret of a temporary access key: 40 letters and digits, 238 bits (T1).
    pub fn derive_secret(&self, id: &AccessKeyId) -> SecretBytes {
        // Set aside at once: a vector that grew would leave copies behind.
        let mut letters = Vec::with_capacity(SECRET_LETTERS);
        let mut counter: u32 = 0;
        while letters.len() < SECRET_LETTERS {
            let block = self.block(id, counter);
            let left = SECRET_LETTERS - letters.len();
            // EXPOSE: turned into letters; bytes that would favour some letters are left out.
            let more = block.expose().iter().filter_map(|byte| letter(*byte));
            letters.extend(more.take(left));
            counter = counter.wrapping_add(1);
        }
        SecretBytes::new(letters)
    }

    fn block(&self, id: &AccessKeyId, counter: u32) -> SecretBytes {
        // EXPOSE: the key of the MAC, which keeps no copy after it.
        #[expect(
            clippy::expect_used,
            reason = "HMAC takes keys of every length (RFC 2104, section 2)"
        )]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secrets.expose()).expect("any length");
        for part in [
            SECRET_DOMAIN,
            self.log.as_bytes(),
            id.as_str().as_bytes(),
            &counter.to_be_bytes(),
        ] {
            mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            mac.update(part);
        }
        SecretBytes::new(mac.finalize().into_bytes().to_vec())
    }

    /// The token of a temporary access key that ends at `expires` (T2).
    pub fn make_token(&self, id: &AccessKeyId, expires: Timestamp, entropy: &dyn Entropy) -> SecretText {
        let mut record = Vec::with_capacity(8 + id.as_str().len());
        record.extend_from_slice(&expires.as_millis().to_be_bytes());
        record.extend_from_slice(id.as_str().as_bytes());
        let mut token = vec![TOKEN_VERSION];
        self.tokens.seal_onto(&mut token, &self.aad(), &record, entropy);
        SecretText::base64(&SecretBytes::new(token))
    }

    /// Reads a token. None when it is none of ours, whole.
    pub fn open_token(&self, text: &str) -> Option<Token> {
        if text.len() > TOKEN_CHARS_MAX {
            return None; // T3
        }
        let bytes = STANDARD.decode(text).ok()?;
        let (version, sealed) = bytes.split_first()?;
        if *version != TOKEN_VERSION {
            return None;
        }
        let record = self.tokens.open(&self.aad(), sealed).ok()?;
        // EXPOSE: what the token says is not secret, only not to be made by others.
        let (expires, id) = record.expose().split_first_chunk::<8>()?;
        Some(Token {
            id: AccessKeyId::parse(std::str::from_utf8(id).ok()?)?,
            expires: Timestamp::from_millis(u64::from_be_bytes(*expires)),
        })
    }

    fn aad(&self) -> Vec<u8> {
        [TOKEN_DOMAIN, self.log.as_bytes().as_slice()].concat()
    }
}

/// A session that may still be good.
#[derive(Debug, Clone)]
pub struct KnownSession {
    /// Who acts in it.
    pub actor: Actor,
    /// When it ends.
    pub expires: Timestamp,
}

impl Engine {
    /// The session of a temporary access key. None when there is none, or its role is gone.
    pub fn session(&self, id: &AccessKeyId) -> Option<KnownSession> {
        let state = self.tools().published.applied();
        let session = state.session(id)?;
        let role = state.role(session.role)?;
        let actor = Actor::assumed_role(
            session.account,
            (role.id, role.name.clone()),
            session.name.clone(),
            session.source.clone(),
            Some(id.clone()),
        );
        Some(KnownSession {
            actor,
            expires: session.expires,
        })
    }

    /// What temporary credentials are made with.
    pub fn temporary(&self) -> &Temporary {
        &self.tools().temporary
    }
}

impl fmt::Debug for Temporary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[temporary credentials]")
    }
}

const SECRET_DOMAIN: &[u8] = b"chancery/sts-secret/v1";
const TOKEN_DOMAIN: &[u8] = b"chancery/sts-token/v1";
const TOKEN_VERSION: u8 = 1;
/// Letters of a secret.
const SECRET_LETTERS: usize = 40;
/// Longest token that is read, characters.
const TOKEN_CHARS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    fn temporary(log: u8, key: u8) -> Temporary {
        let secret = |n: u8| SecretBytes::new(vec![n; 32]);
        Temporary::new(LogId::from_bytes([log; 16]), secret(key), &secret(key + 1)).unwrap()
    }

    fn id(n: u8) -> AccessKeyId {
        AccessKeyId::parse(&format!("STS.{n:0>25}")).unwrap()
    }

    const END: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn a_secret_belongs_to_one_id_of_one_log() {
        let ours = temporary(1, 1);
        let secret = ours.derive_secret(&id(1));
        assert_eq!(secret.len(), SECRET_LETTERS);
        assert!(secret.expose().iter().all(u8::is_ascii_alphanumeric));
        assert_eq!(secret, temporary(1, 1).derive_secret(&id(1)), "the same again");
        for other in [
            ours.derive_secret(&id(2)),
            temporary(2, 1).derive_secret(&id(1)),
            temporary(1, 2).derive_secret(&id(1)),
        ] {
            assert_ne!(secret, other);
        }
    }

    #[test]
    fn a_token_is_read_by_its_maker_alone_and_only_whole() {
        let ours = temporary(1, 1);
        let token = ours.make_token(&id(1), END, &SystemEntropy);
        let text = token.expose();
        assert!(text.len() <= TOKEN_CHARS_MAX);
        let said = Token {
            id: id(1),
            expires: END,
        };
        assert_eq!(ours.open_token(text), Some(said));
        assert_eq!(temporary(2, 1).open_token(text), None, "of another log");
        assert_eq!(temporary(1, 2).open_token(text), None, "under another key");
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(ours.open_token(&changed), None, "character {at}");
        }
        for bad in ["", "A", &text[1..], &"A".repeat(TOKEN_CHARS_MAX + 4)] {
            assert_eq!(ours.open_token(bad), None);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", temporary(1, 1)), "[temporary credentials]");
    }
}
