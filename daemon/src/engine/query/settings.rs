//! Settings of an account that are the same for all.

use crate::base::{Answer, ApiError, Arn};
use crate::domain::{Scope, Unresolved};
use crate::engine::call::{Done, Query};
use crate::engine::tools::Tools;
use crate::projection::{Reader, State};

/// A setting that says the same to everybody.
#[derive(Debug)]
pub struct Setting {
    /// What it says.
    pub says: fn() -> Answer,
}

impl Query for Setting {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::identities(scope.account)])
    }

    fn answer(&self, _: &Scope, _: &State, _: &Tools) -> Result<Done, ApiError> {
        Ok(Done::unrecorded((self.says)()))
    }
}
