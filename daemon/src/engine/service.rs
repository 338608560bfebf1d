//! The engine as the front uses it: threads around the writer, and the way of one call through them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use super::access_keys::AccessKeys;
pub use super::access_keys::KnownAccessKey;
use super::admission::Admission;
use super::anchoring::{Anchoring, AnchoringError};
use super::boot::Core;
use super::call::Call;
use super::diagnosis;
use super::figures::Unready;
use super::housekeeping::Housekeeper;
use super::prepare::{Prepared, prepare};
use super::tools::Tools;
pub use super::writer::Reply;
use super::writer::{Input, Step, Writer};
use crate::base::{
    AccessKeyId, AccountId, ApiError, Code, Region, RequestId, SecretBytes, Timestamp, limits,
};
use crate::crypto::pool::{Lane, Pool};
use crate::event::Recorded;
use crate::ledger::{Receipt, StoreError};

/// A call on its way to the writer, or back from it.
type Envelope = Input<oneshot::Sender<Verdict>>;

/// What the writer does with a call.
enum Verdict {
    /// It has its place, and its event is durable.
    Answered(Reply, Receipt),
    /// What it read has changed.
    Again(Box<Call>, u8),
}

/// A reply whose event is durable, with the proof.
#[derive(Debug)]
pub struct Answered {
    /// What the caller is told.
    pub reply: Reply,
    /// The proof that it may be told.
    pub receipt: Receipt,
}

/// The running core.
#[derive(Debug)]
pub struct Engine {
    tools: Arc<Tools>,
    queue: Sender<Message>,
    pool: Pool,
    housekeeper: Housekeeper,
    access_keys: Arc<AccessKeys>,
    admission: Admission,
    account: AccountId,
    region: Region,
    nonce_key: SecretBytes,
    /// The writer has ended: what is queued from now on is answered by nobody.
    ended: Arc<AtomicBool>,
}

/// How often a call may have something done for its key: with many callers, others may use up what was set aside.
const UPKEEPS_MAX: u8 = 8;

/// The threads of a running core; joined at the end.
#[derive(Debug)]
pub struct Threads {
    writer: JoinHandle<Result<(), StoreError>>,
    anchor: JoinHandle<Result<(), AnchoringError>>,
    stop_anchor: Sender<()>,
}

/// What the writer thread is sent.
#[derive(Debug)]
enum Message {
    /// A call.
    Call(Box<Envelope>),
    /// Seal the state and end.
    Close,
}

impl std::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Answered(..) => "Answered",
            Self::Again(..) => "Again",
        })
    }
}

impl Engine {
    /// Starts the writer and the anchor threads. `fail` is called once, from the thread concerned, when the log or the
    /// anchor can't be written any more; it must end the process (law 1: fail closed).
    pub fn start(
        core: Core,
        long_threads: usize,
        fail: impl Fn(&dyn std::fmt::Display) + Send + Sync + 'static,
    ) -> std::io::Result<(Arc<Self>, Threads)> {
        let (queue, inbox) = bounded(limits::QUEUE_LEN_MAX);
        let fail = Arc::new(fail);
        let ended = Arc::new(AtomicBool::new(false));
        let tools = Arc::clone(&core.tools);
        // Before anything is committed: a start on a full disk is told so.
        tools.reserve.look();
        let access_keys = Arc::new(AccessKeys::default());
        let writer = std::thread::Builder::new().name("writer".into()).spawn({
            let (tools, fail, mut writer) = (Arc::clone(&tools), Arc::clone(&fail), core.writer);
            let (ended, access_keys) = (Arc::clone(&ended), Arc::clone(&access_keys));
            move || {
                let result = drive(&mut writer, &inbox, &tools, &access_keys);
                // First the flag, then the queue: a caller whose message is not found here finds the flag.
                ended.store(true, Ordering::SeqCst);
                while inbox.try_recv().is_ok() {}
                if let Err(error) = &result {
                    fail(error);
                }
                result
            }
        })?;
        let (stop_anchor, stopped) = bounded(1);
        let anchor = std::thread::Builder::new().name("anchor".into()).spawn({
            let (tools, mut anchoring) = (Arc::clone(&tools), Anchoring::new(core.anchor, core.log_key));
            move || {
                let result = follow(&mut anchoring, &stopped, &tools);
                if let Err(error) = &result {
                    fail(&format_args!("the anchor can't be written: {error}"));
                }
                result
            }
        })?;
        let engine = Self {
            queue,
            pool: Pool::new(long_threads, limits::LONG_JOBS_MAX)?,
            housekeeper: Housekeeper::new(core.account, core.region.clone(), core.watch),
            access_keys,
            admission: Admission::new(core.admission),
            account: core.account,
            region: core.region,
            nonce_key: core.nonce_key,
            ended,
            tools,
        };
        Ok((
            Arc::new(engine),
            Threads {
                writer,
                anchor,
                stop_anchor,
            },
        ))
    }

    /// Takes a call to its answer. A full queue or a lost writer is a refusal: no event was made.
    pub async fn submit(&self, call: Call) -> Result<Answered, Code> {
        let mut seat = self.admission.enter(&call)?;
        let mut call = Box::new(call);
        let mut round = 0;
        loop {
            let (prepared, returned) = self.prepare(call).await?;
            seat.pass(&returned, &prepared, &self.tools)?;
            let (ticket, mut answer) = oneshot::channel();
            let envelope = Envelope {
                call: returned,
                prepared,
                round,
                ticket,
            };
            self.tools.figures.queued.add(1);
            self.queue
                .try_send(Message::Call(Box::new(envelope)))
                .map_err(|error| {
                    self.tools.figures.queued.subtract(1);
                    match error {
                        TrySendError::Full(message) => {
                            self.take_back(message);
                            Code::Throttled
                        }
                        TrySendError::Disconnected(_) => Code::Unavailable,
                    }
                })?;
            // Once the writer has ended, every answer it will ever give has been given.
            let verdict = if self.ended.load(Ordering::SeqCst) {
                answer.try_recv().ok()
            } else {
                answer.await.ok()
            };
            match verdict {
                Some(Verdict::Answered(mut reply, receipt)) => {
                    seat.answered(&reply.result);
                    // Only now has the event its place.
                    diagnosis::complete(&mut reply.result, receipt.seq(), &self.tools);
                    return Ok(Answered { reply, receipt });
                }
                Some(Verdict::Again(again, next_round)) => {
                    call = again;
                    call.scope.at = self.tools.now();
                    round = next_round;
                }
                // The writer has ended: whether the event is durable is not known, so nothing is said about it.
                None => return Err(Code::Unavailable),
            }
        }
    }

    /// Prepares a call; when something has to be done for its key first, does that and prepares it again.
    async fn prepare(&self, mut call: Box<Call>) -> Result<(Prepared, Box<Call>), Code> {
        let mut upkeeps = 0;
        loop {
            let (prepared, returned) = self.prepare_once(call).await?;
            call = returned;
            let wanted = prepared.wants.filter(|_| upkeeps < UPKEEPS_MAX);
            let Some(work) = wanted.and_then(|upkeep| self.housekeeper.upkeep(upkeep, &self.tools)) else {
                return Ok((prepared, call));
            };
            upkeeps += 1;
            Box::pin(self.submit(work)).await?;
            call.scope.at = self.tools.now();
        }
    }

    async fn prepare_once(&self, call: Box<Call>) -> Result<(Prepared, Box<Call>), Code> {
        if call.lane == Lane::Short {
            let state = self.tools.published.applied();
            return Ok((prepare(&call, &state, &self.tools), call));
        }
        let tools = Arc::clone(&self.tools);
        let job = move || {
            let state = tools.published.applied();
            (prepare(&call, &state, &tools), call)
        };
        self.pool
            .run(Lane::Long, job)
            .await
            .map_err(|_busy| Code::Throttled)
    }

    /// What was made for a call that does not reach the writer goes back.
    fn take_back(&self, message: Message) {
        if let Message::Call(envelope) = message {
            super::writer::discard(&envelope.prepared, &self.tools);
        }
    }

    /// An access key by id, with its secret unsealed. None when there is no such key, or its secret can't be unsealed.
    pub fn access_key(&self, id: &AccessKeyId) -> Option<KnownAccessKey> {
        self.access_keys.find(id, &self.tools)
    }

    /// Counts a request that was refused before it was anybody's operation.
    pub fn count_refusal(&self, source: &str, code: Code) {
        self.housekeeper.refusals().count(source, code);
    }

    /// The tools.
    pub fn tools(&self) -> &Arc<Tools> {
        &self.tools
    }

    /// The first account: a local peer's.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// The home region.
    pub const fn region(&self) -> &Region {
        &self.region
    }

    /// The key that hashes signature nonces.
    pub const fn nonce_key(&self) -> &SecretBytes {
        &self.nonce_key
    }

    /// Admission time: the clock's, and never behind the log.
    pub fn now(&self) -> Timestamp {
        self.tools.now()
    }

    /// The wall clock, raw: for signature windows alone.
    pub fn wall_clock(&self) -> Timestamp {
        self.tools.clock.now()
    }

    /// Monotonic time, microseconds: for measurements.
    pub fn monotonic_micros(&self) -> u64 {
        self.tools.clock.monotonic_micros()
    }

    /// Draws a request id.
    pub fn make_request_id(&self) -> RequestId {
        RequestId::make(&*self.tools.entropy)
    }

    /// Shows every signed request admitted since `since`, in no order: access key, nonce hash, admission time.
    pub fn each_recent_nonce(
        &self,
        since: Timestamp,
        show: impl FnMut(&AccessKeyId, u64, Timestamp),
    ) -> Result<(), ApiError> {
        super::recent::each_nonce(&*self.tools.log, since, show).map_err(|error| {
            tracing::error!(%error, "the tail of the log can't be read");
            Code::Internal.into()
        })
    }

    /// Whether calls can be answered now, and if not, why not.
    pub fn readiness(&self) -> Result<(), Unready> {
        match self.ended.load(Ordering::SeqCst) {
            true => Err(Unready::Ended),
            false => self.tools.figures.readiness(&*self.tools.clock),
        }
    }

    /// The housekeeper.
    pub const fn housekeeper(&self) -> &Housekeeper {
        &self.housekeeper
    }

    /// One round of housekeeping: does what is due, and records it.
    pub async fn keep_house(&self) {
        let (calls, done) = self.housekeeper.tick(&self.tools);
        if let Err(error) = done {
            tracing::error!(%error, "housekeeping has trouble with the vault; it is tried again");
        }
        self.record(calls).await;
    }

    /// Records something that only has to be known.
    pub async fn note(&self, op: &'static str, recorded: Recorded) {
        self.record(vec![self.housekeeper.note(op, recorded, &self.tools)])
            .await;
    }

    /// Records the refusals still counted, seals the state, and lets the writer end.
    pub async fn close(&self) {
        self.record(self.housekeeper.refused(&self.tools)).await;
        let _ended = self.queue.send(Message::Close);
    }

    pub(super) async fn record(&self, calls: Vec<Call>) {
        for call in calls {
            let op = call.op;
            match self.submit(call).await {
                Ok(_) => self.housekeeper.recorded(op),
                Err(code) => tracing::warn!(op, %code, "an operation of the daemon's own was not recorded"),
            }
        }
    }
}

impl Threads {
    /// Waits for the writer, then writes the last anchor. Call after `Engine::close`.
    pub fn join(self) -> Result<(), String> {
        let panicked = |_| "a thread of the core panicked".to_owned();
        self.writer
            .join()
            .map_err(panicked)?
            .map_err(|error| error.to_string())?;
        drop(self.stop_anchor);
        self.anchor
            .join()
            .map_err(panicked)?
            .map_err(|error| error.to_string())
    }
}

/// The writer's loop: take all that waits, step, store, answer. The fsync in flight is the batching window.
fn drive(
    writer: &mut Writer,
    inbox: &Receiver<Message>,
    tools: &Tools,
    access_keys: &AccessKeys,
) -> Result<(), StoreError> {
    let mut closing = false;
    while !closing {
        let mut inputs = Vec::with_capacity(64);
        let mut next = inbox.recv().ok();
        closing = next.is_none();
        while let Some(message) = next {
            match message {
                Message::Call(envelope) => inputs.push(*envelope),
                Message::Close => closing = true,
            }
            next = if inputs.len() < limits::GROUP_EVENTS_MAX && !closing {
                inbox.try_recv().ok()
            } else {
                None
            };
        }
        tools.figures.queued.subtract(inputs.len() as u64);
        tools.reserve.look();
        let step = writer.step(inputs, tools.clock.now(), tools);
        access_keys.forget(&step.forget_access_keys);
        tools.last_used.forget(&step.forget_access_keys);
        settle(writer, step, tools)?;
    }
    let last = writer.close(tools.clock.now());
    settle(writer, last, tools)
}

/// Makes a step durable, then tells everybody.
fn settle(writer: &Writer, step: Step<oneshot::Sender<Verdict>>, tools: &Tools) -> Result<(), StoreError> {
    tools.figures.reruns.add(step.reruns.len() as u64);
    for rerun in step.reruns {
        let _gone = rerun.ticket.send(Verdict::Again(rerun.call, rerun.round));
    }
    if step.group.entries.is_empty() {
        return Ok(());
    }
    tools.published.apply(writer.state().clone());
    step.forget.iter().for_each(|version| tools.room.forget(*version));
    let store = || crate::ledger::commit(&*tools.log, &step.group); // law 1
    let receipts = tools
        .figures
        .commit(step.group.entries.len(), &*tools.clock, store)?;
    tools.published.persist(writer.state().clone(), step.group.head);
    // Entries and replies are in the same order; an entry of the writer's own, which has no reply, comes last.
    for ((ticket, sealed), receipt) in step.replies.into_iter().zip(receipts) {
        let (reply, receipt) = sealed.open(receipt);
        let _gone = ticket.send(Verdict::Answered(reply, receipt));
    }
    Ok(())
}

/// The anchor's loop: at least every interval while the head moves, and once more at the end.
fn follow(anchoring: &mut Anchoring, stopped: &Receiver<()>, tools: &Tools) -> Result<(), AnchoringError> {
    use crossbeam_channel::RecvTimeoutError::Timeout;
    while stopped.recv_timeout(limits::ANCHOR_INTERVAL) == Err(Timeout) {
        tools.figures.anchored.set(anchoring.follow(tools, false)?);
    }
    anchoring.follow(tools, true).map(drop)
}

#[cfg(test)]
mod tests;
