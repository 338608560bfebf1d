//! What the daemon does by itself: keys whose time has come, slots owed an erasure, refusals to be recorded, clocks
//! to be watched, slots to be provided ahead. Each thing it does is an operation of the System actor.
//!
//! Boot runs the same `tick`: what the log says is destroyed and not yet erased is finished by it.

use parking_lot::Mutex;

use super::call::{Call, Upkeep, Work};
use super::clock::{ClockWatch, Drift};
use super::refusals::Refusals;
use super::tools::Tools;
use crate::base::{AccountId, Region, RequestId, Seq, limits};
use crate::crypto::pool::Lane;
use crate::custody::vault::VaultError;
use crate::domain::lifecycle::DestroyKey;
use crate::domain::rotation::{ReserveMessages, RotateKey, RotationReason};
use crate::domain::sts::ForgetSessions;
use crate::domain::system::{AcceptClock, HoldTimers, Note, RecordErasure};
use crate::domain::{Command, Scope};
use crate::event::{Actor, Element, Origin, Recorded};
use crate::projection::Key;

/// The clock watch, and whether the log holds what it says.
#[derive(Debug)]
struct Watch {
    clocks: ClockWatch,
    /// The revision of the hold in the log at the last look.
    logged: Option<Seq>,
    /// The revision of the hold whose end was asked for here.
    ending: Option<Seq>,
    /// A hold was recorded since the last look.
    recorded: bool,
}

/// The housekeeper.
#[derive(Debug)]
pub struct Housekeeper {
    account: AccountId,
    region: Region,
    watch: Mutex<Watch>,
    refusals: Refusals,
    refusals_taken: Mutex<u64>,
}

impl Housekeeper {
    /// A housekeeper whose own operations stand in `account` and `region`.
    pub fn new(account: AccountId, region: Region, watch: ClockWatch) -> Self {
        Self {
            account,
            region,
            watch: Mutex::new(Watch {
                clocks: watch,
                logged: None,
                ending: None,
                recorded: false,
            }),
            refusals: Refusals::default(),
            refusals_taken: Mutex::new(0),
        }
    }

    /// Where refusals are counted.
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Whether irreversible timers are held.
    pub fn timers_held(&self, tools: &Tools) -> bool {
        !self
            .watch
            .lock()
            .clocks
            .timers_run(tools.clock.monotonic_millis())
    }

    /// Hears that an operation of `tick` was recorded. A hold may be over before the next look, ended by an operator.
    pub fn recorded(&self, op: &str) {
        if op == HOLD_TIMERS {
            self.watch.lock().recorded = true;
        }
    }

    /// Does what is due and can be done without an event of its own, and returns the operations that are due.
    /// It reads what is durable: an erasure never comes before the event that destroys. Trouble with the vault is told
    /// beside the operations: it stops none of them.
    pub fn tick(&self, tools: &Tools) -> (Vec<Call>, Result<(), VaultError>) {
        tools.reserve.look();
        let (now, monotonic) = (tools.clock.now(), tools.clock.monotonic_millis());
        let (mut calls, mut done) = (Vec::new(), Ok(()));
        let durable = tools.published.durable();
        let hold = durable.state.hold().map(|hold| hold.rev);
        let (drift, timers_run) = {
            let mut watch = self.watch.lock();
            let drift = watch.clocks.look(now, monotonic);
            #[cfg(feature = "canary-bugs")]
            if crate::base::CanaryBug::JumpBelieved.is_planted() {
                watch.clocks.accept();
            }
            (drift, watch.agree(drift, monotonic, hold))
        };
        calls.extend(self.drifted(drift, tools));
        // The log follows the watch, so that a restart finds the hold, and a replay can prove that it was kept.
        if timers_run && hold.is_some() {
            calls.push(self.call("chancery/ReleaseTimers", Recorded::default(), AcceptClock, tools));
        } else if !timers_run && hold.is_none() {
            calls.push(self.call(HOLD_TIMERS, Recorded::default(), HoldTimers, tools));
        }

        if timers_run && hold.is_none() {
            let owed: Vec<_> = durable.state.erasures().take(ERASURES_AT_ONCE).collect();
            if !owed.is_empty() {
                // A crash after this line leaves erased slots that the log still owes: the next tick erases nothing
                // anew and records it.
                match tools.vault.erase(&owed) {
                    Ok(()) => calls.push(self.call(
                        "chancery/EraseMaterial",
                        slots_recorded(owed.len()),
                        RecordErasure { slots: owed },
                        tools,
                    )),
                    Err(error) => done = Err(error),
                }
            }
            for key in durable.state.deletions_due(now).take(DELETIONS_AT_ONCE) {
                if let Some(row) = durable.state.key(key) {
                    calls.push(self.on_key(row, "chancery/DestroyKey", DestroyKey { key }, tools));
                }
            }
        }
        // In slices: an event has a size, and nobody waits for this.
        let ended: Vec<_> = durable
            .state
            .sessions_ended(now)
            .take(SESSIONS_AT_ONCE)
            .cloned()
            .collect();
        if !ended.is_empty() {
            let forget = ForgetSessions { ids: ended };
            calls.push(self.call("chancery/ForgetSessions", Recorded::default(), forget, tools));
        }
        for key in durable.state.rotations_due(now).take(ROTATIONS_AT_ONCE) {
            calls.extend(durable.state.key(key).and_then(|row| self.rotation(row, tools)));
        }
        done = done.and(tools.refill());
        if monotonic.saturating_sub(*self.refusals_taken.lock()) >= REFUSAL_WINDOW_MILLIS {
            *self.refusals_taken.lock() = monotonic;
            calls.extend(self.refused(tools));
        }
        (calls, done)
    }

    /// What a version needs before it can go on encrypting, as an operation.
    pub fn upkeep(&self, upkeep: Upkeep, tools: &Tools) -> Option<Call> {
        let state = tools.published.applied();
        match upkeep {
            Upkeep::Rotate { key, spec, follows } => {
                let row = state.key(key)?;
                let rotate = RotateKey {
                    key,
                    spec,
                    follows,
                    reason: RotationReason::UsedUp,
                };
                Some(self.on_key(row, "chancery/RotateKey", rotate, tools))
            }
            Upkeep::Reserve { key, version, after } => {
                let limits = &tools.message_limits;
                let reserve = ReserveMessages {
                    key,
                    version,
                    after,
                    block: limits.block,
                    most: limits.most,
                };
                Some(self.on_key(state.key(key)?, "chancery/ReserveMessages", reserve, tools))
            }
        }
    }

    fn rotation(&self, key: &Key, tools: &Tools) -> Option<Call> {
        let rotate = RotateKey {
            key: key.id,
            spec: key.spec,
            follows: key.primary()?.id,
            reason: RotationReason::Due,
        };
        Some(self.on_key(key, "chancery/RotateKey", rotate, tools))
    }

    /// An operation on a key stands in the key's own account and region.
    fn on_key(&self, key: &Key, op: &'static str, command: impl Command + 'static, tools: &Tools) -> Call {
        let mut call = self.call(op, Recorded::default(), command, tools);
        call.actor = Actor::system(key.account);
        call.scope.account = key.account;
        call.scope.region = key.region.clone();
        call
    }

    /// The refusals counted since the last window, one operation each; also asked for at shutdown.
    pub fn refused(&self, tools: &Tools) -> Vec<Call> {
        let taken = self.refusals.take().into_iter();
        taken
            .map(|recorded| self.call("chancery/RefuseRequests", recorded, Note, tools))
            .collect()
    }

    /// Something that only has to be known.
    pub fn note(&self, op: &'static str, recorded: Recorded, tools: &Tools) -> Call {
        self.call(op, recorded, Note, tools)
    }

    fn drifted(&self, drift: Drift, tools: &Tools) -> Option<Call> {
        let (op, millis) = match drift {
            Drift::None => return None,
            Drift::Back(millis) => ("chancery/ClockSteppedBack", millis),
            Drift::Ahead(millis) => {
                tracing::warn!(
                    millis,
                    "the clock jumped ahead: scheduled deletions are held for a day of agreement or until `chancery clock accept`"
                );
                ("chancery/ClockJumpedAhead", millis)
            }
        };
        let mut recorded = Recorded::default();
        recorded.insert("Millis", Element::Number(millis));
        Some(self.call(op, recorded, Note, tools))
    }

    /// An operation of the daemon's own.
    pub(super) fn call(
        &self,
        op: &'static str,
        recorded: Recorded,
        command: impl Command + 'static,
        tools: &Tools,
    ) -> Call {
        Call {
            rid: RequestId::make(&*tools.entropy),
            op,
            open: false,
            dry_run: false,
            lane: Lane::Short,
            actor: Actor::system(self.account),
            origin: Origin::internal(),
            scope: Scope {
                account: self.account,
                region: self.region.clone(),
                at: tools.now(),
            },
            recorded,
            work: Work::Command(Box::new(command)),
        }
    }
}

impl Watch {
    /// Whether timers run. A hold that was in the log and is not any more, though its end was not asked for here, was
    /// ended by an operator: the watch gives way, unless the clock has just jumped again.
    fn agree(&mut self, drift: Drift, monotonic: u64, hold: Option<Seq>) -> bool {
        let was_logged = self.logged.is_some() && self.logged != self.ending;
        let was_accepted = hold.is_none() && (was_logged || self.recorded);
        if was_accepted && !matches!(drift, Drift::Ahead(_)) {
            self.clocks.accept();
        }
        self.recorded = false;
        self.logged = hold;
        let timers_run = self.clocks.timers_run(monotonic);
        if timers_run && hold.is_some() {
            self.ending = hold;
        }
        timers_run
    }
}

fn slots_recorded(count: usize) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.insert("Slots", Element::Number(count as u64));
    recorded
}

/// The operation that a hold is recorded as.
const HOLD_TIMERS: &str = "chancery/HoldTimers";
/// Slots in one MaterialErased event: 64 of at most 11 bytes stay far below an entry's limit.
const ERASURES_AT_ONCE: usize = 64;
/// Keys destroyed in one tick; the rest waits for the next.
const DELETIONS_AT_ONCE: usize = 64;
/// Sessions forgotten in one tick: their ids stay far below an entry's limit.
const SESSIONS_AT_ONCE: usize = 256;
/// Keys rotated in one tick; the rest waits for the next.
const ROTATIONS_AT_ONCE: usize = 64;
/// The window in which refusals are counted together, milliseconds.
const REFUSAL_WINDOW_MILLIS: u64 = limits::REFUSAL_WINDOW.as_millis() as u64;
