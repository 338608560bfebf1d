//! Who asked, and from where.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::{
    AccessKeyId, AccountId, Arn, PrincipalName, RoleId, RoleName, SessionName, SourceIdentity, UserId,
    UserName,
};

/// What kind of principal acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ActorKind {
    /// The root of an account.
    Root,
    /// A user of an account.
    RamUser,
    /// A session of a role.
    AssumedRole,
    /// The daemon itself.
    System,
    /// A local peer whose uid maps to no principal: authenticated, and nobody.
    Unmapped,
}

/// The id of a user or a role; its first digit says which. Encoded as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalId {
    /// A user's.
    User(UserId),
    /// A role's.
    Role(RoleId),
}

impl PrincipalId {
    /// The number, big-endian.
    pub const fn to_be_bytes(self) -> [u8; 8] {
        match self {
            Self::User(user) => user.to_be_bytes(),
            Self::Role(role) => role.to_be_bytes(),
        }
    }
}

impl Serialize for PrincipalId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::User(user) => user.serialize(serializer),
            Self::Role(role) => role.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PrincipalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = u64::deserialize(deserializer)?.to_string();
        UserId::parse(&text)
            .map(Self::User)
            .or_else(|| RoleId::parse(&text).map(Self::Role))
            .ok_or_else(|| serde::de::Error::custom("not the id of a user or a role"))
    }
}

/// The principal of an operation, named as it was when it acted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The access key that signed the request, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ak: Option<AccessKeyId>,
    /// The user, or the role of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PrincipalId>,
    /// Its kind.
    pub kind: ActorKind,
    /// The name of the user or the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<PrincipalName>,
    /// Who is behind the session, as its opener said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceIdentity>,
    /// The account it belongs to.
    pub account: AccountId,
    /// The session's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionName>,
}

impl Actor {
    /// The daemon, acting on `account`.
    pub const fn system(account: AccountId) -> Self {
        Self::nameless(ActorKind::System, account)
    }

    /// The root of an account, who signed with `ak` or came in locally.
    pub fn root(account: AccountId, ak: Option<AccessKeyId>) -> Self {
        Self {
            ak,
            ..Self::nameless(ActorKind::Root, account)
        }
    }

    /// A local peer who is nobody.
    pub const fn unmapped(account: AccountId) -> Self {
        Self::nameless(ActorKind::Unmapped, account)
    }

    /// A user.
    pub fn user(account: AccountId, id: UserId, name: UserName, ak: Option<AccessKeyId>) -> Self {
        Self {
            ak,
            id: Some(PrincipalId::User(id)),
            name: Some(name.into()),
            ..Self::nameless(ActorKind::RamUser, account)
        }
    }

    /// A session of a role. One without a temporary access key is a local peer's.
    pub fn assumed_role(
        account: AccountId,
        (id, name): (RoleId, RoleName),
        session: SessionName,
        source: Option<SourceIdentity>,
        ak: Option<AccessKeyId>,
    ) -> Self {
        Self {
            ak,
            id: Some(PrincipalId::Role(id)),
            name: Some(name.into()),
            source,
            session: Some(session),
            ..Self::nameless(ActorKind::AssumedRole, account)
        }
    }

    const fn nameless(kind: ActorKind, account: AccountId) -> Self {
        Self {
            ak: None,
            id: None,
            kind,
            name: None,
            source: None,
            account,
            session: None,
        }
    }

    /// Whether policies are asked about it.
    pub const fn is_governed(&self) -> bool {
        matches!(self.kind, ActorKind::RamUser | ActorKind::AssumedRole)
    }

    /// The user, if it is one.
    pub const fn user_id(&self) -> Option<UserId> {
        match (self.kind, self.id) {
            (ActorKind::RamUser, Some(PrincipalId::User(user))) => Some(user),
            _ => None,
        }
    }

    /// The role, if it is a session of one.
    pub const fn role_id(&self) -> Option<RoleId> {
        match (self.kind, self.id) {
            (ActorKind::AssumedRole, Some(PrincipalId::Role(role))) => Some(role),
            _ => None,
        }
    }

    /// The principal as policies know it: a session is its role. None for the daemon itself and for nobody.
    pub fn principal_arn(&self) -> Option<Arn> {
        let name = self.name.as_ref().map(PrincipalName::as_str);
        match self.kind {
            ActorKind::Root => Some(Arn::root(self.account)),
            ActorKind::RamUser => UserName::parse(name?)
                .ok()
                .map(|name| Arn::user(self.account, &name)),
            ActorKind::AssumedRole => RoleName::parse(name?)
                .ok()
                .map(|name| Arn::role(self.account, &name)),
            ActorKind::System | ActorKind::Unmapped => None,
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// Peer address, for TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// Peer process, for the Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Whether the transport was encrypted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// Peer user, for the Unix socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// User agent, cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Keyed hash of the signature nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<u64>,
    /// `unix`, `tcp`, `tls`, or `self` for the daemon's own operations.
    pub listener: String,
}

impl Origin {
    /// The daemon itself.
    pub fn internal() -> Self {
        Self {
            listener: "self".into(),
            ..Self::default()
        }
    }
}
