//! When each access key was last used, exactly, without a row that every call would write.
//!
//! I1  What the writer makes durable is noted from the start of the process on. What was before it is read from the log when
//!     somebody asks: from the start backwards, as far as the answer needs and each entry once in the life of the process.
//! I2  Nothing older than the key itself is looked at, and no call looks at more than so many entries: who asks for a key
//!     that was last used longer ago is told to ask again, and the reading goes on where it ended.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::recent;
use crate::base::{AccessKeyId, ApiError, Code, Seq, Timestamp};
use crate::event::Event;
use crate::ledger::EventStore;
use crate::projection::AccessKey;

/// The times of last use.
#[derive(Debug)]
pub struct LastUsed {
    since_start: Mutex<HashMap<AccessKeyId, Timestamp>>,
    before: Mutex<Before>,
}

/// What is known of the time before the start.
#[derive(Debug)]
struct Before {
    /// The entries from here on have been looked at.
    looked_from: u64,
    /// The time of the earliest event looked at.
    earliest: Timestamp,
    used: HashMap<AccessKeyId, Timestamp>,
}

impl LastUsed {
    /// Nothing is known yet of a log of `size` entries.
    pub fn new(size: u64) -> Self {
        Self {
            since_start: Mutex::default(),
            before: Mutex::new(Before {
                looked_from: size,
                earliest: Timestamp::from_millis(u64::MAX),
                used: HashMap::new(),
            }),
        }
    }

    /// Notes who signed an event.
    pub(super) fn note(&self, event: &Event) {
        if let Some(id) = event.actor.ak.as_ref().filter(|id| !id.is_temporary()) {
            let mut used = self.since_start.lock();
            // Every signed call comes by here: the id is copied once.
            match used.get_mut(id) {
                Some(at) => *at = event.dec.at.max(*at),
                None => {
                    used.insert(id.clone(), event.dec.at);
                }
            }
        }
    }

    /// Forgets access keys that are deleted.
    pub(super) fn forget(&self, ids: &[AccessKeyId]) {
        let mut used = self.since_start.lock();
        for id in ids {
            used.remove(id);
        }
    }

    /// When an access key was last used; none for never.
    pub fn of(&self, row: &AccessKey, log: &dyn EventStore) -> Result<Option<Timestamp>, ApiError> {
        if let Some(at) = self.since_start.lock().get(&row.id) {
            return Ok(Some(*at));
        }
        // One reads at a time: the next one finds what this one has found.
        let mut before = self.before.lock();
        let mut pages = PAGES_AT_ONCE;
        loop {
            if let Some(at) = before.used.get(&row.id) {
                return Ok(Some(*at));
            }
            // Event time never goes back, and the key was made when it was made.
            if before.looked_from == 0 || before.earliest < row.at {
                return Ok(None);
            }
            if pages == 0 {
                return Err(Code::Unavailable.into());
            }
            pages -= 1;
            before.look_further(log).map_err(|error| {
                tracing::error!(%error, "the log can't be read");
                ApiError::new(Code::Internal)
            })?;
        }
    }
}

impl Before {
    fn look_further(&mut self, log: &dyn EventStore) -> Result<(), crate::ledger::StoreError> {
        let start = self.looked_from.saturating_sub(recent::PAGE);
        let mut found: HashMap<AccessKeyId, Timestamp> = HashMap::new();
        let earliest = recent::each_signed(log, Seq::new(start), self.looked_from, |id, at| {
            let last = found.entry(id.clone()).or_insert(at);
            *last = at.max(*last);
        })?;
        for (id, at) in found {
            self.used.entry(id).or_insert(at);
        }
        self.earliest = earliest;
        self.looked_from = start;
        Ok(())
    }
}

/// Pages of the log that one call looks at: a million entries.
const PAGES_AT_ONCE: u32 = 256;
