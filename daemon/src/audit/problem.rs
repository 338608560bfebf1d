//! What can be wrong with a log, and the list of what is.

use std::fmt;

use super::lawful::Breach;
use crate::base::{Digest, Seq};
use crate::domain::law::Unlawful;
use crate::event::codec::DecodeError;
use crate::ledger::{CoseError, NoteError};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The entry is not there.
    #[error("the entry is missing")]
    Missing,
    /// The store says that it can't be right.
    #[error("{0}")]
    Store(&'static str),
    /// The bytes are not an entry.
    #[error("not an entry: {0}")]
    Envelope(#[from] CoseError),
    /// The payload is not an event.
    #[error("not an event: {0}")]
    Payload(#[from] DecodeError),
    /// It says another position.
    #[error("it says that it is event {0}")]
    Position(Seq),
    /// Its predecessor is another.
    #[error("it follows another event than the one before it")]
    Predecessor,
    /// Its time is before its predecessor's.
    #[error("its time is before that of the event before it")]
    TimeBack,
    /// It names another key.
    #[error("it names another signing key than the one that the log has there")]
    KeyId,
    /// The signature.
    #[error("signature does not verify")]
    Signature,
    /// It brings a key that does not prove itself.
    #[error("the log key that it brings is none that was made for this place in this log")]
    KeyProof,
    /// It begins an epoch behind another event than the one before it.
    #[error("the epoch that it begins names another event than the one before it")]
    EpochHead,
    /// The first event does not begin a log.
    #[error("it does not begin a log: {0}")]
    Genesis(&'static str),
    /// What the source says of itself differs from the log.
    #[error("the {0} is another than the one that is claimed")]
    Claim(&'static str),
    /// A checkpoint is not a note signed by the log.
    #[error("a checkpoint is not one of this log: {0}")]
    CheckpointNote(NoteError),
    /// A checkpoint stands under another size.
    #[error("a checkpoint of size {0} is stored under another size")]
    CheckpointPlace(u64),
    /// A checkpoint names another root.
    #[error("the checkpoint of size {0} has another root than the entries up to there")]
    CheckpointRoot(u64),
    /// A checkpoint of events that are not there.
    #[error("a checkpoint was signed when the log had {0} events: the end of the log is missing")]
    CheckpointBeyond(u64),
    /// A tile is not what the entries come to.
    #[error("the stored tile {index} of level {level} is not that of the entries")]
    Tile {
        /// Its level.
        level: u8,
        /// Its position.
        index: u64,
    },
    /// The anchor is gone.
    #[error("the anchor is gone: whether the log was shortened can't be told")]
    AnchorMissing,
    /// The log ends before its anchor.
    #[error(
        "the anchor was written when the log had {anchored} events{signer}, and it has {found}: the end of the log is missing, \
         {missing} events that were acknowledged. Put it back (the journal as it was found first is in `store/journal-aside`; \
         a backup has it too); when it is lost for good, \
         `chancery log accept-loss --data DIR --missing {missing} --reason TEXT` goes on without it",
        signer = signer(.is_known), missing = .anchored.saturating_sub(*.found)
    )]
    AnchorBeyond {
        /// Events when the anchor was written.
        anchored: u64,
        /// Events in the log.
        found: u64,
        /// Whether a key of the log signed it; else one that the missing end brought, or none.
        is_known: bool,
    },
    /// The anchor is signed by another key.
    #[error("the anchor, of a log of {0} events, is not signed by the key that the log has there")]
    AnchorUnsigned(u64),
    /// The anchor names another event.
    #[error("the anchor names another event here")]
    AnchorLeaf,
    /// Another log than the one that was verified before.
    #[error("the {0} is another than that of the log that was verified before")]
    VerifiedOther(&'static str),
    /// The log has another past than the one that was verified.
    #[error(
        "the log does not extend the one that was verified before: that had {size} events and the root {root}, \
         the first {size} events have the root {found} now"
    )]
    VerifiedRoot {
        /// Events that were verified.
        size: u64,
        /// Their root.
        root: Digest,
        /// The root of as many now.
        found: Digest,
    },
    /// The log is shorter than it was.
    #[error(
        "the log was verified when it had {size} events and the root {root}, now it has {found} and the root \
         {found_root}: the end of the log is missing"
    )]
    VerifiedBeyond {
        /// Events that were verified.
        size: u64,
        /// Their root.
        root: Digest,
        /// Events now.
        found: u64,
        /// Their root.
        found_root: Digest,
    },
    /// A change that could not have happened.
    #[error("{0}")]
    Unlawful(#[from] Unlawful),
    /// An event that could not have been recorded in that state.
    #[error("{0}")]
    Breach(#[from] Breach),
}

/// A fault and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The event; for a fault of the log as a whole, the last one it concerns.
    pub seq: Seq,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: {}", self.seq, self.fault)
    }
}

/// The first problems, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    first: Vec<Problem>,
    count: u64,
}

impl Problems {
    /// Adds one; of many, those of the earliest events are kept.
    pub fn add(&mut self, seq: Seq, fault: impl Into<Fault>) {
        let fault = fault.into();
        self.count += 1;
        let at = self.first.partition_point(|problem| problem.seq <= seq);
        if at < KEPT {
            self.first.insert(at, Problem { seq, fault });
            self.first.truncate(KEPT);
        }
    }

    /// The first ones, in the order of the log.
    pub fn first(&self) -> &[Problem] {
        &self.first
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// One line: the first problem, and how many more.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.first.first() else {
            return f.write_str("no problems");
        };
        first.fmt(f)?;
        match self.count - 1 {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more problem)"),
            more => write!(f, " (and {more} more problems)"),
        }
    }
}

/// Problems kept with their text.
const KEPT: usize = 20;

const fn signer(is_known: &bool) -> &'static str {
    if *is_known {
        ""
    } else {
        " (it is signed by a log key that came later, or by none)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_problems_are_kept_and_all_are_counted() {
        let mut problems = Problems::default();
        for seq in (0..100).rev() {
            problems.add(Seq::new(seq), Fault::Signature);
        }
        assert_eq!(problems.count(), 100);
        assert_eq!(problems.first().len(), KEPT);
        assert_eq!(
            problems.to_string(),
            "event 0: signature does not verify (and 99 more problems)"
        );
    }
}
