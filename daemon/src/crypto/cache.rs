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
