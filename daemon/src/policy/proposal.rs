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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserId;
    use crate::event::{UserCreated, UserUpdated};

    const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    const ALL: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

    fn account() -> AccountId {
        "1000000000000001".parse().unwrap()
    }

    fn name() -> PolicyName {
        PolicyName::parse("app").unwrap()
    }

    fn alice() -> UserId {
        UserId::parse("200000000000000001").unwrap()
    }

    fn proposal(attach_to: Option<&str>) -> Proposal {
        let attach_to = attach_to.and_then(HolderName::parse);
        Proposal::new(account(), name(), ALL.to_owned(), attach_to).unwrap()
    }

    /// Everything that can happen to a policy and its holder, one after the other.
    fn history() -> Vec<Change> {
        let (account, policy) = (account(), PolicyRef::Custom(name()));
        let holder = Holder::User(alice());
        vec![
            Change::UserCreated(UserCreated {
                at: AT,
                name: UserName::parse("alice").unwrap(),
                user: alice(),
                email: String::new(),
                mobile: String::new(),
                account,
                display: String::new(),
                comments: String::new(),
            }),
            Change::PolicyCreated(PolicyCreated {
                at: AT,
                name: name(),
                tags: Vec::new(),
                account,
                document: ALL.to_owned(),
                description: String::new(),
            }),
            Change::PolicyAttached {
                at: AT,
                holder,
                policy: policy.clone(),
            },
            Change::PolicyVersionCreated(PolicyVersionCreated {
                at: AT,
                name: name(),
                account,
                default: true,
                dropped: None,
                version: PolicyVersion::FIRST.next(),
                document: ALL.to_owned(),
            }),
            Change::PolicyDefaultSet {
                at: AT,
                name: name(),
                account,
                version: PolicyVersion::FIRST,
            },
            Change::UserUpdated(UserUpdated {
                at: AT,
                name: UserName::parse("alicia").ok(),
                user: alice(),
                email: None,
                mobile: None,
                display: None,
                comments: None,
            }),
            Change::PolicyDetached { holder, policy },
            Change::PolicyDeleted {
                name: name(),
                account,
            },
        ]
    }

    /// After each change: whether the proposal is in force, and whether alice has it.
    fn follow(mut proposal: Proposal) -> (Vec<(bool, bool)>, bool) {
        let mut state = State::default();
        let changes = history();
        let seen = changes.iter().enumerate().map(|(at, change)| {
            let rev = Seq::new(at as u64);
            state = state.with_change(change, rev);
            proposal.hold(&mut state, AT, rev);
            let before: Vec<_> = state.rows().collect();
            proposal.hold(&mut state, AT, rev);
            assert_eq!(state.rows().collect::<Vec<_>>(), before, "once is enough");
            let row = state.policy_at(&PolicyKey::new(account(), &name()));
            let in_force = row.is_some_and(|row| row.in_force().unwrap().version == PolicyVersion::LAST);
            let holder = state.attached_to(Holder::User(alice()));
            (in_force, !holder.is_empty())
        });
        let seen = seen.collect();
        (seen, proposal.is_met())
    }

    #[test]
    fn it_is_in_force_as_long_as_the_policy_is_there() {
        let (seen, met) = follow(proposal(None));
        let (no, there, has) = ((false, false), (true, false), (true, true));
        assert_eq!(seen, [no, there, has, has, has, has, there, no]);
        assert!(met);
    }

    #[test]
    fn who_it_is_attached_to_has_it_from_the_beginning_whatever_happens() {
        let (seen, met) = follow(proposal(Some("user/alice")));
        assert_eq!(seen, [(true, true); 8], "also under another name");
        assert!(met);
        let (_, met) = follow(proposal(Some("group/none")));
        assert!(met, "the policy itself was there");
    }

    #[test]
    fn its_statements_are_told_from_those_of_real_versions() {
        let proposal = proposal(None);
        let last = PolicyVersion::LAST;
        assert_eq!(proposal.statement(&format!("app@{last}#3")), Some(3));
        for other in ["app@v1#0", "other@v4294967295#0", "key policy#0", ""] {
            assert_eq!(proposal.statement(other), None, "{other}");
        }
        assert!(proposal.is_of_policy("app@v1#0") && !proposal.is_of_policy("apple@v1#0"));
    }
}
