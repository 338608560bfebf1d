//! Resource names, `acs:kms:REGION:ACCOUNT:RESOURCE` (KMS API, section 3.1 of the wire contract).

use std::fmt;

use super::{AccountId, AliasName, GroupName, KeyId, PolicyName, Region, RoleName, SessionName, UserName};

/// The name of a resource, in the form that policies and events use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn(Box<str>);

impl Arn {
    /// The container of all keys: what CreateKey and ListKeys act on.
    pub fn keys(region: &Region, account: AccountId) -> Self {
        Self::kms(region, account, format_args!("key"))
    }

    /// The container of all aliases: what ListAliases acts on.
    pub fn aliases(region: &Region, account: AccountId) -> Self {
        Self::kms(region, account, format_args!("alias"))
    }

    /// One key.
    pub fn key(region: &Region, account: AccountId, key: KeyId) -> Self {
        Self::kms(region, account, format_args!("key/{key}"))
    }

    /// One alias; the ARN has the `alias/` prefix once.
    pub fn alias(region: &Region, account: AccountId, alias: &AliasName) -> Self {
        Self::kms(region, account, format_args!("{alias}"))
    }

    /// The container of all accounts, as the root of `account` sees it. Accounts belong to no region.
    pub fn accounts(account: AccountId) -> Self {
        Self(format!("acs:chancery::{account}:account").into())
    }

    /// The access keys of an account's root.
    pub fn root_keys(account: AccountId) -> Self {
        Self(format!("acs:chancery::{account}:root-key").into())
    }

    /// The log of this daemon, what the operations of the chancery product act on.
    pub fn log(region: &Region, account: AccountId) -> Self {
        Self(format!("acs:chancery:{region}:{account}:log").into())
    }

    /// All of an account's identities: what its alias and its settings belong to. Identities belong to no region.
    pub fn identities(account: AccountId) -> Self {
        Self::ram(account, format_args!("*"))
    }

    /// The root of an account.
    pub fn root(account: AccountId) -> Self {
        Self::ram(account, format_args!("root"))
    }

    /// The container of all users: what CreateUser and ListUsers act on.
    pub fn users(account: AccountId) -> Self {
        Self::ram(account, format_args!("user/*"))
    }

    /// One user.
    pub fn user(account: AccountId, name: &UserName) -> Self {
        Self::ram(account, format_args!("user/{name}"))
    }

    /// The container of all groups.
    pub fn groups(account: AccountId) -> Self {
        Self::ram(account, format_args!("group/*"))
    }

    /// One group.
    pub fn group(account: AccountId, name: &GroupName) -> Self {
        Self::ram(account, format_args!("group/{name}"))
    }

    /// The container of all roles.
    pub fn roles(account: AccountId) -> Self {
        Self::ram(account, format_args!("role/*"))
    }

    /// One role.
    pub fn role(account: AccountId, name: &RoleName) -> Self {
        Self::ram(account, format_args!("role/{name}"))
    }

    /// A session of a role, as AssumeRole names it.
    pub fn role_session(account: AccountId, role: &RoleName, session: &SessionName) -> Self {
        Self::ram(account, format_args!("role/{role}/{session}"))
    }

    /// A session of a role, as a principal.
    pub fn assumed_role(account: AccountId, role: &RoleName, session: &SessionName) -> Self {
        Self::ram(account, format_args!("assumed-role/{role}/{session}"))
    }

    /// The container of all custom policies.
    pub fn policies(account: AccountId) -> Self {
        Self::ram(account, format_args!("policy/*"))
    }

    /// One custom policy.
    pub fn policy(account: AccountId, name: &PolicyName) -> Self {
        Self::ram(account, format_args!("policy/{name}"))
    }

    /// One system policy; it belongs to no account.
    pub fn system_policy(name: &PolicyName) -> Self {
        Self(format!("acs:ram::system:policy/{name}").into())
    }

    /// The ARN as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn kms(region: &Region, account: AccountId, resource: fmt::Arguments<'_>) -> Self {
        Self(format!("acs:kms:{region}:{account}:{resource}").into())
    }

    fn ram(account: AccountId, resource: fmt::Arguments<'_>) -> Self {
        Self(format!("acs:ram::{account}:{resource}").into())
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The account and the name in the ARN of a role, `acs:ram::ACCOUNT:role/NAME`.
pub fn role_of(text: &str) -> Option<(AccountId, RoleName)> {
    let (account, relative) = text.strip_prefix("acs:ram::")?.split_once(':')?;
    let name = RoleName::parse(relative.strip_prefix("role/")?).ok()?;
    Some((account.parse().ok()?, name))
}

/// The parts of a key ARN, as a caller may give one for KeyId.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyArn {
    /// The region it names.
    pub region: Region,
    /// The account it names.
    pub account: AccountId,
    /// The key it names.
    pub key: KeyId,
}

impl KeyArn {
    /// Parses `acs:kms:REGION:ACCOUNT:key/KEY-ID`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("acs:kms:")?.splitn(3, ':');
        let region = Region::parse(parts.next()?)?;
        let account = parts.next()?.parse().ok()?;
        let key = KeyId::parse(parts.next()?.strip_prefix("key/")?)?;
        Some(Self { region, account, key })
    }
}
