//! Reading a state and keeping account of it: every row that a decision looked at goes into the read set (law 3).

use std::cell::RefCell;
use std::sync::Arc;

use smallvec::SmallVec;

use super::State;
use super::identity::{Group, NameKind, Policy, PolicyKey, Role, Session, User, name_row, session_row};
use super::row::{AccessKey, Account, Address, Alias, AliasKey, ClientToken, Key};
use crate::base::{
    AccessKeyId, AccountId, Digest, Folded, GroupId, GroupName, KeyId, PolicyName, RoleId, RoleName, Seq,
    UserId, UserName,
};
use crate::event::{Read, RowKey};

/// A view of one state that remembers what was read through it, absent rows included.
#[derive(Debug)]
pub struct Reader<'a> {
    state: &'a State,
    reads: RefCell<SmallVec<[Read; 4]>>,
}

impl<'a> Reader<'a> {
    /// A view of `state` with nothing read yet.
    pub fn new(state: &'a State) -> Self {
        Self {
            state,
            reads: RefCell::default(),
        }
    }

    /// The state itself, for what is derived from rows that were read: nothing that is looked up there gets into the read set.
    pub const fn state(&self) -> &'a State {
        self.state
    }

    /// An account.
    pub fn account(&self, id: AccountId) -> Option<&'a Account> {
        let account = self.state.account(id);
        self.note(id.row_key(), account.map(|a| a.rev));
        account
    }

    /// An access key.
    pub fn access_key(&self, id: &AccessKeyId) -> Option<&'a Arc<AccessKey>> {
        let access_key = self.state.access_key(id);
        self.note(id.row_key(), access_key.map(|a| a.rev));
        access_key
    }

    /// A key.
    pub fn key(&self, id: KeyId) -> Option<&'a Arc<Key>> {
        let key = self.state.key(id);
        self.note(id.row_key(), key.map(|k| k.rev));
        key
    }

    /// An alias.
    pub fn alias(&self, address: &AliasKey) -> Option<&'a Alias> {
        let alias = self.state.alias(address);
        self.note(address.row_key(), alias.map(|a| a.rev));
        alias
    }

    /// A client token.
    pub fn client_token(&self, token: &Digest) -> Option<&'a ClientToken> {
        let row = self.state.client_token(token);
        self.note(token.row_key(), row.map(|t| t.rev));
        row
    }

    /// A user. Its revision covers its groups and all policies that it has.
    pub fn user(&self, id: UserId) -> Option<&'a Arc<User>> {
        let row = self.state.user(id);
        self.note(id.row_key(), row.map(|r| r.rev));
        row
    }

    /// The user of exactly this name.
    pub fn user_named(&self, account: AccountId, name: &UserName) -> Option<&'a Arc<User>> {
        let found = self.state.user_bearing(account, &name.folded());
        let row = name_row(NameKind::User, account, &name.folded());
        self.note(row, found.map(|r| r.rev));
        self.user(found?.id).filter(|user| user.name == *name)
    }

    /// A group.
    pub fn group(&self, id: GroupId) -> Option<&'a Arc<Group>> {
        let row = self.state.group(id);
        self.note(id.row_key(), row.map(|r| r.rev));
        row
    }

    /// The group of exactly this name.
    pub fn group_named(&self, account: AccountId, name: &GroupName) -> Option<&'a Arc<Group>> {
        let found = self.state.group_bearing(account, &name.folded());
        let row = name_row(NameKind::Group, account, &name.folded());
        self.note(row, found.map(|r| r.rev));
        self.group(found?.id).filter(|group| group.name == *name)
    }

    /// A role. Its revision covers its trust policy and all policies that it has.
    pub fn role(&self, id: RoleId) -> Option<&'a Arc<Role>> {
        let row = self.state.role(id);
        self.note(id.row_key(), row.map(|r| r.rev));
        row
    }

    /// The role of exactly this name.
    pub fn role_named(&self, account: AccountId, name: &RoleName) -> Option<&'a Arc<Role>> {
        self.role_bearing(account, &name.folded())
            .filter(|role| role.name == *name)
    }

    /// The role of this name, ignoring case.
    pub fn role_bearing(&self, account: AccountId, name: &Folded) -> Option<&'a Arc<Role>> {
        let found = self.state.role_bearing(account, name);
        self.note(name_row(NameKind::Role, account, name), found.map(|r| r.rev));
        self.role(found?.id)
    }

    /// The custom policy of exactly this name.
    pub fn policy_named(&self, account: AccountId, name: &PolicyName) -> Option<&'a Arc<Policy>> {
        let address = PolicyKey::new(account, name);
        let row = self.state.policy_at(&address);
        self.note(address.row_key(), row.map(|r| r.rev));
        row.filter(|policy| policy.name == *name)
    }

    /// A session, by its temporary access key. What it may do is its role's to say.
    pub fn session(&self, id: &AccessKeyId) -> Option<&'a Arc<Session>> {
        let row = self.state.session(id);
        self.note(session_row(id), row.map(|r| r.rev));
        row
    }

    /// The read set so far.
    pub fn into_reads(self) -> SmallVec<[Read; 4]> {
        self.reads.into_inner()
    }

    fn note(&self, row: RowKey, revision: Option<Seq>) {
        let mut reads = self.reads.borrow_mut();
        if !reads.iter().any(|read| read.row == row) {
            reads.push(Read { row, revision });
        }
    }
}
