//! What a connection is at, and until when it may be at it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limits;

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between two requests.
    Idle,
    /// Some of a head has come.
    Head,
    /// A request is read on and answered; the body has a bound of its own.
    Work,
}

/// Noted by the stream and the service of one connection, which are the same task: the orderings are relaxed, the atomics
/// are there for the types' sake. Costs two clock readings a request, and no timer.
#[derive(Debug)]
pub(super) struct Watch {
    started: Instant,
    phase: AtomicU8,
    /// When the phase began, milliseconds after `started`.
    since: AtomicU64,
    /// One more than when the other side stopped taking what we write, milliseconds after `started`; 0: it takes it.
    stuck: AtomicU64,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Work,
        }
    }

    /// The phase ends, another one begins.
    pub(super) fn enter(&self, phase: Phase) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// The other side takes nothing, or again something, of what we write.
    pub(super) fn note_stuck(&self, is_stuck: bool) {
        let was_stuck = self.is_stuck();
        if is_stuck != was_stuck {
            let mark = if is_stuck { self.now() + 1 } else { 0 };
            self.stuck.store(mark, Ordering::Relaxed);
        }
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed) != 0
    }

    /// When the connection's patience ends, as things are.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        let phase = match self.phase() {
            Phase::Idle => Some(since + limits.idle),
            Phase::Head => Some(since + limits.head),
            Phase::Work => None,
        };
        let stuck = match self.stuck.load(Ordering::Relaxed) {
            0 => None,
            mark => Some(Duration::from_millis(mark - 1) + limits.write),
        };
        let first = match (phase, stuck) {
            (Some(phase), Some(stuck)) => phase.min(stuck),
            (phase, stuck) => phase.or(stuck)?,
        };
        Some(self.started + first)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}
