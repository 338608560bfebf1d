//! The orders derived from the rows (I4): every change of a row with an order goes through here.

mod identity;

use std::cmp::Reverse;
use std::sync::Arc;

use super::State;
use super::row::{AccessKey, Alias, AliasKey, ClientToken, Erasure, InternalKey, Key, Lifecycle};
use super::state::KeyOrder;
use crate::base::{AccessKeyId, Digest, KeyId, SlotRef, Timestamp};

impl State {
    pub(super) fn put_key(&mut self, key: Key) {
        self.take_key(key.id);
        self.keys_newest_first.insert(order(&key));
        if let Lifecycle::PendingDeletion { delete_at } = key.state {
            self.deletions_due.insert((delete_at, key.id));
        }
        if let Some(due) = rotation_due(&key) {
            self.rotations_due.insert((due, key.id));
        }
        key.versions.iter().for_each(|version| self.refer(version.slot));
        self.keys.insert(key.id, Arc::new(key));
    }

    pub(super) fn take_key(&mut self, id: KeyId) -> Option<Arc<Key>> {
        let key = self.keys.remove(&id)?;
        self.keys_newest_first.remove(&order(&key));
        if let Lifecycle::PendingDeletion { delete_at } = key.state {
            self.deletions_due.remove(&(delete_at, key.id));
        }
        if let Some(due) = rotation_due(&key) {
            self.rotations_due.remove(&(due, key.id));
        }
        key.versions.iter().for_each(|version| self.release(version.slot));
        Some(key)
    }

    pub(super) fn put_access_key(&mut self, row: AccessKey) {
        self.take_access_key(&row.id);
        self.refer(row.slot);
        self.access_keys_by_owner
            .entry((row.account, row.user))
            .or_default()
            .insert((row.at, row.id.clone()));
        self.access_keys.insert(row.id.clone(), Arc::new(row));
    }

    pub(super) fn take_access_key(&mut self, id: &AccessKeyId) -> Option<Arc<AccessKey>> {
        let row = self.access_keys.remove(id)?;
        self.release(row.slot);
        let owner = (row.account, row.user);
        if let Some(of) = self.access_keys_by_owner.get_mut(&owner) {
            of.remove(&(row.at, row.id.clone()));
            if of.is_empty() {
                self.access_keys_by_owner.remove(&owner);
            }
        }
        Some(row)
    }

    pub(super) fn put_internal_key(&mut self, row: InternalKey) {
        self.refer(row.slot);
        if let Some(before) = self.internal_keys.insert(row.purpose, row) {
            self.release(before.slot);
        }
    }

    pub(super) fn put_erasure(&mut self, row: Erasure) {
        self.take_erasure(row.slot);
        self.refer(row.slot);
        self.erasures.insert(row.slot, row);
    }

    pub(super) fn take_erasure(&mut self, slot: SlotRef) {
        if self.erasures.remove(&slot).is_some() {
            self.release(slot);
        }
    }

    /// One more row refers to a slot. Counted, because the fold takes what no law would have let through.
    fn refer(&mut self, slot: SlotRef) {
        *self.slots.entry(slot).or_insert(0) += 1;
    }

    fn release(&mut self, slot: SlotRef) {
        match self.slots.get(&slot) {
            Some(count) if *count > 1 => {
                self.slots.insert(slot, count - 1);
            }
            _ => {
                self.slots.remove(&slot);
            }
        }
    }

    pub(super) fn put_alias(&mut self, alias: Alias) {
        let address = alias.address();
        self.take_alias(&address);
        self.aliases_of_key.insert((alias.key, address.clone()));
        self.aliases.insert(address, alias);
    }

    pub(super) fn take_alias(&mut self, address: &AliasKey) -> Option<Alias> {
        let alias = self.aliases.remove(address)?;
        self.aliases_of_key.remove(&(alias.key, address.clone()));
        Some(alias)
    }

    pub(super) fn put_client_token(&mut self, token: ClientToken) {
        self.take_client_token(&token.token);
        self.client_tokens_by_age.insert((token.at, token.token));
        self.client_tokens.insert(token.token, token);
    }

    pub(super) fn take_client_token(&mut self, token: &Digest) {
        if let Some(row) = self.client_tokens.remove(token) {
            self.client_tokens_by_age.remove(&(row.at, row.token));
        }
    }
}

fn order(key: &Key) -> KeyOrder {
    (key.account, key.region.clone(), Reverse(key.at), key.id)
}

/// When the daemon rotates the key, if its state lets it.
fn rotation_due(key: &Key) -> Option<Timestamp> {
    key.next_rotation()
        .filter(|_| key.state == Lifecycle::Enabled && key.is_rotatable())
}
