//! State changes: facts, in the past tense. Folding them in order gives the state (law 2).

use serde::{Deserialize, Serialize};

use super::Bytes;
use super::epoch::{EpochBegun, NewLogKey};
use super::identity::{
    GroupCreated, GroupUpdated, Holder, PolicyCreated, PolicyRef, PolicyVersionCreated, RoleCreated,
    RoleUpdated, SessionOpened, Tagged, UserCreated, UserUpdated,
};
use super::made::{AccessKeyCreated, InternalKeyPurpose, KeyCreated, KeyVersionAdded, LogBegun, RowFormat};
use crate::base::{
    AccessKeyId, AccountAlias, AccountId, AliasName, Digest, GroupId, KeyId, KeyVersionId, PolicyName,
    PolicyVersion, Region, RoleId, RotationInterval, SlotRef, Tag, TagKey, Timestamp, UserId,
};

/// One change. A released variant never changes its meaning; new facts get new variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The log began: always the first change of genesis.
    LogBegun(LogBegun),
    /// The log got another key: it signs from the next event on.
    LogKeyRotated(NewLogKey),
    /// An epoch of the log began, with another key and another origin.
    EpochBegun(EpochBegun),
    /// An account was opened.
    AccountCreated {
        /// What its operator calls it; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
        /// Its number.
        account: AccountId,
    },
    /// An access key of an account's root or of a user was made.
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
    /// A key that newer evidence shows destroyed is destroyed in a log that was restored from before: it, its versions and its
    /// aliases are gone; its slots are owed an erasure.
    KeyDestructionReapplied {
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
    /// An access key was enabled or disabled.
    AccessKeyStatusSet {
        /// Which.
        id: AccessKeyId,
        /// Whether it is good now.
        active: bool,
    },
    /// An account got another alias, or has none any more.
    AccountAliasSet {
        /// The alias.
        alias: Option<AccountAlias>,
        /// Which account.
        account: AccountId,
    },
    /// A user was made.
    UserCreated(UserCreated),
    /// A user was changed or renamed.
    UserUpdated(UserUpdated),
    /// A user is gone.
    UserDeleted {
        /// Which.
        user: UserId,
    },
    /// A group was made.
    GroupCreated(GroupCreated),
    /// A group was changed or renamed.
    GroupUpdated(GroupUpdated),
    /// A group is gone.
    GroupDeleted {
        /// Which.
        group: GroupId,
    },
    /// A user is a member of a group from now on.
    UserJoinedGroup {
        /// When (admission time).
        at: Timestamp,
        /// Who.
        user: UserId,
        /// Of which.
        group: GroupId,
    },
    /// A user is no member of a group any more.
    UserLeftGroup {
        /// Who.
        user: UserId,
        /// Of which.
        group: GroupId,
    },
    /// A role was made.
    RoleCreated(RoleCreated),
    /// A role was changed.
    RoleUpdated(RoleUpdated),
    /// A role is gone, and its sessions with it.
    RoleDeleted {
        /// Which.
        role: RoleId,
    },
    /// A custom policy was made.
    PolicyCreated(PolicyCreated),
    /// A custom policy's description was replaced.
    PolicyDescribed {
        /// When (admission time).
        at: Timestamp,
        /// Which.
        name: PolicyName,
        /// Its account.
        account: AccountId,
        /// What it says now.
        description: String,
    },
    /// A custom policy is gone, with all its versions.
    PolicyDeleted {
        /// Which.
        name: PolicyName,
        /// Its account.
        account: AccountId,
    },
    /// A custom policy got another version.
    PolicyVersionCreated(PolicyVersionCreated),
    /// A version of a custom policy is gone.
    PolicyVersionDeleted {
        /// When (admission time).
        at: Timestamp,
        /// Which policy.
        name: PolicyName,
        /// Its account.
        account: AccountId,
        /// Which version.
        version: PolicyVersion,
    },
    /// Another version of a custom policy is the one in force.
    PolicyDefaultSet {
        /// When (admission time).
        at: Timestamp,
        /// Which policy.
        name: PolicyName,
        /// Its account.
        account: AccountId,
        /// Which version.
        version: PolicyVersion,
    },
    /// A policy was attached.
    PolicyAttached {
        /// When (admission time).
        at: Timestamp,
        /// To whom.
        holder: Holder,
        /// Which: a custom one is one of the holder's account.
        policy: PolicyRef,
    },
    /// A policy was detached.
    PolicyDetached {
        /// From whom.
        holder: Holder,
        /// Which.
        policy: PolicyRef,
    },
    /// Roles or policies were tagged; a tag of the same name is replaced.
    IdentitiesTagged {
        /// With what.
        tags: Vec<Tag>,
        /// Their account.
        account: AccountId,
        /// Which.
        entities: Vec<Tagged>,
    },
    /// Tags were taken off roles or policies.
    IdentitiesUntagged {
        /// Which tags; none for all of them.
        names: Option<Vec<TagKey>>,
        /// Their account.
        account: AccountId,
        /// Which.
        entities: Vec<Tagged>,
    },
    /// A session of a role began.
    SessionOpened(SessionOpened),
    /// Sessions that are past their time were forgotten.
    SessionsExpired {
        /// Their temporary access keys.
        ids: Vec<AccessKeyId>,
    },
    /// A key got another policy of its own.
    KeyPolicySet {
        /// Which key.
        key: KeyId,
        /// The document, as it was sent.
        document: String,
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
    /// The software knows other actions than the one before it: what a wildcard in a policy stands for is another.
    CatalogueAdopted {
        /// Actions that it knows and the one before did not.
        added: Vec<String>,
        /// Actions that it no longer knows.
        removed: Vec<String>,
    },
    /// The rows of the state are encoded in another way from here on, the digest with them.
    RowFormatAdopted {
        /// How.
        format: RowFormat,
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
            Self::LogKeyRotated(key) => Some(key.slot),
            Self::EpochBegun(begun) => Some(begun.key.slot),
            Self::AccessKeyCreated(created) => Some(created.slot),
            Self::InternalKeyCreated { slot, .. } => Some(*slot),
            Self::KeyCreated(created) => Some(created.version.slot),
            Self::KeyRotated { version, .. } => Some(version.slot),
            _ => None,
        }
    }
}
