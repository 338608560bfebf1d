//! The world outside the core, made from one seed: dice, entropy, two clocks.

use std::sync::{Arc, Mutex};

use chancery::base::entropy::Entropy;
use chancery::base::time::Clock;
use chancery::base::{SecretBytes, Timestamp};
use chancery::custody::RootKey;
use chancery::engine::boot;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Every choice the simulation makes.
#[derive(Debug)]
pub struct Dice(ChaCha20Rng);

impl Dice {
    /// The dice of a seed. Streams of one seed are independent: a new choice in one leaves the others as they were.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// True once in `odds` times.
    pub fn once_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    /// An index into something of `len` elements; none when it is empty.
    pub fn index(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.below(len as u64) as usize)
    }

    /// One of `items`.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

/// The entropy of the core: ChaCha20 from the seed.
#[derive(Debug)]
pub struct SimEntropy(Mutex<ChaCha20Rng>);

impl Entropy for SimEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(buffer);
    }
}

/// True time, and a wall clock that drifts and is stepped. A power cut starts monotonic time anew.
#[derive(Debug)]
pub struct SimClock(Mutex<Times>);

#[derive(Debug)]
struct Times {
    truth: u64,
    wall_ahead: i64,
    booted: u64,
    drift_ppm: i64,
}

/// 2026-11-01, the beginning of every simulation, unix milliseconds.
const BEGINNING: u64 = 1_793_500_000_000;

impl SimClock {
    fn new(drift_ppm: i64) -> Self {
        Self(Mutex::new(Times {
            truth: 0,
            wall_ahead: 0,
            booted: 0,
            drift_ppm,
        }))
    }

    /// Lets time pass, milliseconds.
    pub fn pass(&self, millis: u64) {
        let mut times = self.0.lock().unwrap();
        times.truth += millis;
        times.wall_ahead += millis as i64 * times.drift_ppm / 1_000_000;
    }

    /// Steps the wall clock, milliseconds, either way.
    pub fn step(&self, millis: i64) {
        self.0.lock().unwrap().wall_ahead += millis;
    }

    /// From now on the wall clock goes so much faster than true time, parts in a million.
    pub fn set_drift(&self, ppm: i64) {
        self.0.lock().unwrap().drift_ppm = ppm;
    }

    /// Starts monotonic time anew.
    pub fn reboot(&self) {
        let mut times = self.0.lock().unwrap();
        times.booted = times.truth;
    }

    /// Milliseconds since the simulation began, whatever the clocks say.
    pub fn truth(&self) -> u64 {
        self.0.lock().unwrap().truth
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let times = self.0.lock().unwrap();
        Timestamp::from_millis((BEGINNING + times.truth).saturating_add_signed(times.wall_ahead))
    }

    fn monotonic_millis(&self) -> u64 {
        let times = self.0.lock().unwrap();
        times.truth - times.booted
    }
}

/// The world of one seed, as the core sees it and as the simulation moves it.
#[derive(Debug)]
pub struct World {
    /// What the core is given.
    pub given: boot::World,
    /// The same clock, to be moved.
    pub clock: Arc<SimClock>,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        let drift_ppm = Dice::new(seed, 1).below(1_000) as i64 - 500;
        Self::with_drift(seed, drift_ppm)
    }

    /// The world of a seed, with a wall clock that does not drift.
    pub fn steady(seed: u64) -> Self {
        Self::with_drift(seed, 0)
    }

    fn with_drift(seed: u64, drift_ppm: i64) -> Self {
        let clock = Arc::new(SimClock::new(drift_ppm));
        let entropy = SimEntropy(Mutex::new(Dice::new(seed, 2).0));
        Self {
            given: boot::World {
                clock: clock.clone(),
                entropy: Arc::new(entropy),
            },
            clock,
        }
    }

    /// The root key, the same at every start.
    pub fn root_key() -> RootKey {
        RootKey::from_secret(SecretBytes::new(vec![0x52; 32])).unwrap()
    }
}
