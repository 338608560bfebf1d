//! Verifies signatures beside the fold: batches go to threads of their own, what does not verify comes back by position.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::base::{LogId, Seq, limits};
use crate::ledger::{LogPublicKey, SignedEntry, verify_batch};

/// What one signature covers, and the signature.
type Signed = (Vec<u8>, [u8; 64]);

/// Signatures of one key.
type Batch = (LogPublicKey, Vec<(Seq, Signed)>);

/// The threads' end of the queue, and the way back.
#[derive(Debug)]
pub struct Signatures {
    log: LogId,
    key: LogPublicKey,
    waiting: Vec<(Seq, Signed)>,
    batches: Sender<Batch>,
    bad: Receiver<Seq>,
    count: u64,
}

impl Signatures {
    /// Starts threads in `scope` that verify signatures over entries of `log`, of `key` until there is another.
    pub fn start<'scope>(
        scope: &'scope std::thread::Scope<'scope, '_>,
        log: LogId,
        key: LogPublicKey,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // Bounded: the reader waits for the threads, and never holds more than this many batches (I1).
        let (batches, inbox) = bounded::<Batch>(2 * threads);
        let (found, bad) = unbounded();
        for _ in 0..threads {
            let (inbox, found) = (inbox.clone(), found.clone());
            scope.spawn(move || {
                for (key, batch) in inbox {
                    for seq in culprits(&key, batch) {
                        let _gone = found.send(seq);
                    }
                }
            });
        }
        Self {
            log,
            key,
            waiting: Vec::with_capacity(BATCH),
            batches,
            bad,
            count: 0,
        }
    }

    /// Takes one entry's signature.
    pub fn add(&mut self, seq: Seq, entry: &SignedEntry<'_>) {
        self.count += 1;
        self.waiting
            .push((seq, (entry.to_be_signed(self.log), entry.signature)));
        if self.waiting.len() == BATCH {
            self.send();
        }
    }

    /// The entries from here on are signed by another key.
    pub fn turn(&mut self, key: LogPublicKey) {
        self.send();
        self.key = key;
    }

    /// Waits for all: the positions that did not verify, and how many were checked.
    pub fn finish(mut self) -> (Vec<Seq>, u64) {
        self.send();
        let Self {
            batches, bad, count, ..
        } = self;
        // The threads end when the queue is closed and empty, and their ends of the way back with them.
        drop(batches);
        (bad.iter().collect(), count)
    }

    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.waiting, Vec::with_capacity(BATCH));
        if !batch.is_empty() {
            let _gone = self.batches.send((self.key, batch));
        }
    }
}

/// The positions of a batch whose signatures don't verify.
fn culprits(key: &LogPublicKey, batch: Vec<(Seq, Signed)>) -> Vec<Seq> {
    let (positions, signed): (Vec<Seq>, Vec<Signed>) = batch.into_iter().unzip();
    if verify_batch(key, &signed) {
        return Vec::new();
    }
    let each = positions.into_iter().zip(&signed);
    each.filter(|(_, (message, signature))| !key.verify(message, signature))
        .map(|(seq, _)| seq)
        .collect()
}

/// Signatures verified at once.
const BATCH: usize = 64;

// A batch of the largest entries stays small.
const _: () = assert!(BATCH * limits::ENTRY_BYTES_MAX < 8 << 20);
