//! Where a log comes from: a store at hand, or a daemon that is asked.

use std::fmt::Debug;

use super::export::ExportError;
use crate::base::disk::BlockFile;
use crate::base::{Digest, LogId, Seq, UnknownFormat};
use crate::event::RowKey;
use crate::ledger::store::StoreError;
use crate::ledger::{AnchorError, AnchorFile, Checkpoint, EventStore, SignedAnchor};

/// A log to be audited. Its size is fixed when the source is made: what a running daemon appends later is not looked at.
pub trait LogSource: Debug {
    /// Number of events.
    fn size(&self) -> u64;

    /// Entries from position `from` on, in order: at least one when there is one, at most `limit`, none past the size.
    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError>;

    /// The signed notes of the kept checkpoints that the source shows.
    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError>;

    /// What the source says about the log as a whole.
    fn claims(&mut self) -> Result<Claims, SourceError>;

    /// A full tile as it is stored; the outer none when the source shows no tiles.
    fn tile(&mut self, level: u8, index: u64) -> Result<Option<Option<Vec<u8>>>, SourceError>;

    /// The anchor, its signature not yet checked; none when there is no such file or it is blank; the outer none when the
    /// source has none to show.
    fn anchor(&mut self, log: LogId) -> Result<Option<Option<SignedAnchor>>, SourceError>;

    /// The stored rows after `from`, at most `limit`; none when the source shows no rows.
    fn rows(&mut self, from: Option<&RowKey>, limit: usize) -> Result<Option<Rows>, SourceError>;

    /// The digest of the state at the size.
    fn digest(&mut self) -> Result<ClaimedDigest, SourceError>;
}

/// A page of stored rows.
pub type Rows = Vec<(RowKey, Vec<u8>)>;

/// A kept checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The size that it is stored under, when it is stored under one.
    pub size: Option<u64>,
    /// The signed note.
    pub note: String,
}

impl Kept {
    /// The size that it is stored under, or else claims: where the key is looked up that has to have signed it. One that
    /// claims none is looked at last.
    pub(super) fn claimed_size(&self) -> u64 {
        let claimed = || Checkpoint::claimed_size(&self.note);
        self.size.or_else(claimed).unwrap_or(u64::MAX)
    }
}

/// What a source says about the log; each part only if it says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The log's id.
    pub log: Option<LogId>,
    /// Its checkpoint origin.
    pub origin: Option<String>,
    /// Its public key.
    pub public: Option<Vec<u8>>,
    /// Leaf hash of the last entry.
    pub head: Option<Digest>,
}

/// The digest of the state, as far as the source knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimedDigest {
    /// The whole accumulator as it is stored; none when nothing is stored.
    Stored(Option<Vec<u8>>),
    /// Its 32 bytes alone.
    Short(Digest),
}

/// Why a source can't be read. No verdict follows from it, unless it says `Damaged`.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// What is stored contradicts itself.
    #[error("{0}")]
    Damaged(&'static str),
    /// A part of a copy can't be used; says which and why.
    #[error("{0}")]
    Part(String),
    /// A rebuild of the rows was interrupted.
    #[error("a rebuild of the state was interrupted; run `chancery log rebuild` again")]
    RebuildUnfinished,
    /// Something is of a format that this build does not know.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// An export can't be read or written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// There is no event at all.
    #[error("there is no log: the store is empty")]
    Empty,
    /// The store can't be read.
    #[error(transparent)]
    Store(StoreError),
    /// The anchor's file can't be read.
    #[error("the anchor can't be read: {0}")]
    Anchor(#[source] std::io::Error),
    /// The daemon could not be asked.
    #[error("{0}")]
    Unreachable(String),
    /// The daemon refused.
    #[error("the daemon refused: {0}")]
    Refused(String),
    /// The daemon's answer is not what the protocol says.
    #[error("the daemon's answer can't be read: {0}")]
    Answer(&'static str),
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged(what) => Self::Damaged(what),
            StoreError::RebuildUnfinished => Self::RebuildUnfinished,
            other => Self::Store(other),
        }
    }
}

/// A store at hand, with the anchor that belongs to it.
#[derive(Debug)]
pub struct StoreSource<'a> {
    store: &'a dyn EventStore,
    anchor: Option<AnchorPlace>,
    size: u64,
}

#[derive(Debug)]
enum AnchorPlace {
    Missing,
    File(Option<Box<dyn BlockFile>>),
}

impl<'a> StoreSource<'a> {
    /// The log in `store`, without an anchor.
    pub fn new(store: &'a dyn EventStore) -> Result<Self, SourceError> {
        let size = store.size()?;
        if size == 0 {
            return Err(SourceError::Empty);
        }
        Ok(Self {
            store,
            anchor: None,
            size,
        })
    }

    /// The same log with its anchor; none when the file is gone, which is a problem of its own.
    #[must_use]
    pub fn with_anchor(mut self, file: Option<Box<dyn BlockFile>>) -> Self {
        self.anchor = Some(match file {
            Some(file) => AnchorPlace::File(Some(file)),
            None => AnchorPlace::Missing,
        });
        self
    }
}

impl LogSource for StoreSource<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError> {
        let page = self.store.entries(from, limit, PAGE_BYTES)?;
        Ok(page.into_iter().map(|(_, entry)| entry).collect())
    }

    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError> {
        let kept = self.store.checkpoints()?.into_iter().map(|(size, note)| Kept {
            size: Some(size),
            note,
        });
        Ok(kept.collect())
    }

    fn claims(&mut self) -> Result<Claims, SourceError> {
        Ok(Claims {
            head: self.store.head()?.map(|head| head.leaf),
            ..Claims::default()
        })
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<Option<Option<Vec<u8>>>, SourceError> {
        Ok(Some(self.store.tile(level, index)?))
    }

    fn anchor(&mut self, log: LogId) -> Result<Option<Option<SignedAnchor>>, SourceError> {
        let file = match &mut self.anchor {
            None => return Ok(None),
            Some(AnchorPlace::Missing) => return Ok(Some(None)),
            Some(AnchorPlace::File(file)) => file.take(),
        };
        let Some(file) = file else {
            return Err(SourceError::Damaged("the anchor can be read once"));
        };
        read_anchor(file, log).map(Some)
    }

    fn rows(&mut self, from: Option<&RowKey>, limit: usize) -> Result<Option<Rows>, SourceError> {
        Ok(Some(self.store.rows(from, limit)?))
    }

    fn digest(&mut self) -> Result<ClaimedDigest, SourceError> {
        Ok(ClaimedDigest::Stored(self.store.digest()?))
    }
}

/// What an anchor's file says, its signature not yet checked; none when it is blank.
pub fn read_anchor(file: Box<dyn BlockFile>, log: LogId) -> Result<Option<SignedAnchor>, SourceError> {
    let newest = AnchorFile::open(file, log).map_err(SourceError::Anchor)?.newest();
    match newest {
        Ok(anchor) => Ok(anchor),
        Err(AnchorError::Io(error)) => Err(SourceError::Anchor(error)),
        Err(AnchorError::Damaged) => Err(SourceError::Damaged("the anchor is damaged")),
        Err(AnchorError::Format(unknown)) => Err(unknown.into()),
        Err(AnchorError::Foreign | AnchorError::Unsigned { .. }) => {
            Err(SourceError::Damaged("the anchor is another log's"))
        }
    }
}

/// Bytes of entries read at once.
const PAGE_BYTES: usize = 1 << 20;
