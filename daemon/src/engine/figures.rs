//! What the engine measures of itself, for its operator: queue, groups, fsyncs, the anchor's lag, the disk.
//!
//! Never: part of the state, of an event or of a decision; nothing here has an id or a name.

use crate::base::time::Clock;
use crate::base::{Figure, Histogram, Timestamp, limits};

/// The figures of one running core.
#[derive(Debug)]
pub struct Figures {
    /// When it booted, wall time.
    pub started: Timestamp,
    /// The same, monotonic milliseconds.
    started_monotonic: u64,
    /// Calls before the writer.
    pub queued: Figure,
    /// Calls that ran again because what they had read had changed.
    pub reruns: Figure,
    /// Events of a group commit.
    pub group_events: Histogram,
    /// From handing a group to the store until it is on stable storage, microseconds.
    pub commit_micros: Histogram,
    /// When the commit in flight began, monotonic milliseconds; 0 when there is none.
    committing_since: Figure,
    /// Log size that the anchor vouches for.
    pub anchored: Figure,
    /// Bytes that the data directory's file system still has for us.
    pub disk_free: Figure,
    /// Bytes that it has in all; 0 until somebody has looked.
    pub disk_total: Figure,
    /// Connections of the listeners.
    pub connections: Connections,
    /// 1 while nobody can tell whether a copy of the log is served beside it, for another user holds the name that says so.
    pub unguarded: Figure,
    /// Nonces that were remembered when the last signed request came.
    pub nonces: Figure,
}

/// Connections, by what they came in on.
#[derive(Debug, Default)]
pub struct Connections {
    /// The Unix sockets.
    pub unix: ConnectionFigures,
    /// TCP without encryption.
    pub tcp: ConnectionFigures,
    /// TCP with TLS.
    pub tls: ConnectionFigures,
}

/// Connections of one kind.
#[derive(Debug, Default)]
pub struct ConnectionFigures {
    /// Open now.
    pub open: Figure,
    /// Turned away, since the start.
    pub turned_away: Figure,
    /// For which an idle one made room, since the start.
    pub made_room: Figure,
}

impl Connections {
    /// Each kind with its name.
    pub const fn each(&self) -> [(&'static str, &ConnectionFigures); 3] {
        [("unix", &self.unix), ("tcp", &self.tcp), ("tls", &self.tls)]
    }
}

impl Figures {
    /// The figures of a core that boots now.
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            started: clock.now(),
            started_monotonic: clock.monotonic_millis(),
            queued: Figure::default(),
            reruns: Figure::default(),
            group_events: Histogram::new(&GROUP_BOUNDS),
            commit_micros: Histogram::new(&COMMIT_BOUNDS),
            committing_since: Figure::default(),
            anchored: Figure::default(),
            disk_free: Figure::default(),
            disk_total: Figure::default(),
            connections: Connections::default(),
            unguarded: Figure::default(),
            nonces: Figure::default(),
        }
    }

    /// How long the core has been running, milliseconds.
    pub fn uptime_millis(&self, clock: &dyn Clock) -> u64 {
        clock.monotonic_millis().saturating_sub(self.started_monotonic)
    }

    /// Runs and measures a commit of `events` events.
    pub fn commit<T, E>(
        &self,
        events: usize,
        clock: &dyn Clock,
        commit: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let before = clock.monotonic_micros();
        self.committing_since.set((before / 1_000).max(1));
        let committed = commit()?;
        // After a failure it stays in flight for ever: the daemon is not ready again before its next start.
        self.committing_since.set(0);
        self.commit_micros
            .record(clock.monotonic_micros().saturating_sub(before));
        self.group_events.record(events as u64);
        Ok(committed)
    }

    /// Whether calls can be answered in good time, and if not, why not.
    pub fn readiness(&self, clock: &dyn Clock) -> Result<(), Unready> {
        if self.committing_millis(clock) > limits::COMMIT_MILLIS_READY {
            Err(Unready::SlowCommit)
        } else if self.queued.read() >= limits::QUEUE_LEN_MAX as u64 {
            Err(Unready::FullQueue)
        } else {
            Ok(())
        }
    }

    /// How long the commit in flight has been running, milliseconds; 0 when there is none.
    pub fn committing_millis(&self, clock: &dyn Clock) -> u64 {
        match self.committing_since.read() {
            0 => 0,
            since => clock.monotonic_millis().saturating_sub(since),
        }
    }
}

/// Why calls can't be answered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// The writer has ended, or can't write any more.
    #[error("the log takes no more events")]
    Ended,
    /// The disk does not answer.
    #[error("the log's disk is not answering")]
    SlowCommit,
    /// Callers are turned away.
    #[error("the queue is full")]
    FullQueue,
}

/// Events in a group, up to `limits::GROUP_EVENTS_MAX` and the writer's own.
const GROUP_BOUNDS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// Microseconds of a commit: from an SSD with a capacitor to a disk in trouble.
const COMMIT_BOUNDS: [u64; 15] = [
    50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 409_600, 1_638_400,
    6_553_600,
];

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.monotonic_millis())
        }

        fn monotonic_millis(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_commit_is_in_flight_until_it_is_durable_and_stays_so_when_it_fails() {
        let clock = Hand(AtomicU64::new(1_000));
        let figures = Figures::new(&clock);
        assert_eq!(figures.committing_millis(&clock), 0);
        let during = figures.commit(3, &clock, || {
            clock.0.fetch_add(7, Ordering::Relaxed);
            Ok::<_, ()>(figures.committing_millis(&clock))
        });
        assert_eq!(during, Ok(7));
        assert_eq!(figures.committing_millis(&clock), 0);
        let commits = figures.commit_micros.read();
        assert_eq!((commits.count(), commits.sum), (1, 7_000));
        assert_eq!(figures.group_events.read().sum, 3);
        assert_eq!(figures.readiness(&clock), Ok(()));

        assert_eq!(figures.commit(1, &clock, || Err::<(), _>("full")), Err("full"));
        clock.0.fetch_add(60_000, Ordering::Relaxed);
        assert_eq!(figures.committing_millis(&clock), 60_000);
        assert_eq!(figures.readiness(&clock), Err(Unready::SlowCommit));
        assert_eq!(figures.commit_micros.read().count(), 1);
        assert_eq!(figures.uptime_millis(&clock), 60_007);
    }
}
