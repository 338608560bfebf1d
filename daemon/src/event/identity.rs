//! The facts about identities: users, groups, roles, policies, who has which, and sessions.

use serde::{Deserialize, Serialize};

use crate::base::{
    AccessKeyId, AccountId, GroupId, GroupName, PolicyName, PolicyVersion, RoleId, RoleName, SessionName,
    SourceIdentity, Tag, Timestamp, UserId, UserName,
};

/// Who policies are attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    /// A user.
    User(UserId),
    /// A group: it passes what it has on to its members.
    Group(GroupId),
    /// A role.
    Role(RoleId),
}

/// A policy, as an account's holders refer to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyRef {
    /// One that comes with the daemon.
    System(PolicyName),
    /// One of the account's own.
    Custom(PolicyName),
}

impl PolicyRef {
    /// Its name.
    pub const fn name(&self) -> &PolicyName {
        match self {
            Self::System(name) | Self::Custom(name) => name,
        }
    }

    /// The wire's PolicyType.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::System(_) => "System",
            Self::Custom(_) => "Custom",
        }
    }
}

/// An identity that has tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tagged {
    /// A role.
    Role(RoleId),
    /// A custom policy of the account.
    Policy(PolicyName),
}

/// A fresh user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserCreated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its name.
    pub name: UserName,
    /// Its id.
    pub user: UserId,
    /// Its mail address; may be empty.
    pub email: String,
    /// Its telephone number; may be empty.
    pub mobile: String,
    /// Its account.
    pub account: AccountId,
    /// What it is called on screens.
    pub display: String,
    /// Free text.
    pub comments: String,
}

/// What of a user is now another; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUpdated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<UserName>,
    /// Which.
    pub user: UserId,
    /// Its mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// What it is called on screens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments: Option<String>,
}

/// A fresh group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCreated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its name.
    pub name: GroupName,
    /// Its id.
    pub group: GroupId,
    /// Its account.
    pub account: AccountId,
    /// Free text.
    pub comments: String,
}

/// What of a group is now another; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupUpdated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<GroupName>,
    /// Which.
    pub group: GroupId,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comments: Option<String>,
}

/// A fresh role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleCreated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its name; it never changes.
    pub name: RoleName,
    /// Its id.
    pub role: RoleId,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Its trust policy, as it was sent: who may assume it.
    pub trust: String,
    /// Its account.
    pub account: AccountId,
    /// Whether a console may offer it; without effect here.
    pub console: bool,
    /// Free text.
    pub description: String,
    /// The longest session, seconds.
    pub session_max: u64,
}

/// What of a role is now another; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleUpdated {
    /// When (admission time).
    pub at: Timestamp,
    /// Which.
    pub role: RoleId,
    /// Its trust policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// Whether a console may offer it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<bool>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The longest session, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_max: Option<u64>,
}

/// A fresh custom policy, whose first version is its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyCreated {
    /// When (admission time).
    pub at: Timestamp,
    /// Its name; it never changes.
    pub name: PolicyName,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Its account.
    pub account: AccountId,
    /// The document, as it was sent.
    pub document: String,
    /// Free text.
    pub description: String,
}

/// A fresh version of a custom policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersionCreated {
    /// When (admission time).
    pub at: Timestamp,
    /// Which policy.
    pub name: PolicyName,
    /// Its account.
    pub account: AccountId,
    /// Whether it is the default from now on.
    pub default: bool,
    /// The version that went to make room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<PolicyVersion>,
    /// Which version.
    pub version: PolicyVersion,
    /// The document, as it was sent.
    pub document: String,
}

/// A session of a role. Its secret is derived when it is needed, and stands nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOpened {
    /// When (admission time).
    pub at: Timestamp,
    /// Its temporary access key.
    pub id: AccessKeyId,
    /// Its name.
    pub name: SessionName,
    /// Of which role.
    pub role: RoleId,
    /// The session policy, as it was sent: the session may do no more than it allows.
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
