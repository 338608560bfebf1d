//! GetUser, ListUsers, ListGroupsForUser, and what there is of a user's console: nothing.

use crate::base::{Answer, ApiError, Arn, Code, UserId, UserName};
use crate::domain::ram::user::{dated, existing, resource};
use crate::domain::{Refusal, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

use super::counted;
use super::marked::Marked;

/// Which user is looked at.
#[derive(Debug)]
pub enum WhichUser {
    /// The one who asks.
    Caller(UserId),
    /// The one of this name.
    Named(UserName),
}

/// A user.
#[derive(Debug)]
pub struct GetUser {
    /// Which.
    pub user: WhichUser,
}

impl Query for GetUser {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        match &self.user {
            WhichUser::Caller(id) => {
                let row = reader.user(*id).ok_or(Refusal::UserNotFound)?;
                Ok(vec![Arn::user(scope.account, &row.name)])
            }
            WhichUser::Named(name) => resource(name, scope, reader),
        }
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let row = match &self.user {
            WhichUser::Caller(id) => state.user(*id).ok_or(Refusal::UserNotFound)?,
            WhichUser::Named(name) => existing(name, scope, state)?,
        };
        Ok(Done::unrecorded(Answer::new().with("User", dated(row))))
    }
}

/// The users of the account.
#[derive(Debug)]
pub struct ListUsers {
    /// Which page.
    pub page: Marked<UserName>,
}

impl Query for ListUsers {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::users(scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let all = state.users(scope.account, self.page.after.clone());
        let (rows, last) = self.page.cut(all);
        let items = rows.iter().map(|row| dated(row));
        let answer = Answer::new().list("Users", "User", items);
        let last = last.map(|row| row.name.to_string());
        Ok(self.page.end(answer, rows.len(), last.as_deref()))
    }
}

/// The groups of a user, in the order in which it joined them.
#[derive(Debug)]
pub struct ListGroupsForUser {
    /// Whose.
    pub user: UserName,
}

impl Query for ListGroupsForUser {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.user, scope, reader)
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let user = existing(&self.user, scope, state)?;
        let groups = user.groups.iter().filter_map(|membership| {
            let group = state.group(membership.group)?;
            let item = Answer::new()
                .text("Comments", group.comments.clone())
                .text("GroupId", group.id.to_string())
                .text("GroupName", group.name.to_string())
                .text("JoinDate", membership.at.to_string());
            Some(item)
        });
        Ok(Done {
            answer: Answer::new().list("Groups", "Group", groups),
            recorded: counted(user.groups.len()),
            blob: None,
        })
    }
}

/// Something of a user that nobody has here.
#[derive(Debug)]
pub struct LookForNothing {
    /// Whose.
    pub user: UserName,
    /// That it is not there.
    pub absent: Code,
}

impl Query for LookForNothing {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.user, scope, reader)
    }

    fn answer(&self, _: &Scope, _: &State, _: &Tools) -> Result<Done, ApiError> {
        Err(self.absent.into())
    }
}
