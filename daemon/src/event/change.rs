//! State changes: facts, in the past tense. Folding them in order gives the state (law 2).

use serde::{Deserialize, Serialize};

use super::Bytes;
use crate::base::{
    AccessKeyId, AccountId, AliasName, Digest, KeyId, KeyOrigin, KeySpec, KeyUsage, KeyVersionId, LogId,
    ProtectionLevel, Region, RotationInterval, SlotRef, Tag, TagKey, Timestamp,
};

/// One change. A released variant never changes its meaning; new facts get new variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The log began: always the first change of genesis.
    LogBegun(LogBegun),
    /// An account was opened.
    AccountCreated {
        /// What its operator calls it; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
        /// Its number.
        account: AccountId,
    },
    /// An access key of an account's root was made.
    AccessKeyCreated(AccessKeyCreated),
    /// A key of the daemon's own was made.
    InternalKeyCreated {
        /// Where its wrapping key is.
        slot: SlotRef,
        /// The key, sealed under the slot.
        sealed: Bytes,
        /// What it is for.
        purpose: InternalKeyPurpose,
    },
    /// A key was made.
    KeyCreated(KeyCreated),
    /// A key was enabled.
    KeyEnabled {
        /// Which.
        key: KeyId,
    },
    /// A key was disabled.
    KeyDisabled {
        /// Which.
        key: KeyId,
    },
    /// A key's deletion was scheduled.
    KeyDeletionScheduled {
        /// Which.
        key: KeyId,
        /// When it is due.
        delete_at: Timestamp,
    },
    /// A scheduled deletion was cancelled; the key is enabled.
    KeyDeletionCancelled {
        /// Which.
        key: KeyId,
    },
    /// A key, its versions and its aliases are gone; its slots are owed an erasure.
    KeyDestroyed {
        /// Which.
        key: KeyId,
    },
    /// A new alias was bound.
    AliasBound {
        /// Its target.
        key: KeyId,
        /// Its name.
        alias: AliasName,
        /// Its region.
        region: Region,
        /// Its account.
        account: AccountId,
    },
    /// An alias was pointed at another key.
    AliasMoved {
        /// Its new target.
        key: KeyId,
        /// Its name.
        alias: AliasName,
        /// Its region.
        region: Region,
        /// Its account.
        account: AccountId,
    },
    /// A key's description was replaced.
    KeyDescribed {
        /// Which.
        key: KeyId,
        /// What it says now.
        description: String,
    },
    /// A key was protected against deletion, or no longer is.
    DeletionProtectionSet {
        /// Which.
        key: KeyId,
        /// Whether it is now.
        enabled: bool,
        /// Why, in its owner's words.
        description: String,
    },
    /// A key is to be rotated so often, or no longer.
    RotationPolicySet {
        /// Which.
        key: KeyId,
        /// How often; none for not any more.
        interval: Option<RotationInterval>,
    },
    /// A key got a new primary version.
    KeyRotated {
        /// When (admission time).
        at: Timestamp,
        /// Which.
        key: KeyId,
        /// The version.
        version: KeyVersionAdded,
    },
    /// A version may encrypt so many messages in all before more have to be set aside.
    MessagesReserved {
        /// Which key.
        key: KeyId,
        /// How many, from the version's first message on.
        upto: u64,
        /// Which version.
        version: KeyVersionId,
    },
    /// Keys were tagged; a tag of the same name is replaced.
    KeysTagged {
        /// Which.
        keys: Vec<KeyId>,
        /// With what.
        tags: Vec<Tag>,
    },
    /// Tags were taken off keys.
    KeysUntagged {
        /// Which.
        keys: Vec<KeyId>,
        /// Which tags; none for all of them.
        names: Option<Vec<TagKey>>,
    },
    /// A creating operation came with a client token; until it expires, the same call gives the same key.
    ClientTokenUsed {
        /// When (admission time).
        at: Timestamp,
        /// What the call made.
        key: KeyId,
        /// SHA-256 of account, region and token.
        token: Digest,
        /// SHA-256 of what was asked for.
        request: Digest,
    },
    /// Client tokens that are older than their time were forgotten.
    ClientTokensExpired {
        /// Which.
        tokens: Vec<Digest>,
    },
    /// An access key was deleted; its slot is owed an erasure.
    AccessKeyDeleted {
        /// Which.
        id: AccessKeyId,
    },
    /// An alias was deleted.
    AliasUnbound {
        /// Its name.
        alias: AliasName,
        /// Its region.
        region: Region,
        /// Its account.
        account: AccountId,
    },
    /// Slots were overwritten and synced in both mirrors of the vault.
    MaterialErased {
        /// Which.
        slots: Vec<SlotRef>,
    },
    /// The state that all earlier events fold to has this digest.
    StateSealed {
        /// The state digest.
        digest: Digest,
    },
    /// The wall clock is not believed: no key is destroyed until it is again.
    TimersHeld,
    /// The wall clock is believed again.
    TimersReleased,
}

impl Change {
    /// The slot of the fresh material in it, if there is some.
    pub const fn slot(&self) -> Option<SlotRef> {
        match self {
            Self::AccessKeyCreated(created) => Some(created.slot),
            Self::InternalKeyCreated { slot, .. } => Some(*slot),
            Self::KeyCreated(created) => Some(created.version.slot),
            Self::KeyRotated { version, .. } => Some(version.slot),
            _ => None,
        }
    }
}

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
    /// Its id.
    pub id: AccessKeyId,
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// The secret, sealed under the slot.
    pub sealed: Bytes,
    /// Whose root it speaks for.
    pub account: AccountId,
}

/// What a key of the daemon's own is for. One key, one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum InternalKeyPurpose {
    /// Signs events, checkpoints and the anchor (Ed25519 seed, 32 bytes).
    LogSigning,
    /// Hashes signature nonces (HMAC-SHA-256, 32 bytes).
    NonceHashing,
}

impl InternalKeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 2] = [Self::LogSigning, Self::NonceHashing];

    /// Its number in row keys; permanent.
    pub const fn number(self) -> u8 {
        match self {
            Self::LogSigning => 0,
            Self::NonceHashing => 1,
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
