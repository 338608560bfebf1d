//! ListAccessKeys, GetAccessKeyLastUsed, GetAccountAlias.

use crate::base::{AccessKeyId, Answer, ApiError, Arn, Timestamp};
use crate::domain::ram::access_key::KeyOwner;
use crate::domain::{Refusal, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

use super::counted;

/// The access keys of one owner, oldest first, without secrets.
#[derive(Debug)]
pub struct ListAccessKeys {
    /// Whose.
    pub owner: KeyOwner,
}

impl Query for ListAccessKeys {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.owner.resolve(scope, reader).map(|(_, arn)| vec![arn])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let user = self.owner.find(scope, state)?;
        let items: Vec<Answer> = state
            .access_keys_of(scope.account, user)
            .map(|row| {
                Answer::new()
                    .text("AccessKeyId", row.id.to_string())
                    .text("CreateDate", row.at.to_string())
                    .text("Status", row.status())
            })
            .collect();
        Ok(Done {
            recorded: counted(items.len()),
            answer: Answer::new().list("AccessKeys", "AccessKey", items),
            blob: None,
        })
    }
}

/// When an access key was last used, denied calls included.
#[derive(Debug)]
pub struct GetAccessKeyLastUsed {
    /// Whose it is.
    pub owner: KeyOwner,
    /// Which.
    pub id: AccessKeyId,
}

impl Query for GetAccessKeyLastUsed {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        self.owner.key(&self.id, scope, reader).map(|(_, arn)| vec![arn])
    }

    fn answer(&self, scope: &Scope, state: &State, tools: &Tools) -> Result<Done, ApiError> {
        let reader = Reader::new(state);
        let (row, _) = self
            .owner
            .key(&self.id, scope, &reader)
            .map_err(|unresolved| unresolved.refusal)?;
        let last = tools.last_used.of(row, &*tools.log)?;
        let last = last.as_ref().map(Timestamp::to_string).unwrap_or_default();
        let used = Answer::new().text("LastUsedDate", last);
        Ok(Done::unrecorded(Answer::new().with("AccessKeyLastUsed", used)))
    }
}

/// What the account calls itself.
#[derive(Debug)]
pub struct GetAccountAlias;

impl Query for GetAccountAlias {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::identities(scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let account = state.account(scope.account).ok_or(Refusal::AccountNotFound)?;
        let alias = account.alias.as_ref().map(ToString::to_string);
        Ok(Done::unrecorded(
            Answer::new().text("AccountAlias", alias.unwrap_or_default()),
        ))
    }
}
