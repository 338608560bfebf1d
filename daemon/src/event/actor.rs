//! Who asked, and from where.

use serde::{Deserialize, Serialize};

use crate::base::{AccessKeyId, AccountId};

/// What kind of principal acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ActorKind {
    /// The root of an account.
    Root,
    /// The daemon itself.
    System,
    /// A local peer whose uid maps to no principal: authenticated, and nobody.
    Unmapped,
}

/// The principal of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The access key that signed the request, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ak: Option<AccessKeyId>,
    /// Its kind.
    pub kind: ActorKind,
    /// The account it belongs to.
    pub account: AccountId,
}

impl Actor {
    /// The daemon, acting on `account`.
    pub const fn system(account: AccountId) -> Self {
        Self {
            ak: None,
            kind: ActorKind::System,
            account,
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Peer address, for TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Peer process, for the Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Whether the transport was encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// Peer user, for the Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// User agent, cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Keyed hash of the signature nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// `unix`, `tcp`, `tls`, or `self` for the daemon's own operations.
    pub listener: String,
}

impl Origin {
    /// The daemon itself.
    pub fn internal() -> Self {
        Self {
            listener: "self".into(),
            ..Self::default()
        }
    }
}
