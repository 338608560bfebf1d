//! The tail of the log at boot: every event since the last kept checkpoint proves its place again.

use super::boot::BootError;
use crate::base::{Digest, LogId, Seq, Timestamp};
use crate::event::codec::decode_event;
use crate::event::{Change, Event};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::cose::SignedEntry;
use crate::ledger::store::load_tree;
use crate::ledger::tree::leaf_hash;
use crate::ledger::{EventStore, Head, KeySchedule};
use crate::projection::State;

/// Checks the tail against the last kept checkpoint and the head, and the state against the last sealed digest when no
/// event came after it. Returns the size at that checkpoint.
pub(super) fn check_tail(
    store: &dyn EventStore,
    state: &State,
    head: &Head,
    log: LogId,
    keys: &KeySchedule,
) -> Result<u64, BootError> {
    let checkpoint = store.newest_checkpoints(1)?.pop();
    let start = checkpoint.as_ref().map_or(0, |(size, _)| *size);
    #[cfg(feature = "canary-bugs")]
    if crate::base::CanaryBug::TailUnchecked.is_planted() {
        return Ok(start);
    }
    let mut tree = load_tree(store, start)?;
    if let Some((size, note)) = checkpoint {
        let last = Seq::new(size.saturating_sub(1));
        let period = keys.at(size);
        let checkpoint = Checkpoint::open(&note, &period.origin, &period.public)
            .map_err(|_| tail(last, "its checkpoint is not signed by the log"))?;
        if checkpoint.size != size || checkpoint.root != tree.root() {
            return Err(tail(last, "its checkpoint has another root"));
        }
    }
    let before = before(store, start)?;
    let (mut prev, mut time) = (before.payload, before.time);
    // A log that ends with its seal has no tail: the seal is the one before it.
    if start == head.size
        && let Some(sealed) = before.sealed
        && sealed != state.digest().short()
    {
        return Err(BootError::Digest {
            found: state.digest().short(),
            sealed,
        });
    }
    let mut next = Seq::new(start);
    while next.get() < head.size {
        for (seq, bytes) in store.entries(next, TAIL_PAGE, TAIL_PAGE_BYTES)? {
            let entry = SignedEntry::parse(&bytes).map_err(|_| tail(seq, "malformed entry"))?;
            let event = decode_event(entry.payload).map_err(|_| tail(seq, "malformed payload"))?;
            if event.seq != next || seq != next {
                return Err(tail(seq, "wrong position"));
            }
            if event.prev != prev {
                return Err(tail(seq, "another predecessor"));
            }
            if !entry.verify(log, &keys.at(signing_position(&event)).public) {
                return Err(tail(seq, "bad signature"));
            }
            if !brings(&event, log, keys) {
                return Err(tail(seq, "another key follows than the one that it brings"));
            }
            if next.next().get() == head.size
                && let [Change::StateSealed { digest }] = event.chg.as_slice()
                && *digest != state.digest().short()
            {
                return Err(BootError::Digest {
                    found: state.digest().short(),
                    sealed: *digest,
                });
            }
            tree.append(leaf_hash(&bytes));
            (prev, time) = (Digest::of(entry.payload), event.time);
            next = next.next();
        }
    }
    // No event may come before the last one, nor be kept waiting for a time that never was.
    if time != head.time {
        return Err(tail(next, "the stored head has another time than the last event"));
    }
    let whole = load_tree(store, head.size)?;
    if whole.root() != tree.root() || prev != head.prev {
        return Err(tail(next, "the stored tree is another"));
    }
    Ok(start)
}

/// The position whose key signs the event: its own, but for an epoch that begins without the key before it.
fn signing_position(event: &Event) -> u64 {
    if event.begins_alone() {
        event.seq.next().get()
    } else {
        event.seq.get()
    }
}

/// Whether the keys that the rows name are those that the events bring, each proven.
fn brings(event: &Event, log: LogId, keys: &KeySchedule) -> bool {
    let brought = event.chg.iter().find_map(|change| match change {
        Change::LogKeyRotated(key) => Some(key),
        Change::EpochBegun(begun) => Some(&begun.key),
        _ => None,
    });
    let next = keys.at(event.seq.next().get());
    match brought {
        None => next.from <= event.seq,
        Some(key) => {
            let before = keys.at(event.seq.get()).public;
            next.public.as_bytes().as_slice() == key.public.as_slice()
                && next.public.proves(log, event.seq, &before, key.proof.as_slice())
        }
    }
}

/// What the event before a position says.
struct Before {
    payload: Digest,
    time: Timestamp,
    /// The digest of the state, if that is what it is for.
    sealed: Option<Digest>,
}

fn before(store: &dyn EventStore, size: u64) -> Result<Before, BootError> {
    let Some(last) = size.checked_sub(1) else {
        return Ok(Before {
            payload: Digest::ZERO,
            time: Timestamp::default(),
            sealed: None,
        });
    };
    let entries = store.entries(Seq::new(last), 1, TAIL_PAGE_BYTES)?;
    let (seq, bytes) = entries.first().ok_or_else(|| tail(Seq::new(last), "missing"))?;
    let entry = SignedEntry::parse(bytes).map_err(|_| tail(*seq, "malformed entry"))?;
    let event = decode_event(entry.payload).map_err(|_| tail(*seq, "malformed payload"))?;
    Ok(Before {
        payload: Digest::of(entry.payload),
        time: event.time,
        sealed: match event.chg.as_slice() {
            [Change::StateSealed { digest }] => Some(*digest),
            _ => None,
        },
    })
}

const fn tail(seq: Seq, what: &'static str) -> BootError {
    BootError::Tail { seq, what }
}

/// Entries read at once.
const TAIL_PAGE: usize = 1_024;
/// Bytes read at once.
const TAIL_PAGE_BYTES: usize = 4 << 20;
