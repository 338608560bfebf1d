//! GetKeyPolicy.

use crate::base::{Answer, ApiError, Arn, Code};
use crate::domain::{KeyRef, Scope, Unresolved, key_policy};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

/// The policy of a key.
#[derive(Debug)]
pub struct GetKeyPolicy {
    /// Which key; ids and ARNs reach here.
    pub key: KeyRef,
    /// Whether the one that a key has is asked for.
    pub default: bool,
}

impl Query for GetKeyPolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn answer(&self, scope: &Scope, state: &State, _: &Tools) -> Result<Done, ApiError> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        if !self.default {
            return Err(Code::ResourceNotFound.into());
        }
        Ok(Done::unrecorded(
            Answer::new().text("Policy", key_policy::in_force(&key)),
        ))
    }
}
