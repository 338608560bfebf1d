//! Every action that this daemon knows, with the kinds of resources it is checked on (authorization reference, section
//! 2; RAM, STS, ActionTrail: section 2 of their contract). A wildcard in a policy stands for members of this list; a
//! test compares it with the table of operations.
//!
//! An action that is authorised without being an operation of its own is here too: ReEncryptFrom and ReEncryptTo.

mod actions;

use super::language::Actions;

/// One action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its name with the service, `kms:Encrypt`, in the case of the API.
    pub name: &'static str,
    /// The kinds of resources it is checked on; several if one call is checked on several, or on one of several.
    /// Empty: authentication suffices, no check is ever made.
    pub on: &'static [ResourceKind],
}

impl Action {
    /// Whether a condition on a tag of the resource can ever be met: keys, secrets and certificates have tags.
    pub fn sees_tags(&self) -> bool {
        self.on.iter().any(|kind| kind.has_tags())
    }

    /// Whether it has no resource: it is checked against the literal text `*`, which only the pattern `*` matches.
    pub fn is_unscoped(&self) -> bool {
        self.on == [ResourceKind::Unscoped]
    }

    /// The service, `kms`.
    pub fn service(&self) -> &'static str {
        self.name
            .split_once(':')
            .map_or(self.name, |(service, _)| service)
    }
}

/// A kind of resource, told by the form of its ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A key.
    Key,
    /// A secret.
    Secret,
    /// A certificate.
    Certificate,
    /// An alias.
    Alias,
    /// All keys of a region.
    KeyContainer,
    /// All secrets of a region.
    SecretContainer,
    /// All aliases of a region.
    AliasContainer,
    /// All certificates of a region.
    CertificateContainer,
    /// A RAM user; the container is written `user/*`.
    User,
    /// A RAM group.
    Group,
    /// A RAM role.
    Role,
    /// A policy, of the account or of the system.
    Policy,
    /// The account's own settings.
    Account,
    /// A trail.
    Trail,
    /// The log of this daemon.
    Log,
    /// The accounts of this daemon.
    Accounts,
    /// The access keys of an account's root.
    RootKeys,
    /// No resource: the literal `*`.
    Unscoped,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Key,
        Self::Secret,
        Self::Certificate,
        Self::Alias,
        Self::KeyContainer,
        Self::SecretContainer,
        Self::AliasContainer,
        Self::CertificateContainer,
        Self::User,
        Self::Group,
        Self::Role,
        Self::Policy,
        Self::Account,
        Self::Trail,
        Self::Log,
        Self::Accounts,
        Self::RootKeys,
        Self::Unscoped,
    ];

    /// A pattern that every ARN of the kind fits.
    pub const fn form(self) -> &'static str {
        match self {
            Self::Key => "acs:kms:*:*:key/*",
            Self::Secret => "acs:kms:*:*:secret/*",
            Self::Certificate => "acs:kms:*:*:certificate/*",
            Self::Alias => "acs:kms:*:*:alias/*",
            Self::KeyContainer => "acs:kms:*:*:key",
            Self::SecretContainer => "acs:kms:*:*:secret",
            Self::AliasContainer => "acs:kms:*:*:alias",
            Self::CertificateContainer => "acs:kms:*:*:certificate",
            Self::User => "acs:ram:*:*:user/*",
            Self::Group => "acs:ram:*:*:group/*",
            Self::Role => "acs:ram:*:*:role/*",
            Self::Policy => "acs:ram:*:*:policy/*",
            Self::Account => "acs:ram:*:*:*",
            Self::Trail => "acs:actiontrail:*:*:trail/*",
            Self::Log => "acs:chancery:*:*:log",
            Self::Accounts => "acs:chancery:*:*:account",
            Self::RootKeys => "acs:chancery:*:*:root-key",
            Self::Unscoped => "*",
        }
    }

    /// Whether things of this kind have tags that conditions see.
    pub const fn has_tags(self) -> bool {
        matches!(self, Self::Key | Self::Secret | Self::Certificate)
    }
}

/// Every action, by service.
pub fn all() -> impl Iterator<Item = &'static Action> + Clone {
    [
        actions::KMS,
        actions::RAM,
        actions::STS,
        actions::ACTIONTRAIL,
        actions::CHANCERY,
    ]
    .into_iter()
    .flatten()
}

/// The services that have actions here.
pub const SERVICES: &[&str] = &["kms", "ram", "sts", "actiontrail", "chancery"];

/// The action of this name; case does not count.
pub fn find(name: &str) -> Option<&'static Action> {
    all().find(|action| action.name.eq_ignore_ascii_case(name))
}

/// The actions that a statement is about, in the order of the catalogue.
pub fn covered(actions: &Actions) -> impl Iterator<Item = &'static Action> {
    all().filter(move |action| actions.cover(action.name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_of_their_service() {
        let names: BTreeSet<_> = all().map(|action| action.name.to_ascii_lowercase()).collect();
        assert_eq!(names.len(), all().count());
        assert!(all().all(|action| SERVICES.contains(&action.service())));
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(find("KMS:encrypt").unwrap().name, "kms:Encrypt");
        assert!(find("kms:ReEncrypt").is_none(), "authorised as two actions");
        assert!(find("kms:GetRandomPassword").unwrap().is_unscoped());
        assert!(!find("kms:ListAliases").unwrap().sees_tags());
    }
}
