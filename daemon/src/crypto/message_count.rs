//! Counts the messages of versions that may encrypt only so many (wire contract, section 7; NIST SP 800-38D).
//!
//! The log knows blocks, not messages: a block is set aside in the state before its first message is encrypted, and
//! what of it a crash leaves unused is never used.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::base::KeyVersionId;

/// How many messages each version has spent, in this process and, as far as blocks tell, before it.
#[derive(Debug, Default)]
pub struct MessageCounts(Mutex<HashMap<KeyVersionId, u64>>);

impl MessageCounts {
    /// Spends one message of the `reserved` ones; false when none is left. Of a version met for the first time, all that
    /// was set aside before counts as spent.
    pub fn spend(&self, version: KeyVersionId, reserved: u64) -> bool {
        let mut counts = self.0.lock();
        let spent = counts.entry(version).or_insert(reserved);
        if *spent < reserved {
            *spent += 1;
            true
        } else {
            false
        }
    }

    /// Forgets a version that is gone.
    pub fn forget(&self, version: KeyVersionId) {
        self.0.lock().remove(&version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_aside_before_the_start_is_spent() {
        let counts = MessageCounts::default();
        let version = KeyVersionId::from_bytes([1; 16]);
        assert!(!counts.spend(version, 4), "left over from before");
        for _ in 0..3 {
            assert!(counts.spend(version, 7));
        }
        assert!(!counts.spend(version, 7));
        assert!(counts.spend(version, 8));
    }
}
