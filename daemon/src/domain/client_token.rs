//! Client tokens: a creating call that is sent again within a day gives what it gave the first time.

use super::Refusal;
use crate::base::{Digest, KeyId, Region, Timestamp, limits};
use crate::event::{Actor, Change, PrincipalId};
use crate::projection::State;

/// A token, bound to its account and region, and what was asked for with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientToken {
    /// SHA-256 of account, principal, region and token.
    pub token: Digest,
    /// SHA-256 of what was asked for.
    pub request: Digest,
}

impl ClientToken {
    /// Binds a token, 1 to 64 characters, to who used it and the region it was used in: another principal of the account who says
    /// the same learns nothing of what it made.
    pub fn new(actor: &Actor, region: &Region, token: &str, request: Digest) -> Self {
        let region = region.as_str().as_bytes();
        let length = (region.len() as u64).to_be_bytes();
        let account = actor.account.to_be_bytes();
        // A root has no id, and no user or role the id 0.
        let principal = actor.id.map_or([0; 8], PrincipalId::to_be_bytes);
        let parts: [&[u8]; 6] = [
            b"chancery/client-token/v1",
            &account,
            &principal,
            &length,
            region,
            token.as_bytes(),
        ];
        Self {
            token: Digest::of_parts(&parts),
            request,
        }
    }

    /// What a call with this token made within the last day. The token with another request is refused.
    pub(super) fn made(&self, at: Timestamp, state: &State) -> Result<Option<KeyId>, Refusal> {
        match state
            .client_token(&self.token)
            .filter(|used| used.at.plus_millis(limits::DAY_MILLIS) > at)
        {
            Some(used) if used.request == self.request => Ok(Some(used.key)),
            Some(_) => Err(Refusal::TokenOfAnotherRequest),
            None => Ok(None),
        }
    }

    /// The change that begins its day. What it made before must have expired.
    pub(super) const fn used(&self, at: Timestamp, key: KeyId) -> Change {
        Change::ClientTokenUsed {
            at,
            key,
            token: self.token,
            request: self.request,
        }
    }

    /// Tokens past their day go as new ones come, a few at a time, oldest first, so they never pile up. This one goes
    /// whatever its turn: it is about to be used anew.
    pub(super) fn expired(&self, at: Timestamp, state: &State) -> Option<Change> {
        let limit = at.minus_millis(limits::DAY_MILLIS).plus_millis(1);
        let oldest = state
            .client_tokens_before(limit)
            .filter(|token| *token != self.token);
        let tokens: Vec<Digest> = state
            .client_token(&self.token)
            .map(|used| used.token)
            .into_iter()
            .chain(oldest)
            .take(EXPIRED_AT_ONCE)
            .collect();
        (!tokens.is_empty()).then_some(Change::ClientTokensExpired { tokens })
    }
}

const EXPIRED_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{UserId, UserName};

    #[test]
    fn what_one_principal_says_is_not_what_another_says() {
        let account = "1000000000000001".parse().unwrap();
        let region = Region::parse("cn-hangzhou").unwrap();
        let user = |id: &str| {
            let name = UserName::parse("alice").unwrap();
            Actor::user(account, UserId::parse(id).unwrap(), name, None)
        };
        let token = |actor: &Actor| ClientToken::new(actor, &region, "t", Digest::ZERO).token;
        let (one, other) = (user("200000000000000001"), user("200000000000000002"));
        let root = Actor::root(account, None);
        assert_eq!(token(&one), token(&one));
        assert_ne!(token(&one), token(&other));
        assert_ne!(token(&one), token(&root));
    }
}
