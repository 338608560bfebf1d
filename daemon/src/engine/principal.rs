//! Whether the principal of a call is still there. It belongs to every read set: an access key that is gone or switched off
//! by the time of the event allows nothing, nor does a user that is, a session that has ended, or a role that is gone.

use super::call::Call;
use crate::base::{AccessKeyId, ApiError, Code, PrincipalName};
use crate::event::ActorKind;
use crate::projection::Reader;

/// Looks the principal up, as the event will name it.
pub(super) fn check(call: &Call, reader: &Reader<'_>) -> Result<(), ApiError> {
    let actor = &call.actor;
    match &actor.ak {
        Some(id) if actor.kind == ActorKind::AssumedRole => session(call, id, reader)?,
        Some(id) => {
            let row = reader.access_key(id).ok_or(Code::UnknownAccessKey)?;
            if !row.active {
                return Err(Code::InactiveAccessKey.into());
            }
        }
        None => {}
    }
    let name: PrincipalName = match actor.kind {
        ActorKind::RamUser => {
            let user = actor.user_id().and_then(|user| reader.user(user));
            user.ok_or(Code::UnknownAccessKey)?.name.clone().into()
        }
        ActorKind::AssumedRole => {
            let role = actor.role_id().and_then(|role| reader.role(role));
            role.ok_or(Code::ExpiredSecurityToken)?.name.clone().into()
        }
        ActorKind::Root | ActorKind::System | ActorKind::Unmapped => return Ok(()),
    };
    // Renamed since the call was admitted. Asked again, it comes in under the new name.
    if actor.name.as_ref() == Some(&name) {
        Ok(())
    } else {
        Err(Code::Unavailable.into())
    }
}

/// A session is good until its end, and no longer than its role is there.
fn session(call: &Call, id: &AccessKeyId, reader: &Reader<'_>) -> Result<(), ApiError> {
    match reader.session(id) {
        #[cfg(feature = "canary-bugs")]
        Some(_) if crate::base::CanaryBug::SessionNeverEnds.is_planted() => Ok(()),
        Some(row) if call.scope.at < row.expires => Ok(()),
        _ => Err(Code::ExpiredSecurityToken.into()),
    }
}
