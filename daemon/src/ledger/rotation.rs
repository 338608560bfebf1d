//! One log key after another: how a new one proves itself, and which one is in force where.
//!
//! The event that brings a new key stands at a position `p` and is signed by the key before it. From `p + 1` on the new one
//! signs: entries at these positions, checkpoints and anchors of these sizes. In the event stands the new key's own
//! signature, so nobody can hang a key that he does not hold into a log, nor one that was made for another place:
//!
//! ```text
//!  0  19  "chancery/log-key/v1"
//! 19  16  log id
//! 35   8  p, big-endian
//! 43  32  the public key before
//! 75  32  the new public key
//! ```

use super::key::{KeyError, LogKey, LogPublicKey};
use crate::base::{LogId, Seq};

impl LogKey {
    /// Signs that this key follows `before` in `log` with the event at `at`.
    pub fn prove(&self, log: LogId, at: Seq, before: &LogPublicKey) -> [u8; 64] {
        self.sign(&message(log, at, before, &self.public()))
    }
}

impl LogPublicKey {
    /// Whether `proof` is this key's, that it follows `before` in `log` with the event at `at`.
    pub fn proves(&self, log: LogId, at: Seq, before: &Self, proof: &[u8]) -> bool {
        let Ok(proof) = proof.try_into() else { return false };
        self.verify(&message(log, at, before, self), proof)
    }
}

/// I5: an entry's signed bytes begin with 0x84, an anchor's with another text; a checkpoint's text has no control characters
/// but line feeds, while here the first byte of a position is zero.
fn message(log: LogId, at: Seq, before: &LogPublicKey, new: &LogPublicKey) -> Vec<u8> {
    let position = at.get().to_be_bytes();
    [
        PROOF_DOMAIN,
        log.as_bytes().as_slice(),
        &position,
        before.as_bytes(),
        new.as_bytes(),
    ]
    .concat()
}

const PROOF_DOMAIN: &[u8] = b"chancery/log-key/v1";

/// A key and the positions that it signs, to the beginning of the next one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The first position.
    pub from: Seq,
    /// The key.
    pub public: LogPublicKey,
    /// The origin of checkpoints.
    pub origin: String,
}

/// Which key is in force where. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchedule {
    first: Period,
    later: Vec<Period>,
}

impl KeySchedule {
    /// The schedule of a log that begins with this key.
    pub const fn begin(public: LogPublicKey, origin: String) -> Self {
        Self {
            first: Period {
                from: Seq::GENESIS,
                public,
                origin,
            },
            later: Vec::new(),
        }
    }

    /// The schedule of a log that had these keys: from which position on, which, and under which origin if another began with
    /// it. In the order of the log, and the first one with an origin.
    pub fn of<'a>(
        keys: impl IntoIterator<Item = (Seq, &'a [u8], Option<&'a str>)>,
    ) -> Result<Self, KeyError> {
        let mut keys = keys.into_iter();
        let (Seq::GENESIS, public, Some(origin)) = keys.next().ok_or(KeyError::PublicKey)? else {
            return Err(KeyError::PublicKey);
        };
        let mut schedule = Self::begin(LogPublicKey::try_from(public)?, origin.to_owned());
        for (from, public, origin) in keys {
            if from <= schedule.last().from {
                return Err(KeyError::PublicKey);
            }
            schedule.turn(from, LogPublicKey::try_from(public)?, origin);
        }
        Ok(schedule)
    }

    /// Another key is in force from `from` on, which comes after all that came before; the origin stays unless there is
    /// another.
    pub fn turn(&mut self, from: Seq, public: LogPublicKey, origin: Option<&str>) {
        debug_assert!(from > self.last().from, "keys come in the order of the log");
        let origin = origin.unwrap_or(&self.last().origin).to_owned();
        self.later.push(Period { from, public, origin });
    }

    /// What is in force at `position`: for an entry its position, for a checkpoint or an anchor its size.
    pub fn at(&self, position: u64) -> &Period {
        let past = self.later.partition_point(|period| period.from.get() <= position);
        past.checked_sub(1)
            .and_then(|last| self.later.get(last))
            .unwrap_or(&self.first)
    }

    /// The key that the log began with.
    pub const fn first(&self) -> &Period {
        &self.first
    }

    /// The key that is in force at the end.
    pub fn last(&self) -> &Period {
        self.later.last().unwrap_or(&self.first)
    }

    /// All of them, oldest first.
    pub fn periods(&self) -> impl Iterator<Item = &Period> {
        std::iter::once(&self.first).chain(&self.later)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LOG, key_of};
    use super::*;

    #[test]
    fn a_proof_is_of_one_key_one_place_and_one_log() {
        let (old, new) = (key_of(1), key_of(2));
        let proof = new.prove(LOG, Seq::new(7), &old.public());
        let proves = |new: &LogKey, log, at, old: &LogKey, proof: &[u8]| {
            new.public().proves(log, Seq::new(at), &old.public(), proof)
        };
        assert!(proves(&new, LOG, 7, &old, &proof));
        let other = LogId::from_bytes([9; 16]);
        assert!(!proves(&new, other, 7, &old, &proof));
        assert!(!proves(&new, LOG, 8, &old, &proof));
        assert!(!proves(&new, LOG, 7, &key_of(3), &proof));
        assert!(!proves(&key_of(3), LOG, 7, &old, &proof));
        assert!(!proves(&new, LOG, 7, &old, &proof[..63]));
        // The old key alone can't bring in another's.
        assert!(!proves(
            &new,
            LOG,
            7,
            &old,
            &old.prove(LOG, Seq::new(7), &old.public())
        ));
    }

    /// What is signed, byte for byte: others must be able to check it.
    #[test]
    fn the_message_is_the_documented_one() {
        let (old, new) = (key_of(1).public(), key_of(2).public());
        let message = message(LOG, Seq::new(0x0102), &old, &new);
        assert_eq!(message.len(), 107);
        assert_eq!(&message[..19], b"chancery/log-key/v1");
        assert_eq!(&message[19..35], LOG.as_bytes());
        assert_eq!(&message[35..43], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(&message[43..75], old.as_bytes());
        assert_eq!(&message[75..], new.as_bytes());
    }

    #[test]
    fn a_key_is_in_force_from_the_position_after_its_event() {
        let keys = [key_of(1).public(), key_of(2).public(), key_of(3).public()];
        let mut schedule = KeySchedule::begin(keys[0], "a/1".into());
        assert_eq!(schedule.at(u64::MAX).public, keys[0]);
        schedule.turn(Seq::new(5), keys[1], None);
        schedule.turn(Seq::new(9), keys[2], Some("a/2"));
        let at = |position| {
            (
                schedule.at(position).public,
                schedule.at(position).origin.as_str(),
            )
        };
        assert_eq!(at(0), (keys[0], "a/1"));
        assert_eq!(at(4), (keys[0], "a/1"));
        assert_eq!(at(5), (keys[1], "a/1"));
        assert_eq!(at(8), (keys[1], "a/1"));
        assert_eq!(at(9), (keys[2], "a/2"));
        assert_eq!(at(u64::MAX), (keys[2], "a/2"));
        assert_eq!(
            (schedule.first().public, schedule.last().public),
            (keys[0], keys[2])
        );
    }
}
