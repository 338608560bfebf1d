//! The state itself: maps of rows, and the orders derived from them.

use std::cmp::Reverse;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::digest::StateDigest;
use super::identity::{Group, Policy, PolicyKey, Role, Session, User};
use super::names::Names;
use super::row::{
    AccessKey, Account, Alias, AliasKey, Catalogue, ClientToken, Erasure, Hold, InternalKey, Key, KeyVersion,
    Log,
};
use crate::base::{
    AccessKeyId, AccountId, Digest, GroupId, GroupName, KeyId, PolicyName, Region, RoleId, RoleName, Seq,
    SlotRef, Timestamp, UserId, UserName,
};
use crate::event::{Holder, InternalKeyPurpose, PolicyRef};

/// The state after some number of events. Cheap to clone; a clone never changes.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) size: u64,
    pub(super) time: Timestamp,
    pub(super) log: Option<Log>,
    pub(super) accounts: OrdMap<AccountId, Account>,
    pub(super) access_keys: OrdMap<AccessKeyId, Arc<AccessKey>>,
    pub(super) internal_keys: OrdMap<InternalKeyPurpose, InternalKey>,
    pub(super) keys: OrdMap<KeyId, Arc<Key>>,
    pub(super) aliases: OrdMap<AliasKey, Alias>,
    pub(super) erasures: OrdMap<SlotRef, Erasure>,
    pub(super) hold: Option<Hold>,
    pub(super) catalogue: Option<Arc<Catalogue>>,
    pub(super) client_tokens: OrdMap<Digest, ClientToken>,
    pub(super) users: OrdMap<UserId, Arc<User>>,
    pub(super) groups: OrdMap<GroupId, Arc<Group>>,
    pub(super) roles: OrdMap<RoleId, Arc<Role>>,
    pub(super) policies: OrdMap<PolicyKey, Arc<Policy>>,
    pub(super) sessions: OrdMap<AccessKeyId, Arc<Session>>,
    pub(super) digest: StateDigest,
    // Derived (I4).
    pub(super) slots: OrdMap<SlotRef, u32>,
    pub(super) keys_newest_first: OrdSet<KeyOrder>,
    pub(super) aliases_of_key: OrdSet<(KeyId, AliasKey)>,
    pub(super) deletions_due: OrdSet<(Timestamp, KeyId)>,
    pub(super) rotations_due: OrdSet<(Timestamp, KeyId)>,
    pub(super) client_tokens_by_age: OrdSet<(Timestamp, Digest)>,
    pub(super) access_keys_by_owner: OrdMap<Owner, OrdSet<(Timestamp, AccessKeyId)>>,
    pub(super) user_names: Names<UserName, UserId>,
    pub(super) group_names: Names<GroupName, GroupId>,
    pub(super) role_names: Names<RoleName, RoleId>,
    pub(super) policies_by_name: OrdSet<(AccountId, PolicyName)>,
    pub(super) members: OrdSet<(GroupId, UserId)>,
    pub(super) holders: OrdSet<(AccountId, PolicyRef, Holder)>,
    pub(super) sessions_of_role: OrdMap<RoleId, OrdSet<AccessKeyId>>,
    pub(super) sessions_by_end: OrdSet<(Timestamp, AccessKeyId)>,
}

/// Whose an access key is: a user's of the account, or its root's.
pub(super) type Owner = (AccountId, Option<UserId>);

/// Account and region, then newest first.
pub(super) type KeyOrder = (AccountId, Region, Reverse<Timestamp>, KeyId);

impl Default for State {
    fn default() -> Self {
        Self {
            size: 0,
            time: Timestamp::default(),
            log: None,
            accounts: OrdMap::new(),
            access_keys: OrdMap::new(),
            internal_keys: OrdMap::new(),
            keys: OrdMap::new(),
            aliases: OrdMap::new(),
            erasures: OrdMap::new(),
            hold: None,
            catalogue: None,
            client_tokens: OrdMap::new(),
            users: OrdMap::new(),
            groups: OrdMap::new(),
            roles: OrdMap::new(),
            policies: OrdMap::new(),
            sessions: OrdMap::new(),
            digest: StateDigest::empty(),
            slots: OrdMap::new(),
            keys_newest_first: OrdSet::new(),
            aliases_of_key: OrdSet::new(),
            deletions_due: OrdSet::new(),
            rotations_due: OrdSet::new(),
            client_tokens_by_age: OrdSet::new(),
            access_keys_by_owner: OrdMap::new(),
            user_names: Names::new(UserId::least()),
            group_names: Names::new(GroupId::least()),
            role_names: Names::new(RoleId::least()),
            policies_by_name: OrdSet::new(),
            members: OrdSet::new(),
            holders: OrdSet::new(),
            sessions_of_role: OrdMap::new(),
            sessions_by_end: OrdSet::new(),
        }
    }
}

impl State {
    /// Folds in an event that changes nothing: as `apply` does, from its outline alone.
    pub const fn pass_over(&mut self, seq: Seq, time: Timestamp) {
        self.size = seq.get() + 1;
        self.time = time;
    }

    /// How many events are folded in: the position of the next one.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Time of the last event folded in.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The identity of the log; absent before genesis.
    pub const fn log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    /// An account.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// All accounts, by number.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The account that the log was founded with; its root is the operator of the daemon. The revision of an account row never
    /// changes, so that one's is genesis, whatever its number.
    pub fn first_account(&self) -> Option<&Account> {
        self.accounts().find(|account| account.rev == Seq::GENESIS)
    }

    /// All access keys, by id.
    pub fn access_keys(&self) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.access_keys.values()
    }

    /// An access key.
    pub fn access_key(&self, id: &AccessKeyId) -> Option<&Arc<AccessKey>> {
        self.access_keys.get(id)
    }

    /// A key of the daemon's own.
    pub fn internal_key(&self, purpose: InternalKeyPurpose) -> Option<&InternalKey> {
        self.internal_keys.get(&purpose)
    }

    /// A key, whichever account it belongs to.
    pub fn key(&self, id: KeyId) -> Option<&Arc<Key>> {
        self.keys.get(&id)
    }

    /// All keys, by id.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.keys.values()
    }

    /// The keys of an account in a region, newest first.
    pub fn keys_newest_first(&self, account: AccountId, region: &Region) -> impl Iterator<Item = KeyId> {
        let from = (
            account,
            region.clone(),
            Reverse(Timestamp::from_millis(u64::MAX)),
            KeyId::from_bytes([0; 16]),
        );
        self.keys_newest_first
            .range(from..)
            .take_while(move |(a, r, _, _)| *a == account && r == region)
            .map(|(_, _, _, key)| *key)
    }

    /// An alias.
    pub fn alias(&self, address: &AliasKey) -> Option<&Alias> {
        self.aliases.get(address)
    }

    /// The aliases of an account in a region, by name.
    pub fn aliases(&self, account: AccountId, region: &Region) -> impl Iterator<Item = &Alias> {
        self.aliases
            .range(AliasKey::least(account, region.clone())..)
            .map(|(_, alias)| alias)
            .take_while(move |alias| (alias.account, &alias.region) == (account, region))
    }

    /// The aliases of a key, by name.
    pub fn aliases_of(&self, key: KeyId) -> impl Iterator<Item = &AliasKey> {
        let least = AliasKey::least(AccountId::from_be_bytes([0; 8]), Region::least());
        self.aliases_of_key
            .range((key, least)..)
            .take_while(move |(of, _)| *of == key)
            .map(|(_, alias)| alias)
    }

    /// Keys whose deletion is due at `now`, longest overdue first.
    pub fn deletions_due(&self, now: Timestamp) -> impl Iterator<Item = KeyId> {
        self.deletions_due
            .iter()
            .take_while(move |(due, _)| *due <= now)
            .map(|(_, key)| *key)
    }

    /// Enabled keys whose rotation is due at `now`, longest overdue first.
    pub fn rotations_due(&self, now: Timestamp) -> impl Iterator<Item = KeyId> {
        self.rotations_due
            .iter()
            .take_while(move |(due, _)| *due <= now)
            .map(|(_, key)| *key)
    }

    /// A client token in use.
    pub fn client_token(&self, token: &Digest) -> Option<&ClientToken> {
        self.client_tokens.get(token)
    }

    /// Client tokens first used before `limit`, oldest first.
    pub fn client_tokens_before(&self, limit: Timestamp) -> impl Iterator<Item = Digest> {
        self.client_tokens_by_age
            .iter()
            .take_while(move |(at, _)| *at < limit)
            .map(|(_, token)| *token)
    }

    /// Slots whose content is destroyed and not yet erased.
    pub fn erasures(&self) -> impl Iterator<Item = SlotRef> {
        self.erasures.keys().copied()
    }

    /// The actions that policies may name; absent in a log that never adopted any.
    pub const fn catalogue(&self) -> Option<&Arc<Catalogue>> {
        self.catalogue.as_ref()
    }

    /// The hold on irreversible timers; there while the wall clock is not believed.
    pub const fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Every slot that a row refers to, those owed an erasure included.
    pub fn slots(&self) -> impl Iterator<Item = SlotRef> {
        self.slots.keys().copied()
    }

    /// Whether a row refers to this slot: nothing else may be sealed under it.
    pub fn has_slot(&self, slot: SlotRef) -> bool {
        self.slots.contains_key(&slot)
    }

    /// Everything that is sealed under a slot, and under which: its name for an operator.
    pub fn sealed_things(&self) -> impl Iterator<Item = (SlotRef, String)> {
        let versions = self.keys.values().flat_map(|key| {
            let of_key =
                |version: &KeyVersion| (version.slot, format!("key {} (version {})", key.id, version.id));
            key.versions.iter().map(of_key)
        });
        let access_keys = self.access_keys.values();
        let internal_keys = self.internal_keys.iter();
        versions
            .chain(access_keys.map(|key| (key.slot, format!("access key {}", key.id))))
            .chain(
                internal_keys.map(|(purpose, key)| {
                    (key.slot, format!("the daemon's own key for {}", purpose.as_str()))
                }),
            )
    }

    /// The state digest.
    pub const fn digest(&self) -> &StateDigest {
        &self.digest
    }
}

mod identity;
#[cfg(test)]
mod tests;
