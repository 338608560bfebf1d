//! What was made, in full: the log, access keys, the daemon's own keys, keys and their versions.

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::base::{
    AccessKeyId, AccountId, KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, LogId, ProtectionLevel,
    Region, RotationInterval, SlotRef, Tag, Timestamp, UnknownFormat, UserId,
};

/// The identity of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBegun {
    /// The log's id.
    pub log: LogId,
    /// Format version of the events.
    pub format: u8,
    /// The origin line of checkpoints: `NAME/LOG-ID/EPOCH`.
    pub origin: String,
    /// The public log key: Ed25519, 32 bytes.
    pub public: Bytes,
    /// The home region.
    pub region: Region,
    /// The software that wrote genesis.
    pub software: String,
}

/// A fresh access key. Its secret is sealed under a slot of its own, so that deleting it erases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyCreated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its id.
    pub id: AccessKeyId,
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// The user it speaks for; none for the account's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The secret, sealed under the slot.
    pub sealed: Bytes,
    /// Its account.
    pub account: AccountId,
}

/// What a key of the daemon's own is for. One key, one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum InternalKeyPurpose {
    /// Signs events, checkpoints and the anchor (Ed25519 seed, 32 bytes).
    LogSigning,
    /// Hashes signature nonces (HMAC-SHA-256, 32 bytes).
    NonceHashing,
    /// Derives the secrets of sessions (HMAC-SHA-256, 32 bytes).
    StsSecrets,
    /// Seals the tokens of sessions (AEAD, 32 bytes).
    StsTokens,
    /// Seals what a denial says for those who may know more (AEAD, 32 bytes).
    Diagnostics,
}

impl InternalKeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 5] = [
        Self::LogSigning,
        Self::NonceHashing,
        Self::StsSecrets,
        Self::StsTokens,
        Self::Diagnostics,
    ];

    /// Its number in row keys; permanent.
    pub const fn number(self) -> u8 {
        match self {
            Self::LogSigning => 0,
            Self::NonceHashing => 1,
            Self::StsSecrets => 2,
            Self::StsTokens => 3,
            Self::Diagnostics => 4,
        }
    }

    /// The inverse of `number`.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.number() == number)
    }

    /// Its name, as it is bound into the sealing.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LogSigning => "log signing",
            Self::NonceHashing => "nonce hashing",
            Self::StsSecrets => "session secrets",
            Self::StsTokens => "session tokens",
            Self::Diagnostics => "diagnostics",
        }
    }
}

/// A fresh key with its first version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCreated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its id.
    pub key: KeyId,
    /// Its algorithm.
    pub spec: KeySpec,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What it may be used for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: KeyOrigin,
    /// Its region.
    pub region: Region,
    /// Its account.
    pub account: AccountId,
    /// Its first version.
    pub version: KeyVersionAdded,
    /// How often it is rotated, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationInterval>,
    /// What protects its material.
    pub protection: ProtectionLevel,
    /// Free text by the caller.
    pub description: String,
}

/// A fresh version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVersionAdded {
    /// Its id.
    pub id: KeyVersionId,
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// The material, sealed under the slot.
    pub sealed: Bytes,
}

/// How the rows of the state are encoded (daemon/formats/state.md). One that this build does not know does not decode:
/// nothing after it could be folded to the bytes that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct RowFormat(u8);

impl RowFormat {
    /// What every log begins with.
    pub const FIRST: Self = Self(1);
    /// What this build writes.
    pub const LATEST: Self = Self(1);
    /// The newest one that this build reads. Tests have one more, to have something to upgrade to.
    const KNOWN: u8 = if cfg!(test) {
        Self::LATEST.0 + 1
    } else {
        Self::LATEST.0
    };

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether it is the first.
    pub fn is_first(&self) -> bool {
        *self == Self::FIRST
    }
}

impl TryFrom<u8> for RowFormat {
    type Error = UnknownFormat;

    fn try_from(number: u8) -> Result<Self, UnknownFormat> {
        if (Self::FIRST.0..=Self::KNOWN).contains(&number) {
            Ok(Self(number))
        } else {
            let known = u32::from(Self::KNOWN);
            Err(UnknownFormat::new("the rows of the state", number.into(), known))
        }
    }
}

impl From<RowFormat> for u8 {
    fn from(format: RowFormat) -> Self {
        format.0
    }
}
