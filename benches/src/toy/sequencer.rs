//! The toy's one writer: numbers, chains, signs and commits what waits; the fsync in flight is the batching window.
//!
//! I1  Positions start at 0 and have no gaps; the link is SHA-256 over predecessor's link, position and event.
//! I2  A waiter hears only after its batch is synced.

use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::digest::{Context as Hasher, SHA256};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use crossbeam_channel::{Receiver, Sender, bounded};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use tokio::sync::oneshot;

/// An encoded event that wants a place, and who waits for it.
#[derive(Debug)]
pub struct Job {
    /// The event, not yet numbered
    pub event: Vec<u8>,
    /// Told the position once the event is durable
    pub durable: oneshot::Sender<u64>,
}

/// The running writer.
#[derive(Debug)]
pub struct Sequencer(JoinHandle<Result<()>>);

struct Log {
    database: Database,
    events: Keyspace,
    key: Ed25519KeyPair,
    seq: u64,
    link: [u8; 32],
}

impl Sequencer {
    /// Opens a fresh log and starts the writer; it ends when all senders of the queue are gone.
    pub fn start(directory: &Path) -> Result<(Self, Sender<Job>)> {
        let log = Log::open(directory)?;
        let (sender, queue) = bounded(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("sequencer".to_owned())
            .spawn(move || log.run(&queue));
        Ok((Self(thread.context("cannot start the sequencer")?), sender))
    }

    /// Waits for the writer's end and says whether it ended well.
    pub fn finish(self) -> Result<()> {
        self.0.join().map_err(|_| anyhow!("the sequencer panicked"))?
    }
}

impl Log {
    fn open(directory: &Path) -> Result<Self> {
        let database = Database::builder(directory)
            .worker_threads(1)
            .cache_size(64 << 20)
            .open()?;
        // A large memtable keeps the flush, which holds the journal's lock, out of most of a run.
        let options = || KeyspaceCreateOptions::default().max_memtable_size(256 << 20);
        let events = database.keyspace("events", options)?;
        let key = Ed25519KeyPair::generate().map_err(|_| anyhow!("no Ed25519 key"))?;
        let head = format!("toy log of {:02x?}", key.public_key().as_ref());
        let link = link_of(&[0; 32], 0, head.as_bytes())?;
        Ok(Self {
            database,
            events,
            key,
            seq: 0,
            link,
        })
    }

    fn run(mut self, queue: &Receiver<Job>) -> Result<()> {
        let mut waiting = Vec::with_capacity(GROUP_MAX);
        while let Ok(first) = queue.recv() {
            let mut batch = OwnedWriteBatch::with_capacity(self.database.clone(), GROUP_MAX)
                .durability(Some(PersistMode::SyncData));
            for job in std::iter::once(first).chain(queue.try_iter()).take(GROUP_MAX) {
                let entry = self.append(&job.event)?;
                batch.insert(&self.events, self.seq.to_be_bytes(), entry);
                waiting.push((self.seq, job.durable));
                self.seq += 1;
            }
            // I2: before this line nobody was answered; a failure drops the waiters, who answer 503.
            batch.commit()?;
            for (seq, waiter) in waiting.drain(..) {
                // A client that went away no longer waits; its event stands all the same.
                let _ = waiter.send(seq);
            }
        }
        self.database.persist(PersistMode::SyncAll)?;
        Ok(())
    }

    /// Chains and signs; returns signature, link and event, as stored.
    fn append(&mut self, event: &[u8]) -> Result<Vec<u8>> {
        self.link = link_of(&self.link, self.seq, event)?;
        let signature = self.key.sign(&self.link);
        let mut entry = Vec::with_capacity(64 + 32 + event.len());
        entry.extend_from_slice(signature.as_ref());
        entry.extend_from_slice(&self.link);
        entry.extend_from_slice(event);
        Ok(entry)
    }
}

fn link_of(previous: &[u8; 32], seq: u64, event: &[u8]) -> Result<[u8; 32]> {
    let mut hasher = Hasher::new(&SHA256);
    hasher.update(previous);
    hasher.update(&seq.to_be_bytes());
    hasher.update(event);
    hasher
        .finish()
        .as_ref()
        .try_into()
        .context("SHA-256 has 32 bytes")
}

/// More than the generator has connections, so the toy never refuses.
const QUEUE_MAX: usize = 4096;
/// Events in one commit, at most.
const GROUP_MAX: usize = 512;

#[cfg(test)]
mod tests;
