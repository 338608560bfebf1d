//! What a pass over the log came to.

use std::fmt;

use super::Depth;
use crate::audit::keys::Turn;
use crate::audit::problem::Problems;
use crate::audit::replay::{Difference, Replayed};
use crate::audit::unproven::Unproven;
use crate::audit::verified::Verified;
use crate::base::{Digest, LogId};
use crate::projection::State;

/// What a pass over the log came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Events read.
    pub events: u64,
    /// Events of them that were verified earlier: they are the same, and were not looked at again.
    pub earlier: u64,
    /// How closely the others were looked at.
    pub depth: Depth,
    /// The log's id, from genesis.
    pub log: Option<LogId>,
    /// The origin of its checkpoints at the end.
    pub origin: String,
    /// Its later keys and epochs.
    pub turns: Vec<Turn>,
    /// SHA-256 of its first public key, from genesis; the first 8 bytes are the key id.
    pub key: Option<Digest>,
    /// Signatures of entries checked.
    pub signatures: u64,
    /// Kept checkpoints checked.
    pub checkpoints: u64,
    /// Leaf hash of the last entry.
    pub head: Digest,
    /// Root of the tree.
    pub root: Digest,
    /// The state that all events fold to; empty at the depth `Chain`.
    pub state: State,
    /// The stored state beside it, if that was asked for and the log proved itself.
    pub stored: Option<Stored>,
    /// What is wrong.
    pub problems: Problems,
    /// What a verdict of yes does not cover.
    pub unproven: Vec<Unproven>,
    /// How closely all of the log is known to have been looked at, now and earlier; none when part of it never was.
    pub(super) whole: Option<Depth>,
    /// The log's own signed checkpoint of all its events, if it kept one.
    pub(super) note: Option<String>,
}

/// The stored state beside what the log folds to.
#[derive(Debug, Clone)]
pub enum Stored {
    /// It could be compared.
    Compared(Replayed),
    /// It could not, and why.
    Unusable(String),
}

impl Report {
    pub(super) fn new(depth: Depth) -> Self {
        Self {
            depth,
            ..Self::default()
        }
    }

    /// Whether the log proved itself, and the stored state is its, if that was asked for.
    pub const fn is_verified(&self) -> bool {
        self.problems.is_empty()
            && match &self.stored {
                None => true,
                Some(Stored::Compared(replayed)) => replayed.is_equal(),
                Some(Stored::Unusable(_)) => false,
            }
    }

    /// The first rows of the stored state that are not what the log says.
    pub fn differences(&self) -> &[Difference] {
        match &self.stored {
            Some(Stored::Compared(replayed)) => &replayed.first,
            _ => &[],
        }
    }

    /// The keys that no key before them vouches for, but for those that were verified earlier.
    pub fn alone(&self) -> impl Iterator<Item = &Turn> {
        let is_new = |turn: &&Turn| turn.is_alone() && turn.seq.get() >= self.earlier;
        self.turns.iter().filter(is_new)
    }

    /// What the next verification may go on from; none when there is nothing to trust.
    pub fn verified(&self) -> Option<Verified> {
        if !self.is_verified() {
            return None;
        }
        Some(Verified {
            log: self.log?,
            size: self.events,
            root: self.root,
            key: Some(self.key?),
            depth: Some(self.whole?),
            note: self.note.clone(),
        })
    }
}

/// The verdict, one line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.problems.is_empty() {
            return write!(f, "DAMAGED at {}", self.problems);
        }
        match &self.stored {
            Some(Stored::Unusable(why)) => {
                return write!(
                    f,
                    "DIFFERS: the log verifies, but the stored state can't be used: {why}"
                );
            }
            Some(Stored::Compared(replayed)) if !replayed.is_equal() => {
                return write!(
                    f,
                    "{replayed}; the log verifies: `chancery log rebuild` derives the state from it"
                );
            }
            _ => {}
        }
        write!(f, "verified: {} events", self.events)?;
        if let Some(log) = self.log {
            write!(f, " of log {log}")?;
        }
        write!(f, ", {} checkpoints, head {}", self.checkpoints, self.head)?;
        write!(f, "; checked: {}", self.depth)?;
        if self.stored.is_some() {
            f.write_str(", stored state")?;
        }
        match self.earlier {
            0 => Ok(()),
            earlier => write!(f, "; the first {earlier} are those that were verified earlier"),
        }
    }
}
