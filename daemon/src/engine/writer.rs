//! The writer: takes prepared calls, gives each its place, and says what has to be stored and who is to be told what.
//! A plain struct; it does no IO and reads no clock.

use std::collections::BTreeMap;

use super::call::{Call, Done, Work};
use super::log_key;
use super::prepare::{Prepared, Ready, prepare};
use super::rehearsal;
use super::tools::Tools;
use crate::base::{
    AccessKeyId, AccountId, Answer, ApiError, Code, Digest, KeyVersionId, RequestId, Timestamp, limits,
};
use crate::crypto::pool::Lane;
use crate::domain::{Decided, Facts};
use crate::event::{Actor, Change, Decision, Event, FORMAT, Observation, Origin, Outcome, Recorded, RowKey};
use crate::ledger::store::RowWrite;
use crate::ledger::{Chain, Entry, Group, LogKey, Sealed};
use crate::projection::State;

/// A prepared call before the writer. `T` is how its caller is reached.
#[derive(Debug)]
pub struct Input<T> {
    /// The call.
    pub call: Box<Call>,
    /// What was done for it.
    pub prepared: Prepared,
    /// How often it has run again.
    pub round: u8,
    /// Its caller.
    pub ticket: T,
}

/// What a caller gets to know.
#[derive(Debug)]
pub struct Reply {
    /// The request id.
    pub rid: RequestId,
    /// The answer, or why there is none.
    pub result: Result<Answer, ApiError>,
}

/// A call that has to run again: what it read has changed.
#[derive(Debug)]
pub struct Rerun<T> {
    /// The call.
    pub call: Box<Call>,
    /// How often it has run before.
    pub round: u8,
    /// Its caller.
    pub ticket: T,
}

/// What one step comes to.
#[derive(Debug)]
pub struct Step<T> {
    /// What has to be made durable before anybody is told anything.
    pub group: Group,
    /// Sealed replies, in the order of the group's entries.
    pub replies: Vec<(T, Sealed<Reply>)>,
    /// Calls to run again.
    pub reruns: Vec<Rerun<T>>,
    /// Versions whose prepared keys must be dropped now.
    pub forget: Vec<KeyVersionId>,
    /// Access keys whose unsealed secrets must be dropped now.
    pub forget_access_keys: Vec<AccessKeyId>,
}

/// The writer.
#[derive(Debug)]
pub struct Writer {
    state: State,
    chain: Chain,
    account: AccountId,
    sealed_at: u64,
}

impl Writer {
    /// A writer that goes on where `state` and `chain` end. `account` is the one that the daemon's own events stand in;
    /// `sealed_at` is the size at the last kept checkpoint.
    pub fn new(state: State, chain: Chain, account: AccountId, sealed_at: u64) -> Self {
        // State and log out of step would make every later event a lie.
        assert_eq!(
            state.size(),
            chain.head().size,
            "state and chain are of different sizes"
        );
        Self {
            state,
            chain,
            account,
            sealed_at,
        }
    }

    /// The state after the last step.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The chain after the last step.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Gives every input its place. `now` is the time of the step.
    pub fn step<T>(&mut self, inputs: Vec<Input<T>>, now: Timestamp, tools: &Tools) -> Step<T> {
        let mut staged = Staged::new(inputs.len());
        let mut replies = Vec::with_capacity(inputs.len());
        let mut reruns = Vec::new();
        for mut input in inputs {
            if !self.holds(&input) {
                discard(&input.prepared, tools);
                if input.round < limits::RERUNS_MAX {
                    reruns.push(Rerun {
                        call: input.call,
                        round: input.round + 1,
                        ticket: input.ticket,
                    });
                    continue;
                }
                input.prepared = self.finish(&mut input.call, now, tools);
            }
            let (entry, reply) = self.conclude(input.call, input.prepared, now, tools, &mut staged);
            replies.push((input.ticket, Sealed::new(reply, &entry)));
            staged.entries.push(entry);
        }
        if self.state.size() >= self.sealed_at + limits::CHECKPOINT_EVENTS {
            self.seal(now, &mut staged);
        }
        self.end_step(staged, replies, reruns)
    }

    /// Seals the state into the log and keeps a checkpoint, as at shutdown.
    pub fn close<T>(&mut self, now: Timestamp) -> Step<T> {
        let mut staged = Staged::new(1);
        self.seal(now, &mut staged);
        self.end_step(staged, Vec::new(), Vec::new())
    }

    /// Whether what the call read is still so, and its admission is recent. A query's place is its snapshot.
    fn holds<T>(&self, input: &Input<T>) -> bool {
        if let Work::Query(_) = input.call.work {
            return input.prepared.snapshot + limits::SNAPSHOT_LAG_EVENTS_MAX >= self.state.size();
        }
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::ReadSetIgnored.is_planted() {
            return true;
        }
        let recent = self.state.time().minus_millis(limits::ADMISSION_LAG_MILLIS_MAX) <= input.call.scope.at;
        recent
            && (input.prepared.snapshot == self.state.size()
                || input
                    .prepared
                    .reads
                    .iter()
                    .all(|read| self.state.revision(&read.row) == read.revision))
    }

    /// The state has overtaken the call again and again: it runs here, where nothing can overtake it.
    fn finish(&self, call: &mut Call, now: Timestamp, tools: &Tools) -> Prepared {
        call.scope.at = now.max(self.state.time());
        let mut prepared = match call.lane {
            Lane::Short => prepare(call, &self.state, tools),
            // Long work would hold everybody up.
            Lane::Long => Prepared {
                decision: Decision::none(call.scope.at),
                reads: smallvec::SmallVec::new(),
                resources: Vec::new(),
                snapshot: self.state.size(),
                result: Err(Code::Unavailable.into()),
                wants: None,
            },
        };
        prepared.decision.at = call.scope.at;
        prepared
    }

    fn conclude(
        &mut self,
        call: Box<Call>,
        prepared: Prepared,
        now: Timestamp,
        tools: &Tools,
        staged: &mut Staged,
    ) -> (Entry, Reply) {
        let rid = call.rid;
        let is_query = matches!(call.work, Work::Query(_));
        let (mut changes, mut blob, mut log_key) = (Vec::new(), None, None);
        let result = match prepared.result {
            Ok(Ready::Done(Done {
                answer,
                recorded,
                blob: opened,
            })) => {
                // Of a rehearsal nobody gets the blob, or what is in it.
                blob = opened.filter(|_| !call.dry_run);
                Ok((answer, recorded))
            }
            Ok(Ready::Decide(facts)) => self.decide(&call, facts, tools).map(|(decided, key)| {
                (changes, log_key) = (decided.changes, key);
                (decided.answer, decided.recorded)
            }),
            Err(error) => Err(error),
        };
        let result = if call.dry_run {
            rehearsal::rehearsed(result, &mut changes)
        } else {
            result
        };
        let (result, out) = match result {
            Ok((answer, recorded)) => (Ok(answer), Outcome::Ok(recorded)),
            Err(error) => {
                let outcome = Outcome::from(&error);
                (Err(error), outcome)
            }
        };
        let Call {
            op,
            actor,
            origin,
            recorded,
            ..
        } = *call;
        let mut event = Event {
            v: FORMAT,
            op: op.into(),
            chg: changes,
            dec: prepared.decision,
            obs: if is_query {
                Observation {
                    snap: Some(prepared.snapshot),
                    ..Observation::default()
                }
            } else {
                Observation {
                    read: prepared.reads,
                    snap: None,
                }
            },
            out,
            req: recorded,
            res: prepared.resources.iter().map(ToString::to_string).collect(),
            rid,
            seq: self.chain.next(),
            blob,
            prev: Digest::ZERO,
            time: now,
            actor,
            origin,
        };
        let time = now.max(event.dec.at);
        match self.chain.enroll_bringing(&mut event, time, log_key.as_ref()) {
            Ok(entry) => {
                // The event that brings a key is signed by the one before it, unless that is lost; all after it by the new one.
                if let Some(key) = log_key {
                    log_key::turn(&mut self.chain, key, &event.chg);
                }
                tools.last_used.note(&event);
                staged.apply(&mut self.state, &event);
                (entry, Reply { rid, result })
            }
            // The front's limits keep every legal call below the limit; this is the second look, and still an event.
            Err(too_large) => {
                tracing::error!(%too_large, op = %event.op, "a call does not fit an event");
                let error = ApiError::new(Code::RequestTooLarge);
                event.chg.clear();
                event.req = Recorded::default();
                event.res.clear();
                // What was decided about them can't be told without them; conditions take room too.
                event.dec = Decision::none(event.dec.at);
                event.out = Outcome::from(&error);
                let entry = self.enroll_small(&mut event, time);
                tools.last_used.note(&event);
                staged.apply(&mut self.state, &event);
                let result = Err(error);
                (entry, Reply { rid, result })
            }
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "without parameters, resources and changes an event is under 2 KiB"
    )]
    fn enroll_small(&mut self, event: &mut Event, time: Timestamp) -> Entry {
        self.chain.enroll(event, time).expect("a bare event fits")
    }

    /// Decides a command in the state at its place. What was made for a refused one is taken back.
    fn decide(
        &self,
        call: &Call,
        mut facts: Facts,
        tools: &Tools,
    ) -> Result<(Decided, Option<LogKey>), ApiError> {
        let Work::Command(command) = &call.work else {
            return Err(Code::Internal.into());
        };
        let key = log_key::prove(&mut facts, &self.chain).map_err(|_| Code::Internal)?;
        let decided = command.decide(&call.scope, &self.state, &facts);
        let made = facts.slot();
        let kept = decided
            .as_ref()
            .is_ok_and(|d| !call.dry_run && d.changes.iter().any(|c| c.slot() == made));
        if !kept {
            tools.unmake(&facts);
        }
        Ok((decided?, key))
    }

    /// The state digest becomes an event, and the head after it a kept checkpoint.
    fn seal(&mut self, now: Timestamp, staged: &mut Staged) {
        let at = now.max(self.state.time());
        let mut event = Event {
            v: FORMAT,
            op: SEAL_STATE.into(),
            chg: vec![Change::StateSealed {
                digest: self.state.digest().short(),
            }],
            dec: Decision::allowed_by(at, "system"),
            obs: Observation::default(),
            out: Outcome::Ok(Recorded::default()),
            req: Recorded::default(),
            res: Vec::new(),
            rid: derive_request_id(self.chain.head()),
            seq: self.chain.next(),
            blob: None,
            prev: Digest::ZERO,
            time: at,
            actor: Actor::system(self.account),
            origin: Origin::internal(),
        };
        let entry = self.enroll_small(&mut event, at);
        staged.apply(&mut self.state, &event);
        staged.entries.push(entry);
        self.sealed_at = self.state.size();
        let (checkpoint, note) = self.chain.checkpoint();
        staged.checkpoint = Some((checkpoint.size, note));
    }

    fn end_step<T>(
        &mut self,
        staged: Staged,
        replies: Vec<(T, Sealed<Reply>)>,
        reruns: Vec<Rerun<T>>,
    ) -> Step<T> {
        let digest = (!staged.rows.is_empty()).then(|| self.state.digest().to_bytes());
        let rows = staged
            .rows
            .into_iter()
            .map(|(key, value)| RowWrite { key, value });
        Step {
            group: Group {
                entries: staged.entries,
                rows: rows.collect(),
                tiles: self.chain.take_full_tiles(),
                checkpoint: staged.checkpoint,
                digest,
                head: *self.chain.head(),
            },
            replies,
            reruns,
            forget: staged.forget,
            forget_access_keys: staged.forget_access_keys,
        }
    }
}

/// The operation that seals the state.
pub const SEAL_STATE: &str = "chancery/SealState";

/// What one step gathers for the store.
#[derive(Debug)]
struct Staged {
    entries: Vec<Entry>,
    rows: BTreeMap<RowKey, Option<Vec<u8>>>,
    checkpoint: Option<(u64, String)>,
    forget: Vec<KeyVersionId>,
    forget_access_keys: Vec<AccessKeyId>,
}

impl Staged {
    fn new(capacity: usize) -> Self {
        Self {
            entries: Vec::with_capacity(capacity + 1),
            rows: BTreeMap::new(),
            checkpoint: None,
            forget: Vec::new(),
            forget_access_keys: Vec::new(),
        }
    }

    fn apply(&mut self, state: &mut State, event: &Event) {
        for change in &event.chg {
            if let Change::KeyDisabled { key }
            | Change::KeyDeletionScheduled { key, .. }
            | Change::KeyDestroyed { key }
            | Change::KeyDestructionReapplied { key } = change
            {
                let versions = state.key(*key).into_iter().flat_map(|key| &key.versions);
                self.forget.extend(versions.map(|version| version.id));
            }
            if let Change::AccessKeyDeleted { id } = change {
                self.forget_access_keys.push(id.clone());
            }
        }
        self.rows.extend(
            state
                .apply(event)
                .into_iter()
                .map(|written| (written.row, written.value)),
        );
    }
}

/// What was made for a call that does not come about is taken back.
pub(super) fn discard(prepared: &Prepared, tools: &Tools) {
    if let Ok(Ready::Decide(facts)) = &prepared.result {
        tools.unmake(facts);
    }
}

/// The daemon's own event has no caller to draw an id for: it is derived from the head, so the writer needs no entropy.
fn derive_request_id(head: &crate::ledger::Head) -> RequestId {
    let digest = Digest::of_parts(&[b"chancery/request-id/v1", head.prev.as_bytes()]);
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(digest.as_bytes())
        .for_each(|(to, from)| *to = *from);
    RequestId::from_bytes(bytes)
}
