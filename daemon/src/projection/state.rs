//! The state itself: maps of rows, and the orders derived from them.

use std::cmp::Reverse;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::digest::StateDigest;
use super::row::{
    AccessKey, Account, Address, Alias, AliasKey, Erasure, Hold, InternalKey, Key, Lifecycle, Log, hold_row,
    log_row,
};
use crate::base::{AccessKeyId, AccountId, KeyId, Region, Seq, SlotRef, Timestamp};
use crate::event::codec::{self, DecodeError};
use crate::event::{InternalKeyPurpose, RowKey, Table};

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
    pub(super) digest: StateDigest,
    // Derived (I4).
    keys_newest_first: OrdSet<KeyOrder>,
    aliases_of_key: OrdSet<(KeyId, AliasKey)>,
    deletions_due: OrdSet<(Timestamp, KeyId)>,
}

/// Account and region, then newest first.
type KeyOrder = (AccountId, Region, Reverse<Timestamp>, KeyId);

/// Why stored rows are not a state.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A row does not decode.
    #[error("row {0:?} does not decode: {1}")]
    Row(RowKey, DecodeError),
    /// A row stands under an address that is not its own.
    #[error("row {0:?} holds another row's content")]
    Misplaced(RowKey),
}

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
            digest: StateDigest::empty(),
            keys_newest_first: OrdSet::new(),
            aliases_of_key: OrdSet::new(),
            deletions_due: OrdSet::new(),
        }
    }
}

impl State {
    /// Builds the state of `size` events, the last of them at `time`, from its stored rows; the digest is computed
    /// from them.
    pub fn load(
        size: u64,
        time: Timestamp,
        rows: impl IntoIterator<Item = (RowKey, Vec<u8>)>,
    ) -> Result<Self, LoadError> {
        let mut state = Self {
            size,
            time,
            ..Self::default()
        };
        for (row, bytes) in rows {
            let stands_at = state
                .load_row(&row, &bytes)
                .map_err(|error| LoadError::Row(row.clone(), error))?;
            if stands_at != row {
                return Err(LoadError::Misplaced(row));
            }
            state.digest.add(&row, &bytes);
        }
        Ok(state)
    }

    fn load_row(&mut self, row: &RowKey, bytes: &[u8]) -> Result<RowKey, DecodeError> {
        let address = match row.table {
            Table::Log => {
                self.log = Some(codec::decode(bytes)?);
                log_row()
            }
            Table::Account => {
                let account: Account = codec::decode(bytes)?;
                let address = account.id.row_key();
                self.accounts.insert(account.id, account);
                address
            }
            Table::AccessKey => {
                let access_key: AccessKey = codec::decode(bytes)?;
                let address = access_key.id.row_key();
                self.access_keys
                    .insert(access_key.id.clone(), Arc::new(access_key));
                address
            }
            Table::InternalKey => {
                let internal: InternalKey = codec::decode(bytes)?;
                let address = internal.purpose.row_key();
                self.internal_keys.insert(internal.purpose, internal);
                address
            }
            Table::Key => {
                let key: Key = codec::decode(bytes)?;
                let address = key.id.row_key();
                self.put_key(key);
                address
            }
            Table::Alias => {
                let alias: Alias = codec::decode(bytes)?;
                let address = alias.address().row_key();
                self.put_alias(alias);
                address
            }
            Table::Erasure => {
                let erasure: Erasure = codec::decode(bytes)?;
                let address = erasure.slot.row_key();
                self.erasures.insert(erasure.slot, erasure);
                address
            }
            Table::Hold => {
                self.hold = Some(codec::decode(bytes)?);
                hold_row()
            }
        };
        Ok(address)
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

    /// Slots whose content is destroyed and not yet erased.
    pub fn erasures(&self) -> impl Iterator<Item = SlotRef> {
        self.erasures.keys().copied()
    }

    /// The hold on irreversible timers; there while the wall clock is not believed.
    pub const fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Every slot that a row refers to, those owed an erasure included.
    pub fn slots(&self) -> impl Iterator<Item = SlotRef> {
        let keys = self
            .keys
            .values()
            .flat_map(|key| key.versions.iter().map(|version| version.slot));
        keys.chain(self.access_keys.values().map(|access_key| access_key.slot))
            .chain(self.internal_keys.values().map(|internal| internal.slot))
            .chain(self.erasures())
    }

    /// The state digest.
    pub const fn digest(&self) -> &StateDigest {
        &self.digest
    }

    /// The revision of a row (I3), or none when there is no such row.
    pub fn revision(&self, row: &RowKey) -> Option<Seq> {
        let key = row.key.as_slice();
        match row.table {
            Table::Log => self.log.as_ref().map(|log| log.rev),
            Table::Account => {
                let id = AccountId::from_be_bytes(key.try_into().ok()?);
                self.accounts.get(&id).map(|account| account.rev)
            }
            Table::AccessKey => {
                let id = AccessKeyId::parse(std::str::from_utf8(key).ok()?)?;
                self.access_keys.get(&id).map(|access_key| access_key.rev)
            }
            Table::InternalKey => {
                let purpose = InternalKeyPurpose::from_number(*key.first()?)?;
                self.internal_keys.get(&purpose).map(|internal| internal.rev)
            }
            Table::Key => {
                let id = KeyId::from_bytes(key.try_into().ok()?);
                self.keys.get(&id).map(|key| key.rev)
            }
            Table::Alias => self.aliases.get(&alias_address(key)?).map(|alias| alias.rev),
            Table::Erasure => self.erasures.get(&slot_address(key)?).map(|erasure| erasure.rev),
            Table::Hold => self.hold.as_ref().map(|hold| hold.rev),
        }
    }

    /// A row as it is stored, or none when there is no such row.
    pub fn row(&self, row: &RowKey) -> Option<Vec<u8>> {
        let key = row.key.as_slice();
        match row.table {
            Table::Log => self.log.as_ref().map(codec::encode),
            Table::Account => {
                let id = AccountId::from_be_bytes(key.try_into().ok()?);
                self.accounts.get(&id).map(codec::encode)
            }
            Table::AccessKey => {
                let id = AccessKeyId::parse(std::str::from_utf8(key).ok()?)?;
                self.access_keys
                    .get(&id)
                    .map(|access_key| codec::encode(&**access_key))
            }
            Table::InternalKey => {
                let purpose = InternalKeyPurpose::from_number(*key.first()?)?;
                self.internal_keys.get(&purpose).map(codec::encode)
            }
            Table::Key => {
                let id = KeyId::from_bytes(key.try_into().ok()?);
                self.keys.get(&id).map(|key| codec::encode(&**key))
            }
            Table::Alias => self.aliases.get(&alias_address(key)?).map(codec::encode),
            Table::Erasure => self.erasures.get(&slot_address(key)?).map(codec::encode),
            Table::Hold => self.hold.as_ref().map(codec::encode),
        }
    }

    /// Every row, in stored order.
    pub fn rows(&self) -> impl Iterator<Item = (RowKey, Vec<u8>)> {
        let log = self.log.iter().map(|log| (log_row(), codec::encode(log)));
        log.chain(
            self.accounts
                .iter()
                .map(|(id, row)| (id.row_key(), codec::encode(row))),
        )
        .chain(
            self.access_keys
                .iter()
                .map(|(id, row)| (id.row_key(), codec::encode(&**row))),
        )
        .chain(
            self.internal_keys
                .iter()
                .map(|(id, row)| (id.row_key(), codec::encode(row))),
        )
        .chain(
            self.keys
                .iter()
                .map(|(id, row)| (id.row_key(), codec::encode(&**row))),
        )
        .chain(
            self.aliases
                .iter()
                .map(|(id, row)| (id.row_key(), codec::encode(row))),
        )
        .chain(
            self.erasures
                .iter()
                .map(|(id, row)| (id.row_key(), codec::encode(row))),
        )
        .chain(self.hold.iter().map(|hold| (hold_row(), codec::encode(hold))))
    }

    pub(super) fn put_key(&mut self, key: Key) {
        self.take_key(key.id);
        self.keys_newest_first.insert(order(&key));
        if let Lifecycle::PendingDeletion { delete_at } = key.state {
            self.deletions_due.insert((delete_at, key.id));
        }
        self.keys.insert(key.id, Arc::new(key));
    }

    pub(super) fn take_key(&mut self, id: KeyId) -> Option<Arc<Key>> {
        let key = self.keys.remove(&id)?;
        self.keys_newest_first.remove(&order(&key));
        if let Lifecycle::PendingDeletion { delete_at } = key.state {
            self.deletions_due.remove(&(delete_at, key.id));
        }
        Some(key)
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
}

fn order(key: &Key) -> KeyOrder {
    (key.account, key.region.clone(), Reverse(key.at), key.id)
}

fn alias_address(key: &[u8]) -> Option<AliasKey> {
    let (account, rest) = key.split_first_chunk::<8>()?;
    let (&length, rest) = rest.split_first()?;
    let (region, name) = rest.split_at_checked(usize::from(length))?;
    Some(AliasKey {
        account: AccountId::from_be_bytes(*account),
        region: Region::parse(std::str::from_utf8(region).ok()?)?,
        name: crate::base::AliasName::parse(std::str::from_utf8(name).ok()?)?,
    })
}

fn slot_address(key: &[u8]) -> Option<SlotRef> {
    let (slot, generation) = key.split_first_chunk::<4>()?;
    Some(SlotRef {
        slot: u32::from_be_bytes(*slot),
        generation: u32::from_be_bytes(generation.try_into().ok()?),
    })
}
