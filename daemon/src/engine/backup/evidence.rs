//! Newer evidence: what a log went on to say after the last event of a backup. It is believed event by event, as long as
//! each follows the one before it and is signed by the log's key; what comes after the first that does not is not looked at.
//!
//! What is not in it may have happened all the same, unless it shows how the log ended: only the directory that the daemon
//! itself wrote can, and only when it has newer events and reaches its anchor.

use std::fmt;

use crate::audit::{LogSource, SourceError};
use crate::base::{Digest, Seq, Timestamp};
use crate::engine::boot::key_schedule;
use crate::event::Event;
use crate::event::codec::decode_event;
use crate::ledger::{Head, LogPublicKey, SignedEntry, leaf_hash};
use crate::projection::State;

/// A piece of evidence that is offered.
#[derive(Debug)]
pub struct Offered<'a> {
    /// Its name, as the operator gave it.
    pub name: String,
    /// What it is.
    pub origin: Origin,
    /// Its log.
    pub source: Box<dyn LogSource + 'a>,
}

/// What a piece of evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The directory that the daemon wrote, or a copy of it.
    Machine,
    /// An export or a backup, made while the log went on.
    Earlier,
}

/// How far a piece of evidence reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It has newer events, and all that its anchor knows of: this is how the log ended.
    Whole,
    /// So many events that its anchor knows of are missing.
    Short(u64),
    /// Whether more events followed is not known. Says why.
    Unknown(String),
}

/// What a piece of evidence came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its name.
    pub name: String,
    /// How many events after the backup are believed.
    pub events: u64,
    /// One past the last of them.
    pub size: u64,
    /// Why no more are, when there are more.
    pub stopped: Option<String>,
    /// How far it reaches.
    pub reach: Reach,
}

impl Piece {
    /// How many events the log had once, as this piece shows, or its anchor says.
    pub const fn known_size(&self) -> u64 {
        match self.reach {
            Reach::Short(missing) => self.size.saturating_add(missing),
            Reach::Whole | Reach::Unknown(_) => self.size,
        }
    }
}

/// One line for the operator.
impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evidence `{}`: {} newer events", self.name, self.events)?;
        if let Some(last) = self.size.checked_sub(1).filter(|_| self.events > 0) {
            write!(f, ", up to event {last}")?;
        }
        if let Some(why) = &self.stopped {
            write!(f, ", and no more: {why}")?;
        }
        match &self.reach {
            Reach::Whole => f.write_str("; it reaches its anchor"),
            Reach::Short(missing) => write!(f, "; {missing} more are missing that its anchor knows of"),
            Reach::Unknown(why) => write!(f, "; whether more followed is not known: {why}"),
        }
    }
}

/// A piece, and what it shows.
#[derive(Debug)]
pub struct Known {
    /// The state after the last event that is believed.
    pub state: State,
    /// How far that is.
    pub piece: Piece,
}

/// Follows what is offered from `head` on, where the log folds to `state`.
pub fn follow(state: &State, head: &Head, offered: Offered<'_>) -> Result<Known, SourceError> {
    let Offered {
        name,
        origin,
        mut source,
    } = offered;
    let source = &mut *source;
    let mut end = End {
        state: state.clone(),
        next: Seq::new(head.size),
        prev: head.prev,
        time: head.time,
    };
    let mut stopped = None;
    // Of the same history: the first event names its predecessor by digest. Where there is none, the last one tells.
    if source.size() <= head.size {
        stopped = shorter(head, source).err().map(str::to_owned);
    }
    'pages: while end.next.get() < source.size() {
        let page = match source.entries(end.next, PAGE_ENTRIES) {
            Ok(page) if !page.is_empty() => page,
            Ok(_) => {
                stopped = Some(format!("event {} is missing", end.next));
                break;
            }
            // A lost machine's disk: what can be read is read.
            Err(
                error @ (SourceError::Damaged(_)
                | SourceError::Part(_)
                | SourceError::Store(_)
                | SourceError::Export(_)),
            ) => {
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
    let size = end.next.get();
    let reach = match origin {
        Origin::Earlier => Reach::Unknown("it was made while the log went on".to_owned()),
        Origin::Machine if size == head.size => Reach::Unknown("it has no event after the backup".to_owned()),
        Origin::Machine => reach(&end, source, stopped.is_some()),
    };
    Ok(Known {
        piece: Piece {
            name,
            events: size - head.size,
            size,
            stopped,
            reach,
        },
        state: end.state,
    })
}

/// What the anchor says about where the believed events end.
fn reach(end: &End, source: &mut dyn LogSource, is_stopped: bool) -> Reach {
    let unknown = |why: &str| Reach::Unknown(why.to_owned());
    let size = end.next.get();
    let Some(log) = end.state.log() else {
        return unknown("it is no log");
    };
    let anchor = match source.anchor(log.id) {
        Ok(Some(Some(anchor))) => anchor,
        Ok(Some(None) | None) => return unknown("it has no anchor"),
        Err(error) => return Reach::Unknown(error.to_string()),
    };
    let Ok(keys) = key_schedule(log) else {
        return unknown("its keys can't be read");
    };
    let claimed = anchor.claims().size;
    if claimed > size {
        return match keys.periods().any(|period| anchor.is_signed_by(&period.public)) {
            true => Reach::Short(claimed - size),
            false => Reach::Unknown(format!(
                "its anchor, of a log of {claimed} events, is signed by a log key that came later, or by none"
            )),
        };
    }
    let Some(anchor) = anchor.verify(&keys) else {
        return unknown("its anchor is not signed by the log's key");
    };
    let last = claimed
        .checked_sub(1)
        .map(|last| source.entries(Seq::new(last), 1));
    let leaf = match &last {
        Some(Ok(page)) => page.first().map(|entry| leaf_hash(entry)),
        _ => None,
    };
    match leaf {
        Some(leaf) if leaf == anchor.leaf && !is_stopped => Reach::Whole,
        Some(leaf) if leaf == anchor.leaf => unknown("what follows can't be used"),
        _ => unknown("its anchor names another event than it has there"),
    }
}

/// Evidence that ends earlier says nothing new; that it is of another history is worth saying.
fn shorter(head: &Head, source: &mut dyn LogSource) -> Result<(), &'static str> {
    if source.size() == 0 {
        return Err("no event in it can be read");
    }
    if source.size() < head.size {
        return Err("it ends before the backup does");
    }
    let last = source.entries(Seq::new(head.size.saturating_sub(1)), 1);
    match last.ok().as_deref() {
        Some([entry, ..]) if leaf_hash(entry) == head.leaf => Ok(()),
        Some([_, ..]) => Err("its last event is another than the backup's"),
        _ => Err("its last event can't be read"),
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
