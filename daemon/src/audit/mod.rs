//! The audit: proves a log from its bytes alone, and the state from its log. Works on the store of a stopped daemon
//! and, over the API, on a running one; needs no secret and no vault.
//!
//! I1  `verify` reads every entry once, in order, with bounded memory besides the folded state itself.
//! I2  Law 3 is proven for each event in the state just before it, from what the event itself records: its changes
//!     are lawful there, what it read has that revision there, and its decision is decided again.
//! I3  What a source says of itself (identity, head, digest, checkpoints) is compared with what its entries come to,
//!     and never used in their place.
//! I4  A verdict of yes means that all a source shows and that was asked for was checked: what can't be read or decoded is a
//!     problem, not a silence, and beside the verdict stands what it does not cover (`unproven`).
//! I5  Only `rebuild` writes, only rows and their digest, and only from a log that verified.
//!
//! Never: shows sealed bytes in a verdict, repairs an entry, trusts a stored row.

pub mod change_name;
mod decision;
pub mod export;
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
pub mod source;
pub mod unproven;
pub mod verified;
pub mod verify;
pub mod workers;

pub use export::{ExportError, ExportSource, Exported, export};
pub use keys::{Keys, Turn};
pub use live::LiveSource;
pub use problem::{Fault, Problem, Problems};
pub use rebuild::{Rebuilt, rebuild};
pub use replay::{Replayed, fold_first, replay};
pub use source::{LogSource, SourceError, StoreSource};
pub use unproven::Unproven;
pub use verified::Verified;
pub use verify::{Asked, Depth, Report, verify, verify_as};

/// Hears how far a pass has come: events done, events in all.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

#[cfg(test)]
pub(crate) mod tests;
