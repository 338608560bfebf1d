//! The chain: where an event gets its position, its predecessor and its signature.
//!
//! In memory alone. What it hands out is history only once `receipt::commit` has stored it; after a failed commit the
//! process ends, so a chain is never rolled back.

use super::checkpoint::Checkpoint;
use super::cose::{self, CoseError, SignedEntry};
use super::key::{LogKey, LogPublicKey};
use super::note;
use super::tree::{Tile, Tree, leaf_hash};
use crate::base::{Digest, LogId, Seq, Timestamp, limits};
use crate::event::{Event, codec};

/// The end of a log: all that the next event depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Number of events.
    pub size: u64,
    /// SHA-256 of the last payload; zeroes when there is none.
    pub prev: Digest,
    /// Leaf hash of the last entry; zeroes when there is none.
    pub leaf: Digest,
    /// Time of the last event; the epoch when there is none.
    pub time: Timestamp,
}

impl Head {
    /// The head of a log without events.
    pub const EMPTY: Self = Self {
        size: 0,
        prev: Digest::ZERO,
        leaf: Digest::ZERO,
        time: Timestamp::from_millis(0),
    };
}

/// An event that has its place: numbered, chained, signed, not yet durable. `Chain::enroll` makes new ones;
/// `Entry::adopt` takes one that a log already has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::manual_non_exhaustive,
    reason = "the attribute closes the type to other crates; this one is closed to other rooms"
)]
pub struct Entry {
    /// Its position.
    pub seq: Seq,
    /// SHA-256 of its payload: the next event's `prev`.
    pub payload_digest: Digest,
    /// Its leaf hash in the tree.
    pub leaf: Digest,
    /// The tagged COSE_Sign1.
    pub bytes: Vec<u8>,
    /// No other file can build an entry.
    enrolled: (),
}

impl Entry {
    /// Takes an entry that a log has at position `seq` from a copy of that log: a restore puts it back where it was. That it
    /// belongs there is for the verification of the whole to say.
    pub fn adopt(seq: Seq, bytes: Vec<u8>) -> Result<Self, CoseError> {
        let payload_digest = Digest::of(SignedEntry::parse(&bytes)?.payload);
        Ok(Self {
            seq,
            payload_digest,
            leaf: leaf_hash(&bytes),
            bytes,
            enrolled: (),
        })
    }
}

/// The event does not fit an entry. The front refuses such calls; this is the second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry of {0} bytes is more than the {max} allowed", max = limits::ENTRY_BYTES_MAX)]
pub struct EntryTooLarge(pub usize);

/// The growing end of one log.
#[derive(Debug)]
pub struct Chain {
    log: LogId,
    origin: String,
    key: LogKey,
    /// The key in force, when it is lost; `key` stands in for it then, and signs nothing that is ever stored.
    lost: Option<LogPublicKey>,
    head: Head,
    tree: Tree,
    payload: Vec<u8>,
    to_be_signed: Vec<u8>,
}

impl Chain {
    /// An empty log.
    pub fn begin(log: LogId, origin: String, key: LogKey) -> Self {
        Self::resume(log, origin, key, Head::EMPTY, Tree::new())
    }

    /// A log that goes on after `head`; `tree` holds exactly the entries up to there. Panics when they differ in size,
    /// or when the origin has white space or a plus sign.
    pub fn resume(log: LogId, origin: String, key: LogKey, head: Head, tree: Tree) -> Self {
        // A tree of another size would sign checkpoints of a log that never was.
        assert_eq!(
            head.size,
            tree.size(),
            "the tree and the head are of different sizes"
        );
        assert!(
            note::is_name(&origin),
            "the origin can't stand in a signature line"
        );
        Self {
            log,
            origin,
            key,
            lost: None,
            head,
            tree,
            payload: Vec::new(),
            to_be_signed: Vec::new(),
        }
    }

    /// A log whose key in force is `lost`: it goes on with an event that brings another one, and with no other event.
    pub fn without_key(self, lost: LogPublicKey) -> Self {
        let lost = Some(lost);
        Self { lost, ..self }
    }

    /// Whether the key in force is lost.
    pub const fn lacks_key(&self) -> bool {
        self.lost.is_some()
    }

    /// Where the log ends now.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The log's id.
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// The log's checkpoint origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The key that entries are signed with.
    pub const fn key(&self) -> &LogKey {
        &self.key
    }

    /// The public half of the key in force.
    pub const fn public(&self) -> LogPublicKey {
        match self.lost {
            Some(lost) => lost,
            None => self.key.public(),
        }
    }

    /// The position that the next event gets.
    pub const fn next(&self) -> Seq {
        Seq::new(self.head.size)
    }

    /// Gives `event` its place: sets its seq, prev and time (never less than its predecessor's), encodes and signs it.
    /// When the entry would be too large, the chain is as it was.
    pub fn enroll(&mut self, event: &mut Event, now: Timestamp) -> Result<Entry, EntryTooLarge> {
        self.enroll_bringing(event, now, None)
    }

    /// The same for an event that may bring the key `new`: it signs its own event when the one before it is lost.
    pub fn enroll_bringing(
        &mut self,
        event: &mut Event,
        now: Timestamp,
        new: Option<&LogKey>,
    ) -> Result<Entry, EntryTooLarge> {
        event.seq = self.next();
        event.prev = self.head.prev;
        event.time = now.max(self.head.time);
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::TimeGoesBack.is_planted() {
            event.time = now;
        }

        self.payload.clear();
        codec::encode_into(event, &mut self.payload);
        let len = cose::entry_len(self.payload.len());
        if len > limits::ENTRY_BYTES_MAX {
            // Memory for one oversized event is not kept for the next ones.
            self.payload = Vec::new();
            return Err(EntryTooLarge(len));
        }
        let key = new.filter(|_| self.lost.is_some()).unwrap_or(&self.key);
        let bytes = cose::sign_entry_with(&mut self.to_be_signed, key, self.log, &self.payload);
        let entry = Entry {
            seq: event.seq,
            payload_digest: Digest::of(&self.payload),
            leaf: leaf_hash(&bytes),
            bytes,
            enrolled: (),
        };

        self.tree.append(entry.leaf);
        self.head = Head {
            size: self.head.size + 1,
            prev: entry.payload_digest,
            leaf: entry.leaf,
            time: event.time,
        };
        Ok(entry)
    }

    /// Another key signs from the next position on, under another origin if an epoch begins with it. To be called when the
    /// event that brings it has been enrolled, and nothing after it. Panics when the origin can't stand in a signature line.
    pub fn turn(&mut self, key: LogKey, origin: Option<String>) {
        if let Some(origin) = origin {
            assert!(
                note::is_name(&origin),
                "the origin can't stand in a signature line"
            );
            self.origin = origin;
        }
        // The key before is dropped here, and its memory overwritten.
        self.key = key;
        self.lost = None;
    }

    /// The checkpoint at the head, and its signed note. Of use only once the head is durable.
    pub fn checkpoint(&self) -> (Checkpoint, String) {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: self.tree.size(),
            root: self.tree.root(),
        };
        let note = checkpoint.sign(&self.key);
        (checkpoint, note)
    }

    /// The tiles that filled since the last call; they belong into the group of the entries that filled them.
    pub fn take_full_tiles(&mut self) -> Vec<Tile> {
        self.tree.take_full_tiles()
    }
}

#[cfg(test)]
mod tests;
