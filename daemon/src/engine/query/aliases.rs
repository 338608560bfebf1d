//! ListAliases.

use super::page::Page;
use crate::base::{Answer, ApiError, Arn};
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

/// The aliases of the account in the region, by name.
#[derive(Debug)]
pub struct ListAliases {
    /// Which page of them.
    pub page: Page,
}

impl Query for ListAliases {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::aliases(&scope.region, scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let (aliases, total) = self.page.cut(state.aliases(scope.account, &scope.region));
        let listed = aliases.len();
        let items = aliases.into_iter().map(|alias| {
            Answer::new()
                .text(
                    "AliasArn",
                    Arn::alias(&alias.region, alias.account, &alias.name).to_string(),
                )
                .text("AliasName", alias.name.to_string())
                .text("KeyId", alias.key.to_string())
        });
        Ok(self
            .page
            .end(Answer::new().list("Aliases", "Alias", items), listed, total))
    }
}
