//! Between the state and its stored rows: loading, encoding, looking up by address.

use super::State;
use super::row::{
    AccessKey, Account, Address, Alias, AliasKey, ClientToken, Erasure, InternalKey, Key, hold_row, log_row,
};
use crate::base::{AccessKeyId, AccountId, AliasName, Digest, KeyId, Region, Seq, SlotRef, Timestamp};
use crate::event::codec::{self, DecodeError};
use crate::event::{InternalKeyPurpose, RowKey, Table};

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
                self.put_access_key(access_key);
                address
            }
            Table::InternalKey => {
                let internal: InternalKey = codec::decode(bytes)?;
                let address = internal.purpose.row_key();
                self.put_internal_key(internal);
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
                self.put_erasure(erasure);
                address
            }
            Table::Hold => {
                self.hold = Some(codec::decode(bytes)?);
                hold_row()
            }
            Table::ClientToken => {
                let token: ClientToken = codec::decode(bytes)?;
                let address = token.token.row_key();
                self.put_client_token(token);
                address
            }
        };
        Ok(address)
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
            Table::ClientToken => self
                .client_tokens
                .get(&Digest::try_from(key).ok()?)
                .map(|token| token.rev),
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
            Table::ClientToken => self
                .client_tokens
                .get(&Digest::try_from(key).ok()?)
                .map(codec::encode),
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
        .chain(
            self.client_tokens
                .iter()
                .map(|(id, row)| (id.row_key(), codec::encode(row))),
        )
    }
}

fn alias_address(key: &[u8]) -> Option<AliasKey> {
    let (account, rest) = key.split_first_chunk::<8>()?;
    let (&length, rest) = rest.split_first()?;
    let (region, name) = rest.split_at_checked(usize::from(length))?;
    Some(AliasKey {
        account: AccountId::from_be_bytes(*account),
        region: Region::parse(std::str::from_utf8(region).ok()?)?,
        name: AliasName::parse(std::str::from_utf8(name).ok()?)?,
    })
}

fn slot_address(key: &[u8]) -> Option<SlotRef> {
    let (slot, generation) = key.split_first_chunk::<4>()?;
    Some(SlotRef {
        slot: u32::from_be_bytes(*slot),
        generation: u32::from_be_bytes(generation.try_into().ok()?),
    })
}
