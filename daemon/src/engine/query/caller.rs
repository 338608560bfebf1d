//! GetCallerIdentity.

use crate::base::{Answer, ApiError, Arn, Code};
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::event::{Actor, ActorKind};
use crate::projection::{Reader, State};

/// Who asks.
#[derive(Debug)]
pub struct GetCallerIdentity {
    /// The caller.
    pub actor: Actor,
}

impl Query for GetCallerIdentity {
    fn resources(&self, _: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(Vec::new())
    }

    fn answer(&self, _: &Scope, _: &State, _: &Tools) -> Result<Done, ApiError> {
        let account = self.actor.account;
        let identity = Answer::new().text("AccountId", account.to_string());
        match self.actor.kind {
            ActorKind::Root => Ok(Done::unrecorded(
                identity
                    .text("Arn", Arn::root(account).to_string())
                    .text("IdentityType", "Account")
                    .text("PrincipalId", account.to_string())
                    .text("UserId", account.to_string()),
            )),
            // A local peer who is nobody has no identity to tell.
            ActorKind::System | ActorKind::Unmapped => Err(Code::NoPermission.into()),
        }
    }
}
