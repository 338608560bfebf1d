//! Nonces: a signed request is admitted once (wire contract, section 1.8).
//!
//! Nonces are kept as keyed 64-bit hashes, by access key, each with its generation, the minute of its arrival. A request is fresh while its
//! stamp is at most 15 minutes from the clock, so what arrives in a minute can be replayed for at most 30 more; a generation is
//! dropped, whole, at 32 (both ends of the window are inclusive, and minutes are cut).
//!
//! I1  A request that was admitted is not admitted again, wherever the clock jumps: dropping a generation raises the floor to the
//!     newest stamp in it, and a stamp at or below the floor is refused. While time runs forward the floor is out of the window.
//! I2  A nonce is refused for at least 30 minutes after its use by the same access key, also under another stamp.
//! I3  No access key holds more than its share, and all together no more than theirs; at the cap of one it is throttled, and
//!     others are not.
//!
//! Never: sees a nonce whose signature was not verified (anybody could fill the memory), or keeps the nonce itself.

mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use thiserror::Error;
use zeroize::Zeroizing;

use self::table::{Remembered, Table, Tag};
use crate::base::limits::{NONCES_MAX, NONCES_PER_ACCESS_KEY_MAX, TIMESTAMP_SKEW_MILLIS_MAX};
use crate::base::{AccessKeyId, ApiError, Code, SecretBytes, Timestamp};

/// Why a nonce is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NonceError {
    /// It was used before.
    #[error("the nonce was used before")]
    Used,
    /// The access key used more nonces than are kept for one.
    #[error("the access key used more nonces than are remembered")]
    Full,
    /// What was used at the time of its stamp is no longer, or not yet, known.
    #[error("nonces as old as this stamp are not remembered")]
    Forgotten,
}

impl From<NonceError> for ApiError {
    fn from(error: NonceError) -> Self {
        match error {
            NonceError::Used => Code::NonceUsed.into(),
            NonceError::Full => Code::Throttled.into(),
            NonceError::Forgotten => Code::ExpiredTimestamp.into(),
        }
    }
}

/// The nonces that could still be replayed.
pub struct NonceMemory {
    key: Zeroizing<[u8; 32]>,
    /// By access key; a shard's lock is held for a few hundred nanoseconds.
    shards: [Mutex<Shard>; SHARDS],
    /// Nonces of all access keys.
    held: AtomicUsize,
    /// The minute in which all shards were last swept.
    swept: AtomicU64,
    limits: NonceLimits,
}

/// How many nonces are remembered, at 10 to 12 bytes each. A key that signs `n` requests a second holds `n * 1,920` at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceLimits {
    /// Of one access key.
    pub per_access_key: usize,
    /// Of all access keys together.
    pub total: usize,
}

impl Default for NonceLimits {
    fn default() -> Self {
        Self {
            per_access_key: NONCES_PER_ACCESS_KEY_MAX,
            total: NONCES_MAX,
        }
    }
}

impl NonceMemory {
    /// An empty memory that hashes under the internal key `NonceHashing`.
    pub fn new(key: &SecretBytes, limits: NonceLimits) -> Self {
        // EXPOSE: BLAKE3 reads the key; what it makes of it is kept zeroizing.
        let key = Zeroizing::new(blake3::derive_key("chancery nonce hashing v1", key.expose()));
        Self {
            key,
            shards: std::array::from_fn(|_| Mutex::default()),
            held: AtomicUsize::new(0),
            swept: AtomicU64::new(0),
            limits,
        }
    }

    /// How many it may hold.
    pub const fn limits(&self) -> NonceLimits {
        self.limits
    }

    /// The hash by which a nonce is remembered here and in events: the first 8 bytes, big-endian, of keyed BLAKE3 over
    /// u32be(length of the access key id), access key id, nonce.
    pub fn hash(&self, access_key: &AccessKeyId, nonce: &str) -> u64 {
        let id = access_key.as_str().as_bytes();
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&u32::try_from(id.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(id);
        hasher.update(nonce.as_bytes());
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        u64::from_be_bytes(first)
    }

    /// Admits a nonce, once. `stamp` is the request's verified time stamp, `now` the same raw clock reading that it was checked with.
    pub fn admit(
        &self,
        hash: u64,
        access_key: &AccessKeyId,
        stamp: Timestamp,
        now: Timestamp,
    ) -> Result<(), NonceError> {
        if self.swept.swap(minute(now), Ordering::Relaxed) != minute(now) {
            self.sweep(now);
        }
        let mut shard = self.shard(access_key).lock();
        // Once more: a clock that goes back and forth between two calls finds its way here too.
        self.held.fetch_sub(shard.forget(minute(now)), Ordering::Relaxed);
        if stamp <= shard.floor {
            return Err(NonceError::Forgotten);
        }
        let memory = match shard.memories.get_mut(access_key) {
            Some(memory) => memory,
            None => shard.memories.entry(access_key.clone()).or_default(),
        };
        if memory.holds(hash) {
            return Err(NonceError::Used);
        }
        if memory.len() >= self.limits.per_access_key
            || self.held.load(Ordering::Relaxed) >= self.limits.total
        {
            return Err(NonceError::Full);
        }
        memory.insert(hash, stamp, minute(now));
        self.held.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Remembers a nonce that the log says was admitted at `at`, before this process started. The log does not know the stamp: the
    /// newest that could have been admitted then is taken. The cap does not apply, since forgetting would be the worse fault.
    pub fn remember(&self, hash: u64, access_key: &AccessKeyId, at: Timestamp) {
        let mut shard = self.shard(access_key).lock();
        let memory = shard.memories.entry(access_key.clone()).or_default();
        if !memory.holds(hash) {
            memory.insert(hash, at.plus_millis(TIMESTAMP_SKEW_MILLIS_MAX), minute(at));
            self.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Refuses stamps up to `floor` from now on: what was used then is not known here.
    pub fn refuse_up_to(&self, floor: Timestamp) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.floor = shard.floor.max(floor);
        }
    }

    /// How many nonces are remembered, for the metrics.
    pub fn len(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that they take.
    pub fn bytes(&self) -> usize {
        let taken = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            let tables = shard.memories.values().map(|memory| memory.hashes.bytes());
            tables.sum::<usize>()
        };
        self.shards.iter().map(taken).sum()
    }

    /// Drops what can't be replayed any more, also of access keys that fell silent.
    fn sweep(&self, now: Timestamp) {
        for shard in &self.shards {
            let forgotten = shard.lock().forget(minute(now));
            self.held.fetch_sub(forgotten, Ordering::Relaxed);
        }
    }

    fn shard(&self, access_key: &AccessKeyId) -> &Mutex<Shard> {
        // Access key ids are ours and random in their last characters; a plain sum of bytes spreads them.
        let sum = access_key
            .as_str()
            .bytes()
            .fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let [first, ..] = &self.shards;
        self.shards.get(sum % SHARDS).unwrap_or(first)
    }
}

impl fmt::Debug for NonceMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceMemory").finish_non_exhaustive()
    }
}

/// Access keys that share a lock.
#[derive(Default)]
struct Shard {
    memories: HashMap<AccessKeyId, Memory>,
    /// Stamps up to here are refused (I1).
    floor: Timestamp,
    /// The minute in which old generations were last looked for.
    swept: u64,
}

impl Shard {
    /// Drops the generations that are out of the window at minute `now`, once a minute; returns how many nonces they had.
    fn forget(&mut self, now: u64) -> usize {
        if self.swept == now {
            return 0;
        }
        self.swept = now;
        let (floor, mut forgotten) = (&mut self.floor, 0);
        self.memories.retain(|_, memory| {
            memory.generations.retain(|generation| {
                let keep = generation.minute.saturating_add(KEPT_MINUTES) > now;
                if !keep {
                    *floor = (*floor).max(generation.newest_stamp);
                    forgotten += generation.count;
                }
                keep
            });
            memory.hashes.tidy(&memory.generations);
            !memory.generations.is_empty()
        });
        forgotten
    }
}

/// The nonces of one access key.
struct Memory {
    /// In order of creation; at most 32 while time runs forward.
    generations: Vec<Generation>,
    hashes: Table,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            generations: Vec::new(),
            hashes: Table::new(),
        }
    }
}

impl Memory {
    fn holds(&self, hash: u64) -> bool {
        self.hashes.holds(hash, &self.generations)
    }

    fn len(&self) -> usize {
        self.generations.iter().map(|generation| generation.count).sum()
    }

    fn insert(&mut self, hash: u64, stamp: Timestamp, minute: u64) {
        let mut newest_first = self.generations.iter_mut().rev();
        match newest_first.find(|generation| generation.minute == minute) {
            Some(generation) => {
                generation.newest_stamp = generation.newest_stamp.max(stamp);
                generation.count += 1;
            }
            None => self.generations.push(Generation {
                minute,
                newest_stamp: stamp,
                count: 1,
            }),
        }
        self.hashes.insert(hash, Tag::of(minute), &self.generations);
    }
}

/// What arrived in one minute.
struct Generation {
    minute: u64,
    newest_stamp: Timestamp,
    count: usize,
}

impl Remembered for Vec<Generation> {
    fn has(&self, tag: Tag) -> bool {
        // Newest first: a replay is usually prompt.
        let mut newest_first = self.iter().rev();
        newest_first.any(|generation| Tag::of(generation.minute) == tag)
    }
}

const fn minute(time: Timestamp) -> u64 {
    time.as_millis() / 60_000
}

const SHARDS: usize = 16;

/// The two-sided window of 30 minutes, one for the cut of minutes, one for its inclusive ends.
const KEPT_MINUTES: u64 = 2 * TIMESTAMP_SKEW_MILLIS_MAX / 60_000 + 2;

#[cfg(test)]
mod tests;
