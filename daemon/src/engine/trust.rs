//! The other side of AssumeRole: whether the role trusts the caller. The caller's own policies are asked before, as for every
//! operation.

use super::call::{Call, Work};
use crate::base::{ApiError, Code};
use crate::domain::sts::AssumeRole;
use crate::event::ActorKind;
use crate::projection::{Reader, Role};

/// Refuses a call that would assume a role which does not trust its caller.
pub(super) fn ask(call: &Call, reader: &Reader<'_>) -> Result<(), ApiError> {
    let Work::Command(command) = &call.work else {
        return Ok(());
    };
    // No document makes root assume a role; the rule stands with the command, which says so.
    let request = command.assumes().filter(|_| call.actor.kind != ActorKind::Root);
    let Some(request) = request else {
        return Ok(());
    };
    // It was resolved a moment ago, in the same state.
    let role = request.role(reader).ok_or(Code::RoleNotFound)?;
    if trusts(role, request, call) {
        Ok(())
    } else {
        Err(Code::NoPermission.into())
    }
}

/// Whether the trust policy of a role allows the request. Until the policies of identities are evaluated it trusts nobody;
/// what the document may ask for is in `request.conditions()` and the call's origin.
fn trusts(_role: &Role, _request: &AssumeRole, _call: &Call) -> bool {
    false
}
