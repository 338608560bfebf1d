//! What a command does to the log of a stopped daemon, and the claim on it that a running one holds as well.

use super::{Home, HomeError, Layout, lock, take_directory};
use crate::base::{Answer, LogId, Seq, limits};
use crate::custody::RootKey;
use crate::domain::log_key::RotateLogKey;
use crate::engine::boot::{self, World};
use crate::engine::epoch::{self, Why};
use crate::engine::offline::Offline;
use crate::engine::twin::{self, Claim};
use crate::event::codec::decode_event;
use crate::event::{Change, Recorded};
use crate::ledger::{EventStore, FjallStore, SignedEntry, StoreError};
use crate::projection::State;

/// The daemon's own rotation of the log key: asked for by who has the root key in his hands.
const REPLACE_LOG_KEY: &str = "chancery/ReplaceLogKey";

impl Home {
    /// Claims the log for this process, as long as the claim lives; see `twin`. There must be a log.
    pub fn claim(&self) -> Result<Claim, HomeError> {
        let log = self.log_id()?;
        let claimed = twin::claim(log).map_err(|source| HomeError::Io {
            action: "claim the log in",
            path: self.layout.dir().into(),
            source,
        })?;
        claimed.map_err(|twin| HomeError::Twin {
            dir: self.layout.dir().into(),
            log,
            pid: twin.pid.and_then(|pid| pid.try_into().ok()),
        })
    }

    /// The log's id, as genesis has it.
    fn log_id(&self) -> Result<LogId, HomeError> {
        let entries = self.store.entries(Seq::GENESIS, 1, limits::ENTRY_BYTES_MAX)?;
        let genesis = entries
            .first()
            .and_then(|(_, entry)| SignedEntry::parse(entry).ok())
            .and_then(|entry| decode_event(entry.payload).ok());
        match genesis.as_ref().and_then(|event| event.chg.first()) {
            Some(Change::LogBegun(begun)) => Ok(begun.log),
            _ => Err(StoreError::Damaged("the first entry does not begin a log").into()),
        }
    }

    /// Cuts the journal of a directory's store where it is damaged, though whole groups of events follow; the whole of it stays
    /// in `store/journal-aside`. What the log then lacks its anchor says.
    pub fn cut_journal(layout: &Layout) -> Result<(), HomeError> {
        if !layout.lock().exists() {
            return Err(HomeError::NoLog(layout.dir().into()));
        }
        take_directory(layout.dir())?;
        let _lock = lock(layout)?;
        FjallStore::open_cut(&layout.store())?;
        Ok(())
    }

    /// Accepts that the end of the log, or the proof of its length, is lost; see `epoch::accept_loss`.
    pub fn accept_loss(
        &self,
        root: RootKey,
        world: &World,
        reason: &str,
        missing: Option<u64>,
    ) -> Result<State, HomeError> {
        let _claim = self.claim()?;
        Ok(epoch::accept_loss(self.storage()?, root, world, reason, missing)?)
    }

    /// Begins an epoch; see `epoch::begin`.
    pub fn begin_epoch(&self, root: RootKey, world: &World, why: &Why<'_>) -> Result<Offline, HomeError> {
        Ok(epoch::begin(self.storage()?, root, world, why)?)
    }

    /// Gives the log another signing key, and erases the one before.
    pub fn rotate_log_key(&self, root: RootKey, world: &World) -> Result<Answer, HomeError> {
        let _claim = self.claim()?;
        let mut offline = Offline::new(boot::resume(self.storage()?, root, world)?);
        let answer = offline.perform(REPLACE_LOG_KEY, Recorded::default(), RotateLogKey)?;
        offline.erase_owed()?;
        offline.close()?;
        Ok(answer)
    }
}
