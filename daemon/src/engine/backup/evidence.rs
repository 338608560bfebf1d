//! Newer evidence: what a log went on to say after the last event of a backup. It is believed event by event, as long as
//! each follows the one before it and is signed by the log's key; what comes after the first that does not is not looked at.

use crate::audit::{LogSource, SourceError};
use crate::base::{Digest, Seq, Timestamp};
use crate::event::Event;
use crate::event::codec::decode_event;
use crate::ledger::{Head, LogPublicKey, SignedEntry, leaf_hash};
use crate::projection::State;

/// What evidence came to.
#[derive(Debug)]
pub struct Known {
    /// The state after the last event that is believed.
    pub state: State,
    /// How many events after the backup are believed.
    pub events: u64,
    /// Why no more are, when there are more.
    pub stopped: Option<String>,
}

/// Follows `source` from `head` on, where the log folds to `state`.
pub fn follow(state: &State, head: &Head, source: &mut dyn LogSource) -> Result<Known, SourceError> {
    let mut end = End {
        state: state.clone(),
        next: Seq::new(head.size),
        prev: head.prev,
        time: head.time,
    };
    let mut stopped = None;
    // Of the same history: the first event names its predecessor by digest. Where there is none, the last one tells.
    if source.size() <= head.size {
        stopped = shorter(head, source).err();
    }
    'pages: while end.next.get() < source.size() {
        let page = match source.entries(end.next, PAGE_ENTRIES) {
            Ok(page) if !page.is_empty() => page,
            Ok(_) => {
                stopped = Some(format!("event {} is missing", end.next));
                break;
            }
            // A lost machine's disk: what can be read is read.
            Err(error @ (SourceError::Damaged(_) | SourceError::Part(_) | SourceError::Store(_))) => {
                stopped = Some(format!("event {} can't be read: {error}", end.next));
                break;
            }
            Err(error) => return Err(error),
        };
        for bytes in page {
            if let Err(why) = end.take(&bytes) {
                stopped = Some(format!("event {} {why}", end.next));
                break 'pages;
            }
        }
    }
    Ok(Known {
        events: end.next.get() - head.size,
        state: end.state,
        stopped,
    })
}

/// Evidence that ends earlier says nothing new; that it is of another history is worth saying.
fn shorter(head: &Head, source: &mut dyn LogSource) -> Result<(), String> {
    if source.size() < head.size {
        return Err("it ends before the backup does".to_owned());
    }
    let last = source.entries(Seq::new(head.size.saturating_sub(1)), 1);
    match last
        .ok()
        .and_then(|page| page.first().map(|entry| leaf_hash(entry)))
    {
        Some(leaf) if leaf == head.leaf => Ok(()),
        _ => Err("its last event is another than the backup's".to_owned()),
    }
}

#[derive(Debug)]
struct End {
    state: State,
    next: Seq,
    prev: Digest,
    time: Timestamp,
}

impl End {
    fn take(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let entry = SignedEntry::parse(bytes).map_err(|_| "is not an entry")?;
        let event: Event = decode_event(entry.payload).map_err(|_| "is not an event")?;
        if event.seq != self.next || event.prev != self.prev || event.time < self.time {
            return Err("does not follow the one before it");
        }
        let log = self.state.log().ok_or("belongs to no log")?;
        let key =
            LogPublicKey::try_from(log.public.as_slice()).map_err(|_| "has no key to verify it with")?;
        if !entry.verify(log.id, &key) {
            return Err("is not signed by the log's key");
        }
        self.state.apply(&event);
        (self.next, self.prev, self.time) = (self.next.next(), Digest::of(entry.payload), event.time);
        Ok(())
    }
}

/// Entries asked for at once.
const PAGE_ENTRIES: usize = 1_024;
