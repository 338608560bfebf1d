//! Principals of key, secret and trust policies.

use std::fmt;

use super::document::DocumentKind;
use super::{Effect, dialect};
use crate::policy::request::{Caller, Who};

/// Whom a statement of a resource or trust policy is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// `acs:ram::A:root`, in key policies also `acs:ram::A:*`: the account as such.
    Account(Box<str>),
    /// `acs:ram::A:user/N`.
    User {
        /// The account.
        account: Box<str>,
        /// The user's name.
        name: Box<str>,
    },
    /// `acs:ram::A:role/N`, with all its sessions.
    Role {
        /// The account.
        account: Box<str>,
        /// The role's name.
        name: Box<str>,
    },
    /// A service, `ecs.aliyuncs.com` (trust policies alone).
    Service(Box<str>),
    /// An identity provider, `acs:ram::A:saml-provider/N` or `oidc-provider/N` (trust policies alone). No caller of
    /// this daemon is one yet.
    Federated(Box<str>),
}

impl Principal {
    /// Parses one value of the block `RAM`.
    pub fn parse_ram(kind: DocumentKind, text: &str) -> Option<Self> {
        let (account, relative) = account_and_rest(text)?;
        let account = account.into();
        match relative.split_once('/') {
            None if relative == "root" => Some(Self::Account(account)),
            None if relative == "*" && kind == DocumentKind::Resource => Some(Self::Account(account)),
            Some(("user", name)) if is_name(name) => Some(Self::User {
                account,
                name: name.into(),
            }),
            Some(("role", name)) if is_name(name) => Some(Self::Role {
                account,
                name: name.into(),
            }),
            _ => None,
        }
    }

    /// Parses one value of the block `Service`.
    pub fn parse_service(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-".contains(&b);
        let legal =
            text.len() <= dialect::PRINCIPAL_BYTES_MAX && text.contains('.') && text.bytes().all(allowed);
        legal.then(|| Self::Service(text.into()))
    }

    /// Parses one value of the block `Federated`.
    pub fn parse_federated(text: &str) -> Option<Self> {
        let (_, relative) = account_and_rest(text)?;
        let (provider, name) = relative.split_once('/')?;
        let legal = matches!(provider, "saml-provider" | "oidc-provider") && is_name(name);
        legal.then(|| Self::Federated(text.into()))
    }

    /// Whether the caller is one of these, for a statement of this kind and effect on a resource of `owner`.
    ///
    /// In a key policy the account as such is no grant to its own users: it delegates to RAM, which already suffices
    /// (read literally, the documented default policy would give every user every right). A Deny binds them all.
    pub fn covers(
        &self,
        kind: DocumentKind,
        effect: Effect,
        caller: &Caller<'_>,
        owner: Option<&str>,
    ) -> bool {
        match self {
            Self::Account(account) => {
                let member = **account == *caller.account && !matches!(caller.who, Who::Service(_));
                let delegates =
                    kind == DocumentKind::Resource && effect == Effect::Allow && owner == Some(account);
                member && !delegates
            }
            Self::User { account, name } => {
                **account == *caller.account
                    && matches!(caller.who, Who::User { name: user } if user == &**name)
            }
            Self::Role { account, name } => {
                **account == *caller.account
                    && matches!(caller.who, Who::Session { role, .. } if role == &**name)
            }
            Self::Service(service) => matches!(caller.who, Who::Service(name) if name == &**service),
            Self::Federated(_) => false,
        }
    }

    /// The block of `Principal` that it stands in.
    pub const fn block(&self) -> &'static str {
        match self {
            Self::Account(_) | Self::User { .. } | Self::Role { .. } => "RAM",
            Self::Service(_) => "Service",
            Self::Federated(_) => "Federated",
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "acs:ram::{account}:root"),
            Self::User { account, name } => write!(f, "acs:ram::{account}:user/{name}"),
            Self::Role { account, name } => write!(f, "acs:ram::{account}:role/{name}"),
            Self::Service(text) | Self::Federated(text) => f.write_str(text),
        }
    }
}

/// Splits `acs:ram::ACCOUNT:REST`. Accounts are digits: a wildcard there would name strangers.
fn account_and_rest(text: &str) -> Option<(&str, &str)> {
    if text.len() > dialect::PRINCIPAL_BYTES_MAX {
        return None;
    }
    let (account, rest) = text.strip_prefix("acs:ram::")?.split_once(':')?;
    let digits = !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit());
    digits.then_some((account, rest))
}

/// Names of users, roles and providers hold no wildcards: principals are never patterns.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
    (1..=128).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller<'a>(account: &'a str, who: Who<'a>) -> Caller<'a> {
        Caller { account, who }
    }

    #[test]
    fn an_account_is_a_grant_to_strangers_and_a_denial_to_all() {
        let account = Principal::parse_ram(DocumentKind::Resource, "acs:ram::1:*").unwrap();
        let alice = caller("1", Who::User { name: "alice" });
        let covers = |kind, effect, owner| account.covers(kind, effect, &alice, Some(owner));
        assert!(
            !covers(DocumentKind::Resource, Effect::Allow, "1"),
            "delegates to RAM"
        );
        assert!(covers(DocumentKind::Resource, Effect::Allow, "2"));
        assert!(covers(DocumentKind::Resource, Effect::Deny, "1"));
        assert!(covers(DocumentKind::Trust, Effect::Allow, "1"));
        let stranger = caller("2", Who::User { name: "alice" });
        assert!(!account.covers(DocumentKind::Resource, Effect::Deny, &stranger, Some("1")));
    }

    #[test]
    fn a_role_covers_its_sessions_and_no_user_of_its_name() {
        let role = Principal::parse_ram(DocumentKind::Trust, "acs:ram::1:role/ops").unwrap();
        let covers = |who| role.covers(DocumentKind::Trust, Effect::Allow, &caller("1", who), Some("1"));
        assert!(covers(Who::Session {
            role: "ops",
            session: "s"
        }));
        assert!(!covers(Who::Session {
            role: "Ops",
            session: "s"
        }));
        assert!(!covers(Who::User { name: "ops" }));
        assert!(!covers(Who::Service("ops")));
    }
}
