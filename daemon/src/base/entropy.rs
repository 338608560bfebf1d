//! Randomness, passed in (law 7).

use std::fmt::Debug;

/// A cryptographically secure source of random bytes.
pub trait Entropy: Send + Sync + Debug {
    /// Fills `buffer` with random bytes. Ends the process when the system can't give any:
    /// a key made without randomness would be worse than no answer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Draws `N` random bytes; for ids and nonces, not for keys (those are `SecretBytes::random`).
pub fn make_array<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// The operating system's generator (`getrandom(2)`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(error) = getrandom::fill(buffer) {
            tracing::error!(%error, "the operating system gives no random bytes; stopping");
            std::process::abort();
        }
    }
}
