//! The audit: proves a log from its bytes alone, and the state from its log. Works on the store of a stopped daemon
//! and, over the API, on a running one; needs no secret and no vault.
//!
//! I1  `verify` reads every entry once, in order, with bounded memory besides the folded state itself.
//! I2  Law 3 is proven for each event in the state just before it, from what the event itself records: its changes
//!     are lawful there, what it read has that revision there, and its decision is decided again.
//! I3  What a source says of itself (identity, head, digest, checkpoints) is compared with what its entries come to,
//!     and never used in their place.
//! I4  A verdict of yes means that all a source shows was checked: what can't be read, decoded or decided again is a
//!     problem, not a silence. A running daemon shows no anchor, no tiles and its newest checkpoints alone.
//! I5  Only `rebuild` writes, only rows and their digest, and only from a log that verified.
//!
//! Never: shows sealed bytes in a verdict, repairs an entry, trusts a stored row.

pub mod change_name;
mod decision;
pub mod hindsight;
pub mod keys;
pub mod lawful;
pub mod live;
pub mod operations;
pub mod past;
pub mod place;
pub mod problem;
pub mod readable;
pub mod rebuild;
pub mod replay;
pub mod show;
pub mod signatures;
pub mod source;
pub mod verify;

pub use keys::{Keys, Turn};
pub use live::LiveSource;
pub use problem::{Fault, Problem, Problems};
pub use rebuild::{Rebuilt, rebuild};
pub use replay::{Replayed, fold_first, replay};
pub use source::{LogSource, SourceError, StoreSource};
pub use verify::{Report, verify};

/// Hears how far a pass has come: events done, events in all.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

#[cfg(test)]
pub(crate) mod tests;
