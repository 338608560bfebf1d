//! The data directory of a lost machine as evidence: as far as it can be read, and never written. Its store is read from a
//! private copy; its anchor says whether the end of its log is there.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::audit::source::{ClaimedDigest, Claims, Kept, Rows, read_anchor};
use crate::audit::{LogSource, SourceError};
use crate::base::disk::{Links, OsFile, open_file};
use crate::base::{LogId, Seq, UnknownFormat};
use crate::engine::home::Layout;
use crate::engine::home::format::{self, MarkError};
use crate::event::RowKey;
use crate::ledger::{Salvage, SignedAnchor};

/// Why a directory can't be taken as evidence at all.
#[derive(Debug, thiserror::Error)]
pub enum WreckError {
    /// A daemon has it.
    #[error("`{}` is in use by a running chancery: what is still served is no evidence of a loss. Stop it first", .0.display())]
    InUse(PathBuf),
    /// It is being restored into.
    #[error("the restore into `{}` was not finished: it is no evidence", .0.display())]
    Unfinished(PathBuf),
    /// It is of a newer format.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
}

/// A data directory that nobody else uses.
#[derive(Debug)]
pub struct Wreck {
    layout: Layout,
    /// Locked as long as it is open; none where there is no lock that can be opened.
    _lock: Option<File>,
}

impl Wreck {
    /// Takes `dir`, writing nothing: it may be on a disk that was mounted read-only, and it may be another user's.
    pub fn take(dir: &Path) -> Result<Self, WreckError> {
        let layout = Layout::new(dir, None);
        // A daemon holds the lock alone; readers may share it.
        let lock = open_file(&dir.join("lock"), Links::Refused).ok();
        if let Some(lock) = &lock
            && let Err(rustix::io::Errno::WOULDBLOCK) =
                rustix::fs::flock(lock, FlockOperation::NonBlockingLockShared)
        {
            return Err(WreckError::InUse(dir.into()));
        }
        if layout.restoring().exists() {
            return Err(WreckError::Unfinished(dir.into()));
        }
        match format::check(dir) {
            Err(MarkError::Unknown(unknown)) => return Err(unknown.into()),
            // A mark that can't be read may be part of what broke.
            Ok(()) | Err(MarkError::Damaged(_) | MarkError::Io { .. }) => {}
        }
        Ok(Self { layout, _lock: lock })
    }

    /// Reads what can be read, with the help of `copy`, which is made. An error is one of writing there.
    pub fn read(&self, copy: &Path) -> Result<WreckSource, SourceError> {
        let salvage = Salvage::read(&self.layout.store(), copy)
            .map_err(|error| SourceError::Store(crate::ledger::StoreError::Fatal(error.into())))?;
        Ok(WreckSource {
            salvage,
            anchor: self.layout.anchor().to_owned(),
        })
    }
}

/// What can be read of it.
#[derive(Debug)]
pub struct WreckSource {
    salvage: Salvage,
    anchor: PathBuf,
}

impl WreckSource {
    /// What could not be read, each in a few words.
    pub fn faults(&self) -> &[String] {
        self.salvage.faults()
    }
}

impl LogSource for WreckSource {
    fn size(&self) -> u64 {
        self.salvage.size()
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(self.salvage.entries(from, limit))
    }

    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError> {
        Ok(Vec::new())
    }

    fn claims(&mut self) -> Result<Claims, SourceError> {
        Ok(Claims::default())
    }

    fn tile(&mut self, _: u8, _: u64) -> Result<Option<Option<Vec<u8>>>, SourceError> {
        Ok(None)
    }

    fn anchor(&mut self, log: LogId) -> Result<Option<Option<SignedAnchor>>, SourceError> {
        match OsFile::open_read_only(&self.anchor) {
            Ok(file) => read_anchor(Box::new(file), log).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Some(None)),
            Err(error) => Err(SourceError::Anchor(error)),
        }
    }

    fn rows(&mut self, _: Option<&RowKey>, _: usize) -> Result<Option<Rows>, SourceError> {
        Ok(None)
    }

    fn digest(&mut self) -> Result<ClaimedDigest, SourceError> {
        Ok(ClaimedDigest::Stored(None))
    }
}
