//! The fold: one event after another (law 2).

mod identity;
mod log;

use std::collections::HashSet;

use std::sync::Arc;

use smallvec::SmallVec;

use super::State;
use super::row::{
    AccessKey, Account, Address, Alias, AliasKey, Catalogue, ClientToken, Erasure, Hold, InternalKey, Key,
    KeyVersion, Lifecycle, catalogue_row, hold_row, log_row,
};
use crate::base::{KeyId, Seq, SlotRef, Tag, Timestamp};
use crate::event::{Change, Event, KeyCreated, KeyVersionAdded, RowKey};

/// A row that an event changed: its address and what it is now, none when it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its address.
    pub row: RowKey,
    /// Its content now.
    pub value: Option<Vec<u8>>,
}

/// The rows that an event touches, each once, as they were before it.
#[derive(Default)]
struct Touched {
    rows: SmallVec<[(RowKey, Option<Vec<u8>>); 4]>,
    /// The same rows, once they are many: a change of a group's rights touches all its members.
    known: HashSet<RowKey>,
}

impl Touched {
    fn is_new(&mut self, row: &RowKey) -> bool {
        if self.rows.len() < MANY {
            return !self.rows.iter().any(|(other, _)| other == row);
        }
        if self.known.is_empty() {
            self.known = self.rows.iter().map(|(row, _)| row.clone()).collect();
        }
        self.known.insert(row.clone())
    }
}

/// From so many rows on, looking through them costs more than a set.
const MANY: usize = 16;

impl State {
    /// Folds one event in and returns the rows it changed. Never fails (I1): a change that fits no row is a change of
    /// nothing, and whether it was legal is not asked here.
    pub fn apply(&mut self, event: &Event) -> Vec<Written> {
        self.size = event.seq.get() + 1;
        self.time = event.time;
        self.fold_changes(&event.chg, event.seq)
    }

    /// This state as one change alone would leave it, digest included: how a replay checks each change of an event in
    /// the state that the changes before it left. `rev` is the position of the event that the change belongs to.
    #[must_use]
    pub fn with_change(&self, change: &Change, rev: Seq) -> Self {
        let mut state = self.clone();
        state.fold_changes(std::slice::from_ref(change), rev);
        state
    }

    fn fold_changes(&mut self, changes: &[Change], rev: Seq) -> Vec<Written> {
        if changes.is_empty() {
            return Vec::new();
        }
        let mut touched = Touched::default();
        for change in changes {
            // Asked one change after another: what a change touches may have been made by the one before it.
            for row in self.touched_by(change) {
                if touched.is_new(&row) {
                    let before = self.row(&row);
                    touched.rows.push((row, before));
                }
            }
            self.fold(change, rev);
        }
        touched
            .rows
            .into_iter()
            .filter_map(|(row, before)| self.account_for(row, before.as_deref()))
            .collect()
    }

    /// Brings the digest up to date for one row, and says what the row is now if it changed.
    fn account_for(&mut self, row: RowKey, before: Option<&[u8]>) -> Option<Written> {
        let value = self.row(&row);
        if value.as_deref() == before {
            return None;
        }
        if let Some(before) = before {
            self.digest.remove(&row, before);
        }
        if let Some(now) = &value {
            self.digest.add(&row, now);
        }
        Some(Written { row, value })
    }

    /// The rows that a change writes.
    fn touched_by(&self, change: &Change) -> SmallVec<[RowKey; 4]> {
        let mut rows = SmallVec::new();
        if change.slot().is_some() {
            rows.push(log_row());
        }
        match change {
            Change::LogBegun(_) => rows.push(log_row()),
            Change::LogKeyRotated(_) | Change::EpochBegun(_) => self.log_key_touches(&mut rows),
            Change::AccountCreated { account, .. } | Change::AccountAliasSet { account, .. } => {
                rows.push(account.row_key());
            }
            Change::AccessKeyStatusSet { id, .. } => rows.push(id.row_key()),
            Change::AccessKeyCreated(created) => rows.push(created.id.row_key()),
            Change::InternalKeyCreated { purpose, .. } => rows.push(purpose.row_key()),
            Change::KeyCreated(created) => rows.push(created.key.row_key()),
            Change::KeyEnabled { key }
            | Change::KeyDisabled { key }
            | Change::KeyDeletionScheduled { key, .. }
            | Change::KeyDeletionCancelled { key }
            | Change::KeyDescribed { key, .. }
            | Change::DeletionProtectionSet { key, .. }
            | Change::RotationPolicySet { key, .. }
            | Change::KeyRotated { key, .. }
            | Change::MessagesReserved { key, .. }
            | Change::KeyPolicySet { key, .. } => rows.push(key.row_key()),
            Change::KeysTagged { keys, .. } | Change::KeysUntagged { keys, .. } => {
                rows.extend(keys.iter().map(Address::row_key));
            }
            Change::ClientTokenUsed { token, .. } => rows.push(token.row_key()),
            Change::ClientTokensExpired { tokens } => rows.extend(tokens.iter().map(Address::row_key)),
            Change::AccessKeyDeleted { id } => {
                rows.push(id.row_key());
                rows.extend(self.access_keys.get(id).map(|row| row.slot.row_key()));
            }
            Change::KeyDestroyed { key } | Change::KeyDestructionReapplied { key } => {
                rows.push(key.row_key());
                rows.extend(self.aliases_of(*key).map(Address::row_key));
                rows.extend(self.slots_of(*key).map(|slot| slot.row_key()));
            }
            Change::AliasBound {
                alias,
                region,
                account,
                ..
            }
            | Change::AliasMoved {
                alias,
                region,
                account,
                ..
            }
            | Change::AliasUnbound {
                alias,
                region,
                account,
            } => {
                let address = AliasKey {
                    account: *account,
                    region: region.clone(),
                    name: alias.clone(),
                };
                rows.push(address.row_key());
            }
            Change::MaterialErased { slots } => rows.extend(slots.iter().map(Address::row_key)),
            Change::CatalogueAdopted { .. } => rows.push(catalogue_row()),
            Change::TimersHeld | Change::TimersReleased => rows.push(hold_row()),
            // Every one is encoded anew.
            Change::RowFormatAdopted { .. } => rows.extend(self.rows().map(|(row, _)| row)),
            Change::StateSealed { .. } => {}
            identity => self.identities_touched_by(identity, &mut rows),
        }
        rows
    }

    fn fold(&mut self, change: &Change, rev: Seq) {
        self.fold_one(change, rev);
        // Not a change of the log's identity: its revision stays (I3).
        if let (Some(slot), Some(log)) = (change.slot(), self.log.as_mut()) {
            log.generation = log.generation.max(slot.generation);
        }
    }

    fn fold_one(&mut self, change: &Change, rev: Seq) {
        match change {
            Change::LogBegun(begun) => self.begin_log(begun, rev),
            Change::LogKeyRotated(key) => self.turn_log_key(key, None, rev),
            Change::EpochBegun(begun) => self.turn_log_key(&begun.key, Some(&begun.origin), rev),
            Change::AccountCreated { name, account } => {
                let row = Account {
                    id: *account,
                    rev,
                    name: name.clone(),
                    alias: None,
                };
                self.accounts.insert(*account, row);
            }
            // No decision rests on it, so the revision stays: it says which account was founded with the log.
            Change::AccountAliasSet { alias, account } => {
                if let Some(row) = self.accounts.get_mut(account) {
                    row.alias.clone_from(alias);
                }
            }
            Change::AccessKeyCreated(created) => self.put_access_key(AccessKey::created(created, rev)),
            Change::AccessKeyStatusSet { id, active } => {
                if let Some(row) = self.take_access_key(id) {
                    let mut row = AccessKey::clone(&row);
                    row.active = *active;
                    row.rev = rev;
                    self.put_access_key(row);
                }
            }
            Change::InternalKeyCreated {
                slot,
                sealed,
                purpose,
            } => {
                let row = InternalKey {
                    rev,
                    slot: *slot,
                    sealed: sealed.clone(),
                    purpose: *purpose,
                };
                self.put_internal_key(row);
            }
            Change::KeyCreated(created) => self.put_key(Key::created(created, rev)),
            Change::KeyEnabled { key } | Change::KeyDeletionCancelled { key } => {
                self.set_lifecycle(*key, Lifecycle::Enabled, rev);
            }
            Change::KeyDisabled { key } => self.set_lifecycle(*key, Lifecycle::Disabled, rev),
            Change::KeyDeletionScheduled { key, delete_at } => {
                let pending = Lifecycle::PendingDeletion {
                    delete_at: *delete_at,
                };
                self.set_lifecycle(*key, pending, rev);
            }
            Change::KeyDestroyed { key } | Change::KeyDestructionReapplied { key } => self.destroy(*key, rev),
            Change::AliasBound {
                key,
                alias,
                region,
                account,
            }
            | Change::AliasMoved {
                key,
                alias,
                region,
                account,
            } => {
                self.put_alias(Alias {
                    key: *key,
                    rev,
                    name: alias.clone(),
                    region: region.clone(),
                    account: *account,
                });
            }
            Change::AliasUnbound {
                alias,
                region,
                account,
            } => {
                self.take_alias(&AliasKey {
                    account: *account,
                    region: region.clone(),
                    name: alias.clone(),
                });
            }
            Change::MaterialErased { slots } => {
                slots.iter().for_each(|slot| self.take_erasure(*slot));
            }
            Change::CatalogueAdopted { added, removed } => {
                let before = self.catalogue.as_ref().map(|catalogue| catalogue.actions.clone());
                let mut actions = before.unwrap_or_default();
                actions.retain(|action| !removed.contains(action));
                actions.extend(added.iter().cloned());
                actions.sort();
                actions.dedup();
                self.catalogue = Some(Arc::new(Catalogue { rev, actions }));
            }
            Change::RowFormatAdopted { format } => self.encode_rows_as(*format),
            Change::TimersHeld => self.hold = Some(Hold { rev }),
            Change::TimersReleased => self.hold = None,
            Change::KeyDescribed { key, description } => self.edit_key(*key, None, |row| {
                row.description.clone_from(description);
            }),
            Change::DeletionProtectionSet {
                key,
                enabled,
                description,
            } => self.edit_key(*key, Some(rev), |row| {
                row.deletion_protection = enabled.then(|| description.clone());
            }),
            Change::RotationPolicySet { key, interval } => {
                self.edit_key(*key, Some(rev), |row| row.rotation = *interval);
            }
            Change::KeyRotated { at, key, version } => {
                self.edit_key(*key, Some(rev), |row| {
                    row.versions.push(KeyVersion::added(*at, version))
                });
            }
            Change::MessagesReserved { key, upto, version } => self.edit_key(*key, None, |row| {
                if let Some(row) = row.versions.iter_mut().find(|row| row.id == *version) {
                    row.reserved = *upto;
                }
            }),
            Change::KeysTagged { keys, tags } => {
                for key in keys {
                    self.edit_key(*key, Some(rev), |row| tag(&mut row.tags, tags));
                }
            }
            Change::KeysUntagged { keys, names } => {
                for key in keys {
                    self.edit_key(*key, Some(rev), |row| {
                        identity::untag(&mut row.tags, names.as_deref())
                    });
                }
            }
            Change::ClientTokenUsed {
                at,
                key,
                token,
                request,
            } => self.put_client_token(ClientToken {
                at: *at,
                key: *key,
                rev,
                token: *token,
                request: *request,
            }),
            Change::ClientTokensExpired { tokens } => {
                tokens.iter().for_each(|token| self.take_client_token(token));
            }
            Change::AccessKeyDeleted { id } => {
                if let Some(row) = self.take_access_key(id) {
                    self.put_erasure(Erasure { rev, slot: row.slot });
                }
            }
            Change::KeyPolicySet { key, document } => self.edit_key(*key, Some(rev), |row| {
                row.policy = Some(document.clone());
            }),
            // Says what the state is; changes nothing.
            Change::StateSealed { .. } => {}
            identity => self.fold_identity(identity, rev),
        }
    }

    fn set_lifecycle(&mut self, id: KeyId, lifecycle: Lifecycle, rev: Seq) {
        self.edit_key(id, Some(rev), |key| key.state = lifecycle);
    }

    /// Edits one key. Without a `rev` its revision stays: the edit can't alter any outcome (I3).
    fn edit_key(&mut self, id: KeyId, rev: Option<Seq>, edit: impl FnOnce(&mut Key)) {
        if let Some(key) = self.take_key(id) {
            let mut key = Key::clone(&key);
            key.rev = rev.unwrap_or(key.rev);
            edit(&mut key);
            self.put_key(key);
        }
    }

    /// The key, its versions and its aliases go; what its slots held is owed an erasure (law 5).
    fn destroy(&mut self, id: KeyId, rev: Seq) {
        let aliases: Vec<AliasKey> = self.aliases_of(id).cloned().collect();
        for alias in &aliases {
            self.take_alias(alias);
        }
        if let Some(key) = self.take_key(id) {
            for version in &key.versions {
                self.put_erasure(Erasure {
                    rev,
                    slot: version.slot,
                });
            }
        }
    }

    fn slots_of(&self, id: KeyId) -> impl Iterator<Item = SlotRef> {
        self.keys
            .get(&id)
            .into_iter()
            .flat_map(|key| key.versions.iter().map(|version| version.slot))
    }
}

/// Adds tags in the order of their names; one of the same name is replaced.
pub(super) fn tag(own: &mut Vec<Tag>, tags: &[Tag]) {
    for tag in tags {
        match own.binary_search_by(|other| other.key.cmp(&tag.key)) {
            Ok(at) => {
                if let Some(other) = own.get_mut(at) {
                    other.value = tag.value.clone();
                }
            }
            Err(at) => own.insert(at, tag.clone()),
        }
    }
}

impl KeyVersion {
    /// The row of a fresh version.
    fn added(at: Timestamp, added: &KeyVersionAdded) -> Self {
        Self {
            at,
            id: added.id,
            slot: added.slot,
            sealed: added.sealed.clone(),
            reserved: 0,
        }
    }
}

impl Key {
    /// The row of a fresh key.
    pub fn created(created: &KeyCreated, rev: Seq) -> Self {
        let mut key = Self {
            at: created.at,
            id: created.key,
            rev,
            spec: created.spec,
            tags: Vec::new(),
            state: Lifecycle::Enabled,
            usage: created.usage,
            origin: created.origin,
            policy: None,
            region: created.region.clone(),
            account: created.account,
            rotation: created.rotation,
            versions: vec![KeyVersion::added(created.at, &created.version)],
            protection: created.protection,
            description: created.description.clone(),
            deletion_protection: None,
        };
        tag(&mut key.tags, &created.tags);
        key
    }
}
