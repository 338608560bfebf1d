//! The rows of identities and their addresses. Fields stand in canonical order (event room, I1).
//!
//! The revision of a user or a role is one for all that it may do: it moves with its own row, its groups, what is attached
//! to it and to them, and with the version in force of every such policy. So a decision reads one row of it (law 3).

use serde::{Deserialize, Serialize};

use super::row::Address;
use crate::base::{
    AccessKeyId, AccountId, Folded, GroupId, GroupName, PolicyName, PolicyVersion, RoleId, RoleName, Seq,
    SessionName, SourceIdentity, Tag, Timestamp, UserId, UserName,
};
use crate::event::{
    GroupCreated, GroupUpdated, PolicyCreated, PolicyRef, PolicyVersionCreated, RoleCreated, RowKey,
    SessionOpened, Table, UserCreated, UserUpdated,
};

/// A policy that is attached to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Since when.
    pub at: Timestamp,
    /// Which.
    pub policy: PolicyRef,
}

/// A group that a user is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Since when.
    pub at: Timestamp,
    /// Which.
    pub group: GroupId,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// When it was made.
    pub at: Timestamp,
    /// Its id.
    pub id: UserId,
    /// Revision, of all that it may do.
    pub rev: Seq,
    /// Its name.
    pub name: UserName,
    /// Its mail address; may be empty.
    pub email: String,
    /// Its groups, in the order in which it joined them.
    pub groups: Vec<Membership>,
    /// Its telephone number; may be empty.
    pub mobile: String,
    /// Its account.
    pub account: AccountId,
    /// What it is called on screens.
    pub display: String,
    /// When it was last updated.
    pub updated: Timestamp,
    /// The policies attached to itself, in that order.
    pub attached: Vec<Attached>,
    /// Free text.
    pub comments: String,
}

/// A group of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// When it was made.
    pub at: Timestamp,
    /// Its id.
    pub id: GroupId,
    /// Revision.
    pub rev: Seq,
    /// Its name.
    pub name: GroupName,
    /// Its account.
    pub account: AccountId,
    /// When it was last updated.
    pub updated: Timestamp,
    /// The policies attached to it, in that order.
    pub attached: Vec<Attached>,
    /// Free text.
    pub comments: String,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// When it was made.
    pub at: Timestamp,
    /// Its id.
    pub id: RoleId,
    /// Revision, of all that it may do and of who may assume it.
    pub rev: Seq,
    /// Its name.
    pub name: RoleName,
    /// Its tags, by name.
    pub tags: Vec<Tag>,
    /// Its trust policy, as it was sent.
    pub trust: String,
    /// Its account.
    pub account: AccountId,
    /// Whether a console may offer it.
    pub console: bool,
    /// When it was last updated.
    pub updated: Timestamp,
    /// The policies attached to it, in that order.
    pub attached: Vec<Attached>,
    /// Free text.
    pub description: String,
    /// The longest session, seconds.
    pub session_max: u64,
}

/// One version of a custom policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionOfPolicy {
    /// When it was made.
    pub at: Timestamp,
    /// Which.
    pub version: PolicyVersion,
    /// The document, as it was sent.
    pub document: String,
}

/// A custom policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// When it was made.
    pub at: Timestamp,
    /// Revision, of the document in force.
    pub rev: Seq,
    /// Its name.
    pub name: PolicyName,
    /// What its next version is called.
    pub next: PolicyVersion,
    /// Its tags, by name.
    pub tags: Vec<Tag>,
    /// Its account.
    pub account: AccountId,
    /// The version in force.
    pub default: PolicyVersion,
    /// When it was last updated.
    pub updated: Timestamp,
    /// Its versions, oldest first.
    pub versions: Vec<VersionOfPolicy>,
    /// Free text.
    pub description: String,
}

/// A session of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When it began.
    pub at: Timestamp,
    /// Its temporary access key.
    pub id: AccessKeyId,
    /// Revision.
    pub rev: Seq,
    /// Its name.
    pub name: SessionName,
    /// Of which role.
    pub role: RoleId,
    /// The session policy, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Who is behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceIdentity>,
    /// The role's account.
    pub account: AccountId,
    /// When it ends.
    pub expires: Timestamp,
}

impl User {
    /// Whether it is in a group.
    pub fn is_member_of(&self, group: GroupId) -> bool {
        self.groups.iter().any(|membership| membership.group == group)
    }

    /// Makes it what an update says it is now; the revision is not the update's to say.
    pub fn update(&mut self, new: &UserUpdated) {
        replace(&mut self.name, new.name.as_ref());
        replace(&mut self.email, new.email.as_ref());
        replace(&mut self.mobile, new.mobile.as_ref());
        replace(&mut self.display, new.display.as_ref());
        replace(&mut self.comments, new.comments.as_ref());
        self.updated = new.at;
    }

    /// The row of a fresh user.
    pub fn created(created: &UserCreated, rev: Seq) -> Self {
        Self {
            at: created.at,
            id: created.user,
            rev,
            name: created.name.clone(),
            email: created.email.clone(),
            groups: Vec::new(),
            mobile: created.mobile.clone(),
            account: created.account,
            display: created.display.clone(),
            updated: created.at,
            attached: Vec::new(),
            comments: created.comments.clone(),
        }
    }
}

impl Group {
    /// Makes it what an update says it is now.
    pub fn update(&mut self, new: &GroupUpdated) {
        replace(&mut self.name, new.name.as_ref());
        replace(&mut self.comments, new.comments.as_ref());
        self.updated = new.at;
    }

    /// The row of a fresh group.
    pub fn created(created: &GroupCreated, rev: Seq) -> Self {
        Self {
            at: created.at,
            id: created.group,
            rev,
            name: created.name.clone(),
            account: created.account,
            updated: created.at,
            attached: Vec::new(),
            comments: created.comments.clone(),
        }
    }
}

impl Role {
    /// The row of a fresh role.
    pub fn created(created: &RoleCreated, rev: Seq) -> Self {
        let mut role = Self {
            at: created.at,
            id: created.role,
            rev,
            name: created.name.clone(),
            tags: Vec::new(),
            trust: created.trust.clone(),
            account: created.account,
            console: created.console,
            updated: created.at,
            attached: Vec::new(),
            description: created.description.clone(),
            session_max: created.session_max,
        };
        super::apply::tag(&mut role.tags, &created.tags);
        role
    }
}

impl Policy {
    /// A version of it.
    pub fn version(&self, version: PolicyVersion) -> Option<&VersionOfPolicy> {
        self.versions.iter().find(|row| row.version == version)
    }

    /// The version in force.
    pub fn in_force(&self) -> Option<&VersionOfPolicy> {
        self.version(self.default)
    }

    /// Its address.
    pub fn address(&self) -> PolicyKey {
        PolicyKey::new(self.account, &self.name)
    }

    /// The row of a fresh policy.
    pub fn created(created: &PolicyCreated, rev: Seq) -> Self {
        let first = VersionOfPolicy {
            at: created.at,
            version: PolicyVersion::FIRST,
            document: created.document.clone(),
        };
        let mut policy = Self {
            at: created.at,
            rev,
            name: created.name.clone(),
            next: PolicyVersion::FIRST.next(),
            tags: Vec::new(),
            account: created.account,
            default: PolicyVersion::FIRST,
            updated: created.at,
            versions: vec![first],
            description: created.description.clone(),
        };
        super::apply::tag(&mut policy.tags, &created.tags);
        policy
    }

    pub(super) fn add_version(&mut self, created: &PolicyVersionCreated) {
        self.versions
            .retain(|row| Some(row.version) != created.dropped && row.version != created.version);
        self.versions.push(VersionOfPolicy {
            at: created.at,
            version: created.version,
            document: created.document.clone(),
        });
        self.next = self.next.max(created.version.next());
        self.updated = created.at;
        if created.default {
            self.default = created.version;
        }
    }
}

impl Session {
    /// The row of a session that has just begun.
    pub(super) fn opened(opened: &SessionOpened, rev: Seq) -> Self {
        Self {
            at: opened.at,
            id: opened.id.clone(),
            rev,
            name: opened.name.clone(),
            role: opened.role,
            policy: opened.policy.clone(),
            source: opened.source.clone(),
            account: opened.account,
            expires: opened.expires,
        }
    }
}

/// What is absent stays.
pub(super) fn replace<T: Clone>(field: &mut T, new: Option<&T>) {
    if let Some(new) = new {
        field.clone_from(new);
    }
}

/// The address of a custom policy: unique in its account ignoring case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyKey {
    /// Its account.
    pub account: AccountId,
    /// Its folded name.
    pub name: Folded,
}

impl PolicyKey {
    /// The address of the policy of this name.
    pub fn new(account: AccountId, name: &PolicyName) -> Self {
        Self {
            account,
            name: name.folded(),
        }
    }
}

/// What kind of identity bears a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A role.
    Role,
}

impl NameKind {
    /// Its number in row keys.
    const fn number(self) -> u8 {
        match self {
            Self::User => 0,
            Self::Group => 1,
            Self::Role => 2,
        }
    }

    /// The inverse of `number`.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::User, Self::Group, Self::Role]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

/// The address under which the look-up of a name stands in a read set: kind (1 byte), account (8 bytes), folded name.
pub fn name_row(kind: NameKind, account: AccountId, name: &Folded) -> RowKey {
    let mut key = vec![kind.number()];
    key.extend_from_slice(&account.to_be_bytes());
    key.extend_from_slice(name.as_str().as_bytes());
    RowKey::new(Table::Name, key)
}

/// The address of the session of a temporary access key.
pub fn session_row(id: &AccessKeyId) -> RowKey {
    RowKey::new(Table::Session, id.as_str().as_bytes())
}

impl Address for UserId {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::User, self.to_be_bytes().as_slice())
    }
}

impl Address for GroupId {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::Group, self.as_bytes().as_slice())
    }
}

impl Address for RoleId {
    fn row_key(&self) -> RowKey {
        RowKey::new(Table::Role, self.to_be_bytes().as_slice())
    }
}

/// Account (8 bytes), folded name.
impl Address for PolicyKey {
    fn row_key(&self) -> RowKey {
        let mut key = self.account.to_be_bytes().to_vec();
        key.extend_from_slice(self.name.as_str().as_bytes());
        RowKey::new(Table::Policy, key)
    }
}
