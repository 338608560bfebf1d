//! Read sets: which rows, at which revisions, an operation's decision and work read (law 3).

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Bytes;
use crate::base::Seq;

/// The tables of the projected state. Numbers are permanent: they stand in events and in row keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum Table {
    /// The log's identity; one row.
    Log = 0,
    /// Accounts, by number.
    Account = 1,
    /// Access keys, by id.
    AccessKey = 2,
    /// The daemon's own keys, by purpose.
    InternalKey = 3,
    /// Keys, by id.
    Key = 4,
    /// Aliases, by account, region and name.
    Alias = 5,
    /// Slots whose content is destroyed and not yet erased.
    Erasure = 6,
    /// Whether irreversible timers are held; at most one row.
    Hold = 7,
    /// Client tokens of creating operations, by digest.
    ClientToken = 8,
    /// Users, by id.
    User = 9,
    /// Groups, by id.
    Group = 10,
    /// Roles, by id.
    Role = 11,
    /// Custom policies, by account and folded name.
    Policy = 12,
    /// Sessions, by temporary access key.
    Session = 13,
    /// Names of users, groups and roles, by kind, account and folded name. Never stored: a name's revision is that of
    /// whatever bears it, so that a look-up by name can be part of a read set, also when nothing bears it.
    Name = 14,
    /// The actions that policies may name; at most one row.
    Catalogue = 15,
}

impl Table {
    /// Every table, in row order.
    pub const ALL: [Self; 16] = [
        Self::Log,
        Self::Account,
        Self::AccessKey,
        Self::InternalKey,
        Self::Key,
        Self::Alias,
        Self::Erasure,
        Self::Hold,
        Self::ClientToken,
        Self::User,
        Self::Group,
        Self::Role,
        Self::Policy,
        Self::Session,
        Self::Name,
        Self::Catalogue,
    ];
}

impl From<Table> for u8 {
    fn from(table: Table) -> Self {
        table as Self
    }
}

impl TryFrom<u8> for Table {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::ALL.get(usize::from(number)).copied().ok_or("not a table")
    }
}

/// The address of a row of the projected state. Encoded as the CBOR array `[table, key]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The table.
    pub table: Table,
    /// The key within the table.
    pub key: Bytes,
}

impl RowKey {
    /// A row of `table`.
    pub fn new(table: Table, key: impl Into<Bytes>) -> Self {
        Self {
            table,
            key: key.into(),
        }
    }

    /// The key under which the row is stored: table number, then key.
    pub fn to_stored(&self) -> Vec<u8> {
        let mut stored = Vec::with_capacity(1 + self.key.as_slice().len());
        stored.push(self.table.into());
        stored.extend_from_slice(self.key.as_slice());
        stored
    }

    /// The inverse of `to_stored`.
    pub fn from_stored(stored: &[u8]) -> Option<Self> {
        let (&table, key) = stored.split_first()?;
        Some(Self {
            table: table.try_into().ok()?,
            key: key.into(),
        })
    }
}

/// One row that was read: its address and its revision then, absent when there was no such row.
/// A revision is the position of the last event that changed the row in a way that can alter an outcome.
/// Encoded as the CBOR array `[table, key, revision or null]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The row.
    pub row: RowKey,
    /// Its revision, or none when it did not exist.
    pub revision: Option<Seq>,
}

impl Serialize for Read {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.row.table, &self.row.key, self.revision).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (table, key, revision) = Deserialize::deserialize(deserializer)?;
        Ok(Self {
            row: RowKey { table, key },
            revision,
        })
    }
}

/// What an operation looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observation {
    /// The read set of a use or a command.
    #[serde(default, skip_serializing_if = "SmallVec::is_empty")]
    pub read: SmallVec<[Read; 4]>,
    /// The snapshot that a query answered from: the number of events folded into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snap: Option<u64>,
}

impl Observation {
    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.snap.is_none()
    }
}
