//! Local peers: users of this machine whom the operator's configuration makes principals of the first account.

use super::service::Engine;
use crate::base::{RoleName, SessionName, UserName};
use crate::event::Actor;

/// Who a local user is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalPrincipal {
    /// A user of the first account.
    User(UserName),
    /// A session of a role of the first account, opened by the configuration.
    Role(RoleName),
}

impl Engine {
    /// A local user as it is now. One whose user or role does not exist is authenticated, and nobody.
    pub fn local_actor(&self, uid: u32, principal: &LocalPrincipal) -> Actor {
        let account = self.account();
        let state = self.tools().published.applied();
        let found = match principal {
            LocalPrincipal::User(name) => state
                .user_named(account, name)
                .map(|user| Actor::user(account, user.id, user.name.clone(), None)),
            LocalPrincipal::Role(name) => state.role_named(account, name).and_then(|role| {
                let session = SessionName::parse(&format!("uid-{uid}")).ok()?;
                Some(Actor::assumed_role(
                    account,
                    (role.id, role.name.clone()),
                    session,
                    None,
                    None,
                ))
            }),
        };
        found.unwrap_or_else(|| Actor::unmapped(account))
    }
}
