//! What a decision is about: who asks, to do what, on which resource, under which conditions.

use std::borrow::Cow;
use std::fmt;

use super::language::ConditionKey;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The account the caller belongs to; empty for a service.
    pub account: &'a str,
    /// Who in it.
    pub who: Who<'a>,
}

/// Who in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// Its owner.
    Root,
    /// A RAM user.
    User {
        /// The user's name.
        name: &'a str,
    },
    /// A session of a role.
    Session {
        /// The role's name.
        role: &'a str,
        /// The session's name.
        session: &'a str,
    },
    /// A service, `ecs.aliyuncs.com`, that asks for a role.
    Service(&'a str),
}

impl Caller<'_> {
    /// The name that conditions (acs:PrincipalARN) and principals see: for a session that of its role.
    pub fn arn(&self) -> String {
        let account = self.account;
        match self.who {
            Who::Root => format!("acs:ram::{account}:root"),
            Who::User { name } => format!("acs:ram::{account}:user/{name}"),
            Who::Session { role, .. } => format!("acs:ram::{account}:role/{role}"),
            Who::Service(name) => name.into(),
        }
    }
}

/// The condition values of one check, as text.
pub trait Conditions: fmt::Debug {
    /// The value of the key; `None` if the request has none. Tags are those of the resource under check.
    fn value(&self, key: &ConditionKey) -> Option<Cow<'_, str>>;
}

/// One action on one resource.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// The action, `kms:Encrypt`.
    pub action: &'a str,
    /// The resource's ARN, or `*` for an action that has no resource.
    pub resource: &'a str,
    /// The condition values.
    pub conditions: &'a dyn Conditions,
}

impl<'a> Check<'a> {
    /// The account that owns the resource; `None` if nobody does: an action without resource, a system policy.
    pub fn owner(&self) -> Option<&'a str> {
        owner(self.resource)
    }
}

/// The account field of an ARN; `None` for `*` and for what the system owns.
pub fn owner(resource: &str) -> Option<&str> {
    let account = resource.split(':').nth(3)?;
    (!account.is_empty() && account != "system").then_some(account)
}
