//! Custody: the root of trust, sealing, and the vault of slots. Root key -> slot key -> material.
//!
//! I1  Nothing leaves this room unsealed except as `SecretBytes`; nothing is sealed without the name of its owner
//!     in the associated data, so that sealed bytes moved to another place, log or owner do not open.
//! I2  A sealed value is `nonce (24) || ciphertext || tag (16)` under XAES-256-GCM, with a fresh random nonce.
//! I3  A slot's generation only grows: no `SlotRef` ever names two keys.
//! I4  `provide` and `erase` answer after both mirrors are synced, one after the other: at every moment at least
//!     one mirror holds whole records.
//! I5  An erased key never comes back: of two differing records the later one in (generation, erased) wins.
//! I6  What neither mirror can prove is reported, never guessed.
//!
//! Never: logs or prints key bytes, retries a failed sync, derives one key from another.

pub mod free;
pub mod root;
pub mod sealing;
pub mod vault;

pub use free::FreeSlots;
pub use root::{Provider, RootError, RootKey};
pub use sealing::{SealError, SealingKey};
pub use vault::{Held, Owner, SlotKey, Vault, VaultError, VaultImage};
