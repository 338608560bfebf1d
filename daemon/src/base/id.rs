//! Identifiers. Each is its own type; only `parse` and the generators build one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::entropy::{Entropy, make_array, make_letters};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Draws a random (version 4) UUID.
            pub fn make(entropy: &dyn Entropy) -> Self {
                Self(uuid::Builder::from_random_bytes(make_array(entropy)).into_uuid())
            }

            /// Parses the canonical form only: lower-case `8-4-4-4-12`.
            pub fn parse(text: &str) -> Option<Self> {
                let id = Uuid::try_parse(text).ok()?;
                (text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase())).then_some(Self(id))
            }

            /// The 16 bytes of the UUID.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From the 16 bytes of a UUID.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        // On disk: a CBOR byte string of 16 bytes.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.as_bytes())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serde_bytes::ByteArray::<16>::deserialize(deserializer).map(|b| Self::from_bytes(b.into_array()))
            }
        }
    };
}

uuid_id!(
    /// A key (customer master key).
    KeyId
);
uuid_id!(
    /// One version of a key.
    KeyVersionId
);
uuid_id!(
    /// One API request; also in its answer and its event.
    RequestId
);
uuid_id!(
    /// A log, from its genesis on; bound into every signature and every sealed slot.
    LogId
);

/// Position in the log, from 0. Never a key's revision, never an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(u64);

impl Seq {
    /// The position of the first event.
    pub const GENESIS: Self = Self(0);

    /// The position `n`.
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// The position as a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The following position.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An account: a 16-digit decimal number, as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(u64);

impl AccountId {
    const FIRST: u64 = 1_000_000_000_000_000;
    const COUNT: u64 = 9_000_000_000_000_000;

    /// Draws a random account number.
    pub fn make(entropy: &dyn Entropy) -> Self {
        // The modulo bias (below 2^-10) is of no matter: the number is a name, not a secret.
        Self(Self::FIRST + u64::from_be_bytes(make_array(entropy)) % Self::COUNT)
    }

    /// Big-endian bytes, for ordered row keys.
    pub const fn to_be_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// From big-endian bytes.
    pub const fn from_be_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

impl FromStr for AccountId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(());
        }
        text.parse().map(Self).map_err(|_| ())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016}", self.0)
    }
}

/// The public half of an access key: 1 to 64 letters and digits. Those of an account's root start with `CHK`, of a user with
/// `LTAI`, temporary ones with `STS.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const TEMPORARY: &'static str = "STS.";

    /// Draws a random id of 24 characters (105 random bits).
    pub fn make(entropy: &dyn Entropy) -> Self {
        let random: [u8; 21] = make_array(entropy);
        let letters = random
            .iter()
            .filter_map(|b| Self::ALPHABET.get(usize::from(b % 32)).map(|&l| char::from(l)));
        Self("CHK".chars().chain(letters).collect::<String>().into())
    }

    /// Draws a random id for a user: 24 characters, 119 random bits.
    pub fn make_of_user(entropy: &dyn Entropy) -> Self {
        Self(format!("LTAI{}", make_letters(20, entropy)).into())
    }

    /// Draws a random id for a session: 29 characters, 148 random bits.
    pub fn make_temporary(entropy: &dyn Entropy) -> Self {
        Self(format!("{}{}", Self::TEMPORARY, make_letters(25, entropy)).into())
    }

    /// Whether it is the id of a session's.
    pub fn is_temporary(&self) -> bool {
        self.0.starts_with(Self::TEMPORARY)
    }

    /// Parses an id of 1 to 64 ASCII letters, digits and `.`, `_`, `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccessKeyId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not an access key id")
    }
}

impl From<AccessKeyId> for String {
    fn from(id: AccessKeyId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One filling of one vault slot. A slot that was erased and provided again has a higher generation,
/// so an old reference can never meet a new key. Encoded as the CBOR array `[slot, generation]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRef {
    /// Index of the slot in the vault, from 0.
    pub slot: u32,
    /// How often the slot has been filled, from 1.
    pub generation: u32,
}

impl Serialize for SlotRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.slot, self.generation).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SlotRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (slot, generation) = Deserialize::deserialize(deserializer)?;
        Ok(Self { slot, generation })
    }
}

impl fmt::Display for SlotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    #[test]
    fn only_canonical_uuids_are_ids() {
        let id = KeyId::make(&SystemEntropy);
        assert_eq!(KeyId::parse(&id.to_string()), Some(id));
        assert_eq!(KeyId::parse("A0000000-0000-4000-8000-000000000000"), None);
        assert_eq!(KeyId::parse("a0000000000040008000000000000000"), None);
        assert_eq!(KeyId::parse("{a0000000-0000-4000-8000-000000000000}"), None);
    }

    #[test]
    fn account_numbers_have_sixteen_digits() {
        let account = AccountId::make(&SystemEntropy);
        assert_eq!(account.to_string().len(), 16);
        assert_eq!(account.to_string().parse(), Ok(account));
        assert_eq!("123".parse::<AccountId>(), Err(()));
    }
}
