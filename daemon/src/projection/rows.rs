//! Between the state and its stored rows: loading, encoding, looking up by address.

use super::State;
use super::encoding;
use super::identity::{Group, NameKind, Policy, PolicyKey, Role, Session, User, session_row};
use super::row::{
    AccessKey, Account, Address, Alias, AliasKey, ClientToken, Erasure, InternalKey, Key, catalogue_row,
    hold_row, log_row,
};
use crate::base::{
    AccessKeyId, AccountId, AliasName, Digest, Folded, GroupId, KeyId, Region, RoleId, Seq, SlotRef,
    Timestamp, UnknownFormat, UserId,
};
use crate::event::codec::{self, DecodeError};
use crate::event::{InternalKeyPurpose, RowFormat, RowKey, Table};

/// Why stored rows are not a state.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A row does not decode.
    #[error("row {0:?} does not decode: {1}")]
    Row(RowKey, DecodeError),
    /// The rows are of a format that this build does not know.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
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
            if row.table == Table::Log {
                encoding::named_by(&bytes)?;
            }
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

    /// How rows are encoded.
    pub fn row_format(&self) -> RowFormat {
        self.log.as_ref().map_or(RowFormat::FIRST, |log| log.rows)
    }

    fn encoded<T: serde::Serialize>(&self, row: &T) -> Vec<u8> {
        encoding::encode(self.row_format(), row)
    }

    fn load_row(&mut self, row: &RowKey, bytes: &[u8]) -> Result<RowKey, DecodeError> {
        // The log's own row comes first, and says how the others are encoded.
        let format = self.row_format();
        let address = match row.table {
            Table::Log => {
                self.log = Some(codec::decode_row(bytes)?);
                log_row()
            }
            Table::Account => {
                let account: Account = encoding::decode(format, bytes)?;
                let address = account.id.row_key();
                self.accounts.insert(account.id, account);
                address
            }
            Table::AccessKey => {
                let access_key: AccessKey = encoding::decode(format, bytes)?;
                let address = access_key.id.row_key();
                self.put_access_key(access_key);
                address
            }
            Table::InternalKey => {
                let internal: InternalKey = encoding::decode(format, bytes)?;
                let address = internal.purpose.row_key();
                self.put_internal_key(internal);
                address
            }
            Table::Key => {
                let key: Key = encoding::decode(format, bytes)?;
                let address = key.id.row_key();
                self.put_key(key);
                address
            }
            Table::Alias => {
                let alias: Alias = encoding::decode(format, bytes)?;
                let address = alias.address().row_key();
                self.put_alias(alias);
                address
            }
            Table::Erasure => {
                let erasure: Erasure = encoding::decode(format, bytes)?;
                let address = erasure.slot.row_key();
                self.put_erasure(erasure);
                address
            }
            Table::Catalogue => {
                self.catalogue = Some(encoding::decode(format, bytes).map(std::sync::Arc::new)?);
                catalogue_row()
            }
            Table::Hold => {
                self.hold = Some(encoding::decode(format, bytes)?);
                hold_row()
            }
            Table::ClientToken => {
                let token: ClientToken = encoding::decode(format, bytes)?;
                let address = token.token.row_key();
                self.put_client_token(token);
                address
            }
            Table::User => {
                let user: User = encoding::decode(format, bytes)?;
                let address = user.id.row_key();
                self.put_user(user);
                address
            }
            Table::Group => {
                let group: Group = encoding::decode(format, bytes)?;
                let address = group.id.row_key();
                self.put_group(group);
                address
            }
            Table::Role => {
                let role: Role = encoding::decode(format, bytes)?;
                let address = role.id.row_key();
                self.put_role(role);
                address
            }
            Table::Policy => {
                let policy: Policy = encoding::decode(format, bytes)?;
                let address = policy.address().row_key();
                self.put_policy(policy);
                address
            }
            Table::Session => {
                let session: Session = encoding::decode(format, bytes)?;
                let address = session_row(&session.id);
                self.put_session(session);
                address
            }
            // Derived, never stored.
            Table::Name => return Err(DecodeError::Malformed("names are not stored".into())),
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
            Table::Catalogue => self.catalogue.as_ref().map(|catalogue| catalogue.rev),
            Table::ClientToken => self
                .client_tokens
                .get(&Digest::try_from(key).ok()?)
                .map(|token| token.rev),
            Table::User => self.user(user_address(key)?).map(|user| user.rev),
            Table::Group => self.group(group_address(key)?).map(|group| group.rev),
            Table::Role => self.role(role_address(key)?).map(|role| role.rev),
            Table::Policy => self.policy_at(&policy_address(key)?).map(|policy| policy.rev),
            Table::Session => self.session(&session_address(key)?).map(|session| session.rev),
            Table::Name => self.name_revision(key),
        }
    }

    /// A row as it is stored, or none when there is no such row.
    pub fn row(&self, row: &RowKey) -> Option<Vec<u8>> {
        let key = row.key.as_slice();
        match row.table {
            Table::Log => self.log.as_ref().map(codec::encode),
            Table::Account => {
                let id = AccountId::from_be_bytes(key.try_into().ok()?);
                self.accounts.get(&id).map(|row| self.encoded(row))
            }
            Table::AccessKey => {
                let id = AccessKeyId::parse(std::str::from_utf8(key).ok()?)?;
                self.access_keys
                    .get(&id)
                    .map(|access_key| self.encoded(&**access_key))
            }
            Table::InternalKey => {
                let purpose = InternalKeyPurpose::from_number(*key.first()?)?;
                self.internal_keys.get(&purpose).map(|row| self.encoded(row))
            }
            Table::Key => {
                let id = KeyId::from_bytes(key.try_into().ok()?);
                self.keys.get(&id).map(|key| self.encoded(&**key))
            }
            Table::Alias => self
                .aliases
                .get(&alias_address(key)?)
                .map(|row| self.encoded(row)),
            Table::Erasure => self
                .erasures
                .get(&slot_address(key)?)
                .map(|row| self.encoded(row)),
            Table::Hold => self.hold.as_ref().map(|row| self.encoded(row)),
            Table::Catalogue => self.catalogue.as_ref().map(|row| self.encoded(&**row)),
            Table::ClientToken => self
                .client_tokens
                .get(&Digest::try_from(key).ok()?)
                .map(|row| self.encoded(row)),
            Table::User => self.user(user_address(key)?).map(|row| self.encoded(&**row)),
            Table::Group => self.group(group_address(key)?).map(|row| self.encoded(&**row)),
            Table::Role => self.role(role_address(key)?).map(|row| self.encoded(&**row)),
            Table::Policy => self
                .policy_at(&policy_address(key)?)
                .map(|row| self.encoded(&**row)),
            Table::Session => self
                .session(&session_address(key)?)
                .map(|row| self.encoded(&**row)),
            Table::Name => None,
        }
    }

    /// A name's revision is that of whatever bears it.
    fn name_revision(&self, key: &[u8]) -> Option<Seq> {
        let (&kind, rest) = key.split_first()?;
        let (account, name) = rest.split_first_chunk::<8>()?;
        let account = AccountId::from_be_bytes(*account);
        let name = Folded::of(std::str::from_utf8(name).ok()?);
        match NameKind::from_number(kind)? {
            NameKind::User => self.user_bearing(account, &name).map(|row| row.rev),
            NameKind::Group => self.group_bearing(account, &name).map(|row| row.rev),
            NameKind::Role => self.role_bearing(account, &name).map(|row| row.rev),
        }
    }

    /// Every row, in stored order.
    pub fn rows(&self) -> impl Iterator<Item = (RowKey, Vec<u8>)> {
        let log = self.log.iter().map(|log| (log_row(), codec::encode(log)));
        log.chain(
            self.accounts
                .iter()
                .map(|(id, row)| (id.row_key(), self.encoded(row))),
        )
        .chain(
            self.access_keys
                .iter()
                .map(|(id, row)| (id.row_key(), self.encoded(&**row))),
        )
        .chain(
            self.internal_keys
                .iter()
                .map(|(id, row)| (id.row_key(), self.encoded(row))),
        )
        .chain(
            self.keys
                .iter()
                .map(|(id, row)| (id.row_key(), self.encoded(&**row))),
        )
        .chain(
            self.aliases
                .iter()
                .map(|(id, row)| (id.row_key(), self.encoded(row))),
        )
        .chain(
            self.erasures
                .iter()
                .map(|(id, row)| (id.row_key(), self.encoded(row))),
        )
        .chain(self.hold.iter().map(|hold| (hold_row(), self.encoded(hold))))
        .chain(
            self.client_tokens
                .iter()
                .map(|(id, row)| (id.row_key(), self.encoded(row))),
        )
        .chain(self.identity_rows())
        .chain(
            self.catalogue
                .iter()
                .map(|row| (catalogue_row(), self.encoded(&**row))),
        )
    }

    fn identity_rows(&self) -> impl Iterator<Item = (RowKey, Vec<u8>)> {
        let users = self
            .users
            .iter()
            .map(|(id, row)| (id.row_key(), self.encoded(&**row)));
        let groups = self
            .groups
            .iter()
            .map(|(id, row)| (id.row_key(), self.encoded(&**row)));
        let roles = self
            .roles
            .iter()
            .map(|(id, row)| (id.row_key(), self.encoded(&**row)));
        let policies = self
            .policies
            .iter()
            .map(|(address, row)| (address.row_key(), self.encoded(&**row)));
        let sessions = self
            .sessions
            .iter()
            .map(|(id, row)| (session_row(id), self.encoded(&**row)));
        users.chain(groups).chain(roles).chain(policies).chain(sessions)
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

fn user_address(key: &[u8]) -> Option<UserId> {
    Some(UserId::from_be_bytes(key.try_into().ok()?))
}

fn group_address(key: &[u8]) -> Option<GroupId> {
    GroupId::from_bytes(key.try_into().ok()?)
}

fn role_address(key: &[u8]) -> Option<RoleId> {
    Some(RoleId::from_be_bytes(key.try_into().ok()?))
}

fn policy_address(key: &[u8]) -> Option<PolicyKey> {
    let (account, name) = key.split_first_chunk::<8>()?;
    let name = std::str::from_utf8(name).ok()?;
    let folded = Folded::of(name);
    // One address, one spelling.
    (folded.as_str() == name).then_some(PolicyKey {
        account: AccountId::from_be_bytes(*account),
        name: folded,
    })
}

fn session_address(key: &[u8]) -> Option<AccessKeyId> {
    AccessKeyId::parse(std::str::from_utf8(key).ok()?)
}

fn slot_address(key: &[u8]) -> Option<SlotRef> {
    let (slot, generation) = key.split_first_chunk::<4>()?;
    Some(SlotRef {
        slot: u32::from_be_bytes(*slot),
        generation: u32::from_be_bytes(generation.try_into().ok()?),
    })
}
