//! The decision. Until identities and policies exist there are three rules: the root of an account may do everything
//! within its account; the operator, who is the root of the account that the log was founded with, may do what concerns
//! other accounts or the daemon; and the daemon may do what its own housekeeping asks for.

use crate::base::{AccountId, RequestId};
use crate::event::{Actor, ActorKind};

use super::Permit;

/// What is to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The call that asks.
    pub call: RequestId,
    /// Who asks.
    pub actor: &'a Actor,
    /// The account whose resources the call would touch.
    pub account: AccountId,
    /// The operator's account, when the call concerns other accounts or the daemon itself.
    pub operator: Option<AccountId>,
    /// Whether being authenticated is enough (DescribeRegions).
    pub open: bool,
}

/// The answer is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// No rule allows it.
    NothingAllows,
}

/// The rule of an account's root, as events name it.
const BY_ROOT: &str = "account root";
/// The rule of the operator.
const BY_OPERATOR: &str = "operator";
/// The rule of the daemon itself.
const BY_SYSTEM: &str = "system";
/// The rule of operations that need authentication alone.
const BY_AUTHENTICATION: &str = "authentication alone";

/// Decides one call.
pub fn authorize(question: &Question<'_>) -> Result<Permit, Denial> {
    let account = question.actor.account;
    let rule = match question.actor.kind {
        ActorKind::System => BY_SYSTEM,
        ActorKind::Root if question.operator == Some(account) => BY_OPERATOR,
        ActorKind::Root if question.account == account => BY_ROOT,
        ActorKind::Root | ActorKind::RamUser | ActorKind::AssumedRole | ActorKind::Unmapped
            if question.open =>
        {
            BY_AUTHENTICATION
        }
        ActorKind::Root | ActorKind::RamUser | ActorKind::AssumedRole | ActorKind::Unmapped => {
            return Err(Denial::NothingAllows);
        }
    };
    Ok(Permit::issue(question.call, vec![rule.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(actor: &Actor, account: &str, open: bool) -> Result<Permit, Denial> {
        authorize(&Question {
            call: RequestId::from_bytes([1; 16]),
            actor,
            account: account.parse().unwrap(),
            operator: None,
            open,
        })
    }

    #[test]
    fn root_rules_its_own_account_alone() {
        let actor = Actor::root("1000000000000001".parse().unwrap(), None);
        assert_eq!(
            question(&actor, "1000000000000001", false).unwrap().by(),
            ["account root"]
        );
        assert_eq!(
            question(&actor, "1000000000000002", false),
            Err(Denial::NothingAllows)
        );
    }

    #[test]
    fn the_operator_alone_acts_beyond_its_account() {
        let first = "1000000000000001".parse().unwrap();
        let other = "1000000000000002".parse().unwrap();
        let ask = |kind, account, concerned| {
            let actor = match kind {
                ActorKind::Root => Actor::root(account, None),
                _ => Actor::unmapped(account),
            };
            let question = Question {
                call: RequestId::from_bytes([1; 16]),
                actor: &actor,
                account: concerned,
                operator: Some(first),
                open: false,
            };
            authorize(&question).map(|permit| permit.by().to_vec())
        };
        assert_eq!(ask(ActorKind::Root, first, other).unwrap(), ["operator"]);
        assert_eq!(ask(ActorKind::Root, first, first).unwrap(), ["operator"]);
        assert_eq!(ask(ActorKind::Root, other, first), Err(Denial::NothingAllows));
        assert_eq!(ask(ActorKind::Unmapped, first, other), Err(Denial::NothingAllows));
    }

    #[test]
    fn an_unmapped_peer_may_do_nothing_but_what_is_open() {
        let actor = Actor::unmapped("1000000000000001".parse().unwrap());
        assert_eq!(
            question(&actor, "1000000000000001", false),
            Err(Denial::NothingAllows)
        );
        assert!(question(&actor, "1000000000000001", true).is_ok());
    }
}
