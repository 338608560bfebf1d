//! What a connection is at, and until when it may be at it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::Mutex;
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

/// Noted by the stream and the service of one connection, which are the same task, and looked at by those who seek a place
/// for another one: the orderings are relaxed, for a look that comes too late costs nothing but a place. Costs two clock readings a request, and no timer.
#[derive(Debug)]
pub(super) struct Watch {
    started: Instant,
    phase: AtomicU8,
    /// When the phase began, milliseconds after `started`.
    since: AtomicU64,
    /// One more than when the other side stopped taking what we write, milliseconds after `started`; 0: it takes it.
    stuck: AtomicU64,
    /// Not all of the last request was read: the other side may be still sending.
    is_cut: AtomicBool,
    /// It is to leave its place to another one.
    is_to_leave: AtomicBool,
    /// Its task, for whoever says so.
    task: Mutex<Option<Waker>>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
            is_to_leave: AtomicBool::new(false),
            task: Mutex::new(None),
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

    /// The rest of the request is not read any more.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Since when it has been idle; nothing when it is not, or is leaving already.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let is_idle = self.phase() == Phase::Idle && !self.is_to_leave();
        is_idle.then(|| self.started + Duration::from_millis(self.since.load(Ordering::Relaxed)))
    }

    /// Has the connection end as soon as it is at no request.
    pub(super) fn leave(&self) {
        self.is_to_leave.store(true, Ordering::SeqCst);
        if let Some(task) = self.task.lock().take() {
            task.wake();
        }
    }

    pub(super) fn is_to_leave(&self) -> bool {
        self.is_to_leave.load(Ordering::Relaxed)
    }

    /// This is the connection's task.
    pub(super) fn attend(&self, cx: &Context<'_>) {
        *self.task.lock() = Some(cx.waker().clone());
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
