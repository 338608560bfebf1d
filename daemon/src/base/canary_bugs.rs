//! Bugs on purpose, for the simulation to find: a net that catches nothing may have holes.
//!
//! None of this is compiled without the feature `canary-bugs`, which no default asks for; with it, neither the binary nor
//! anything without debug assertions builds. A bug is planted for one thread and by its code: no environment, no
//! configuration and no request reaches it.

use std::cell::Cell;

#[cfg(not(debug_assertions))]
compile_error!("`canary-bugs` plants bugs: it is for tests, and no release has it");

/// A bug, by what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CanaryBug {
    /// The writer does not compare what a call read with what is there (law 3).
    ReadSetIgnored,
    /// Receipts are made though the group did not reach the medium (law 1).
    ReceiptWithoutCommit,
    /// An erased slot is forgotten in memory and stays on the media (law 5).
    EraseSkipped,
    /// An erased slot is overwritten in one mirror only (law 5).
    EraseInOneMirror,
    /// A row that is removed or replaced stays in the state digest (law 8).
    DigestKeepsRemoved,
    /// An event has the clock's time, also when that went back.
    TimeGoesBack,
    /// A decision is remembered when what it followed from has changed (laws 3 and 6).
    DecisionOutlivesRights,
    /// The anchor is written for what is not durable yet (law 8).
    AnchorAhead,
    /// A session is good after its end (law 6).
    SessionNeverEnds,
    /// A slot that a key took is given out again.
    SlotGivenTwice,
    /// A clock that jumped ahead is believed.
    JumpBelieved,
    /// The tail of the log is not checked at a start (law 8).
    TailUnchecked,
    /// The digest of the rows is not compared at a start (law 8).
    DigestUnchecked,
    /// A damaged mirror is not repaired from its twin.
    MirrorUnrepaired,
    /// A log that ends before its anchor is believed (law 8).
    AnchorUnchecked,
    /// Tags taken off a key stay (a plain fault of a rule).
    UntagForgotten,
    /// A rehearsal does what it rehearses.
    DryRunActs,
}

impl CanaryBug {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::ReadSetIgnored,
        Self::ReceiptWithoutCommit,
        Self::EraseSkipped,
        Self::EraseInOneMirror,
        Self::DigestKeepsRemoved,
        Self::TimeGoesBack,
        Self::DecisionOutlivesRights,
        Self::AnchorAhead,
        Self::SessionNeverEnds,
        Self::SlotGivenTwice,
        Self::JumpBelieved,
        Self::TailUnchecked,
        Self::DigestUnchecked,
        Self::MirrorUnrepaired,
        Self::AnchorUnchecked,
        Self::UntagForgotten,
        Self::DryRunActs,
    ];

    /// Plants this bug, and no other, in all that this thread does.
    pub fn plant(self) {
        PLANTED.set(Some(self));
    }

    /// Takes this thread's bug out.
    pub fn weed() {
        PLANTED.set(None);
    }

    /// Whether this thread has this bug.
    pub fn is_planted(self) -> bool {
        PLANTED.get() == Some(self)
    }
}

thread_local! {
    static PLANTED: Cell<Option<CanaryBug>> = const { Cell::new(None) };
}
