//! Whether the principal of a call is still there. It belongs to every read set: an access key that is gone or switched off
//! by the time of the event allows nothing, nor does a user that is.

use super::call::Call;
use crate::base::{ApiError, Code, PrincipalName};
use crate::event::ActorKind;
use crate::projection::Reader;

/// Looks the principal up, as the event will name it.
pub(super) fn check(call: &Call, reader: &Reader<'_>) -> Result<(), ApiError> {
    let actor = &call.actor;
    if let Some(id) = &actor.ak {
        let row = reader.access_key(id).ok_or(Code::UnknownAccessKey)?;
        if !row.active {
            return Err(Code::InactiveAccessKey.into());
        }
    }
    match actor.kind {
        ActorKind::RamUser => {
            let user = actor.user_id().and_then(|user| reader.user(user));
            let name: PrincipalName = user.ok_or(Code::UnknownAccessKey)?.name.clone().into();
            // Renamed since the call was admitted. Asked again, it comes in under the new name.
            if actor.name.as_ref() == Some(&name) {
                Ok(())
            } else {
                Err(Code::Unavailable.into())
            }
        }
        ActorKind::Root | ActorKind::AssumedRole | ActorKind::System | ActorKind::Unmapped => Ok(()),
    }
}
