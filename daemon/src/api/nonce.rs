//! Nonces: a signed request is admitted once (wire contract, section 1.8).
//!
//! Nonces are kept as keyed 64-bit hashes, by access key, in generations of one minute of arrival. A request is fresh while its
//! stamp is at most 15 minutes from the clock, so what arrives in a minute can be replayed for at most 30 more; a generation is
//! dropped, whole, at 32 (both ends of the window are inclusive, and minutes are cut).
//!
//! I1  A request that was admitted is not admitted again, wherever the clock jumps: dropping a generation raises the floor to the
//!     newest stamp in it, and a stamp at or below the floor is refused. While time runs forward the floor is out of the window.
//! I2  A nonce is refused for at least 30 minutes after its use by the same access key, also under another stamp.
//! I3  No access key holds more than its share; at the cap it is throttled, and others are not.
//!
//! Never: sees a nonce whose signature was not verified (anybody could fill the memory), or keeps the nonce itself.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use parking_lot::Mutex;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::base::limits::{NONCES_PER_ACCESS_KEY_MAX, TIMESTAMP_SKEW_MILLIS_MAX};
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
    per_access_key_max: usize,
}

impl NonceMemory {
    /// An empty memory that hashes under the internal key `NonceHashing`.
    pub fn new(key: &SecretBytes) -> Self {
        Self::with_cap(key, NONCES_PER_ACCESS_KEY_MAX)
    }

    fn with_cap(key: &SecretBytes, per_access_key_max: usize) -> Self {
        // EXPOSE: BLAKE3 reads the key; what it makes of it is kept zeroizing.
        let key = Zeroizing::new(blake3::derive_key("chancery nonce hashing v1", key.expose()));
        Self {
            key,
            shards: std::array::from_fn(|_| Mutex::default()),
            per_access_key_max,
        }
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
        let mut shard = self.shard(access_key).lock();
        shard.forget(minute(now));
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
        if memory.len() >= self.per_access_key_max {
            return Err(NonceError::Full);
        }
        memory.insert(hash, stamp, minute(now));
        Ok(())
    }

    /// Remembers a nonce that the log says was admitted at `at`, before this process started. The log does not know the stamp: the
    /// newest that could have been admitted then is taken. The cap does not apply, since forgetting would be the worse fault.
    pub fn remember(&self, hash: u64, access_key: &AccessKeyId, at: Timestamp) {
        let mut shard = self.shard(access_key).lock();
        let memory = shard.memories.entry(access_key.clone()).or_default();
        if !memory.holds(hash) {
            memory.insert(hash, at.plus_millis(TIMESTAMP_SKEW_MILLIS_MAX), minute(at));
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
        let count = |shard: &Mutex<Shard>| shard.lock().memories.values().map(Memory::len).sum::<usize>();
        self.shards.iter().map(count).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
    /// Drops the generations that are out of the window at minute `now`, once a minute.
    fn forget(&mut self, now: u64) {
        if self.swept == now {
            return;
        }
        self.swept = now;
        let floor = &mut self.floor;
        self.memories.retain(|_, memory| {
            memory.generations.retain(|generation| {
                let keep = generation.minute.saturating_add(KEPT_MINUTES) > now;
                if !keep {
                    *floor = (*floor).max(generation.newest_stamp);
                }
                keep
            });
            !memory.generations.is_empty()
        });
    }
}

/// The nonces of one access key.
#[derive(Default)]
struct Memory {
    /// In order of creation; at most 32 while time runs forward.
    generations: Vec<Generation>,
}

impl Memory {
    fn holds(&self, hash: u64) -> bool {
        // Newest first: a replay is usually prompt.
        self.generations
            .iter()
            .rev()
            .any(|generation| generation.hashes.contains(&hash))
    }

    fn len(&self) -> usize {
        self.generations
            .iter()
            .map(|generation| generation.hashes.len())
            .sum()
    }

    fn insert(&mut self, hash: u64, stamp: Timestamp, minute: u64) {
        match self
            .generations
            .iter_mut()
            .rev()
            .find(|generation| generation.minute == minute)
        {
            Some(generation) => {
                generation.newest_stamp = generation.newest_stamp.max(stamp);
                generation.hashes.insert(hash);
            }
            None => self.generations.push(Generation {
                minute,
                newest_stamp: stamp,
                hashes: HashSet::from_iter([hash]),
            }),
        }
    }
}

/// What arrived in one minute.
struct Generation {
    minute: u64,
    newest_stamp: Timestamp,
    hashes: HashSet<u64, BuildHasherDefault<Identity>>,
}

/// The hashes are keyed hashes already: an attacker can't choose them, and hashing them again would gain nothing.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not reached: a u64 is written by `write_u64`. Correct all the same.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
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
