//! What a verdict of yes does not cover, said beside it.

use std::fmt;

use super::verify::Depth;
use crate::base::{Digest, Seq};

/// One thing that was not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproven {
    /// The chain alone was asked for.
    Contents,
    /// Decisions were not made again.
    Decisions,
    /// So many decisions rest on system policies that this build does not have.
    SystemPolicies(u64),
    /// Nobody said which key is the log's.
    Key,
    /// From this event on another key signs that no key before it vouches for, and nobody named it.
    Alone {
        /// The event that brought it.
        seq: Seq,
        /// SHA-256 of that key.
        key: Digest,
    },
    /// The source shows no anchor.
    Anchor,
    /// The source shows no tiles, and of its checkpoints the newest.
    Tiles,
    /// The source shows no rows, only their digest.
    Rows,
    /// From this size on, no signed checkpoint covers the events.
    Tail {
        /// Size of the last checkpoint; 0 when there is none.
        from: u64,
        /// Size of the log.
        size: u64,
        /// Whether their own signatures were verified.
        signed: bool,
    },
    /// What came before was verified earlier, and less closely; none when nothing says that it was verified at all.
    Earlier {
        /// How many events.
        size: u64,
        /// How they were verified.
        depth: Option<Depth>,
    },
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contents => f.write_str(
                "what the events say: their signatures, changes and decisions, and the stored state (leave out --chain)",
            ),
            Self::Decisions => {
                f.write_str("that each operation was decided as policies and rules decide it there (--decisions)")
            }
            Self::SystemPolicies(count) => write!(
                f,
                "{count} decisions that rest on system policies that this build does not have"
            ),
            Self::Key => f.write_str("that the log's key is the right one: it was not named (--key, or --since)"),
            Self::Alone { seq, key } => write!(
                f,
                "that whoever wrote event {seq} and what follows is who wrote what is before it: the log key was lost there, and \
                 the next one, {key}, vouches for itself (--key, once for each of the two)"
            ),
            Self::Anchor => f.write_str("that the end of the log is not missing: no anchor is shown here"),
            Self::Tiles => {
                f.write_str("the stored tiles and older checkpoints: they are not shown by a running daemon")
            }
            Self::Rows => f.write_str("the stored rows, byte for byte: their digest alone is shown here"),
            Self::Tail { from, size, signed } => {
                let covered = if *signed { "their own signatures alone cover them" } else { "nothing signed covers them" };
                write!(f, "events {from} to {}: no signed checkpoint follows, {covered}", size.saturating_sub(1))
            }
            Self::Earlier { size, depth } => {
                write!(f, "the first {size} events beyond what was verified earlier: ")?;
                f.write_str(match depth {
                    Some(Depth::Chain) => "their chain and tree",
                    Some(Depth::Signatures) => "no decisions",
                    Some(Depth::Decisions) => "all of it",
                    None => "nothing, a checkpoint was signed there",
                })
            }
        }
    }
}
