//! How the stories went: a simulation that meets nothing proves nothing.

use std::collections::BTreeMap;

use chancery::api::table::rows;
use chancery::base::{Code, RequestId};
use chancery::event::{Effect, Event, Outcome};

/// How things went, to see that the simulation meets what it is for.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Choices made, until the quiet end.
    pub rounds: u64,
    /// Calls made.
    pub calls: u64,
    /// Events in the log.
    pub events: u64,
    /// Kept checkpoints.
    pub checkpoints: u64,
    /// Events in the longest log of all.
    pub longest: u64,
    /// Answers given.
    pub answers: u64,
    /// Calls that ran again because what they read had changed.
    pub reruns: u64,
    /// Processes that ended by a crash.
    pub crashes: u64,
    /// Crashes, or closed vaults, that a planned fault made.
    pub faults: u64,
    /// Keys destroyed.
    pub destroyed: u64,
    /// Access keys deleted.
    pub dropped: u64,
    /// Keys that got a new version.
    pub rotated: u64,
    /// Blocks of messages set aside.
    pub reserved: u64,
    /// Slots erased, and found to be.
    pub erased: u64,
    /// Events of users and sessions: allowed ones, and denied ones.
    pub allowed: u64,
    /// See `allowed`.
    pub denied: u64,
    /// Calls of theirs that were first allowed, and no longer when their turn came.
    pub overtaken: u64,
    /// Rounds of housekeeping in which irreversible timers were held.
    pub held: u64,
    /// How often each operation came to what it is for.
    pub done: BTreeMap<String, u64>,
}

impl Tally {
    /// Sums up.
    pub fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.calls += other.calls;
        self.events += other.events;
        self.checkpoints += other.checkpoints;
        self.longest = self.longest.max(other.events);
        self.answers += other.answers;
        self.reruns += other.reruns;
        self.crashes += other.crashes;
        self.faults += other.faults;
        self.destroyed += other.destroyed;
        self.dropped += other.dropped;
        self.rotated += other.rotated;
        self.reserved += other.reserved;
        self.erased += other.erased;
        self.held += other.held;
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.overtaken += other.overtaken;
        for (op, count) in &other.done {
            *self.done.entry(op.clone()).or_default() += count;
        }
    }

    /// Counts how rights turned out; `expected` is what was first decided for each call.
    pub fn rule(&mut self, events: &[Event], expected: &BTreeMap<RequestId, Effect>) {
        (self.allowed, self.denied, self.overtaken) = (0, 0, 0);
        self.done.clear();
        for event in events.iter().filter(|event| is_done(event)) {
            *self.done.entry(event.op.to_string()).or_default() += 1;
        }
        for event in events.iter().filter(|event| event.actor.is_governed()) {
            let is_allowed = event.dec.effect == Effect::Allow;
            self.allowed += u64::from(is_allowed);
            self.denied += u64::from(event.dec.effect == Effect::Deny);
            let was_allowed = expected.get(&event.rid) == Some(&Effect::Allow);
            self.overtaken += u64::from(was_allowed && !is_allowed);
        }
    }

    /// Panics when an operation of the table never came to what it is for.
    pub fn assert_does_everything(&self) {
        let never: Vec<&str> = rows()
            .map(|row| row.op)
            .filter(|op| !self.done.contains_key(*op))
            .collect();
        assert!(never.is_empty(), "never done: {never:?}");
    }

    /// Panics when something that the simulation is for never happened.
    pub fn assert_meets_everything(&self) {
        let met = [
            self.reruns,
            self.crashes,
            self.faults,
            self.destroyed,
            self.dropped,
            self.rotated,
            self.reserved,
            self.erased,
            self.held,
            self.allowed,
            self.denied,
            self.overtaken,
        ];
        assert!(met.iter().all(|count| *count > 0), "{self:?}");
        // The state is sealed in the middle of a log, and tiles of the second level begin.
        assert!(
            self.longest > chancery::base::limits::CHECKPOINT_EVENTS,
            "{self:?}"
        );
    }
}

/// Whether an event came to what its operation is for. Some are for saying that there is nothing.
fn is_done(event: &Event) -> bool {
    let nothing = [Code::LoginProfileNotFound, Code::MfaDeviceNotFound];
    match &event.out {
        Outcome::Ok(_) => true,
        Outcome::Error { code, .. } => nothing.iter().any(|nothing| nothing.as_str() == code.as_ref()),
    }
}
