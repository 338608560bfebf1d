//! Reading a state and keeping account of it: every row that a decision looked at goes into the read set (law 3).

use std::cell::RefCell;
use std::sync::Arc;

use smallvec::SmallVec;

use super::State;
use super::row::{AccessKey, Account, Address, Alias, AliasKey, ClientToken, Key};
use crate::base::{AccessKeyId, AccountId, Digest, KeyId, Seq};
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
