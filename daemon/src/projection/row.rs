//! The rows of the state and their addresses. Fields stand in canonical order (event room, I1).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::base::{
    AccessKeyId, AccountAlias, AccountId, AliasName, Digest, KeyId, KeyOrigin, KeySpec, KeyUsage,
    KeyVersionId, LogId, ProtectionLevel, Region, RotationInterval, Seq, SlotRef, Tag, Timestamp, UserId,
};
use crate::event::{AccessKeyCreated, Bytes, InternalKeyPurpose, RowFormat, RowKey, Table};

/// The identity of the log; one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The log's id.
    pub id: LogId,
    /// Revision.
    pub rev: Seq,
    /// Every key that it ever had, oldest first; the last one is in force.
    pub keys: Vec<KeyPeriod>,
    /// How the rows are encoded; absent for the first format. This row itself is encoded in that one always.
    #[serde(default = "first", skip_serializing_if = "RowFormat::is_first")]
    pub rows: RowFormat,
    /// The origin line of its checkpoints now.
    pub origin: String,
    /// The public log key now: Ed25519, 32 bytes.
    pub public: Bytes,
    /// The home region.
    pub region: Region,
    /// The highest generation of any slot that was ever referred to, also by what is destroyed since.
    pub generation: u32,
}

const fn first() -> RowFormat {
    RowFormat::FIRST
}

impl Log {
    /// Origin and number of the epoch that would follow this one. None when the origin has another form than
    /// `NAME/LOG-ID/EPOCH`.
    pub fn next_epoch(&self) -> Option<(String, u64)> {
        let (log, epoch) = self.origin.rsplit_once('/')?;
        let next = epoch.parse::<u64>().ok()?.checked_add(1)?;
        Some((format!("{log}/{next}"), next))
    }
}

/// From where on a log key signs: entries at that position and later, checkpoints and anchors of that size and more, until
/// the next period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPeriod {
    /// The first position.
    pub from: Seq,
    /// The origin of the checkpoints, when an epoch begins with this key; else it is that of the period before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The public key: Ed25519, 32 bytes.
    pub public: Bytes,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Revision.
    pub rev: Seq,
    /// What its operator calls it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AccountAlias>,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// When it was made.
    pub at: Timestamp,
    /// Its id.
    pub id: AccessKeyId,
    /// Revision.
    pub rev: Seq,
    /// Where the wrapping key of its secret is.
    pub slot: SlotRef,
    /// The user it speaks for; none for the account's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Whether it is good; if not, it opens nothing until it is again.
    pub active: bool,
    /// Its secret, sealed under the slot.
    pub sealed: Bytes,
    /// Its account.
    pub account: AccountId,
}

impl AccessKey {
    /// The row of a fresh access key.
    pub(super) fn created(created: &AccessKeyCreated, rev: Seq) -> Self {
        Self {
            at: created.at,
            id: created.id.clone(),
            rev,
            slot: created.slot,
            user: created.user,
            active: true,
            sealed: created.sealed.clone(),
            account: created.account,
        }
    }

    /// The wire's Status.
    pub const fn status(&self) -> &'static str {
        if self.active { "Active" } else { "Inactive" }
    }
}

/// A key of the daemon's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternalKey {
    /// Revision.
    pub rev: Seq,
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// The key, sealed under the slot.
    pub sealed: Bytes,
    /// What it is for.
    pub purpose: InternalKeyPurpose,
}

/// Where a key stands in its life. A destroyed key has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lifecycle {
    /// Usable.
    Enabled,
    /// Not usable until enabled.
    Disabled,
    /// Not usable, and destroyed when its time comes.
    PendingDeletion {
        /// When it is due.
        delete_at: Timestamp,
    },
}

impl Lifecycle {
    /// The wire's KeyState.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion { .. } => "PendingDeletion",
        }
    }
}

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyVersion {
    /// When it was made.
    pub at: Timestamp,
    /// Its id.
    pub id: KeyVersionId,
    /// Where its wrapping key is.
    pub slot: SlotRef,
    /// Its material, sealed under the slot.
    pub sealed: Bytes,
    /// How many messages it may encrypt in all before more have to be set aside; 0 where they are not counted.
    pub reserved: u64,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// When it was made.
    pub at: Timestamp,
    /// Its id.
    pub id: KeyId,
    /// Revision.
    pub rev: Seq,
    /// Its algorithm.
    pub spec: KeySpec,
    /// Its tags, by name.
    pub tags: Vec<Tag>,
    /// Where it stands in its life.
    pub state: Lifecycle,
    /// What it may be used for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: KeyOrigin,
    /// The policy of its own, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its region.
    pub region: Region,
    /// Its account.
    pub account: AccountId,
    /// How often it is rotated, if it is.
    pub rotation: Option<RotationInterval>,
    /// Its versions, oldest first; the last one is primary.
    pub versions: Vec<KeyVersion>,
    /// What protects its material.
    pub protection: ProtectionLevel,
    /// Free text by its maker.
    pub description: String,
    /// Whether it is protected against deletion, and why, in its owner's words.
    pub deletion_protection: Option<String>,
}

impl Key {
    /// The version that encrypts.
    pub fn primary(&self) -> Option<&KeyVersion> {
        self.versions.last()
    }

    /// When it is rotated next, whether or not its state lets it: the newest version's time plus the interval.
    pub fn next_rotation(&self) -> Option<Timestamp> {
        let newest = self.versions.last()?;
        Some(newest.at.plus_millis(self.rotation?.as_millis()))
    }

    /// Whether the daemon may give it a new version: symmetric, and not of its owner's own material.
    pub const fn is_rotatable(&self) -> bool {
        self.spec.has_primary_version() && matches!(self.origin, KeyOrigin::Kms)
    }

    /// The version of this id.
    pub fn version(&self, id: KeyVersionId) -> Option<&KeyVersion> {
        self.versions.iter().find(|version| version.id == id)
    }
}

/// The address of an alias: unique in its account and region. Ordered as its rows are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasKey {
    /// Its account.
    pub account: AccountId,
    /// Its region.
    pub region: Region,
    /// Its name.
    pub name: AliasName,
}

impl Ord for AliasKey {
    fn cmp(&self, other: &Self) -> Ordering {
        // The row key has the region's length in front of the region.
        let by_region = |address: &Self| (address.account, address.region.as_str().len());
        by_region(self)
            .cmp(&by_region(other))
            .then_with(|| (&self.region, &self.name).cmp(&(&other.region, &other.name)))
    }
}

impl PartialOrd for AliasKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AliasKey {
    /// The address that no alias of this account and region comes before.
    pub(super) fn least(account: AccountId, region: Region) -> Self {
        Self {
            account,
            region,
            name: AliasName::least(),
        }
    }
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Its target.
    pub key: KeyId,
    /// Revision.
    pub rev: Seq,
    /// Its name.
    pub name: AliasName,
    /// Its region.
    pub region: Region,
    /// Its account.
    pub account: AccountId,
}

impl Alias {
    /// Its address.
    pub fn address(&self) -> AliasKey {
        AliasKey {
            account: self.account,
            region: self.region.clone(),
            name: self.name.clone(),
        }
    }
}

/// A slot whose content is destroyed and not yet erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Revision.
    pub rev: Seq,
    /// Which slot.
    pub slot: SlotRef,
}

/// The wall clock is not believed. The row is there as long as that is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Revision.
    pub rev: Seq,
}

/// A client token in use: until it expires, the same call gives the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientToken {
    /// When it was used first.
    pub at: Timestamp,
    /// What the call made.
    pub key: KeyId,
    /// Revision.
    pub rev: Seq,
    /// SHA-256 of account, region and token.
    pub token: Digest,
    /// SHA-256 of what was asked for.
    pub request: Digest,
}

/// Something that has a row address.
pub trait Address {
    /// The address of its row.
    fn row_key(&self) -> RowKey;
}

/// The address of the one row of the log.
pub fn log_row() -> RowKey {
    RowKey::new(Table::Log, vec![0])
}

/// The actions that policies may name, as the software knew them that last adopted its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Revision.
    pub rev: Seq,
    /// Their names, in order.
    pub actions: Vec<String>,
}

/// The address of the one row of the catalogue.
pub fn catalogue_row() -> RowKey {
    RowKey::new(Table::Catalogue, vec![0])
}

/// The address of the one row of a hold.
pub fn hold_row() -> RowKey {
    RowKey::new(Table::Hold, vec![0])
}

impl Address for AccountId {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::Account, self.to_be_bytes().as_slice())
    }
}

impl Address for AccessKeyId {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::AccessKey, self.as_str().as_bytes())
    }
}

impl Address for InternalKeyPurpose {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::InternalKey, vec![self.number()])
    }
}

impl Address for KeyId {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::Key, self.as_bytes().as_slice())
    }
}

/// Account (8 bytes), length of the region (1 byte), region, name.
impl Address for AliasKey {
    fn row_key(&self) -> RowKey {
        let (region, name) = (self.region.as_str().as_bytes(), self.name.as_str().as_bytes());
        let mut key = Vec::with_capacity(9 + region.len() + name.len());
        key.extend_from_slice(&self.account.to_be_bytes());
        key.push(u8::try_from(region.len()).unwrap_or(u8::MAX));
        key.extend_from_slice(region);
        key.extend_from_slice(name);
        RowKey::new(Table::Alias, key)
    }
}

impl Address for SlotRef {
    fn row_key(&self) -> RowKey {
        let mut key = self.slot.to_be_bytes().to_vec();
        key.extend_from_slice(&self.generation.to_be_bytes());
        RowKey::new(Table::Erasure, key)
    }
}

/// The address of a client token's row.
impl Address for Digest {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::ClientToken, self.as_bytes().as_slice())
    }
}
