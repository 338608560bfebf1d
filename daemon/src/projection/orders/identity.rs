//! The orders of identities: names, members, holders, sessions.

use std::sync::Arc;

use super::State;
use crate::base::{AccessKeyId, AccountId, GroupId, RoleId, UserId};
use crate::event::Holder;
use crate::projection::identity::{Attached, Group, Policy, PolicyKey, Role, Session, User};

impl State {
    pub(in crate::projection) fn put_user(&mut self, user: User) {
        self.take_user(user.id);
        let names = (user.name.clone(), user.name.folded());
        self.user_names.put(user.account, names, user.id);
        user.groups.iter().for_each(|membership| {
            self.members.insert((membership.group, user.id));
        });
        self.hold_all(user.account, &user.attached, Holder::User(user.id));
        self.users.insert(user.id, Arc::new(user));
    }

    pub(in crate::projection) fn take_user(&mut self, id: UserId) -> Option<Arc<User>> {
        let user = self.users.remove(&id)?;
        let names = (user.name.clone(), user.name.folded());
        self.user_names.take(user.account, names, user.id);
        user.groups.iter().for_each(|membership| {
            self.members.remove(&(membership.group, user.id));
        });
        self.release_all(user.account, &user.attached, Holder::User(user.id));
        Some(user)
    }

    pub(in crate::projection) fn put_group(&mut self, group: Group) {
        self.take_group(group.id);
        let names = (group.name.clone(), group.name.folded());
        self.group_names.put(group.account, names, group.id);
        self.hold_all(group.account, &group.attached, Holder::Group(group.id));
        self.groups.insert(group.id, Arc::new(group));
    }

    pub(in crate::projection) fn take_group(&mut self, id: GroupId) -> Option<Arc<Group>> {
        let group = self.groups.remove(&id)?;
        let names = (group.name.clone(), group.name.folded());
        self.group_names.take(group.account, names, group.id);
        self.release_all(group.account, &group.attached, Holder::Group(group.id));
        Some(group)
    }

    pub(in crate::projection) fn put_role(&mut self, role: Role) {
        self.take_role(role.id);
        let names = (role.name.clone(), role.name.folded());
        self.role_names.put(role.account, names, role.id);
        self.hold_all(role.account, &role.attached, Holder::Role(role.id));
        self.roles.insert(role.id, Arc::new(role));
    }

    pub(in crate::projection) fn take_role(&mut self, id: RoleId) -> Option<Arc<Role>> {
        let role = self.roles.remove(&id)?;
        let names = (role.name.clone(), role.name.folded());
        self.role_names.take(role.account, names, role.id);
        self.release_all(role.account, &role.attached, Holder::Role(role.id));
        Some(role)
    }

    pub(in crate::projection) fn put_policy(&mut self, policy: Policy) {
        let address = policy.address();
        self.take_policy(&address);
        self.policies_by_name
            .insert((policy.account, policy.name.clone()));
        self.policies.insert(address, Arc::new(policy));
    }

    pub(in crate::projection) fn take_policy(&mut self, address: &PolicyKey) -> Option<Arc<Policy>> {
        let policy = self.policies.remove(address)?;
        self.policies_by_name
            .remove(&(policy.account, policy.name.clone()));
        Some(policy)
    }

    pub(in crate::projection) fn put_session(&mut self, session: Session) {
        self.take_session(&session.id);
        self.sessions_by_end.insert((session.expires, session.id.clone()));
        self.sessions_of_role
            .entry(session.role)
            .or_default()
            .insert(session.id.clone());
        self.sessions.insert(session.id.clone(), Arc::new(session));
    }

    pub(in crate::projection) fn take_session(&mut self, id: &AccessKeyId) {
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        self.sessions_by_end
            .remove(&(session.expires, session.id.clone()));
        if let Some(of) = self.sessions_of_role.get_mut(&session.role) {
            of.remove(id);
            if of.is_empty() {
                self.sessions_of_role.remove(&session.role);
            }
        }
    }

    fn hold_all(&mut self, account: AccountId, attached: &[Attached], holder: Holder) {
        for row in attached {
            self.holders.insert((account, row.policy.clone(), holder));
        }
    }

    fn release_all(&mut self, account: AccountId, attached: &[Attached], holder: Holder) {
        for row in attached {
            self.holders.remove(&(account, row.policy.clone(), holder));
        }
    }
}
