//! Whether the wall clock can be trusted with something that can't be undone.
//!
//! Wall time that jumps forward would destroy keys before their owners' windows end. So irreversible timers run only
//! while wall and monotonic time agree; a jump, or a start long after the last event, holds them for a day of agreement
//! or until an operator accepts the clock. The hold is in the log too (`TimersHeld`), so that a restart does not end it.

use crate::base::{Timestamp, limits};

/// Compares the two clocks from one look to the next.
#[derive(Debug)]
pub struct ClockWatch {
    wall: Timestamp,
    monotonic: u64,
    /// By how much wall time has gained on monotonic time in small steps, milliseconds: many of them are a jump too.
    gained: u64,
    /// By how much wall time was behind the log at the start, milliseconds; told at the first look.
    behind_log: u64,
    held_until: Option<u64>,
}

/// What a look at the clocks showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// They agree.
    None,
    /// Wall time went back, by so many milliseconds.
    Back(u64),
    /// Wall time went ahead of monotonic time, by so many milliseconds.
    Ahead(u64),
}

/// A wall clock that is steered, not set, moves less than this between two looks, milliseconds.
const TOLERANCE_MILLIS: u64 = 1_000;

impl ClockWatch {
    /// Begins to watch; `last_event` is the time of the log's last event. `is_held`: the log says that the clock was not
    /// believed; what it did since then nobody watched, so the day of agreement begins anew.
    pub const fn start(wall: Timestamp, monotonic: u64, last_event: Timestamp, is_held: bool) -> Self {
        let quiet = wall.as_millis().saturating_sub(last_event.as_millis());
        Self {
            wall,
            monotonic,
            behind_log: last_event.as_millis().saturating_sub(wall.as_millis()),
            gained: 0,
            held_until: if is_held || quiet > limits::QUIET_START_MILLIS_MAX {
                Some(monotonic + limits::CLOCK_HOLD_MILLIS)
            } else {
                None
            },
        }
    }

    /// Looks at both clocks.
    pub const fn look(&mut self, wall: Timestamp, monotonic: u64) -> Drift {
        let passed = monotonic.saturating_sub(self.monotonic);
        let expected = self.wall.plus_millis(passed);
        self.wall = wall;
        self.monotonic = monotonic;
        let ahead = wall.as_millis().saturating_sub(expected.as_millis());
        let behind = expected.as_millis().saturating_sub(wall.as_millis());
        self.gained = (self.gained + ahead).saturating_sub(behind);
        if self.gained > limits::CLOCK_STEP_MILLIS_MAX {
            let gained = self.gained;
            self.gained = 0;
            self.held_until = Some(monotonic + limits::CLOCK_HOLD_MILLIS);
            Drift::Ahead(gained)
        } else if behind > TOLERANCE_MILLIS {
            Drift::Back(behind)
        } else if self.behind_log > TOLERANCE_MILLIS {
            let behind = self.behind_log;
            self.behind_log = 0;
            Drift::Back(behind)
        } else {
            Drift::None
        }
    }

    /// Whether irreversible timers may run.
    pub const fn timers_run(&self, monotonic: u64) -> bool {
        match self.held_until {
            Some(until) => monotonic >= until,
            None => true,
        }
    }

    /// An operator says that wall time is right.
    pub const fn accept(&mut self) {
        self.gained = 0;
        self.held_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HOUR: u64 = 60 * 60 * 1_000;

    #[test]
    fn agreeing_clocks_let_timers_run() {
        let mut watch = ClockWatch::start(T0, 5, T0, false);
        assert_eq!(watch.look(T0.plus_millis(10 * HOUR), 5 + 10 * HOUR), Drift::None);
        assert!(watch.timers_run(5 + 10 * HOUR));
    }

    #[test]
    fn a_jump_ahead_holds_timers_for_a_day() {
        let mut watch = ClockWatch::start(T0, 0, T0, false);
        let jump = limits::CLOCK_STEP_MILLIS_MAX + 1;
        assert_eq!(watch.look(T0.plus_millis(jump), 0), Drift::Ahead(jump));
        assert!(!watch.timers_run(24 * HOUR - 1));
        assert!(watch.timers_run(24 * HOUR));
    }

    #[test]
    fn a_jump_of_an_hour_is_let_pass_and_an_accepted_one_too() {
        let mut watch = ClockWatch::start(T0, 0, T0, false);
        assert_eq!(
            watch.look(T0.plus_millis(limits::CLOCK_STEP_MILLIS_MAX), 0),
            Drift::None
        );
        assert!(watch.timers_run(0));
        watch.look(T0.plus_millis(10 * HOUR), 0);
        assert!(!watch.timers_run(0));
        watch.accept();
        assert!(watch.timers_run(0));
    }

    #[test]
    fn a_start_after_a_long_silence_holds_timers() {
        let silence = limits::QUIET_START_MILLIS_MAX;
        assert!(ClockWatch::start(T0.plus_millis(silence), 0, T0, false).timers_run(0));
        assert!(!ClockWatch::start(T0.plus_millis(silence + 1), 0, T0, false).timers_run(0));
    }

    #[test]
    fn a_start_in_a_held_log_holds_timers_for_a_day() {
        let watch = ClockWatch::start(T0, 5, T0, true);
        assert!(!watch.timers_run(5 + 24 * HOUR - 1));
        assert!(watch.timers_run(5 + 24 * HOUR));
    }

    #[test]
    fn many_small_steps_ahead_are_a_jump_and_steps_back_make_up_for_them() {
        let half = limits::CLOCK_STEP_MILLIS_MAX / 2;
        let mut watch = ClockWatch::start(T0, 0, T0, false);
        assert_eq!(watch.look(T0.plus_millis(half), 0), Drift::None);
        assert_eq!(watch.look(T0, 0), Drift::Back(half));
        assert_eq!(watch.look(T0.plus_millis(half), 0), Drift::None);
        assert_eq!(watch.look(T0.plus_millis(2 * half), 0), Drift::None);
        assert_eq!(
            watch.look(T0.plus_millis(2 * half + 1), 0),
            Drift::Ahead(2 * half + 1)
        );
        assert!(!watch.timers_run(0));
    }

    #[test]
    fn a_clock_behind_the_log_at_the_start_is_seen() {
        let mut watch = ClockWatch::start(T0, 0, T0.plus_millis(5 * HOUR), false);
        assert_eq!(watch.look(T0, 0), Drift::Back(5 * HOUR));
        assert_eq!(watch.look(T0, 0), Drift::None);
    }

    #[test]
    fn a_step_back_is_seen() {
        let mut watch = ClockWatch::start(T0, 0, T0, false);
        assert_eq!(watch.look(T0, 2_000), Drift::Back(2_000));
        assert!(watch.timers_run(2_000));
    }
}
