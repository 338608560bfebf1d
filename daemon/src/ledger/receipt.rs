//! Law 1 in types: what is sealed opens only with the receipt of its own event, and only `commit` makes receipts.

use super::chain::Entry;
use super::store::{EventStore, Group, StoreError};
use crate::base::{Digest, Seq};

/// Proof that one event is on stable storage. Neither made nor copied elsewhere.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an answer waits for this receipt"]
pub struct Receipt {
    seq: Seq,
    leaf: Digest,
}

impl Receipt {
    /// The event's position.
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// The entry's leaf hash.
    pub const fn leaf(&self) -> Digest {
        self.leaf
    }
}

/// A value that nobody may see before the event it belongs to is durable.
#[must_use = "a sealed answer must be opened with its receipt"]
pub struct Sealed<T> {
    value: T,
    seq: Seq,
    leaf: Digest,
}

impl<T> Sealed<T> {
    /// Binds `value` to the event in `entry`.
    pub const fn new(value: T, entry: &Entry) -> Self {
        Self {
            value,
            seq: entry.seq,
            leaf: entry.leaf,
        }
    }

    /// The position of the event it waits for.
    pub const fn seq(&self) -> Seq {
        self.seq
    }

    /// Opens the value, and gives the receipt back to travel with it. Panics when the receipt is another event's:
    /// answers and entries got out of step, and going on would hand one caller's answer to another.
    pub fn open(self, receipt: Receipt) -> (T, Receipt) {
        assert!(
            self.seq == receipt.seq && self.leaf == receipt.leaf,
            "I2: the receipt of event {} does not open the answer of event {}",
            receipt.seq,
            self.seq
        );
        (self.value, receipt)
    }
}

// The value is not shown: it may hold a plaintext on its way to the caller (law 4).
impl<T> std::fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed")
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

/// Stores the group and returns one receipt an entry, in order.
///
/// After an error no receipt exists, and none ever will: the group may or may not be on disk, the process must end
/// and let boot find out.
pub fn commit(store: &dyn EventStore, group: &Group) -> Result<Vec<Receipt>, StoreError> {
    group.check()?;
    // A crash before this line loses nothing: no caller has been answered. After it, the group is part of history.
    let stored = store.commit(group); // commit point: one batch, one fsync
    #[cfg(feature = "canary-bugs")]
    let stored = stored.or_else(|error| {
        let is_planted = crate::base::CanaryBug::ReceiptWithoutCommit.is_planted();
        if is_planted { Ok(()) } else { Err(error) }
    });
    stored?;
    let receipts = group.entries.iter().map(|entry| Receipt {
        seq: entry.seq,
        leaf: entry.leaf,
    });
    Ok(receipts.collect())
}

#[cfg(test)]
mod tests;
