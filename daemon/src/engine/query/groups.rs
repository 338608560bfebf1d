//! GetGroup, ListGroups, ListUsersForGroup.

use std::sync::Arc;

use crate::base::{Answer, ApiError, Arn, GroupName, Timestamp, UserName};
use crate::domain::ram::group::{dated, existing, resource};
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State, User};

use super::marked::Marked;

/// A group.
#[derive(Debug)]
pub struct GetGroup {
    /// Which.
    pub name: GroupName,
}

impl Query for GetGroup {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let row = existing(&self.name, scope, state)?;
        Ok(Done::unrecorded(Answer::new().with("Group", dated(row))))
    }
}

/// The groups of the account.
#[derive(Debug)]
pub struct ListGroups {
    /// Which page.
    pub page: Marked<GroupName>,
}

impl Query for ListGroups {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::groups(scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let all = state.groups(scope.account, self.page.after.clone());
        let (rows, last) = self.page.cut(all);
        let items = rows.iter().map(|row| dated(row));
        let answer = Answer::new().list("Groups", "Group", items);
        let last = last.map(|row| row.name.to_string());
        Ok(self.page.end(answer, rows.len(), last.as_deref()))
    }
}

/// The members of a group, by name.
#[derive(Debug)]
pub struct ListUsersForGroup {
    /// Which.
    pub group: GroupName,
    /// Which page.
    pub page: Marked<UserName>,
}

impl Query for ListUsersForGroup {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.group, scope, reader)
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let group = existing(&self.group, scope, state)?;
        let mut members: Vec<(&Arc<User>, Timestamp)> = state
            .members_of(group.id)
            .filter_map(|id| {
                let user = state.user(id)?;
                let membership = user.groups.iter().find(|row| row.group == group.id)?;
                Some((user, membership.at))
            })
            .filter(|(user, _)| self.page.after.as_ref().is_none_or(|after| user.name > *after))
            .collect();
        members.sort_unstable_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        let (rows, last) = self.page.cut(members.into_iter());
        let items = rows.iter().map(|(user, joined)| {
            Answer::new()
                .text("DisplayName", user.display.clone())
                .text("JoinDate", joined.to_string())
                .text("UserName", user.name.to_string())
        });
        let answer = Answer::new().list("Users", "User", items);
        let last = last.map(|(user, _)| user.name.to_string());
        Ok(self.page.end(answer, rows.len(), last.as_deref()))
    }
}
