//! The log's own key and its epochs: what is signed by the old key about the new one.

use serde::{Deserialize, Serialize};

use super::{Bytes, Change, Event};
use crate::base::{Digest, SlotRef};

/// A fresh log key. It signs from the position after the event that brings it; the event itself is still signed by the key
/// before it, so both keys vouch for the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLogKey {
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// Its own Ed25519 signature (64 bytes) over what `ledger::rotation` says: whoever brings it holds it, and it was made
    /// for this place in this log.
    pub proof: Bytes,
    /// Its public half: Ed25519, 32 bytes.
    pub public: Bytes,
    /// Its seed, sealed under the slot.
    pub sealed: Bytes,
}

/// Why an epoch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EpochCause {
    /// The log was restored from a backup: others may have seen a longer one.
    Restored,
    /// The operator accepted that the end of the log, or the proof of its length, is lost.
    LossAccepted,
}

impl EpochCause {
    /// Its name, as people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::LossAccepted => "loss accepted",
        }
    }
}

/// Which key signed the event that begins an epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EpochSigner {
    /// The one that was in force until then: it vouches for the new one.
    #[default]
    Before,
    /// The new one itself, because the one before is lost. Nothing in the log shows that who goes on with it is who wrote
    /// what is before it: a reader has to know that key from elsewhere.
    Itself,
}

impl EpochSigner {
    /// Whether the key before signed, as always but after its loss.
    pub const fn is_before(&self) -> bool {
        matches!(self, Self::Before)
    }
}

/// An epoch began: from here on the log has another key and another origin, so nobody takes it for the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochBegun {
    /// The key of the new epoch.
    pub key: NewLogKey,
    /// Leaf hash of the last event before this one.
    pub leaf: Digest,
    /// Number of events before this one.
    pub size: u64,
    /// Why it began.
    pub cause: EpochCause,
    /// Its number; the log is founded in epoch 1.
    pub epoch: u64,
    /// The origin line of its checkpoints: `NAME/LOG-ID/EPOCH`.
    pub origin: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Which key signed this event.
    #[serde(default, skip_serializing_if = "EpochSigner::is_before")]
    pub signer: EpochSigner,
    /// How many events an anchor, or other evidence, said that the log had, when that was more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchored: Option<u64>,
}

impl Event {
    /// Whether this begins an epoch whose key signs this event itself, for the one before it is lost.
    pub fn begins_alone(&self) -> bool {
        self.chg.iter().any(|change| match change {
            Change::EpochBegun(begun) => begun.signer == EpochSigner::Itself,
            _ => false,
        })
    }
}
