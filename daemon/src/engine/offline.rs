//! A log in the hands of one command, without threads: what is done to a stopped daemon's log is an operation of the System
//! actor like everything that the daemon does by itself, decided, recorded and durable in the same way.

use std::sync::Arc;

use super::anchoring::{Anchoring, AnchoringError};
use super::boot::{BootError, Core};
use super::epoch::BEGIN_EPOCH;
use super::housekeeping::Housekeeper;
use super::prepare::prepare;
use super::tools::Tools;
use super::writer::{Input, Step, Writer};
use crate::base::{Answer, ApiError, Timestamp, limits};
use crate::custody::vault::VaultError;
use crate::domain::Command;
use crate::domain::log_key::BeginEpoch;
use crate::domain::system::RecordErasure;
use crate::event::{Element, Recorded};
use crate::ledger::StoreError;
use crate::projection::State;

/// A core without threads. It ends with `close`; what was done is durable before that too, but the anchor is behind.
#[derive(Debug)]
pub struct Offline {
    writer: Writer,
    tools: Arc<Tools>,
    keeper: Housekeeper,
    anchoring: Anchoring,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// It is refused; that stands in the log.
    #[error("{0}")]
    Refused(ApiError),
    /// There is no key for another epoch; nothing was recorded.
    #[error(
        "no epoch can be begun: the vault takes no new key, or the reason is too long; nothing was recorded"
    )]
    NoEpoch,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The anchor.
    #[error("the anchor can't be written: {0}")]
    Anchor(#[from] AnchoringError),
    /// The log refuses to be believed.
    #[error(transparent)]
    Boot(#[from] BootError),
}

impl Offline {
    /// Takes a core that no thread has yet.
    pub fn new(core: Core) -> Self {
        Self {
            writer: core.writer,
            tools: core.tools,
            keeper: Housekeeper::new(core.account, core.region, core.watch),
            anchoring: Anchoring::new(core.anchor, core.log_key),
        }
    }

    /// The state as it is.
    pub const fn state(&self) -> &State {
        self.writer.state()
    }

    /// Admission time of what is done now.
    pub fn now(&self) -> Timestamp {
        self.tools.now()
    }

    /// Leaf hash of the last event.
    pub(super) fn leaf(&self) -> crate::base::Digest {
        self.writer.chain().head().leaf
    }

    /// Does something as the System actor. On return its event is durable.
    pub fn perform(
        &mut self,
        op: &'static str,
        recorded: Recorded,
        command: impl Command + 'static,
    ) -> Result<Answer, OfflineError> {
        let step = self.step(op, recorded, command);
        match self.settle(step)? {
            Some(result) => result.map_err(OfflineError::Refused),
            None => Ok(Answer::new()),
        }
    }

    /// Begins an epoch, or records nothing at all: a log that may have lost its end must not get an event that says nothing
    /// about that. After an error this core is ahead of the store, and must be dropped.
    pub(super) fn begin_epoch(mut self, begin: BeginEpoch) -> Result<Self, OfflineError> {
        let before = self.state().log().map(|log| log.origin.clone());
        let step = self.step(BEGIN_EPOCH, Recorded::default(), begin);
        if self.state().log().map(|log| &log.origin) == before.as_ref() {
            return Err(OfflineError::NoEpoch);
        }
        self.settle(step)?; // commit point
        Ok(self)
    }

    fn step(&mut self, op: &'static str, recorded: Recorded, command: impl Command + 'static) -> Step<()> {
        let call = Box::new(self.keeper.call(op, recorded, command, &self.tools));
        let input = Input {
            prepared: prepare(&call, self.writer.state(), &self.tools),
            call,
            round: limits::RERUNS_MAX,
            ticket: (),
        };
        let now = self.tools.clock.now();
        self.writer.step(vec![input], now, &self.tools)
    }

    /// Overwrites what the log says is destroyed, unless the wall clock is not believed; then the daemon does it in its time.
    pub fn erase_owed(&mut self) -> Result<(), OfflineError> {
        if self.keeper.timers_held(&self.tools) || self.state().hold().is_some() {
            return Ok(());
        }
        let owed: Vec<_> = self.state().erasures().take(ERASURES_AT_ONCE).collect();
        if owed.is_empty() {
            return Ok(());
        }
        // A crash after this line leaves erased slots that the log still owes: housekeeping records them.
        self.tools.vault.erase(&owed)?;
        let mut recorded = Recorded::default();
        recorded.insert("Slots", Element::Number(owed.len() as u64));
        let erased = RecordErasure { slots: owed };
        self.perform("chancery/EraseMaterial", recorded, erased).map(drop)
    }

    /// Overwrites all that the log says is destroyed, whatever the clock says: a copy of the vault was put back, and what is
    /// destroyed was so before that.
    pub fn erase_all(&mut self) -> Result<(), OfflineError> {
        let owed: Vec<_> = self.state().erasures().collect();
        for slots in owed.chunks(ERASURES_AT_ONCE) {
            // A crash after this line leaves erased slots that the log still owes: housekeeping records them.
            self.tools.vault.erase(slots)?;
            let mut recorded = Recorded::default();
            recorded.insert("Slots", Element::Number(slots.len() as u64));
            let slots = slots.to_vec();
            self.perform("chancery/EraseMaterial", recorded, RecordErasure { slots })?;
        }
        Ok(())
    }

    /// Seals the state, keeps a checkpoint, writes the last anchor.
    pub fn close(mut self) -> Result<State, OfflineError> {
        let last = self.writer.close(self.tools.clock.now());
        self.settle(last)?;
        self.anchoring.follow(&self.tools, true)?;
        Ok(self.writer.state().clone())
    }

    fn settle(&self, step: Step<()>) -> Result<Option<Result<Answer, ApiError>>, StoreError> {
        self.tools.published.apply(self.writer.state().clone());
        let receipts = crate::ledger::commit(&*self.tools.log, &step.group)?; // law 1
        self.tools
            .published
            .persist(self.writer.state().clone(), step.group.head);
        let reply = step.replies.into_iter().zip(receipts).next();
        Ok(reply.map(|(((), sealed), receipt)| sealed.open(receipt).0.result))
    }
}

/// As many as one event takes.
const ERASURES_AT_ONCE: usize = 64;
