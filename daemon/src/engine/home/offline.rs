//! What a command does to the log of a stopped daemon, and the claim on it that a running one holds as well.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::directory::is_known;
use super::{Home, HomeError, Layout, format, io_error, lock, take_directory};
use crate::base::{Answer, LogId, Seq, limits};
use crate::custody::RootKey;
use crate::domain::log_key::RotateLogKey;
use crate::engine::boot::{self, World};
use crate::engine::epoch::{self, Confirmed, Why};
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

    /// Takes a directory whose journal is damaged, though whole groups of events follow, and opens what would be left of its
    /// store, in a copy. Nothing of the directory changes but for that copy, which the end of this takes away.
    pub fn rehearse_cut(layout: Layout) -> Result<Rehearsal, HomeError> {
        if !layout.lock().exists() && !is_known(layout.dir()) {
            return Err(HomeError::NoLog(layout.dir));
        }
        take_directory(layout.dir())?;
        let lock = lock::take(&layout)?;
        if layout.restoring().exists() {
            return Err(HomeError::RestoreUnfinished(layout.dir));
        }
        format::mark(layout.dir())?;
        let copy = layout.store_copy();
        clear(&copy)?;
        // A crash from here on leaves the copy, and the next rehearsal takes it away.
        let copy = Scratch(copy);
        let (store, is_damaged) = FjallStore::open_rehearsal(&layout.store(), &copy.0)?;
        let store = Arc::new(store);
        let home = Self {
            is_new: store.size()? == 0,
            is_made: false,
            layout,
            _lock: lock,
            store,
        };
        Ok(Rehearsal {
            home,
            is_damaged,
            _copy: copy,
        })
    }

    /// Accepts that the end of the log, or the proof of its length, is lost; see `epoch::accept_loss`.
    pub fn accept_loss(
        &self,
        root: &RootKey,
        world: &World,
        reason: &str,
        confirmed: Confirmed,
    ) -> Result<State, HomeError> {
        let _claim = self.claim()?;
        let storage = self.storage()?;
        Ok(epoch::accept_loss(storage, root, world, reason, confirmed)?)
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

/// What a cut of the journal would leave.
#[derive(Debug)]
pub struct Rehearsal {
    home: Home,
    /// Whether there is anything to cut.
    is_damaged: bool,
    /// Goes after the store in it.
    _copy: Scratch,
}

impl Rehearsal {
    /// What would be left of the log.
    pub const fn store(&self) -> &Arc<FjallStore> {
        &self.home.store
    }

    /// Cuts the journal where it is damaged and accepts the loss of what is behind that, if it is all confirmed; if not,
    /// nothing is cut. The whole journal stays in `store/journal-aside`.
    pub fn accept_loss(
        self,
        root: &RootKey,
        world: &World,
        reason: &str,
        confirmed: Confirmed,
    ) -> Result<State, HomeError> {
        let confirmed = Confirmed {
            cut: self.is_damaged,
            ..confirmed
        };
        epoch::may_accept_loss(self.home.storage()?, root, world, confirmed)?;
        // A crash before this line leaves all as it was; after it, a log that ends before its anchor, to be accepted as such.
        let store = Arc::new(FjallStore::open_cut(&self.home.layout.store())?);
        let home = Home { store, ..self.home };
        home.accept_loss(root, world, reason, confirmed)
    }
}

/// A directory that goes with this.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is taken away the next time.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

fn clear(path: &Path) -> Result<(), HomeError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("clear up in", path)(error)),
        _ => Ok(()),
    }
}
