//! Whether each entry stands in its place: position, predecessor, time. What the ledger's I1, I3 and I4 promise.

use super::problem::{Fault, Problems};
use crate::base::{Digest, Seq, Timestamp};
use crate::event::Event;
use crate::event::codec::decode_event;
use crate::ledger::SignedEntry;

/// The end of what was read so far.
#[derive(Debug)]
pub struct Place {
    next: Seq,
    /// None after an entry that could not be read: its successor's `prev` can't be judged.
    prev: Option<Digest>,
    time: Timestamp,
}

/// An entry that could be read, whatever else may be wrong with it.
#[derive(Debug)]
pub struct Read<'a> {
    /// Where it stands.
    pub seq: Seq,
    /// Its envelope.
    pub entry: SignedEntry<'a>,
    /// Its event.
    pub event: Event,
    /// Whether it stands where it says, behind the event it says: without that, it is folded into the wrong state.
    pub placed: bool,
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

    /// Time of the last event that could be read.
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Takes the next entry. None when it can't be read; what is wrong goes to `problems`.
    pub fn take<'a>(&mut self, bytes: &'a [u8], problems: &mut Problems) -> Option<Read<'a>> {
        let seq = self.next;
        self.next = seq.next();
        let before = self.prev.take();
        let entry = SignedEntry::parse(bytes)
            .map_err(|error| problems.add(seq, error))
            .ok()?;
        self.prev = Some(Digest::of(entry.payload));
        let event = decode_event(entry.payload)
            .map_err(|error| problems.add(seq, error))
            .ok()?;
        if event.time < self.time {
            problems.add(seq, Fault::TimeBack);
        }
        self.time = self.time.max(event.time);
        let mut placed = true;
        if event.seq != seq {
            problems.add(seq, Fault::Position(event.seq));
            placed = false;
        }
        if before.is_some_and(|before| before != event.prev) {
            problems.add(seq, Fault::Predecessor);
            placed = false;
        }
        Some(Read {
            seq,
            entry,
            event,
            placed,
        })
    }
}
