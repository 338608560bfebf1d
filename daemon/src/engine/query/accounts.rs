//! ListAccounts.

use std::collections::BTreeMap;

use super::page::Page;
use crate::base::{AccountId, Answer, ApiError, Arn};
use crate::domain::{Reach, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

/// The accounts, and the access keys of their roots.
#[derive(Debug)]
pub struct ListAccounts {
    /// Which page.
    pub page: Page,
}

impl Query for ListAccounts {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::accounts(scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn answer(&self, _: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let mut root_keys: BTreeMap<AccountId, Vec<String>> = BTreeMap::new();
        for row in state.access_keys().filter(|row| row.user.is_none()) {
            root_keys.entry(row.account).or_default().push(row.id.to_string());
        }
        let first = state.first_account().map(|first| first.id);
        let (accounts, total) = self.page.cut(state.accounts());
        let listed = accounts.len();
        let items = accounts.into_iter().map(|account| {
            Answer::new()
                .text("AccountId", account.id.to_string())
                .text("AccountName", account.name.clone())
                .boolean("IsOperator", Some(account.id) == first)
                .list(
                    "RootKeys",
                    "AccessKeyId",
                    root_keys.remove(&account.id).unwrap_or_default(),
                )
        });
        let answer = Answer::new().list("Accounts", "Account", items);
        Ok(self.page.end(answer, listed, total))
    }
}
