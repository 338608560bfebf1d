//! A policy as somebody proposes it, in states that do not have it yet.
//!
//! I1  Everything else in the state stays as the events left it: the proposal is put in by changes, as an operation would
//!     have put it, so revisions move and whatever is compiled by revision is compiled again.
//! I2  The proposal is in force in whatever state `hold` has seen last, whatever versions the events made default.
//!
//! Never: changes a state that anybody else reads; its callers hand in copies.

use std::collections::BTreeSet;
use std::fmt;

use super::language::{Document, DocumentKind, Fault};
use crate::base::{AccountId, GroupName, PolicyName, PolicyVersion, RoleName, Seq, Timestamp, UserName};
use crate::event::{Change, Holder, PolicyCreated, PolicyRef, PolicyVersionCreated};
use crate::projection::{PolicyKey, State};

/// A user, a group or a role, by its name: `user/alice`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HolderName {
    /// A user.
    User(UserName),
    /// A group.
    Group(GroupName),
    /// A role.
    Role(RoleName),
}

impl HolderName {
    /// Parses `user/NAME`, `group/NAME` or `role/NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        match kind {
            "user" => UserName::parse(name).ok().map(Self::User),
            "group" => GroupName::parse(name).ok().map(Self::Group),
            "role" => RoleName::parse(name).ok().map(Self::Role),
            _ => None,
        }
    }

    /// Who bears the name in a state.
    pub fn bearer(&self, account: AccountId, state: &State) -> Option<Holder> {
        match self {
            Self::User(name) => state.user_named(account, name).map(|row| Holder::User(row.id)),
            Self::Group(name) => state.group_named(account, name).map(|row| Holder::Group(row.id)),
            Self::Role(name) => state.role_named(account, name).map(|row| Holder::Role(row.id)),
        }
    }
}

impl fmt::Display for HolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user/{name}"),
            Self::Group(name) => write!(f, "group/{name}"),
            Self::Role(name) => write!(f, "role/{name}"),
        }
    }
}

/// What is proposed, and whom it has met so far.
#[derive(Debug, Clone)]
pub struct Proposal {
    account: AccountId,
    name: PolicyName,
    text: String,
    document: Document,
    attach_to: Option<HolderName>,
    /// Whoever has borne the name: a renamed user keeps what it was given.
    holders: BTreeSet<Holder>,
    /// Whether the policy was there.
    met: bool,
}

impl Proposal {
    /// A document for the custom policy `name` of an account, which is also attached to somebody if it says so.
    pub fn new(
        account: AccountId,
        name: PolicyName,
        text: String,
        attach_to: Option<HolderName>,
    ) -> Result<Self, Fault> {
        let document = Document::parse(DocumentKind::Identity, &text)?;
        Ok(Self {
            account,
            name,
            text,
            document,
            attach_to,
            holders: BTreeSet::new(),
            met: false,
        })
    }

    /// What it says.
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// The policy's name.
    pub const fn name(&self) -> &PolicyName {
        &self.name
    }

    /// To whom it is attached besides.
    pub const fn attach_to(&self) -> Option<&HolderName> {
        self.attach_to.as_ref()
    }

    /// Whether it was in force in any of the states.
    pub const fn is_met(&self) -> bool {
        self.met
    }

    /// Whether a statement as decisions name it is of the policy, in whatever version.
    pub fn is_of_policy(&self, by: &str) -> bool {
        let name = by.split_once('@').map(|(name, _)| name);
        name.is_some_and(|name| name.eq_ignore_ascii_case(self.name.as_str()))
    }

    /// The statements that it would replace in a state, as decisions name them.
    pub fn replaced(&self, state: &State) -> Vec<String> {
        let policy = state.policy_at(&PolicyKey::new(self.account, &self.name));
        let Some((policy, row)) = policy.and_then(|policy| Some((policy, policy.in_force()?))) else {
            return Vec::new();
        };
        // What was stored was read once; should it not read now, it decides nothing.
        let document = Document::parse(DocumentKind::Identity, &row.document);
        let count = document.map_or(0, |document| document.statements().len());
        let names = (0..count).map(|at| format!("{}@{}#{at}", policy.name, row.version));
        names.collect()
    }

    /// Of a statement as decisions name it, its number in the proposal; none for a statement of anything else.
    pub fn statement(&self, by: &str) -> Option<usize> {
        let (policy, index) = by.rsplit_once('#')?;
        let (name, version) = policy.rsplit_once('@')?;
        let ours =
            name.eq_ignore_ascii_case(self.name.as_str()) && version == PolicyVersion::LAST.to_string();
        index.parse().ok().filter(|_| ours)
    }

    /// Puts the proposal in force in a state that has just taken in event `rev`.
    pub fn hold(&mut self, state: &mut State, at: Timestamp, rev: Seq) {
        let account = self.account;
        self.holders.extend(
            self.attach_to
                .as_ref()
                .and_then(|name| name.bearer(account, state)),
        );
        let holders: Vec<Holder> = self
            .holders
            .iter()
            .copied()
            .filter(|holder| state.account_of(*holder).is_some())
            .collect();
        let address = PolicyKey::new(account, &self.name);
        if state.policy_at(&address).is_none() && !holders.is_empty() {
            let created = PolicyCreated {
                at,
                name: self.name.clone(),
                tags: Vec::new(),
                account,
                document: self.text.clone(),
                description: String::new(),
            };
            *state = state.with_change(&Change::PolicyCreated(created), rev);
        }
        let Some(policy) = state.policy_at(&address) else {
            return;
        };
        self.met = true;
        let name = policy.name.clone();
        if policy.default != PolicyVersion::LAST {
            let created = PolicyVersionCreated {
                at,
                name: name.clone(),
                account,
                default: true,
                dropped: None,
                version: PolicyVersion::LAST,
                document: self.text.clone(),
            };
            *state = state.with_change(&Change::PolicyVersionCreated(created), rev);
        }
        let policy = PolicyRef::Custom(name);
        for holder in holders {
            if state.attached_to(holder).iter().all(|row| row.policy != policy) {
                let attached = Change::PolicyAttached {
                    at,
                    holder,
                    policy: policy.clone(),
                };
                *state = state.with_change(&attached, rev);
            }
        }
    }
}
