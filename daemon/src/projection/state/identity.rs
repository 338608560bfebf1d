//! Identities in a state: who there is, who is in what, and who has which policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::State;
use crate::base::{
    AccessKeyId, AccountId, Folded, GroupId, GroupName, PolicyName, RoleId, RoleName, Timestamp, UserId,
    UserName,
};
use crate::event::{Holder, PolicyRef};
use crate::projection::identity::{Attached, Group, Policy, PolicyKey, Role, Session, User};
use crate::projection::row::AccessKey;

impl State {
    /// A user.
    pub fn user(&self, id: UserId) -> Option<&Arc<User>> {
        self.users.get(&id)
    }

    /// The user of exactly this name.
    pub fn user_named(&self, account: AccountId, name: &UserName) -> Option<&Arc<User>> {
        self.user_bearing(account, &name.folded())
            .filter(|user| user.name == *name)
    }

    /// The user of this name, ignoring case.
    pub fn user_bearing(&self, account: AccountId, name: &Folded) -> Option<&Arc<User>> {
        self.user(self.user_names.bearer(account, name)?)
    }

    /// The users of an account by name in byte order, those behind `after` alone.
    pub fn users(&self, account: AccountId, after: Option<UserName>) -> impl Iterator<Item = &Arc<User>> {
        self.user_names
            .after(account, after)
            .filter_map(|id| self.user(id))
    }

    /// How many users an account has.
    pub fn user_count(&self, account: AccountId) -> usize {
        self.user_names.count(account)
    }

    /// A group.
    pub fn group(&self, id: GroupId) -> Option<&Arc<Group>> {
        self.groups.get(&id)
    }

    /// The group of exactly this name.
    pub fn group_named(&self, account: AccountId, name: &GroupName) -> Option<&Arc<Group>> {
        self.group_bearing(account, &name.folded())
            .filter(|group| group.name == *name)
    }

    /// The group of this name, ignoring case.
    pub fn group_bearing(&self, account: AccountId, name: &Folded) -> Option<&Arc<Group>> {
        self.group(self.group_names.bearer(account, name)?)
    }

    /// The groups of an account by name in byte order, those behind `after` alone.
    pub fn groups(&self, account: AccountId, after: Option<GroupName>) -> impl Iterator<Item = &Arc<Group>> {
        self.group_names
            .after(account, after)
            .filter_map(|id| self.group(id))
    }

    /// How many groups an account has.
    pub fn group_count(&self, account: AccountId) -> usize {
        self.group_names.count(account)
    }

    /// The members of a group, by id.
    pub fn members_of(&self, group: GroupId) -> impl Iterator<Item = UserId> {
        self.members
            .range((group, UserId::least())..)
            .take_while(move |(of, _)| *of == group)
            .map(|(_, user)| *user)
    }

    /// A role.
    pub fn role(&self, id: RoleId) -> Option<&Arc<Role>> {
        self.roles.get(&id)
    }

    /// The role of exactly this name.
    pub fn role_named(&self, account: AccountId, name: &RoleName) -> Option<&Arc<Role>> {
        self.role_bearing(account, &name.folded())
            .filter(|role| role.name == *name)
    }

    /// The role of this name, ignoring case.
    pub fn role_bearing(&self, account: AccountId, name: &Folded) -> Option<&Arc<Role>> {
        self.role(self.role_names.bearer(account, name)?)
    }

    /// The roles of an account by name in byte order, those behind `after` alone.
    pub fn roles(&self, account: AccountId, after: Option<RoleName>) -> impl Iterator<Item = &Arc<Role>> {
        self.role_names
            .after(account, after)
            .filter_map(|id| self.role(id))
    }

    /// How many roles an account has.
    pub fn role_count(&self, account: AccountId) -> usize {
        self.role_names.count(account)
    }

    /// A custom policy, by its address: ignoring case.
    pub fn policy_at(&self, address: &PolicyKey) -> Option<&Arc<Policy>> {
        self.policies.get(address)
    }

    /// The custom policy of exactly this name.
    pub fn policy_named(&self, account: AccountId, name: &PolicyName) -> Option<&Arc<Policy>> {
        self.policy_at(&PolicyKey::new(account, name))
            .filter(|policy| policy.name == *name)
    }

    /// The custom policies of an account by name in byte order, those behind `after` alone.
    pub fn policies(
        &self,
        account: AccountId,
        after: Option<PolicyName>,
    ) -> impl Iterator<Item = &Arc<Policy>> {
        let from = after.clone().unwrap_or_else(PolicyName::least);
        self.policies_by_name
            .range((account, from)..)
            .take_while(move |(of, _)| *of == account)
            .filter(move |(_, name)| Some(name) != after.as_ref())
            .filter_map(|(account, name)| self.policy_named(*account, name))
    }

    /// How many custom policies an account has.
    pub fn policy_count(&self, account: AccountId) -> usize {
        self.policies(account, None).count()
    }

    /// To whom of an account a policy is attached.
    pub fn holders_of(&self, account: AccountId, policy: &PolicyRef) -> impl Iterator<Item = Holder> {
        let least = Holder::User(UserId::least());
        let policy = policy.clone();
        self.holders
            .range((account, policy.clone(), least)..)
            .take_while(move |(a, p, _)| (*a, p) == (account, &policy))
            .map(|(_, _, holder)| *holder)
    }

    /// The policies attached to a holder itself, in the order in which they were.
    pub fn attached_to(&self, holder: Holder) -> &[Attached] {
        match holder {
            Holder::User(user) => self.user(user).map(|row| row.attached.as_slice()),
            Holder::Group(group) => self.group(group).map(|row| row.attached.as_slice()),
            Holder::Role(role) => self.role(role).map(|row| row.attached.as_slice()),
        }
        .unwrap_or_default()
    }

    /// The account of a holder.
    pub fn account_of(&self, holder: Holder) -> Option<AccountId> {
        match holder {
            Holder::User(user) => self.user(user).map(|row| row.account),
            Holder::Group(group) => self.group(group).map(|row| row.account),
            Holder::Role(role) => self.role(role).map(|row| row.account),
        }
    }

    /// From where a principal has policies: from itself, and a user from each of its groups.
    pub fn sources_of(&self, principal: Holder) -> Vec<Holder> {
        let mut sources = vec![principal];
        if let Holder::User(user) = principal
            && let Some(row) = self.user(user)
        {
            sources.extend(
                row.groups
                    .iter()
                    .map(|membership| Holder::Group(membership.group)),
            );
        }
        sources
    }

    /// The users and roles that have what `holder` has: itself, or a group's members.
    pub fn principals_under(&self, holder: Holder) -> Vec<Holder> {
        match holder {
            Holder::User(_) | Holder::Role(_) => vec![holder],
            Holder::Group(group) => self.members_of(group).map(Holder::User).collect(),
        }
    }

    /// The users and roles of an account that have a policy, directly or through a group.
    pub fn principals_with(&self, account: AccountId, policy: &PolicyRef) -> BTreeSet<Holder> {
        self.holders_of(account, policy)
            .flat_map(|holder| self.principals_under(holder))
            .collect()
    }

    /// A session, by its temporary access key.
    pub fn session(&self, id: &AccessKeyId) -> Option<&Arc<Session>> {
        self.sessions.get(id)
    }

    /// The sessions of a role.
    pub fn sessions_of(&self, role: RoleId) -> impl Iterator<Item = &AccessKeyId> {
        self.sessions_of_role.get(&role).into_iter().flatten()
    }

    /// Sessions that have ended at `now`, longest first.
    pub fn sessions_ended(&self, now: Timestamp) -> impl Iterator<Item = &AccessKeyId> {
        self.sessions_by_end
            .iter()
            .take_while(move |(expires, _)| *expires <= now)
            .map(|(_, id)| id)
    }

    /// The access keys of a user, or of the account's root, oldest first.
    pub fn access_keys_of(
        &self,
        account: AccountId,
        user: Option<UserId>,
    ) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.access_keys_by_owner
            .get(&(account, user))
            .into_iter()
            .flatten()
            .filter_map(|(_, id)| self.access_key(id))
    }
}
