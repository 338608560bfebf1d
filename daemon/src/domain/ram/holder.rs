//! Who policies are attached to, as callers name them.

use crate::base::Arn;
use crate::domain::{Refusal, Scope};
use crate::event::Holder;
pub use crate::policy::proposal::HolderName;
use crate::projection::{Reader, State};

/// The kinds of holders, in the order in which conflicts with them are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HolderKind {
    /// Users.
    User,
    /// Groups.
    Group,
    /// Roles.
    Role,
}

impl HolderKind {
    /// The kind of a holder.
    pub const fn of(holder: Holder) -> Self {
        match holder {
            Holder::User(_) => Self::User,
            Holder::Group(_) => Self::Group,
            Holder::Role(_) => Self::Role,
        }
    }

    /// The first of three for users, the second for groups, the third for roles.
    pub(in crate::domain) fn choose<T>(self, [user, group, role]: [T; 3]) -> T {
        match self {
            Self::User => user,
            Self::Group => group,
            Self::Role => role,
        }
    }
}

impl HolderName {
    /// Its kind.
    pub const fn kind(&self) -> HolderKind {
        match self {
            Self::User(_) => HolderKind::User,
            Self::Group(_) => HolderKind::Group,
            Self::Role(_) => HolderKind::Role,
        }
    }

    /// Its ARN.
    pub fn arn(&self, scope: &Scope) -> Arn {
        match self {
            Self::User(name) => Arn::user(scope.account, name),
            Self::Group(name) => Arn::group(scope.account, name),
            Self::Role(name) => Arn::role(scope.account, name),
        }
    }

    /// Why there is none.
    pub const fn absent(&self) -> Refusal {
        match self {
            Self::User(_) => Refusal::UserNotFound,
            Self::Group(_) => Refusal::GroupNotFound,
            Self::Role(_) => Refusal::RoleNotFound,
        }
    }

    /// The holder, through a reader that notes what was read.
    pub fn read(&self, scope: &Scope, reader: &Reader<'_>) -> Option<Holder> {
        match self {
            Self::User(name) => reader
                .user_named(scope.account, name)
                .map(|row| Holder::User(row.id)),
            Self::Group(name) => reader
                .group_named(scope.account, name)
                .map(|row| Holder::Group(row.id)),
            Self::Role(name) => reader
                .role_named(scope.account, name)
                .map(|row| Holder::Role(row.id)),
        }
    }

    /// The holder in a state.
    pub fn find(&self, scope: &Scope, state: &State) -> Option<Holder> {
        self.read(scope, &Reader::new(state))
    }
}
