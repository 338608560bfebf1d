//! What seals a backup: age (age-encryption.org/v1) to one or more X25519 keys, over LZ4 (frame format). So a piece of one
//! is looked at with the usual tools: `age -d -i KEY OBJECT | lz4 -d`.
//!
//! A daemon that makes backups has the public halves alone and can't read what it wrote. The secret halves are needed to
//! restore, and to prove that it would go well.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};

use lz4_flex::frame::{FrameDecoder, FrameEncoder};

use crate::base::{Digest, limits};

/// The keys that a backup is sealed to.
pub struct Recipients {
    keys: Vec<age::x25519::Recipient>,
    name: String,
}

impl Recipients {
    /// Takes keys as age writes them, `age1...`; none twice counts.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, SealError> {
        let mut keys = BTreeMap::new();
        for text in texts {
            let key: age::x25519::Recipient = text.trim().parse().map_err(|_| no_recipient(text))?;
            keys.insert(key.to_string(), key);
        }
        if keys.is_empty() || keys.len() > limits::BACKUP_RECIPIENTS_MAX {
            return Err(SealError::HowMany);
        }
        Ok(Self {
            name: set_name(keys.keys()),
            keys: keys.into_values().collect(),
        })
    }

    /// The name of this set of keys: 16 hexadecimal digits.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Compresses and seals.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let failed = |error: std::io::Error| SealError::Failed(error.to_string());
        let keys = self.keys.iter().map(|key| key as &dyn age::Recipient);
        let sealer =
            age::Encryptor::with_recipients(keys).map_err(|error| SealError::Failed(error.to_string()))?;
        let sealed = sealer.wrap_output(Vec::new()).map_err(failed)?;
        let mut packed = FrameEncoder::new(sealed);
        packed.write_all(plain).map_err(failed)?;
        let sealed = packed
            .finish()
            .map_err(|error| SealError::Failed(error.to_string()))?;
        sealed.finish().map_err(failed)
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recipients").field(&self.name).finish()
    }
}

/// The secret halves.
pub struct Identities(Vec<Box<dyn age::Identity + Send + Sync>>);

impl Identities {
    /// Reads a file as `age-keygen` writes it: a key a line, comments after `#`.
    pub fn parse(file: &[u8]) -> Result<Self, SealError> {
        // age's own words may quote the line.
        let file = age::IdentityFile::from_buffer(file).map_err(|_| SealError::NoIdentity)?;
        let keys = file.into_identities().map_err(|_| SealError::NoIdentity)?;
        if keys.is_empty() {
            return Err(SealError::NoIdentity);
        }
        Ok(Self(keys))
    }

    /// Opens and decompresses; more than `bytes_max` bytes are refused before there is memory for them.
    pub fn open(&self, sealed: &[u8], bytes_max: u64) -> Result<Vec<u8>, SealError> {
        let opener = age::Decryptor::new(sealed).map_err(|error| match error {
            age::DecryptError::UnknownFormat => SealError::NotSealed,
            _ => SealError::Damaged,
        })?;
        let keys = self.0.iter().map(|key| &**key as &dyn age::Identity);
        let opened = opener.decrypt(keys).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => SealError::OtherKey,
            _ => SealError::Damaged,
        })?;
        let (mut packed, mut plain) = (Vec::new(), Vec::new());
        // All of it, so that nothing after what is unpacked goes unnoticed; never more than `sealed` has.
        let mut opened = opened;
        opened.read_to_end(&mut packed).map_err(|_| SealError::Damaged)?;
        // Counted first, without keeping any of it: a small object may unpack to 255 times its size.
        let mut counter = FrameDecoder::new(packed.as_slice()).take(bytes_max.saturating_add(1));
        let bytes = std::io::copy(&mut counter, &mut std::io::sink()).map_err(|_| SealError::Damaged)?;
        if bytes > bytes_max {
            return Err(SealError::TooLarge(bytes_max));
        }
        plain.reserve_exact(usize::try_from(bytes).map_err(|_| SealError::TooLarge(bytes_max))?);
        let mut unpacker = FrameDecoder::new(packed.as_slice());
        (&mut unpacker)
            .take(bytes_max.saturating_add(1))
            .read_to_end(&mut plain)
            .map_err(|_| SealError::Damaged)?;
        if unpacker.into_inner().is_empty() {
            Ok(plain)
        } else {
            Err(SealError::Damaged)
        }
    }
}

// Secret keys: nothing of them is shown.
impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} identities]", self.0.len())
    }
}

/// Why something can't be sealed or opened. Quotes no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a public key.
    #[error("`{0}` is not a key to seal to: `age-keygen` shows one as `public key: age1...`")]
    NoRecipient(String),
    /// A secret key, where a public one belongs. Not quoted.
    #[error(
        "that is a secret key: give the public one, `age1...`; and now that it stood on a command line, make another"
    )]
    SecretGiven,
    /// None, or too many.
    #[error("a backup is sealed to 1 to {max} keys", max = limits::BACKUP_RECIPIENTS_MAX)]
    HowMany,
    /// Not a file with a secret key.
    #[error("it holds no key as `age-keygen` writes one: AGE-SECRET-KEY-1...")]
    NoIdentity,
    /// Sealed to other keys.
    #[error("it is sealed to other keys than the one given")]
    OtherKey,
    /// Not sealed with age at all.
    #[error("it is not sealed with age")]
    NotSealed,
    /// Changed or cut.
    #[error("it is damaged: it does not open")]
    Damaged,
    /// More comes out of it than may be in it.
    #[error("it holds more than the {0} bytes that it may")]
    TooLarge(u64),
    /// Could not be sealed.
    #[error("can't seal: {0}")]
    Failed(String),
}

fn no_recipient(text: &str) -> SealError {
    if text.to_ascii_uppercase().contains("AGE-SECRET-KEY") {
        SealError::SecretGiven
    } else {
        SealError::NoRecipient(text.to_owned())
    }
}

/// Domain, then each key behind a line feed: no key has one in it.
fn set_name<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    let mut text = String::from("chancery/backup-keys/v1");
    for key in keys {
        text.push('\n');
        text.push_str(key);
    }
    Digest::of(text.as_bytes()).to_string().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    fn pair() -> (String, Identities) {
        let key = age::x25519::Identity::generate();
        let file = format!(
            "# created: now\n# public key: {}\n{}\n",
            key.to_public(),
            key.to_string().expose_secret()
        );
        (
            key.to_public().to_string(),
            Identities::parse(file.as_bytes()).unwrap(),
        )
    }

    #[test]
    fn each_of_the_keys_opens_and_no_other() {
        let ((a, first), (b, second), (_, other)) = (pair(), pair(), pair());
        let recipients = Recipients::parse([a.as_str(), b.as_str()]).unwrap();
        let sealed = recipients.seal(b"the log").unwrap();
        assert_eq!(first.open(&sealed, 7).unwrap(), b"the log");
        assert_eq!(second.open(&sealed, 7).unwrap(), b"the log");
        assert_eq!(other.open(&sealed, 7), Err(SealError::OtherKey));
    }

    #[test]
    fn no_byte_can_change_and_nothing_can_be_cut_or_added() {
        let (public, secret) = pair();
        let sealed = Recipients::parse([public.as_str()])
            .unwrap()
            .seal(&[1; 300])
            .unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(secret.open(&changed, 300).is_err(), "byte {at}");
            assert!(secret.open(&sealed[..at], 300).is_err(), "{at} bytes");
        }
        assert!(secret.open(&[sealed.as_slice(), &[0]].concat(), 300).is_err());
        assert!(secret.open(&sealed, 300).is_ok());
    }

    #[test]
    fn what_unpacks_to_more_than_it_may_is_refused() {
        let (public, secret) = pair();
        let sealed = Recipients::parse([public.as_str()])
            .unwrap()
            .seal(&vec![0; 1 << 20])
            .unwrap();
        assert!(sealed.len() < 20_000, "zeroes compress");
        assert_eq!(
            secret.open(&sealed, (1 << 20) - 1),
            Err(SealError::TooLarge((1 << 20) - 1))
        );
        let opened = secret.open(&sealed, 1 << 20).unwrap();
        // Counted before there is memory for it.
        assert_eq!((opened.len(), opened.capacity()), (1 << 20, 1 << 20));
    }

    #[test]
    fn a_set_of_keys_has_one_name_whatever_their_order() {
        let ((a, _), (b, _)) = (pair(), pair());
        let name = |keys: &[&str]| Recipients::parse(keys.iter().copied()).unwrap().name().to_owned();
        assert_eq!(name(&[&a, &b]), name(&[&b, &a, &b]));
        assert_ne!(name(&[&a, &b]), name(&[&a]));
        assert_eq!(name(&[&a]).len(), 16);
    }

    #[test]
    fn what_is_no_key_is_refused_and_a_secret_never_quoted() {
        assert!(matches!(Recipients::parse([]), Err(SealError::HowMany)));
        assert!(matches!(
            Recipients::parse(["ssh-ed25519 AAAA"]),
            Err(SealError::NoRecipient(_))
        ));
        let secret = Recipients::parse(["AGE-SECRET-KEY-1QQQ"]).unwrap_err();
        assert!(!secret.to_string().contains("1QQQ"));
        for file in ["", "# nothing", "AGE-SECRET-KEY-1QQQ", "age1qqq"] {
            let error = Identities::parse(file.as_bytes()).unwrap_err();
            assert_eq!(error, SealError::NoIdentity, "{file}");
        }
        let (_, secret) = pair();
        assert_eq!(format!("{secret:?}"), "[1 identities]");
    }
}
