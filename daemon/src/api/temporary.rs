//! A request signed with temporary credentials (STS contract, section 4.3): the access key of a session, and its token.

use super::authenticate::Caller;
use super::nonce::NonceMemory;
use super::signature::SignedRequest;
use crate::base::{AccessKeyId, ApiError, Code};
use crate::engine::Engine;
use crate::engine::temporary::Token;

/// Finds out who is asking. The token is looked at last, when the signature is known to be right; before that it says only
/// whether an access key whose session is over was ever ours.
pub(super) fn by_session<'a>(
    engine: &Engine,
    nonces: &NonceMemory,
    request: SignedRequest<'a>,
) -> Result<Caller<'a>, ApiError> {
    let temporary = engine.temporary();
    let token = request
        .security_token()
        .map(|text| temporary.open_token(text).ok_or(Code::MalformedSecurityToken));
    let session = engine.session(&request.access_key);
    let was_ours = matches!(&token, Some(Ok(token)) if token.id == request.access_key);
    if session.is_none() && !was_ours {
        return Err(Code::UnknownAccessKey.into());
    }
    // The raw clock, not the log's: a stamp is compared with the time of day.
    let now = engine.wall_clock();
    let stamp = request.stamp(now)?;
    request.verify(&temporary.derive_secret(&request.access_key))?;
    let hash = nonces.hash(&request.access_key, request.nonce);
    nonces.admit(hash, &request.access_key, stamp, now)?;

    let token = token.ok_or(Code::MissingSecurityToken)??;
    belongs(&token, &request.access_key)?;
    // A session ends with its role, however long its token would be good.
    let session = session.ok_or(Code::ExpiredSecurityToken)?;
    if token.expires.min(session.expires) <= engine.now() {
        return Err(Code::ExpiredSecurityToken.into());
    }
    Ok(Caller {
        region: request.region,
        actor: session.actor,
        nonce: Some(hash),
    })
}

/// A permanent access key has no token: one that comes with it is another's, or nobody's.
pub(super) fn refuse_token(engine: &Engine, request: &SignedRequest<'_>) -> Result<(), ApiError> {
    let Some(text) = request.security_token() else {
        return Ok(());
    };
    let token = engine
        .temporary()
        .open_token(text)
        .ok_or(Code::MalformedSecurityToken)?;
    belongs(&token, &request.access_key)
}

fn belongs(token: &Token, id: &AccessKeyId) -> Result<(), ApiError> {
    if token.id == *id {
        Ok(())
    } else {
        Err(Code::ForeignSecurityToken.into())
    }
}
