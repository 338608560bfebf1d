//! The facts: what happened, in the form that is signed, stored and folded.
//!
//! I1  Every struct declares its fields in RFC 8949 core deterministic order (shorter names first, then bytewise),
//!     so that the derived encoder writes canonical CBOR. A test encodes one of each and checks it against a sorted tree.
//! I2  `codec::decode` accepts canonical bytes alone: what decodes encodes back to the same bytes.
//! I3  No field can hold plaintext: secrets have no type here (law 4).
//!
//! Imports `base` alone. Version 1 is pinned: what it wrote is read for ever (`upcast`), and daemon/formats/event.md has it
//! byte by byte.

pub mod actor;
pub mod arrival;
pub mod bytes;
pub mod change;
pub mod codec;
pub mod epoch;
pub mod identity;
pub mod made;
pub mod outcome;
pub mod outline;
pub mod reads;
mod upcast;
mod walk;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use actor::{Actor, ActorKind, Origin, PrincipalId};
pub use arrival::Arrival;
pub use bytes::Bytes;
pub use change::Change;
pub use epoch::{EpochBegun, EpochCause, EpochSigner, NewLogKey};
pub use identity::{
    GroupCreated, GroupUpdated, Holder, PolicyCreated, PolicyRef, PolicyVersionCreated, RoleCreated,
    RoleUpdated, SessionOpened, Tagged, UserCreated, UserUpdated,
};
pub use made::{AccessKeyCreated, InternalKeyPurpose, KeyCreated, KeyVersionAdded, LogBegun, RowFormat};
pub use outcome::{CheckKind, Checked, Decision, Effect, Element, Outcome, PolicyLayer, Recorded};
pub use outline::Outline;
pub use reads::{Observation, Read, RowKey, Table};

use crate::base::{Digest, RequestId, Seq, Timestamp};

/// The version of the payload that this build writes.
pub const FORMAT: u8 = 1;

/// One operation: the payload of one log entry. Map keys are the field names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Format version.
    pub v: u8,
    /// Product and action, `kms/Encrypt`.
    pub op: Cow<'static, str>,
    /// State changes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chg: Vec<Change>,
    /// The authorization decision.
    pub dec: Decision,
    /// What the work read.
    #[serde(default, skip_serializing_if = "Observation::is_empty")]
    pub obs: Observation,
    /// How it ended.
    pub out: Outcome,
    /// Request parameters: values of those on the operation's allow-list, lengths of all others.
    #[serde(default, skip_serializing_if = "Recorded::is_empty")]
    pub req: Recorded,
    /// ARNs of the resources touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub res: Vec<String>,
    /// The request id given to the caller.
    pub rid: RequestId,
    /// Position in the log; set when the event is sequenced.
    pub seq: Seq,
    /// SHA-256 of the ciphertext made or opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Digest>,
    /// SHA-256 of the predecessor's payload; set when the event is sequenced.
    pub prev: Digest,
    /// Unix milliseconds, never less than the predecessor's; set when the event is sequenced.
    pub time: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
}
