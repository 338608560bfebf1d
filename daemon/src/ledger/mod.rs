//! The ledger: gives every event its place, links it to the one before, signs it, and says when it is durable.
//!
//! I1  Positions start at 0 and have no gaps: a group continues exactly where the store ends.
//! I2  A `Receipt` exists only for an event whose group reached stable storage; `commit` alone makes one.
//! I3  An entry's `prev` is the SHA-256 of its predecessor's payload, its time never less than its predecessor's.
//! I4  An entry is one canonical tagged COSE_Sign1 of at most `limits::ENTRY_BYTES_MAX` bytes; no other bytes are one.
//! I5  A signature says what it is for: entry, checkpoint, anchor and the proof of a new key are signed over disjoint sets
//!     of messages.
//! I6  The tree's leaves are the signed entries in order; a tile is stored once, when it is full, and never changes.
//! I7  A group is one atomic, durable batch: entries, rows, tiles, checkpoint, digest and head appear together or not at all.
//! I8  The anchor never runs ahead of the store: it names only what was durable when it was written.
//! I9  The entry at a position, the checkpoint and the anchor of that size are signed by the key in force there: the one
//!     brought by the last event before it that brought one.
//!
//! Never: knows an operation by name, reads a clock, or retries a failed write or fsync (the page cache may have lied).

pub mod anchor;
mod aside;
pub mod bundle;
pub mod chain;
pub mod checkpoint;
pub mod cose;
pub mod fjall_store;
mod journal;
pub mod key;
pub mod memory_store;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod rehearsal;
mod rotation;
pub mod salvage;
pub mod store;
mod survey;
pub mod tree;

#[cfg(test)]
mod testing;

pub use anchor::{Anchor, AnchorError, AnchorFile, SignedAnchor};
pub use chain::{Chain, Entry, EntryTooLarge, Head};
pub use checkpoint::Checkpoint;
pub use cose::{CoseError, SignedEntry, sign_entry};
pub use fjall_store::FjallStore;
pub use key::{KeyError, LogKey, LogPublicKey, verify_batch};
pub use memory_store::{FailMode, MemoryStore};
pub use note::NoteError;
pub use proof::{consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};
pub use receipt::{Receipt, Sealed, commit};
pub use rotation::{KeySchedule, Period};
pub use salvage::Salvage;
pub use store::{EventStore, Group, RowWrite, StoreError, load_tree};
pub use tree::{Tile, Tree, TreeError, leaf_hash};
