//! Which key has to have signed what: begins with the one in genesis and follows every change of it, checking that each was
//! signed by the key before and that the new key proves itself.

use std::fmt;

use super::problem::{Fault, Problems};
use crate::base::{Digest, LogId, Seq};
use crate::event::{Change, EpochBegun, EpochSigner, Event, NewLogKey};
use crate::ledger::{KeySchedule, LogPublicKey, Period};

/// The keys of a log, as far as it was read.
#[derive(Debug)]
pub struct Keys {
    log: LogId,
    schedule: KeySchedule,
    turns: Vec<Turn>,
}

/// Another key came into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// With which event.
    pub seq: Seq,
    /// SHA-256 of the new public key.
    pub key: Digest,
    /// The epoch that began with it; none for a mere rotation.
    pub epoch: Option<Begun>,
}

impl Turn {
    /// Whether no key before this one vouches for it.
    pub fn is_alone(&self) -> bool {
        self.epoch.as_ref().is_some_and(|begun| begun.is_alone)
    }
}

/// How an epoch began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Its number.
    pub number: u64,
    /// Why.
    pub cause: &'static str,
    /// Why, in the operator's words.
    pub reason: String,
    /// Whether its own key signed it, because the one before was lost.
    pub is_alone: bool,
    /// How many events were acknowledged once and are missing, as far as that was known.
    pub missing: u64,
}

impl Keys {
    /// The keys of `log`, which begins with this one.
    pub const fn begin(log: LogId, public: LogPublicKey, origin: String) -> Self {
        Self {
            log,
            schedule: KeySchedule::begin(public, origin),
            turns: Vec::new(),
        }
    }

    /// What is in force at `position`: for an entry its position, for a checkpoint or an anchor its size. Beyond the entries
    /// that were read it is what the last of them left.
    pub fn at(&self, position: u64) -> &Period {
        self.schedule.at(position)
    }

    /// What is in force at the end of what was read.
    pub fn last(&self) -> &Period {
        self.schedule.last()
    }

    /// The schedule.
    pub const fn schedule(&self) -> &KeySchedule {
        &self.schedule
    }

    /// The changes of the key, in order.
    pub fn into_turns(self) -> Vec<Turn> {
        self.turns
    }

    /// Follows an event that stands in its place; `before` is the leaf hash of the entry before it. Its own entry still has to
    /// be signed by the key that was in force until now. True when another key is in force after it.
    pub fn follow(&mut self, event: &Event, before: Digest, problems: &mut Problems) -> bool {
        let turns = self.turns.len();
        for change in &event.chg {
            match change {
                Change::LogKeyRotated(key) => self.turn(event.seq, key, None, problems),
                Change::EpochBegun(begun) => {
                    if begun.leaf != before {
                        problems.add(event.seq, Fault::EpochHead);
                    }
                    self.turn(event.seq, &begun.key, Some(begun), problems);
                }
                _ => {}
            }
        }
        self.turns.len() > turns
    }

    fn turn(&mut self, seq: Seq, key: &NewLogKey, begun: Option<&EpochBegun>, problems: &mut Problems) {
        let before = self.last().public;
        let Ok(public) = LogPublicKey::try_from(key.public.as_slice()) else {
            problems.add(seq, Fault::KeyProof);
            return;
        };
        // A second key in one event would be in force nowhere; that there is none is what the event may change.
        if self.last().from > seq {
            problems.add(seq, Fault::KeyProof);
            return;
        }
        if !public.proves(self.log, seq, &before, key.proof.as_slice()) {
            problems.add(seq, Fault::KeyProof);
        }
        let origin = begun.map(|begun| begun.origin.as_str());
        self.schedule.turn(seq.next(), public, origin);
        self.turns.push(Turn {
            seq,
            key: Digest::of(public.as_bytes()),
            epoch: begun.map(|begun| Begun {
                number: begun.epoch,
                cause: begun.cause.as_str(),
                reason: begun.reason.clone(),
                is_alone: begun.signer == EpochSigner::Itself,
                missing: begun.anchored.map_or(0, |said| said.saturating_sub(begun.size)),
            }),
        });
    }
}

/// One line.
impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(begun) = &self.epoch else {
            return write!(f, "event {}: the log key was rotated to {}", self.seq, self.key);
        };
        write!(
            f,
            "event {}: epoch {} began ({}",
            self.seq, begun.number, begun.cause,
        )?;
        if !begun.reason.is_empty() {
            write!(f, ": {}", super::readable::printable(&begun.reason))?;
        }
        f.write_str("), ")?;
        if begun.missing > 0 {
            write!(f, "{} events are missing before it, ", begun.missing)?;
        }
        write!(f, "with the log key {}", self.key)?;
        if begun.is_alone {
            f.write_str(", which signed that itself: the key before it was lost")?;
        }
        Ok(())
    }
}
