//! DescribeKey and ListKeys.

use super::key_filter::Filters;
use super::page::Page;
use crate::base::{Answer, ApiError, Arn};
use crate::domain::metadata::{metadata, protection};
use crate::domain::{KeyRef, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::event::{Element, Recorded};
use crate::projection::{Reader, State};

/// The metadata of one key.
#[derive(Debug)]
pub struct DescribeKey {
    /// Which.
    pub key: KeyRef,
}

impl Query for DescribeKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        let mut recorded = Recorded::default();
        recorded.insert("KeyId", Element::text(&key.id.to_string()));
        Ok(Done {
            answer: Answer::new().with("KeyMetadata", protection(&key, metadata(&key))),
            recorded,
            blob: None,
        })
    }
}

/// The keys of the account in the region, newest first.
#[derive(Debug)]
pub struct ListKeys {
    /// Which page of them.
    pub page: Page,
    /// Which of them.
    pub filters: Filters,
}

impl Query for ListKeys {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::keys(&scope.region, scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let all = state.keys_newest_first(scope.account, &scope.region);
        let shown = all.filter(|id| {
            state
                .key(*id)
                .is_some_and(|key| self.filters.match_key(key, state))
        });
        let (keys, total) = self.page.cut(shown);
        let listed = keys.len();
        let items = keys.into_iter().map(|key| {
            Answer::new()
                .text("KeyArn", scope.key_arn(key).to_string())
                .text("KeyId", key.to_string())
        });
        Ok(self
            .page
            .end(Answer::new().list("Keys", "Key", items), listed, total))
    }
}
