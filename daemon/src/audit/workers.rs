//! The work on entries that needs no order, beside the pass that does: hashes, decoding, signatures, on all cores.
//!
//! I1  Pages come back in the order in which they were given, whichever thread had them.
//! I2  What is waiting is bounded, in pages and in bytes: the reader waits for the threads.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::thread::Scope;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::place::{Look, outline};
use crate::base::{Digest, LogId, Seq, limits};
use crate::event::codec::decode_event;
use crate::event::{Event, Outline};
use crate::ledger::{LogPublicKey, SignedEntry, leaf_hash, verify_batch};

/// How closely entries are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Their outlines, and the whole of those that change the state.
    Changes,
    /// Every event, and whether it is in the one form that it can have.
    Events,
}

/// Consecutive entries, shared with the threads.
#[derive(Debug)]
pub struct Page {
    /// Position of the first.
    pub from: Seq,
    /// Their bytes.
    pub entries: Vec<Vec<u8>>,
}

/// What was seen of one entry.
#[derive(Debug)]
pub struct Seen {
    /// Its leaf hash.
    pub leaf: Digest,
    /// The key that it names; none when it is no entry.
    pub kid: Option<[u8; 8]>,
    /// What it says of its place.
    pub look: Look,
    /// The event, where it was read and could be.
    pub event: Option<Event>,
}

/// A page and what was seen of each of its entries.
pub type Looked = (Arc<Page>, Vec<Seen>);

enum Job {
    Look(Arc<Page>, How, Sender<Vec<Seen>>),
    Verify(Arc<Page>, Range<usize>, LogPublicKey),
}

/// The threads' end of the queue, and the ways back.
#[derive(Debug)]
pub struct Workers {
    jobs: Sender<Job>,
    looking: VecDeque<(Arc<Page>, Receiver<Vec<Seen>>)>,
    pages_max: usize,
    bad: Receiver<Seq>,
}

impl Workers {
    /// Starts threads in `scope` that work on entries of `log`.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>, log: LogId) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // The threads never wait for the pass: each page has a way back of its own, with room for it.
        let (jobs, inbox) = bounded::<Job>(4 * threads);
        let (found, bad) = unbounded();
        for _ in 0..threads {
            let (inbox, found) = (inbox.clone(), found.clone());
            scope.spawn(move || {
                let mut scratch = Vec::new();
                for job in inbox {
                    match job {
                        Job::Look(page, how, back) => {
                            let seen = page.entries.iter().map(|entry| see(entry, how)).collect();
                            let _gone = back.send(seen);
                        }
                        Job::Verify(page, which, key) => {
                            for seq in culprits(log, &key, &page, which, &mut scratch) {
                                let _gone = found.send(seq);
                            }
                        }
                    }
                }
            });
        }
        Self {
            jobs,
            looking: VecDeque::new(),
            pages_max: 2 * threads,
            bad,
        }
    }

    /// Whether another page should be given.
    pub fn has_room(&self) -> bool {
        self.looking.len() < self.pages_max
    }

    /// Gives a page to be looked at.
    pub fn look(&mut self, page: Page, how: How) {
        let page = Arc::new(page);
        let (back, seen) = bounded(1);
        let _gone = self.jobs.send(Job::Look(Arc::clone(&page), how, back));
        self.looking.push_back((page, seen));
    }

    /// Waits for the earliest page that was given and not yet taken; none when there is none.
    pub fn take(&mut self) -> Option<Looked> {
        let (page, seen) = self.looking.pop_front()?;
        // A thread that died takes its page with it; the scope says so when it ends.
        seen.recv().ok().map(|seen| (page, seen))
    }

    /// Gives the entries of a page that `which` names to be verified by `key`.
    pub fn verify(&self, page: &Arc<Page>, which: Range<usize>, key: LogPublicKey) {
        let mut from = which.start;
        while from < which.end {
            let end = which.end.min(from + BATCH);
            let _gone = self.jobs.send(Job::Verify(Arc::clone(page), from..end, key));
            from = end;
        }
    }

    /// Waits for all: the positions whose signatures did not verify.
    pub fn finish(self) -> Vec<Seq> {
        let Self { jobs, bad, .. } = self;
        // The threads end when the queue is closed and empty, and their ends of the way back with them.
        drop(jobs);
        bad.iter().collect()
    }
}

fn see(bytes: &[u8], how: How) -> Seen {
    let leaf = leaf_hash(bytes);
    let entry = match SignedEntry::parse(bytes) {
        Ok(entry) => entry,
        Err(error) => {
            return Seen {
                leaf,
                kid: None,
                look: Look::none(error),
                event: None,
            };
        }
    };
    let (read, event) = match how {
        How::Changes => match Outline::read(entry.payload) {
            Ok(read) if read.changes => whole(entry.payload),
            other => (other, None),
        },
        How::Events => whole(entry.payload),
    };
    Seen {
        leaf,
        kid: Some(entry.kid),
        look: Look::of(entry.payload, read),
        event,
    }
}

fn whole(payload: &[u8]) -> (Result<Outline, crate::event::codec::DecodeError>, Option<Event>) {
    match decode_event(payload) {
        Ok(event) => (Ok(outline(&event)), Some(event)),
        Err(error) => (Err(error), None),
    }
}

/// The positions of a batch whose signatures don't verify. What is no entry has none, and was told where it was looked at.
fn culprits(
    log: LogId,
    key: &LogPublicKey,
    page: &Page,
    which: Range<usize>,
    scratch: &mut Vec<u8>,
) -> Vec<Seq> {
    scratch.clear();
    let mut parts = Vec::with_capacity(which.len());
    let first = page.from.get() + which.start as u64;
    for (seq, bytes) in (first..).zip(page.entries.get(which).unwrap_or_default()) {
        if let Ok(entry) = SignedEntry::parse(bytes) {
            let start = scratch.len();
            entry.write_to_be_signed(log, scratch);
            parts.push((Seq::new(seq), start..scratch.len(), entry.signature));
        }
    }
    let signed: Vec<(&[u8], [u8; 64])> = parts
        .iter()
        .map(|(_, message, signature)| (scratch.get(message.clone()).unwrap_or_default(), *signature))
        .collect();
    if verify_batch(key, &signed) {
        return Vec::new();
    }
    let each = parts.iter().zip(&signed);
    each.filter(|(_, (message, signature))| !key.verify(message, signature))
        .map(|((seq, ..), _)| *seq)
        .collect()
}

/// Signatures verified at once.
const BATCH: usize = 128;

// A batch of the largest entries stays small.
const _: () = assert!(BATCH * limits::ENTRY_BYTES_MAX <= 8 << 20);
