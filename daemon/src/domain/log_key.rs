//! The log's own key: it is rotated, and an epoch begins with another one.
//!
//! Both are decided before the new key can prove itself: its proof names its position, which the writer knows alone, and
//! puts into the facts.

use super::command::{MadeLogKey, Reach};
use super::{Command, Decided, Facts, Needs, Refusal, Scope, Unresolved};
use crate::base::{Answer, Arn, Digest, limits};
use crate::event::{Change, Element, EpochBegun, EpochCause, EpochSigner, NewLogKey, Recorded};
use crate::projection::{Reader, State};

/// Gives the log another key; the one before it is erased.
#[derive(Debug)]
pub struct RotateLogKey;

impl Command for RotateLogKey {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn reach(&self, _: &Scope) -> Reach {
        Reach::Daemon
    }

    fn needs(&self) -> Needs {
        Needs::NewLogKey
    }

    fn decide(&self, _: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        let Facts::NewLogKey(made) = facts else {
            return Err(Refusal::NoSlot);
        };
        // Epochs go on: a loss must be acceptable whatever came before.
        if state
            .log()
            .is_none_or(|log| log.keys.len() >= limits::LOG_KEYS_MAX)
        {
            return Err(Refusal::QuotaReached);
        }
        Ok(told(Change::LogKeyRotated(new(made)), made, state))
    }
}

/// Begins an epoch. The daemon's own: done while nothing else happens, so the head is known beforehand.
#[derive(Debug)]
pub struct BeginEpoch {
    /// Why.
    pub cause: EpochCause,
    /// Why, in the operator's words.
    pub reason: String,
    /// Leaf hash of the last event.
    pub leaf: Digest,
    /// Which key signs it.
    pub signer: EpochSigner,
    /// How many events the anchor, or other evidence, said that the log had, when that was more.
    pub anchored: Option<u64>,
}

impl Command for BeginEpoch {
    fn resources(&self, scope: &Scope, _: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![Arn::log(&scope.region, scope.account)])
    }

    fn needs(&self) -> Needs {
        Needs::NewLogKey
    }

    fn decide(&self, _: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        let Facts::NewLogKey(made) = facts else {
            return Err(Refusal::NoSlot);
        };
        let next = state.log().and_then(crate::projection::Log::next_epoch);
        // A name that can't be counted on was never founded.
        let (origin, epoch) = next.ok_or(Refusal::StateForbidsChange)?;
        let begun = EpochBegun {
            key: new(made),
            leaf: self.leaf,
            size: state.size(),
            cause: self.cause,
            epoch,
            origin,
            reason: self.reason.clone(),
            signer: self.signer,
            anchored: self.anchored.filter(|said| *said > state.size()),
        };
        Ok(told(Change::EpochBegun(begun), made, state))
    }
}

fn new(made: &MadeLogKey) -> NewLogKey {
    NewLogKey {
        slot: made.slot,
        proof: made.proof.clone(),
        public: made.public.clone(),
        sealed: made.sealed.clone(),
    }
}

fn told(change: Change, made: &MadeLogKey, state: &State) -> Decided {
    let fingerprint = Digest::of(made.public.as_slice()).to_string();
    let mut recorded = Recorded::default();
    recorded.insert("KeyFingerprint", Element::text(&fingerprint));
    Decided {
        changes: vec![change],
        answer: Answer::new()
            .number("InForceFrom", state.size() + 1)
            .base64("PublicKey", made.public.as_slice())
            .text("KeyFingerprint", fingerprint),
        recorded,
    }
}
