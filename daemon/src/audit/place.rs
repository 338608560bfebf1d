//! Whether each entry stands in its place: position, predecessor, time. What the ledger's I1, I3 and I4 promise.
//!
//! What an entry says of its place can be read anywhere and in any order (`Look`); whether it is so is judged in the
//! order of the log (`Place`).

use super::problem::{Fault, Problems};
use crate::base::{Digest, Seq, Timestamp};
use crate::event::codec::{DecodeError, decode_event};
use crate::event::{Event, Outline};
use crate::ledger::SignedEntry;

/// What one entry says of its place.
#[derive(Debug, Clone)]
pub struct Look {
    /// SHA-256 of the payload; none when there is no envelope around one.
    pub payload: Option<Digest>,
    /// What the payload says, or why it can't be read.
    pub says: Result<Outline, Fault>,
}

impl Look {
    /// Looks at the outline of an entry alone.
    pub fn at(entry: &[u8]) -> Self {
        match SignedEntry::parse(entry) {
            Ok(parsed) => Self::of(parsed.payload, Outline::read(parsed.payload)),
            Err(error) => Self::none(error),
        }
    }

    /// Looks at an entry and reads its whole event.
    pub fn with_event(entry: &[u8]) -> (Self, Option<Event>) {
        let payload = match SignedEntry::parse(entry) {
            Ok(parsed) => parsed.payload,
            Err(error) => return (Self::none(error), None),
        };
        match decode_event(payload) {
            Ok(event) => (Self::of(payload, Ok(outline(&event))), Some(event)),
            Err(error) => (Self::of(payload, Err(error)), None),
        }
    }

    /// What is not even an entry.
    pub(super) fn none(why: impl Into<Fault>) -> Self {
        Self {
            payload: None,
            says: Err(why.into()),
        }
    }

    pub(super) fn of(payload: &[u8], read: Result<Outline, DecodeError>) -> Self {
        Self {
            payload: Some(Digest::of(payload)),
            says: read.map_err(Fault::from),
        }
    }
}

/// The outline of an event at hand.
pub(super) fn outline(event: &Event) -> Outline {
    Outline {
        v: event.v,
        seq: event.seq,
        prev: event.prev,
        time: event.time,
        changes: !event.chg.is_empty(),
    }
}

/// The end of what was read so far.
#[derive(Debug)]
pub struct Place {
    next: Seq,
    /// None after an entry that could not be read: its successor's `prev` can't be judged.
    prev: Option<Digest>,
    time: Timestamp,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            next: Seq::GENESIS,
            prev: Some(Digest::ZERO),
            time: Timestamp::default(),
        }
    }
}

impl Place {
    /// The position of the next entry.
    pub const fn next(&self) -> Seq {
        self.next
    }

    /// Takes the next entry, by what it says. Whether it stands where it says, behind the event it says: without that, it
    /// is folded into the wrong state. None when it can't be read; what is wrong goes to `problems`.
    pub fn judge(&mut self, look: Look, problems: &mut Problems) -> Option<bool> {
        let seq = self.next;
        self.next = seq.next();
        let before = std::mem::replace(&mut self.prev, look.payload);
        let says = look.says.map_err(|fault| problems.add(seq, fault)).ok()?;
        if says.time < self.time {
            problems.add(seq, Fault::TimeBack);
        }
        self.time = self.time.max(says.time);
        let mut placed = true;
        if says.seq != seq {
            problems.add(seq, Fault::Position(says.seq));
            placed = false;
        }
        if before.is_some_and(|before| before != says.prev) {
            problems.add(seq, Fault::Predecessor);
            placed = false;
        }
        Some(placed)
    }

    /// Takes the next entry and reads its event. None when it can't be read; what is wrong goes to `problems`.
    pub fn take(&mut self, entry: &[u8], problems: &mut Problems) -> Option<Event> {
        let (look, event) = Look::with_event(entry);
        self.judge(look, problems)?;
        event
    }

    /// Takes the next entry as it is: it was judged before, and is known to be the same.
    pub fn pass(&mut self, look: &Look) {
        self.next = self.next.next();
        self.prev = look.payload;
        if let Ok(says) = &look.says {
            self.time = self.time.max(says.time);
        }
    }
}
