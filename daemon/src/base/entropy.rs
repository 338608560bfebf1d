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

/// Draws `count` letters and digits, each as likely as any other; for ids. Not for secrets: nothing here is zeroized.
pub fn make_letters(count: usize, entropy: &dyn Entropy) -> String {
    let mut letters = String::with_capacity(count);
    while letters.len() < count {
        let random: [u8; 32] = make_array(entropy);
        let left = count - letters.len();
        letters.extend(
            random
                .iter()
                .filter_map(|byte| letter(*byte))
                .take(left)
                .map(char::from),
        );
    }
    letters
}

/// A letter or digit for a random byte; none for the few bytes that would make some of them likelier than others.
pub fn letter(byte: u8) -> Option<u8> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if byte >= 248 {
        return None;
    }
    LETTERS.get(usize::from(byte % 62)).copied()
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
