//! Cryptography: algorithms behind one provider trait, the ciphertext blob, prepared keys, the worker pool.
//!
//! I1  Key material is reached through `KeyRoom` alone, and used only with a `policy::Permit` (law 6).
//! I2  A blob opens only under the key version its header names and with the context it was made with: header and
//!     context are authenticated together.
//! I3  All reasons why a blob does not open are one answer, `InvalidBlob`.
//! I4  A forgotten version's prepared key is never put back by work that began before it was forgotten.
//!
//! Never: keeps a plaintext beyond the call, logs anything but ids and sizes, waits for a queue to empty.

pub mod blob;
pub mod cache;
pub mod error;
pub mod keyroom;
pub mod message_count;
pub mod pool;
pub mod provider;
mod sm4;
pub mod software;

pub use blob::{Algorithm, Blob, BlobError};
pub use cache::PreparedKeys;
pub use error::CryptoError;
pub use keyroom::{KeyRoom, VersionRef};
pub use pool::{Busy, Lane, Pool};
pub use provider::{PreparedKey, Provider};
pub use software::Software;
