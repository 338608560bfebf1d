//! Backups: the log and the vault of a daemon, sealed to its operator, in a directory or a bucket; and the way back.
//!
//! ```text
//! LOG-ID/KEYS/segments/FROM-TO-LEAF-SHA256.age    4,096 entries, or 8 MiB of them; written once, shared by all backups
//! LOG-ID/KEYS/tails/FROM-TO-LEAF-SHA256.age       the entries after the last full segment, of one backup
//! LOG-ID/KEYS/vaults/TIME-SIZE-LEAF-SHA256.age    the vault, of one backup
//! LOG-ID/KEYS/manifests/TIME-SIZE-LEAF.age        what belongs to one backup; written last
//! ```
//!
//! KEYS is the name of the set of keys that all below is sealed to (`seal`): who gets another key gets another copy. FROM
//! and TO are positions (TO is the first one that is not in it), LEAF is the leaf hash of the last entry, SHA256 that of
//! the object as it is stored, TIME is when the backup was made and SIZE how many events it has.
//!
//! B1  A backup is there when its manifest is, and the manifest is written last: a half-written one is none.
//! B2  Whatever a backup says is compared with what the log proves: names and manifests only say where to look.
//! B3  Order: the durable head, the entries up to it, then the vault; so every slot that they refer to and that was not
//!     erased since is in it. What was erased since, the copy shows as erased.
//! B4  What is read is hostile: it has a limit before it has memory.
//! B5  Rows, tree and digest are never backed up: they are derived from the log again (law 2).
//! B6  Names and sizes alone are in the clear. No root key, access key or anchor is ever in a backup.
//!
//! Never: deletes an object, holds a whole log in memory, or believes a copy of the vault that its root key did not seal.

#[cfg(feature = "object-storage")]
mod bucket;
pub mod check;
pub mod depot;
mod directory;
pub mod evidence;
mod live;
pub mod make;
pub mod manifest;
pub mod name;
pub mod read;
pub mod restore;
pub mod seal;
pub mod wreck;

#[cfg(test)]
mod tests;

pub use check::{Checked, check, refuse_incomplete};
pub use depot::{Depot, DepotError};
pub use evidence::{Offered, Origin, Piece, Reach};
pub use live::copy_vault;
pub use make::{Draft, Made};
pub use manifest::Manifest;
pub use read::{Backup, BackupError, BackupSource, Choice};
pub use restore::{Order, RestoreError, Restored, restore};
pub use seal::{Identities, Recipients};
pub use wreck::{Wreck, WreckError, WreckSource};
