//! GetCallerIdentity.

use crate::base::{Answer, ApiError, Arn, Code, RoleName, UserName};
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
        // A local peer who is nobody has no identity to tell.
        identity(&self.actor)
            .map(Done::unrecorded)
            .ok_or_else(|| Code::NoPermission.into())
    }
}

fn identity(actor: &Actor) -> Option<Answer> {
    let account = actor.account;
    let answer = Answer::new().text("AccountId", account.to_string());
    let name = actor.name.as_ref().map(|name| name.as_str());
    match actor.kind {
        ActorKind::Root => Some(
            answer
                .text("Arn", Arn::root(account).to_string())
                .text("IdentityType", "Account")
                .text("PrincipalId", account.to_string())
                .text("UserId", account.to_string()),
        ),
        ActorKind::RamUser => {
            let (id, name) = (actor.user_id()?.to_string(), UserName::parse(name?).ok()?);
            Some(
                answer
                    .text("Arn", Arn::user(account, &name).to_string())
                    .text("IdentityType", "RAMUser")
                    .text("PrincipalId", id.clone())
                    .text("UserId", id),
            )
        }
        ActorKind::AssumedRole => {
            let (id, name) = (actor.role_id()?, RoleName::parse(name?).ok()?);
            let session = actor.session.as_ref()?;
            Some(
                answer
                    .text("Arn", Arn::assumed_role(account, &name, session).to_string())
                    .text("IdentityType", "AssumedRoleUser")
                    .text("PrincipalId", format!("{id}:{session}"))
                    .text("RoleId", id.to_string()),
            )
        }
        ActorKind::System | ActorKind::Unmapped => None,
    }
}
