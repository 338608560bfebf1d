//! The state: what the events fold to, as persistent maps. A clone is cheap and never changes.
//!
//! I1  `State::apply` never fails, does no IO, reads no clock and no randomness (law 2).
//! I2  The same events in the same order give the same rows, byte for byte, and the same digest.
//! I3  A row's revision is the position of the last event that changed it in a way that can alter an outcome.
//! I4  Everything that is not a row (orders, reverse look-ups) is derived from the rows alone.
//!
//! Never: decides whether a change is legal (that is `domain`), knows how rows are stored.

pub mod apply;
pub mod digest;
mod encoding;
pub mod identity;
mod names;
mod orders;
pub mod reader;
pub mod row;
pub mod rows;
pub mod state;

pub use apply::Written;
pub use digest::StateDigest;
pub use identity::{Attached, Group, Membership, Policy, PolicyKey, Role, Session, User};
pub use reader::Reader;
pub use row::{
    AccessKey, Account, Alias, AliasKey, Catalogue, ClientToken, Erasure, Hold, InternalKey, Key, KeyPeriod,
    KeyVersion, Lifecycle, Log,
};
pub use rows::LoadError;
pub use state::State;
