//! ListPoliciesForUser, -Group and -Role, and ListEntitiesForPolicy.

use crate::base::{Answer, ApiError, Arn, Timestamp};
use crate::domain::ram::attachment::exists;
use crate::domain::ram::holder::HolderName;
use crate::domain::ram::policy::arn;
use crate::domain::{Refusal, Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::event::{Holder, PolicyRef};
use crate::projection::{Reader, State};

use super::counted;
use super::policies::known;

/// What is attached to somebody, in the order in which it was.
#[derive(Debug)]
pub struct ListPoliciesFor {
    /// To whom.
    pub holder: HolderName,
}

impl Query for ListPoliciesFor {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let ask = vec![self.holder.arn(scope)];
        match self.holder.read(scope, reader) {
            Some(_) => Ok(ask),
            None => Err(Unresolved {
                refusal: self.holder.absent(),
                ask,
            }),
        }
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let holder = self.holder.find(scope, state).ok_or(self.holder.absent())?;
        let attached = state.attached_to(holder);
        let items = attached.iter().filter_map(|attached| {
            let about = known(&attached.policy, scope, state)?;
            Some(
                Answer::new()
                    .text("AttachDate", attached.at.to_string())
                    .text("DefaultVersion", about.default.to_string())
                    .text("Description", about.description.to_owned())
                    .text("PolicyName", attached.policy.name().to_string())
                    .text("PolicyType", attached.policy.kind()),
            )
        });
        Ok(Done {
            answer: Answer::new().list("Policies", "Policy", items),
            recorded: counted(attached.len()),
            blob: None,
        })
    }
}

/// Who has a policy attached.
#[derive(Debug)]
pub struct ListEntitiesForPolicy {
    /// Which.
    pub policy: PolicyRef,
}

impl Query for ListEntitiesForPolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let ask = vec![arn(&self.policy, scope)];
        if exists(&self.policy, scope, reader) {
            return Ok(ask);
        }
        Err(Unresolved {
            refusal: Refusal::PolicyNotFound,
            ask,
        })
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let holders: Vec<Holder> = state.holders_of(scope.account, &self.policy).collect();
        let mut entities = [Vec::new(), Vec::new(), Vec::new()];
        let [groups, roles, users] = &mut entities;
        for holder in &holders {
            let since = self.since(*holder, state).unwrap_or_default().to_string();
            let item = Answer::new().text("AttachDate", since);
            match holder {
                Holder::Group(id) => groups.extend(state.group(*id).map(|row| {
                    item.text("Comments", row.comments.clone())
                        .text("GroupName", row.name.to_string())
                })),
                Holder::Role(id) => roles.extend(state.role(*id).map(|row| {
                    item.text("Arn", Arn::role(row.account, &row.name).to_string())
                        .text("Description", row.description.clone())
                        .text("RoleId", row.id.to_string())
                        .text("RoleName", row.name.to_string())
                })),
                Holder::User(id) => users.extend(state.user(*id).map(|row| {
                    item.text("DisplayName", row.display.clone())
                        .text("UserId", row.id.to_string())
                        .text("UserName", row.name.to_string())
                })),
            }
        }
        let [groups, roles, users] = entities;
        Ok(Done {
            answer: Answer::new()
                .list("Groups", "Group", groups)
                .list("Roles", "Role", roles)
                .list("Users", "User", users),
            recorded: counted(holders.len()),
            blob: None,
        })
    }
}

impl ListEntitiesForPolicy {
    fn since(&self, holder: Holder, state: &State) -> Option<Timestamp> {
        let mut attached = state.attached_to(holder).iter();
        attached
            .find(|attached| attached.policy == self.policy)
            .map(|attached| attached.at)
    }
}
