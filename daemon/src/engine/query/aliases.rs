//! ListAliases and ListAliasesByKeyId.

use super::page::Page;
use crate::base::{AliasName, Answer, ApiError, Arn, KeyId};
use crate::domain::{KeyRef, Scope, Unresolved};
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
        let all = state.aliases(scope.account, &scope.region);
        Ok(listed(
            self.page,
            scope,
            all.map(|alias| (&alias.name, alias.key)),
        ))
    }
}

/// The aliases of one key, by name.
#[derive(Debug)]
pub struct ListAliasesByKeyId {
    /// The key; only ids reach here.
    pub key: KeyRef,
    /// Which page of them.
    pub page: Page,
}

impl Query for ListAliasesByKeyId {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        Ok(listed(
            self.page,
            scope,
            state.aliases_of(key.id).map(|alias| (&alias.name, key.id)),
        ))
    }
}

fn listed<'a>(page: Page, scope: &Scope, all: impl Iterator<Item = (&'a AliasName, KeyId)>) -> Done {
    let (aliases, total) = page.cut(all);
    let listed = aliases.len();
    let items = aliases.into_iter().map(|(name, key)| {
        Answer::new()
            .text(
                "AliasArn",
                Arn::alias(&scope.region, scope.account, name).to_string(),
            )
            .text("AliasName", name.to_string())
            .text("KeyId", key.to_string())
    });
    page.end(Answer::new().list("Aliases", "Alias", items), listed, total)
}
