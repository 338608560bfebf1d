//! What a command is: it names the resources it touches, then decides.

use std::fmt::Debug;

use super::{Refusal, Unresolved};
use crate::base::answer::SecretText;
use crate::base::{
    AccessKeyId, AccountId, Answer, Arn, GroupId, KeyId, KeySpec, Region, RoleId, SecretBytes, SlotRef,
    Timestamp, UserId,
};
use crate::event::{Bytes, Change, KeyVersionAdded, Recorded};
use crate::projection::{Reader, State};

/// Where and when a call stands: its account, its region, its admission time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The account whose resources it means.
    pub account: AccountId,
    /// The region whose resources it means.
    pub region: Region,
    /// Admission time: decision, expiry and rules use it and nothing else.
    pub at: Timestamp,
}

impl Scope {
    /// The ARN of a key of this account and region.
    pub fn key_arn(&self, key: KeyId) -> Arn {
        Arn::key(&self.region, self.account, key)
    }
}

/// What a command needs to have made before it can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A key id, and a first version with material of this kind.
    NewKey(KeySpec),
    /// Another version of a key, with material of this kind.
    NewVersion(KeyId, KeySpec),
    /// An account number, and an access key.
    NewAccount,
    /// An access key, in the form of a user's or of the daemon's root keys.
    NewAccessKey {
        /// Whether it is to be of a user's form.
        of_user: bool,
    },
    /// A signing key for the log.
    NewLogKey,
    /// The id of a user.
    NewUser,
    /// The id of a group.
    NewGroup,
    /// The id of a role.
    NewRole,
    /// A temporary access key with its token, good for so long from the admission on.
    NewSession {
        /// How long, seconds.
        seconds: u64,
    },
}

/// A fresh access key.
#[derive(Debug)]
pub struct MadeAccessKey {
    /// Its id.
    pub id: AccessKeyId,
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// Its secret, sealed under the slot.
    pub sealed: Bytes,
    /// Its secret, for the answer.
    pub secret: SecretText,
}

/// A fresh log key.
#[derive(Debug)]
pub struct MadeLogKey {
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// Its seed, for the one who will sign with it.
    pub seed: SecretBytes,
    /// Its proof; empty until its position is known.
    pub proof: Bytes,
    /// Its public half: Ed25519, 32 bytes.
    pub public: Bytes,
    /// Its seed, sealed under the slot.
    pub sealed: Bytes,
}

/// Fresh temporary credentials.
#[derive(Debug)]
pub struct MadeSession {
    /// The id of the access key.
    pub id: AccessKeyId,
    /// When it ends.
    pub expires: Timestamp,
    /// Its secret, for the answer.
    pub secret: SecretText,
    /// Its token, for the answer.
    pub token: SecretText,
}

/// Whose business an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One account's.
    Account(AccountId),
    /// The daemon's, or all accounts': the operator's alone.
    Daemon,
}

/// What was made for it.
#[derive(Debug)]
pub enum Facts {
    /// Nothing.
    Nothing,
    /// A key id, and a first version.
    NewKey(KeyId, KeyVersionAdded),
    /// Another version.
    NewVersion(KeyVersionAdded),
    /// An account number, and an access key.
    NewAccount(AccountId, MadeAccessKey),
    /// An access key.
    NewAccessKey(MadeAccessKey),
    /// A signing key for the log.
    NewLogKey(MadeLogKey),
    /// The id of a user.
    NewUser(UserId),
    /// The id of a group.
    NewGroup(GroupId),
    /// The id of a role.
    NewRole(RoleId),
    /// Temporary credentials.
    NewSession(MadeSession),
}

impl Facts {
    /// The slot that what was made is sealed under.
    pub const fn slot(&self) -> Option<SlotRef> {
        match self {
            Self::Nothing | Self::NewUser(_) | Self::NewGroup(_) | Self::NewRole(_) | Self::NewSession(_) => {
                None
            }
            Self::NewKey(_, version) | Self::NewVersion(version) => Some(version.slot),
            Self::NewAccount(_, made) | Self::NewAccessKey(made) => Some(made.slot),
            Self::NewLogKey(made) => Some(made.slot),
        }
    }
}

/// What a command does.
#[derive(Debug, Default)]
pub struct Decided {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// The answer to the caller.
    pub answer: Answer,
    /// What the event says of the answer.
    pub recorded: Recorded,
}

impl Decided {
    /// One change and nothing to say about it.
    pub fn change(change: Change) -> Self {
        Self {
            changes: vec![change],
            ..Self::default()
        }
    }

    /// Nothing to change: the state is already what was asked for.
    pub fn nothing() -> Self {
        Self::default()
    }
}

/// An operation that changes the state.
pub trait Command: Debug + Send + Sync {
    /// The resources it touches, for authorization. What is read for it goes through `reader`, into the read set.
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved>;

    /// The condition values that the request brings, by condition key. Asked for callers who are subject to policies.
    fn brings(&self) -> Recorded {
        Recorded::EMPTY
    }

    /// Whose business it is.
    fn reach(&self, scope: &Scope) -> Reach {
        Reach::Account(scope.account)
    }

    /// Whether it only takes power away (disables, deletes, revokes): it is let through when the disk is full.
    fn lessens(&self) -> bool {
        false
    }

    /// What has to be made for it first.
    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    /// Decides it in the state just before its event.
    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal>;
}
