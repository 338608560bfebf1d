//! How the stories went: a simulation that meets nothing proves nothing.

use std::collections::BTreeMap;
use std::fmt;

use chancery::api::table::rows;
use chancery::base::{Code, RequestId};
use chancery::event::{Effect, Event, Outcome};

use super::arrows::Arrow;
use super::misfortune::Misfortune;

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
    /// Times that the log got another key.
    pub log_keys: u64,
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
    /// Starts after a silence so long that it holds timers.
    pub silences: u64,
    /// Sectors that a crash lost, and such that it tore or left garbage in.
    pub sectors_lost: u64,
    /// See `sectors_lost`.
    pub sectors_torn: u64,
    /// Times when there was no room at all.
    pub full: u64,
    /// Calls that were turned away for lack of room.
    pub turned_away: u64,
    /// Crashes, by where they came.
    pub arrows: BTreeMap<Arrow, u64>,
    /// What befell media that were off.
    pub misfortunes: BTreeMap<Misfortune, u64>,
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
        self.log_keys += other.log_keys;
        self.reserved += other.reserved;
        self.erased += other.erased;
        self.held += other.held;
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.overtaken += other.overtaken;
        self.silences += other.silences;
        self.sectors_lost += other.sectors_lost;
        self.sectors_torn += other.sectors_torn;
        self.full += other.full;
        self.turned_away += other.turned_away;
        for (arrow, count) in &other.arrows {
            *self.arrows.entry(*arrow).or_default() += count;
        }
        for (misfortune, count) in &other.misfortunes {
            *self.misfortunes.entry(*misfortune).or_default() += count;
        }
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
            self.log_keys,
            self.erased,
            self.held,
            self.allowed,
            self.denied,
            self.overtaken,
            self.silences,
            self.sectors_lost,
            self.sectors_torn,
            self.full,
            self.turned_away,
        ];
        assert!(met.iter().all(|count| *count > 0), "{self:?}");
        let not_here: Vec<_> = Arrow::ALL
            .iter()
            .filter(|arrow| !self.arrows.contains_key(arrow))
            .collect();
        assert!(not_here.is_empty(), "no crash came at {not_here:?}");
        let not_met: Vec<_> = Misfortune::ALL
            .iter()
            .filter(|one| !self.misfortunes.contains_key(one))
            .collect();
        assert!(not_met.is_empty(), "never befell: {not_met:?}");
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

/// The figures, kind by kind.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} rounds, {} calls, {} answers ({} ran again, {} turned away for lack of room), {} events, {} checkpoints",
            self.rounds,
            self.calls,
            self.answers,
            self.reruns,
            self.turned_away,
            self.events,
            self.checkpoints
        )?;
        writeln!(
            f,
            "  {} crashes, {} of faults; {} sectors lost, {} torn; {} times no room; {} long silences, {} rounds with timers held",
            self.crashes,
            self.faults,
            self.sectors_lost,
            self.sectors_torn,
            self.full,
            self.silences,
            self.held
        )?;
        writeln!(
            f,
            "  {} keys destroyed, {} access keys deleted, {} slots erased, {} rotations, {} log keys, {} blocks of messages; of users and \
             sessions {} allowed, {} denied, {} overtaken",
            self.destroyed,
            self.dropped,
            self.erased,
            self.rotated,
            self.log_keys,
            self.reserved,
            self.allowed,
            self.denied,
            self.overtaken
        )?;
        writeln!(f, "  crashes by place: {:?}", self.arrows)?;
        writeln!(f, "  befell media: {:?}", self.misfortunes)?;
        write!(f, "  done: {:?}", self.done)
    }
}
