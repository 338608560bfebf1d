//! Groups of users, and who is in them. A group passes the policies that it has on to its members.

use std::sync::Arc;

use super::user;
use crate::base::{Answer, Arn, GroupName, UserName, limits};
use crate::domain::{Command, Decided, Facts, Needs, Refusal, Scope, Unresolved};
use crate::event::{Change, Element, GroupCreated, GroupUpdated, Recorded};
use crate::projection::{Group, Reader, State};

/// Makes a group.
#[derive(Debug)]
pub struct CreateGroup {
    /// Its name.
    pub name: GroupName,
    /// Free text.
    pub comments: String,
}

impl Command for CreateGroup {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let _bearer = reader.group_named(scope.account, &self.name);
        Ok(vec![Arn::groups(scope.account)])
    }

    fn needs(&self) -> Needs {
        Needs::NewGroup
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        if state.group_bearing(scope.account, &self.name.folded()).is_some() {
            return Err(Refusal::GroupTaken);
        }
        if state.group_count(scope.account) >= limits::GROUPS_MAX {
            return Err(Refusal::GroupsReached);
        }
        // An id drawn twice: another try draws another one.
        let group = match facts {
            Facts::NewGroup(group) if state.group(*group).is_none() => *group,
            _ => return Err(Refusal::NoSlot),
        };
        let created = GroupCreated {
            at: scope.at,
            name: self.name.clone(),
            group,
            account: scope.account,
            comments: self.comments.clone(),
        };
        let row = Group::created(&created, crate::base::Seq::GENESIS);
        Ok(Decided {
            changes: vec![Change::GroupCreated(created)],
            answer: Answer::new().with("Group", described(&row)),
            recorded: identified(&row),
        })
    }
}

/// Changes or renames a group; what is absent stays, members and policies too.
#[derive(Debug)]
pub struct UpdateGroup {
    /// Which.
    pub name: GroupName,
    /// What it is called from now on.
    pub new_name: Option<GroupName>,
    /// Free text.
    pub comments: Option<String>,
}

impl Command for UpdateGroup {
    // The new name too: policies name groups, so whoever takes a name takes what is granted to it.
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        let mut resources = resource(&self.name, scope, reader)?;
        let renamed = self.new_name.iter().filter(|name| **name != self.name);
        resources.extend(renamed.map(|name| Arn::group(scope.account, name)));
        Ok(resources)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let group = existing(&self.name, scope, state)?;
        let bearer = self
            .new_name
            .as_ref()
            .and_then(|name| state.group_bearing(scope.account, &name.folded()));
        if bearer.is_some_and(|bearer| bearer.id != group.id) {
            return Err(Refusal::GroupTaken);
        }
        let updated = GroupUpdated {
            at: scope.at,
            name: self.new_name.clone().filter(|name| *name != group.name),
            group: group.id,
            comments: self.comments.clone(),
        };
        let mut row = Group::clone(group);
        row.update(&updated);
        Ok(Decided {
            changes: vec![Change::GroupUpdated(updated)],
            answer: Answer::new().with("Group", dated(&row)),
            recorded: identified(&row),
        })
    }
}

/// Deletes a group that has no members and no policies.
#[derive(Debug)]
pub struct DeleteGroup {
    /// Which.
    pub name: GroupName,
}

impl Command for DeleteGroup {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        resource(&self.name, scope, reader)
    }

    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let group = existing(&self.name, scope, state)?;
        if state.members_of(group.id).next().is_some() {
            return Err(Refusal::GroupHasUsers);
        }
        if !group.attached.is_empty() {
            return Err(Refusal::GroupHasPolicies);
        }
        Ok(Decided {
            changes: vec![Change::GroupDeleted { group: group.id }],
            recorded: identified(group),
            ..Decided::default()
        })
    }
}

/// Puts a user into a group. Not idempotent: who does it twice is told so.
#[derive(Debug)]
pub struct AddUserToGroup {
    /// Who.
    pub user: UserName,
    /// Into which.
    pub group: GroupName,
}

impl Command for AddUserToGroup {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        pair(&self.user, &self.group, scope, reader)
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let user = user::existing(&self.user, scope, state)?;
        let group = existing(&self.group, scope, state)?;
        if user.is_member_of(group.id) {
            return Err(Refusal::MemberAlready);
        }
        if user.groups.len() >= limits::GROUPS_OF_USER_MAX {
            return Err(Refusal::UserGroupsReached);
        }
        Ok(Decided::change(Change::UserJoinedGroup {
            at: scope.at,
            user: user.id,
            group: group.id,
        }))
    }
}

/// Takes a user out of a group.
#[derive(Debug)]
pub struct RemoveUserFromGroup {
    /// Who.
    pub user: UserName,
    /// Out of which.
    pub group: GroupName,
}

impl Command for RemoveUserFromGroup {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        pair(&self.user, &self.group, scope, reader)
    }

    // Usually it takes away what was allowed; that it may take away what was denied is the caller's to weigh.
    fn lessens(&self) -> bool {
        true
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let user = user::existing(&self.user, scope, state)?;
        let group = existing(&self.group, scope, state)?;
        if !user.is_member_of(group.id) {
            return Err(Refusal::NotMember);
        }
        Ok(Decided::change(Change::UserLeftGroup {
            user: user.id,
            group: group.id,
        }))
    }
}

/// A user and a group, both of which must be there. That one is not is told to those alone who may act on both.
fn pair(
    user: &UserName,
    group: &GroupName,
    scope: &Scope,
    reader: &Reader<'_>,
) -> Result<Vec<Arn>, Unresolved> {
    let ask = vec![Arn::user(scope.account, user), Arn::group(scope.account, group)];
    let refusal = match (
        reader.user_named(scope.account, user),
        reader.group_named(scope.account, group),
    ) {
        (Some(_), Some(_)) => return Ok(ask),
        (None, _) => Refusal::UserNotFound,
        (Some(_), None) => Refusal::GroupNotFound,
    };
    Err(Unresolved { refusal, ask })
}

/// The ARN of the group of this name, which must be there; that it is not is told to those alone who may act on it.
pub fn resource(name: &GroupName, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
    let arn = vec![Arn::group(scope.account, name)];
    match reader.group_named(scope.account, name) {
        Some(_) => Ok(arn),
        None => Err(Unresolved {
            refusal: Refusal::GroupNotFound,
            ask: arn,
        }),
    }
}

/// The group of this name in one state.
pub fn existing<'a>(name: &GroupName, scope: &Scope, state: &'a State) -> Result<&'a Arc<Group>, Refusal> {
    state
        .group_named(scope.account, name)
        .ok_or(Refusal::GroupNotFound)
}

/// What answers say of a group.
pub fn described(group: &Group) -> Answer {
    Answer::new()
        .text("Comments", group.comments.clone())
        .text("CreateDate", group.at.to_string())
        .text("GroupId", group.id.to_string())
        .text("GroupName", group.name.to_string())
}

/// The same, with the time of the last update.
pub fn dated(group: &Group) -> Answer {
    described(group).text("UpdateDate", group.updated.to_string())
}

fn identified(group: &Group) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.insert("GroupId", Element::text(&group.id.to_string()));
    recorded.insert("GroupName", Element::text(group.name.as_str()));
    recorded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::given::{AT, When, given, group, grouped, joined, user, user_made};
    use crate::event::{Holder, PolicyRef};

    fn name(text: &str) -> GroupName {
        GroupName::parse(text).unwrap()
    }

    fn delete(text: &str) -> DeleteGroup {
        DeleteGroup { name: name(text) }
    }

    fn add(user: &str, group: &str) -> AddUserToGroup {
        AddUserToGroup {
            user: UserName::parse(user).unwrap(),
            group: name(group),
        }
    }

    fn remove(user: &str, group: &str) -> RemoveUserFromGroup {
        RemoveUserFromGroup {
            user: UserName::parse(user).unwrap(),
            group: name(group),
        }
    }

    #[test]
    fn a_name_is_taken_whatever_its_case() {
        let state = given([grouped(1, "Ops"), grouped(2, "dev")]);
        let create = CreateGroup {
            name: name("oPS"),
            comments: String::new(),
        };
        assert_eq!(state.when(&create), Err(Refusal::GroupTaken));
        let update = |new: &str| UpdateGroup {
            name: name("dev"),
            new_name: Some(name(new)),
            comments: None,
        };
        assert_eq!(state.when(&update("ops")), Err(Refusal::GroupTaken));
        assert!(state.when(&update("DEV")).is_ok());
    }

    #[test]
    fn a_group_with_members_or_policies_is_not_deleted() {
        let attached = Change::PolicyAttached {
            at: AT,
            holder: Holder::Group(group(1)),
            policy: PolicyRef::System(crate::base::PolicyName::parse("ReadOnlyAccess").unwrap()),
        };
        let held = [grouped(1, "g"), attached];
        assert_eq!(
            given(held.clone()).when(&delete("g")),
            Err(Refusal::GroupHasPolicies)
        );
        let full = held.into_iter().chain([user_made(1, "u"), joined(1, 1)]);
        assert_eq!(given(full).when(&delete("g")), Err(Refusal::GroupHasUsers));
        assert_eq!(given([]).when(&delete("g")), Err(Refusal::GroupNotFound));
        assert_eq!(
            given([grouped(1, "g")]).when(&delete("g")),
            Ok(vec![Change::GroupDeleted { group: group(1) }])
        );
    }

    #[test]
    fn joining_and_leaving_are_told_apart_from_being_in_or_out() {
        let apart = given([user_made(1, "u"), grouped(1, "g")]);
        assert_eq!(apart.when(&add("u", "g")), Ok(vec![joined(1, 1)]));
        assert_eq!(apart.when(&remove("u", "g")), Err(Refusal::NotMember));
        // The user's absence is told first.
        assert_eq!(apart.when(&add("x", "y")), Err(Refusal::UserNotFound));
        assert_eq!(apart.when(&add("u", "y")), Err(Refusal::GroupNotFound));
        let together = given([user_made(1, "u"), grouped(1, "g"), joined(1, 1)]);
        assert_eq!(together.when(&add("u", "g")), Err(Refusal::MemberAlready));
        assert_eq!(
            together.when(&remove("u", "g")),
            Ok(vec![Change::UserLeftGroup {
                user: user(1),
                group: group(1)
            }])
        );
    }

    #[test]
    fn a_user_is_in_ten_groups_at_the_most() {
        let groups = (1..=11).map(|n| grouped(n, &format!("g{n}")));
        let joins = (1..=10).map(|n| joined(1, n));
        let state = given([user_made(1, "u")].into_iter().chain(groups).chain(joins));
        assert_eq!(state.when(&add("u", "g11")), Err(Refusal::UserGroupsReached));
    }
}
