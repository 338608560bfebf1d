//! Prepared keys by version, so that a busy key is unsealed and expanded once.
//!
//! Reads share a lock for the time of one look-up. Eviction gives every entry a second chance: one that was used
//! since the hand last passed stays. An evicted key is zeroized when the last operation that holds it ends.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::base::{KeyVersionId, SlotRef};

use super::provider::PreparedKey;

/// A bounded cache of prepared keys.
pub struct PreparedKeys {
    room: RwLock<Room>,
    len_max: usize,
}

#[derive(Default)]
struct Room {
    entries: HashMap<KeyVersionId, Entry>,
    /// Every entry once, in the order the hand passes them.
    order: VecDeque<KeyVersionId>,
    /// Counts calls of `forget`: a key prepared before one is not put in after it.
    forgotten: u64,
}

struct Entry {
    /// Material imported again under the same version has another slot: then this entry is not it.
    slot: SlotRef,
    key: Arc<dyn PreparedKey>,
    used: AtomicBool,
}

/// A look-up that found nothing; only what was prepared after it may be put in (I4).
#[derive(Debug)]
pub struct Missed {
    forgotten: u64,
}

impl PreparedKeys {
    /// A cache of at most `len_max` keys.
    pub fn new(len_max: usize) -> Self {
        Self {
            room: RwLock::default(),
            len_max,
        }
    }

    /// The prepared key of `version` as it was sealed under `slot`.
    pub fn find(&self, version: KeyVersionId, slot: SlotRef) -> Result<Arc<dyn PreparedKey>, Missed> {
        let room = self.room.read();
        match room.entries.get(&version).filter(|entry| entry.slot == slot) {
            Some(entry) => {
                // Looked at first: a store by every reader would bounce the line between cores.
                if !entry.used.load(Ordering::Relaxed) {
                    entry.used.store(true, Ordering::Relaxed);
                }
                Ok(Arc::clone(&entry.key))
            }
            None => Err(Missed {
                forgotten: room.forgotten,
            }),
        }
    }

    /// Puts in what was prepared after `missed`, unless something was forgotten since.
    pub fn put(&self, missed: &Missed, version: KeyVersionId, slot: SlotRef, key: &Arc<dyn PreparedKey>) {
        let mut room = self.room.write();
        if room.forgotten != missed.forgotten || self.len_max == 0 {
            return;
        }
        let entry = Entry {
            slot,
            key: Arc::clone(key),
            used: AtomicBool::new(false),
        };
        if room.entries.insert(version, entry).is_none() {
            room.order.push_back(version);
        }
        while room.entries.len() > self.len_max {
            room.evict_one();
        }
    }

    /// Drops the prepared key of `version`, for good: work that began before does not bring it back.
    pub fn forget(&self, version: KeyVersionId) {
        let mut room = self.room.write();
        room.forgotten = room.forgotten.wrapping_add(1);
        if room.entries.remove(&version).is_some() {
            room.order.retain(|other| *other != version);
        }
    }

    /// How many keys are in it.
    pub fn len(&self) -> usize {
        self.room.read().entries.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Room {
    /// Ends: each pass takes one entry's mark away, and only marked entries go round.
    fn evict_one(&mut self) {
        while let Some(version) = self.order.pop_front() {
            let second_chance = self
                .entries
                .get_mut(&version)
                .is_some_and(|entry| std::mem::take(entry.used.get_mut()));
            if second_chance {
                self.order.push_back(version);
            } else {
                self.entries.remove(&version);
                return;
            }
        }
    }
}

impl fmt::Debug for PreparedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} prepared keys of at most {}]", self.len(), self.len_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{KeySpec, SecretBytes};
    use crate::crypto::{Provider, Software};

    const SLOT: SlotRef = SlotRef {
        slot: 0,
        generation: 1,
    };

    fn version(n: u8) -> KeyVersionId {
        KeyVersionId::from_bytes([n; 16])
    }

    fn key() -> Arc<dyn PreparedKey> {
        Software
            .prepare(KeySpec::Aes256, &SecretBytes::new(vec![1; 32]))
            .unwrap()
    }

    fn put(cache: &PreparedKeys, n: u8) {
        let missed = cache.find(version(n), SLOT).unwrap_err();
        cache.put(&missed, version(n), SLOT, &key());
    }

    fn holds(cache: &PreparedKeys, n: u8) -> bool {
        cache.find(version(n), SLOT).is_ok()
    }

    #[test]
    fn it_never_holds_more_than_its_bound_and_what_is_used_stays() {
        let cache = PreparedKeys::new(3);
        for n in 0..3 {
            put(&cache, n);
        }
        for n in 3..100 {
            assert!(holds(&cache, 0), "evicted although used before {n}");
            put(&cache, n);
            assert_eq!(cache.len(), 3);
        }
        assert!(!holds(&cache, 1));
    }

    #[test]
    fn a_cache_where_everything_is_in_use_still_takes_a_new_key() {
        let cache = PreparedKeys::new(2);
        put(&cache, 0);
        put(&cache, 1);
        assert!(holds(&cache, 0) && holds(&cache, 1));
        put(&cache, 2);
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn a_forgotten_key_is_gone_and_zeroized_with_its_last_holder() {
        let cache = PreparedKeys::new(3);
        put(&cache, 0);
        let held = cache.find(version(0), SLOT).unwrap();
        assert_eq!(Arc::strong_count(&held), 2);
        cache.forget(version(0));
        assert!(!holds(&cache, 0));
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(cache.is_empty());
    }

    /// I4: unsealing began, the key was destroyed, unsealing ended.
    #[test]
    fn what_was_prepared_before_a_forget_is_not_put_in_after_it() {
        let cache = PreparedKeys::new(3);
        let missed = cache.find(version(0), SLOT).unwrap_err();
        cache.forget(version(0));
        cache.put(&missed, version(0), SLOT, &key());
        assert!(cache.is_empty());
    }

    #[test]
    fn material_imported_again_is_another_key() {
        let cache = PreparedKeys::new(3);
        put(&cache, 0);
        let later = SlotRef {
            slot: 0,
            generation: 2,
        };
        let missed = cache.find(version(0), later).unwrap_err();
        cache.put(&missed, version(0), later, &key());
        assert!(!holds(&cache, 0));
        assert!(cache.find(version(0), later).is_ok());
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_forgotten_and_found_again_key_stands_in_the_order_once() {
        let cache = PreparedKeys::new(2);
        for _ in 0..10 {
            put(&cache, 0);
            cache.forget(version(0));
        }
        put(&cache, 0);
        assert_eq!(cache.room.read().order.len(), 1);
    }

    #[test]
    fn a_cache_of_no_keys_holds_none() {
        let cache = PreparedKeys::new(0);
        put(&cache, 0);
        assert!(cache.is_empty());
        assert_eq!(format!("{cache:?}"), "[0 prepared keys of at most 0]");
    }
}
