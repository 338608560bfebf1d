//! The decision. Some callers need no policy: the root of an account may do everything within its account; the operator,
//! who is the root of the account that the log was founded with, may do what concerns other accounts or the daemon; the
//! daemon may do what its own housekeeping asks for. For everybody else policies are asked, once for each action on each
//! resource, and all of these checks must allow.

use std::borrow::Cow;

use super::Permit;
use super::checks::ask_policies;
use super::library::Library;
use crate::base::{AccessDenied, AccountId, RequestId, Timestamp};
use crate::event::{Actor, ActorKind, Checked, Origin, Recorded};
use crate::projection::Reader;

/// What is to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The call that asks.
    pub call: RequestId,
    /// Product and action, `kms/Encrypt`.
    pub op: &'a str,
    /// Who asks.
    pub actor: &'a Actor,
    /// From where.
    pub origin: &'a Origin,
    /// Admission time.
    pub at: Timestamp,
    /// The account whose resources the call would touch.
    pub account: AccountId,
    /// The operator's account, when the call concerns other accounts or the daemon itself.
    pub operator: Option<AccountId>,
    /// Whether being authenticated is enough (DescribeRegions).
    pub open: bool,
    /// The ARNs of what the call would touch.
    pub resources: &'a [&'a str],
    /// The condition values that the request brings.
    pub brings: &'a Recorded,
}

/// The answer.
#[derive(Debug)]
pub struct Ruling {
    /// Yes, with the proof, or no.
    pub answer: Result<Permit, Denial>,
    /// The rule that made it, where no policy was asked.
    pub by: Vec<Cow<'static, str>>,
    /// What policies said.
    pub checks: Vec<Checked>,
}

/// The answer is no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// No rule allows it.
    NothingAllows,
    /// An account's root can't assume a role: there would be nobody behind the session.
    RootAssumes,
    /// Policies deny it.
    Policies(Box<AccessDenied>),
}

/// The rule of an account's root, as events name it.
const BY_ROOT: &str = "account root";
/// The rule of the operator.
const BY_OPERATOR: &str = "operator";
/// The rule of the daemon itself.
const BY_SYSTEM: &str = "system";
/// The rule of operations that need authentication alone.
const BY_AUTHENTICATION: &str = "authentication alone";
/// No rule.
const BY_NOTHING: &str = "nothing allows it";
/// The rule against roots in roles.
const BY_ROOT_ASSUMES: &str = "roots assume no roles";

/// What hands out a root's access key or takes it away, what changes the key that the log is believed by, and what hands out all
/// keys of all accounts, sealed as they are: roots alone may do that, whatever policies say.
const OF_ROOTS: [&str; 5] = [
    "chancery/GetVault",
    "chancery/RotateLogKey",
    "chancery/CreateAccount",
    "chancery/RotateRootKey",
    "chancery/DeleteRootKey",
];

/// The operation that opens a session of a role.
pub(super) const ASSUME_ROLE: &str = "sts/AssumeRole";

/// Decides one call. What is read of principals goes through `reader`, into the read set.
pub fn authorize(question: &Question<'_>, reader: &Reader<'_>, library: &Library) -> Ruling {
    let account = question.actor.account;
    let allowed = |rule: &'static str| Ruling {
        answer: Ok(Permit::issue(question.call)),
        by: vec![rule.into()],
        checks: Vec::new(),
    };
    let denied = |denial, rule: &'static str| Ruling {
        answer: Err(denial),
        by: vec![rule.into()],
        checks: Vec::new(),
    };
    match question.actor.kind {
        ActorKind::System => allowed(BY_SYSTEM),
        ActorKind::Root if question.op == ASSUME_ROLE => denied(Denial::RootAssumes, BY_ROOT_ASSUMES),
        ActorKind::Root if question.operator == Some(account) => allowed(BY_OPERATOR),
        ActorKind::Root if question.account == account => allowed(BY_ROOT),
        _ if question.open => allowed(BY_AUTHENTICATION),
        ActorKind::Root | ActorKind::Unmapped => denied(Denial::NothingAllows, BY_NOTHING),
        ActorKind::RamUser | ActorKind::AssumedRole if question.is_beyond_policies() => {
            denied(Denial::NothingAllows, BY_NOTHING)
        }
        ActorKind::RamUser | ActorKind::AssumedRole => ask_policies(question, reader, library)
            .unwrap_or_else(|| denied(Denial::NothingAllows, BY_NOTHING)),
    }
}

impl Question<'_> {
    /// Whether no policy can allow it: what concerns another account, of which roles alone can be lent, and what would make its
    /// asker a root, who is above all policies.
    fn is_beyond_policies(&self) -> bool {
        (self.account != self.actor.account && self.op != ASSUME_ROLE) || OF_ROOTS.contains(&self.op)
    }
}

#[cfg(test)]
mod tests;
