//! The fold of identities, and whose revision moves with a change of what.

use smallvec::SmallVec;

use super::tag;
use crate::base::{AccountId, GroupId, RoleId, Seq, Tag, TagKey, UserId};
use crate::event::{Change, Holder, PolicyRef, RowKey, Tagged};
use crate::projection::State;
use crate::projection::identity::{
    Attached, Group, Membership, Policy, PolicyKey, Role, Session, User, replace, session_row,
};
use crate::projection::row::Address;

impl State {
    /// The rows that a change of an identity writes, those of all principals whose rights it alters included.
    pub(super) fn identities_touched_by(&self, change: &Change, rows: &mut SmallVec<[RowKey; 4]>) {
        match change {
            Change::UserCreated(created) => rows.push(created.user.row_key()),
            Change::UserUpdated(updated) => rows.push(updated.user.row_key()),
            Change::UserDeleted { user }
            | Change::UserJoinedGroup { user, .. }
            | Change::UserLeftGroup { user, .. } => rows.push(user.row_key()),
            Change::GroupCreated(created) => rows.push(created.group.row_key()),
            Change::GroupUpdated(updated) => rows.push(updated.group.row_key()),
            Change::GroupDeleted { group } => {
                rows.push(group.row_key());
                rows.extend(self.members_of(*group).map(|user| user.row_key()));
            }
            Change::RoleCreated(created) => rows.push(created.role.row_key()),
            Change::RoleUpdated(updated) => rows.push(updated.role.row_key()),
            Change::RoleDeleted { role } => {
                rows.push(role.row_key());
                rows.extend(self.sessions_of(*role).map(session_row));
            }
            Change::PolicyCreated(created) => {
                rows.push(PolicyKey::new(created.account, &created.name).row_key());
            }
            Change::PolicyDescribed { name, account, .. }
            | Change::PolicyVersionDeleted { name, account, .. } => {
                rows.push(PolicyKey::new(*account, name).row_key());
            }
            Change::PolicyDeleted { name, account } => {
                rows.push(PolicyKey::new(*account, name).row_key());
                let policy = PolicyRef::Custom(name.clone());
                rows.extend(self.holders_of(*account, &policy).map(holder_row));
                rows.extend(
                    self.principals_with(*account, &policy)
                        .into_iter()
                        .map(holder_row),
                );
            }
            Change::PolicyDefaultSet { name, account, .. } => {
                rows.push(PolicyKey::new(*account, name).row_key());
                let policy = PolicyRef::Custom(name.clone());
                rows.extend(
                    self.principals_with(*account, &policy)
                        .into_iter()
                        .map(holder_row),
                );
            }
            Change::PolicyVersionCreated(created) => {
                rows.push(PolicyKey::new(created.account, &created.name).row_key());
                if created.default {
                    let policy = PolicyRef::Custom(created.name.clone());
                    let principals = self.principals_with(created.account, &policy);
                    rows.extend(principals.into_iter().map(holder_row));
                }
            }
            Change::PolicyAttached { holder, .. } | Change::PolicyDetached { holder, .. } => {
                rows.push(holder_row(*holder));
                rows.extend(self.principals_under(*holder).into_iter().map(holder_row));
            }
            Change::IdentitiesTagged {
                account, entities, ..
            }
            | Change::IdentitiesUntagged {
                account, entities, ..
            } => {
                rows.extend(entities.iter().map(|entity| match entity {
                    Tagged::Role(role) => role.row_key(),
                    Tagged::Policy(name) => PolicyKey::new(*account, name).row_key(),
                }));
            }
            Change::SessionOpened(opened) => rows.push(session_row(&opened.id)),
            Change::SessionsExpired { ids } => rows.extend(ids.iter().map(session_row)),
            _ => {}
        }
    }

    /// Folds a change of an identity. Without effect for every other change.
    pub(super) fn fold_identity(&mut self, change: &Change, rev: Seq) {
        match change {
            Change::UserCreated(created) => self.put_user(User::created(created, rev)),
            // The name stands in the ARN that policies name; the rest is nobody's condition.
            Change::UserUpdated(new) => {
                self.edit_user(new.user, new.name.as_ref().map(|_| rev), |row| row.update(new))
            }
            Change::UserDeleted { user } => drop(self.take_user(*user)),
            Change::GroupCreated(created) => self.put_group(Group::created(created, rev)),
            Change::GroupUpdated(new) => {
                self.edit_group(new.group, new.name.as_ref().map(|_| rev), |row| row.update(new))
            }
            Change::GroupDeleted { group } => {
                let members: Vec<UserId> = self.members_of(*group).collect();
                for user in members {
                    self.leave(user, *group, rev);
                }
                self.take_group(*group);
            }
            Change::UserJoinedGroup { at, user, group } => self.edit_user(*user, Some(rev), |row| {
                row.groups.push(Membership {
                    at: *at,
                    group: *group,
                });
            }),
            Change::UserLeftGroup { user, group } => self.leave(*user, *group, rev),
            Change::RoleCreated(created) => self.put_role(Role::created(created, rev)),
            Change::RoleUpdated(new) => {
                let alters = new.trust.is_some() || new.session_max.is_some();
                self.edit_role(new.role, alters.then_some(rev), |row| {
                    replace(&mut row.trust, new.trust.as_ref());
                    replace(&mut row.console, new.console.as_ref());
                    replace(&mut row.description, new.description.as_ref());
                    replace(&mut row.session_max, new.session_max.as_ref());
                    row.updated = new.at;
                });
            }
            Change::RoleDeleted { role } => {
                let sessions: Vec<_> = self.sessions_of(*role).cloned().collect();
                sessions.iter().for_each(|session| self.take_session(session));
                self.take_role(*role);
            }
            Change::SessionOpened(opened) => self.put_session(Session::opened(opened, rev)),
            Change::SessionsExpired { ids } => ids.iter().for_each(|id| self.take_session(id)),
            Change::IdentitiesTagged {
                tags,
                account,
                entities,
            } => entities.iter().for_each(|entity| {
                self.edit_tagged(*account, entity, |own| tag(own, tags));
            }),
            Change::IdentitiesUntagged {
                names,
                account,
                entities,
            } => entities.iter().for_each(|entity| {
                self.edit_tagged(*account, entity, |own| untag(own, names.as_deref()));
            }),
            other => self.fold_policy(other, rev),
        }
    }

    fn fold_policy(&mut self, change: &Change, rev: Seq) {
        match change {
            Change::PolicyCreated(created) => self.put_policy(Policy::created(created, rev)),
            Change::PolicyDescribed {
                at,
                name,
                account,
                description,
            } => self.edit_policy(&PolicyKey::new(*account, name), None, |row| {
                row.description.clone_from(description);
                row.updated = *at;
            }),
            Change::PolicyDeleted { name, account } => {
                let policy = PolicyRef::Custom(name.clone());
                let holders: Vec<Holder> = self.holders_of(*account, &policy).collect();
                for holder in holders {
                    self.detach(holder, &policy, rev);
                }
                self.take_policy(&PolicyKey::new(*account, name));
            }
            // A version that is not in force alters nobody's rights.
            Change::PolicyVersionCreated(created) => {
                let address = PolicyKey::new(created.account, &created.name);
                self.edit_policy(&address, created.default.then_some(rev), |row| {
                    row.add_version(created);
                });
                if created.default {
                    self.revise_all_with(&address, rev);
                }
            }
            Change::PolicyVersionDeleted {
                at,
                name,
                account,
                version,
            } => self.edit_policy(&PolicyKey::new(*account, name), None, |row| {
                row.versions.retain(|row| row.version != *version);
                row.updated = *at;
            }),
            Change::PolicyDefaultSet {
                at,
                name,
                account,
                version,
            } => {
                let address = PolicyKey::new(*account, name);
                self.edit_policy(&address, Some(rev), |row| {
                    row.default = *version;
                    row.updated = *at;
                });
                self.revise_all_with(&address, rev);
            }
            Change::PolicyAttached { at, holder, policy } => {
                self.edit_attached(*holder, rev, |attached| {
                    attached.push(Attached {
                        at: *at,
                        policy: policy.clone(),
                    });
                });
                self.revise_under(*holder, rev);
            }
            Change::PolicyDetached { holder, policy } => self.detach(*holder, policy, rev),
            _ => {}
        }
    }

    fn leave(&mut self, user: UserId, group: GroupId, rev: Seq) {
        self.edit_user(user, Some(rev), |row| {
            row.groups.retain(|membership| membership.group != group);
        });
    }

    fn detach(&mut self, holder: Holder, policy: &PolicyRef, rev: Seq) {
        self.edit_attached(holder, rev, |attached| {
            attached.retain(|row| row.policy != *policy)
        });
        self.revise_under(holder, rev);
    }

    /// What `holder` has has changed: so has what its principals may do.
    fn revise_under(&mut self, holder: Holder, rev: Seq) {
        if let Holder::Group(_) = holder {
            for principal in self.principals_under(holder) {
                self.edit_attached(principal, rev, |_| {});
            }
        }
    }

    /// The version in force has changed: so has what everybody may do who has the policy.
    fn revise_all_with(&mut self, address: &PolicyKey, rev: Seq) {
        let Some(name) = self.policies.get(address).map(|policy| policy.name.clone()) else {
            return;
        };
        for principal in self.principals_with(address.account, &PolicyRef::Custom(name)) {
            self.edit_attached(principal, rev, |_| {});
        }
    }

    fn edit_attached(&mut self, holder: Holder, rev: Seq, edit: impl FnOnce(&mut Vec<Attached>)) {
        match holder {
            Holder::User(user) => self.edit_user(user, Some(rev), |row| edit(&mut row.attached)),
            Holder::Group(group) => self.edit_group(group, Some(rev), |row| edit(&mut row.attached)),
            Holder::Role(role) => self.edit_role(role, Some(rev), |row| edit(&mut row.attached)),
        }
    }

    fn edit_tagged(&mut self, account: AccountId, entity: &Tagged, edit: impl FnOnce(&mut Vec<Tag>)) {
        match entity {
            Tagged::Role(role) => self.edit_role(*role, None, |row| edit(&mut row.tags)),
            Tagged::Policy(name) => {
                self.edit_policy(&PolicyKey::new(account, name), None, |row| edit(&mut row.tags));
            }
        }
    }

    // Each edits one row. Without a `rev` its revision stays: the edit can't alter any outcome (I3).

    fn edit_user(&mut self, id: UserId, rev: Option<Seq>, edit: impl FnOnce(&mut User)) {
        if let Some(row) = self.take_user(id) {
            let mut row = User::clone(&row);
            row.rev = rev.unwrap_or(row.rev);
            edit(&mut row);
            self.put_user(row);
        }
    }

    fn edit_group(&mut self, id: GroupId, rev: Option<Seq>, edit: impl FnOnce(&mut Group)) {
        if let Some(row) = self.take_group(id) {
            let mut row = Group::clone(&row);
            row.rev = rev.unwrap_or(row.rev);
            edit(&mut row);
            self.put_group(row);
        }
    }

    fn edit_role(&mut self, id: RoleId, rev: Option<Seq>, edit: impl FnOnce(&mut Role)) {
        if let Some(row) = self.take_role(id) {
            let mut row = Role::clone(&row);
            row.rev = rev.unwrap_or(row.rev);
            edit(&mut row);
            self.put_role(row);
        }
    }

    fn edit_policy(&mut self, address: &PolicyKey, rev: Option<Seq>, edit: impl FnOnce(&mut Policy)) {
        if let Some(row) = self.take_policy(address) {
            let mut row = Policy::clone(&row);
            row.rev = rev.unwrap_or(row.rev);
            edit(&mut row);
            self.put_policy(row);
        }
    }
}

/// Takes tags off; all of them when none is named.
pub(super) fn untag(tags: &mut Vec<Tag>, names: Option<&[TagKey]>) {
    #[cfg(feature = "canary-bugs")]
    if crate::base::CanaryBug::UntagForgotten.is_planted() {
        return;
    }
    match names {
        Some(names) => tags.retain(|tag| !names.contains(&tag.key)),
        None => tags.clear(),
    }
}

/// The row of a holder.
fn holder_row(holder: Holder) -> RowKey {
    match holder {
        Holder::User(user) => user.row_key(),
        Holder::Group(group) => group.row_key(),
        Holder::Role(role) => role.row_key(),
    }
}
