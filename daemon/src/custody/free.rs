//! The stock of provided, unused slots: taking one costs no fsync.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::base::SlotRef;

/// Slots that are filled in the vault and that nothing in the log refers to. Boot fills it with
/// (filled - referenced); what is taken and then not used is given back or found again at the next boot.
#[derive(Debug, Default)]
pub struct FreeSlots(Mutex<VecDeque<SlotRef>>);

impl FreeSlots {
    /// A stock of `slots`.
    pub fn new(slots: impl IntoIterator<Item = SlotRef>) -> Self {
        Self(Mutex::new(slots.into_iter().collect()))
    }

    /// Takes `count` slots, oldest first; `None`, and nothing taken, when there are fewer.
    pub fn take(&self, count: usize) -> Option<Vec<SlotRef>> {
        let mut slots = self.0.lock();
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::SlotGivenTwice.is_planted() && slots.len() >= count {
            return Some(slots.iter().take(count).copied().collect());
        }
        (slots.len() >= count).then(|| slots.drain(..count).collect())
    }

    /// Puts slots into the stock: freshly provided ones, or taken ones that were not used.
    /// Never a slot whose reference may have reached the log.
    pub fn give_back(&self, returned: impl IntoIterator<Item = SlotRef>) {
        self.0.lock().extend(returned);
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn slot(slot: u32) -> SlotRef {
        SlotRef { slot, generation: 1 }
    }

    #[test]
    fn taking_is_all_or_nothing_and_no_slot_is_given_twice() {
        let free = FreeSlots::new([slot(0), slot(1), slot(2)]);
        assert_eq!(free.take(2), Some(vec![slot(0), slot(1)]));
        assert_eq!(free.take(2), None);
        assert_eq!(free.len(), 1);
        free.give_back([slot(1)]);
        assert_eq!(free.take(2), Some(vec![slot(2), slot(1)]));
        assert!(free.is_empty());
        assert_eq!(free.take(0), Some(vec![]));
    }
}
