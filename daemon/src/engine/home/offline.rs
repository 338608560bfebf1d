//! What a command does to the log of a stopped daemon.

use super::{Home, HomeError};
use crate::base::Answer;
use crate::custody::RootKey;
use crate::domain::log_key::RotateLogKey;
use crate::engine::boot::{self, World};
use crate::engine::epoch::{self, Why};
use crate::engine::offline::Offline;
use crate::event::Recorded;
use crate::projection::State;

/// The daemon's own rotation of the log key: asked for by who has the root key in his hands.
const REPLACE_LOG_KEY: &str = "chancery/ReplaceLogKey";

impl Home {
    /// Accepts that the end of the log, or the proof of its length, is lost; see `epoch::accept_loss`.
    pub fn accept_loss(
        &self,
        root: RootKey,
        world: &World,
        reason: &str,
        missing: Option<u64>,
    ) -> Result<State, HomeError> {
        Ok(epoch::accept_loss(self.storage()?, root, world, reason, missing)?)
    }

    /// Begins an epoch; see `epoch::begin`.
    pub fn begin_epoch(&self, root: RootKey, world: &World, why: &Why<'_>) -> Result<Offline, HomeError> {
        Ok(epoch::begin(self.storage()?, root, world, why)?)
    }

    /// Gives the log another signing key, and erases the one before.
    pub fn rotate_log_key(&self, root: RootKey, world: &World) -> Result<Answer, HomeError> {
        let mut offline = Offline::new(boot::resume(self.storage()?, root, world)?);
        let answer = offline.perform(REPLACE_LOG_KEY, Recorded::default(), RotateLogKey)?;
        offline.erase_owed()?;
        offline.close()?;
        Ok(answer)
    }
}
