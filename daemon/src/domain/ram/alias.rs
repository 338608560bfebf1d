//! What an account calls itself. No two accounts of the daemon are called alike.

use crate::base::{AccountAlias, Arn};
use crate::domain::{Command, Decided, Facts, Refusal, Scope, Unresolved};
use crate::event::Change;
use crate::projection::{Reader, State};

/// Sets, replaces or takes away the account's alias.
#[derive(Debug)]
pub struct SetAccountAlias {
    /// The alias; none for no alias.
    pub alias: Option<AccountAlias>,
}

impl Command for SetAccountAlias {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        reader.account(scope.account).ok_or(Refusal::AccountNotFound)?;
        Ok(vec![Arn::identities(scope.account)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let account = state.account(scope.account).ok_or(Refusal::AccountNotFound)?;
        if account.alias == self.alias {
            return Ok(Decided::nothing());
        }
        if self.alias.is_some() && state.accounts().any(|other| other.alias == self.alias) {
            return Err(Refusal::AccountAliasTaken);
        }
        Ok(Decided::change(Change::AccountAliasSet {
            alias: self.alias.clone(),
            account: scope.account,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::given::{When, account, given, opened};

    fn set(alias: Option<&str>, n: u8) -> Change {
        Change::AccountAliasSet {
            alias: alias.map(|text| AccountAlias::parse(text).unwrap()),
            account: account(n),
        }
    }

    fn command(alias: Option<&str>) -> SetAccountAlias {
        let alias = alias.map(|text| AccountAlias::parse(text).unwrap());
        SetAccountAlias { alias }
    }

    #[test]
    fn an_alias_is_one_accounts_alone_and_can_be_replaced() {
        let state = given([opened(2), set(Some("mine"), 1), set(Some("theirs"), 2)]);
        assert_eq!(state.when(&command(Some("mine"))), Ok(vec![]));
        assert_eq!(state.when(&command(Some("new"))), Ok(vec![set(Some("new"), 1)]));
        assert_eq!(
            state.when(&command(Some("theirs"))),
            Err(Refusal::AccountAliasTaken)
        );
        assert_eq!(state.when(&command(None)), Ok(vec![set(None, 1)]));
        assert_eq!(given([]).when(&command(None)), Ok(vec![]));
    }
}
