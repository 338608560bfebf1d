//! GetRole and ListRoles.

use crate::base::{Answer, ApiError, Arn, RoleName, Tag};
use crate::domain::ram::role::{described, named, summary};
use crate::domain::{Refusal, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

use super::marked::{Marked, TagFilters};

/// A role, with its trust policy.
#[derive(Debug)]
pub struct GetRole {
    /// Which.
    pub name: RoleName,
}

impl Query for GetRole {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        named(&self.name, scope, reader).map(|_| vec![Arn::role(scope.account, &self.name)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let row = state
            .role_named(scope.account, &self.name)
            .ok_or(Refusal::RoleNotFound)?;
        let role = described(row).text("UpdateDate", row.updated.to_string());
        Ok(Done::unrecorded(Answer::new().with("Role", role)))
    }
}

/// The roles of the account, without their trust policies.
#[derive(Debug)]
pub struct ListRoles {
    /// Which page.
    pub page: Marked<RoleName>,
    /// Only those that wear all of these.
    pub tags: TagFilters,
}

impl Query for ListRoles {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::roles(scope.account)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let all = state
            .roles(scope.account, self.page.after.clone())
            .filter(|row| self.tags.fit(&row.tags));
        let (rows, last) = self.page.cut(all);
        let items = rows.iter().map(|row| {
            summary(row)
                .list("Tags", "Tag", tag_items(&row.tags))
                .text("UpdateDate", row.updated.to_string())
        });
        let answer = Answer::new().list("Roles", "Role", items);
        let last = last.map(|row| row.name.to_string());
        Ok(self.page.end(answer, rows.len(), last.as_deref()))
    }
}

/// Tags as lists show them.
pub(super) fn tag_items(tags: &[Tag]) -> impl Iterator<Item = Answer> {
    tags.iter().map(|tag| {
        Answer::new()
            .text("TagKey", tag.key.to_string())
            .text("TagValue", tag.value.to_string())
    })
}
