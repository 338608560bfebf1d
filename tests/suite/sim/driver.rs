//! One process after another on one machine: what `engine::service` does with threads, done one choice at a time.
//!
//! Calls are prepared on whatever state is published at that moment and wait; a step takes any number of them; its
//! group may stay uncommitted while others are prepared on the state after it. A crash may come between any two.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chancery::audit::{StoreSource, replay, verify};
use chancery::base::time::Clock;
use chancery::base::{AccessKeyId, Digest, KeyId, Region, RequestId, SlotRef, limits};
use chancery::engine::Call;
use chancery::engine::anchoring::Anchoring;
use chancery::engine::boot::{self, Core, Founding};
use chancery::engine::diagnosis;
use chancery::engine::housekeeping::Housekeeper;
use chancery::engine::prepare::{Ready, prepare};
use chancery::engine::tools::{MessageLimits, Tools};
use chancery::engine::writer::{Input, Rerun, Step, Writer};
use chancery::event::Effect;
use chancery::ledger::AnchorFile;
use chancery::ledger::memory_store::Contents;

use super::arrows::Arrow;
use super::check::{self, States, Told};
use super::client::{Client, Kind, Who};
use super::storage::{Device, Disk, PLENTY, SPACE_LIMITS};
use super::tally::Tally;
use super::world::{Dice, World};

/// Whose call it is: a client's, or none for the daemon's own.
pub type Ticket = Option<u64>;

/// Why a process ended.
#[derive(Debug)]
pub enum Stop {
    /// It failed closed, as it must when a write fails.
    Crash,
    /// It did what it must never do.
    Broken(String),
}

/// A running process.
#[derive(Debug)]
pub struct Life {
    /// Its writer.
    pub writer: Writer,
    /// Its tools.
    pub tools: Arc<Tools>,
    anchoring: Anchoring,
    keeper: Housekeeper,
    /// What waits for the writer.
    pub queue: VecDeque<Input<Ticket>>,
    /// Callers for whose calls there is no room.
    turned_away: Vec<u64>,
    again: Vec<Rerun<Ticket>>,
    /// What was stepped and not stored.
    pub staged: Option<Step<Ticket>>,
    /// How often something was done for the key of a call, so that it can go on encrypting.
    upkeeps: BTreeMap<u64, u8>,
}

/// A machine through all its lives.
#[derive(Debug)]
pub struct Machine {
    /// Choices.
    pub dice: Dice,
    /// Clocks and entropy.
    pub world: World,
    /// Media.
    pub disk: Disk,
    /// Callers; none before the log is founded.
    pub client: Option<Client>,
    /// The running process.
    pub life: Option<Life>,
    /// The states at the ends of groups.
    pub states: States,
    /// How things went.
    pub tally: Tally,
    /// A fault was planned since the last start: errors are to be expected.
    pub is_faulty: bool,
    access_key: Option<AccessKeyId>,
    /// What was on the media in each slot that the log refers to: the sealed slot key.
    pub filled: BTreeMap<SlotRef, Vec<u8>>,
    /// By how much the wall clock was stepped since the last look at it, milliseconds.
    stepped: i64,
    /// What was decided for a call when it first came to the writer.
    pub expected: BTreeMap<RequestId, Effect>,
    /// Until then irreversible timers must not run, by true time.
    pub held_until: u64,
    /// Crashes come between any two steps, also where no write fails.
    pub is_rough: bool,
    /// How many events the anchor has seen.
    pub anchored: u64,
    /// An earlier state of the store.
    pub old_store: Option<Contents>,
    /// By how much the wall clock was ever stepped ahead, milliseconds.
    pub ahead: u64,
    /// When deletions were asked for: true time, and `ahead` then.
    pub asked_at: BTreeMap<RequestId, (u64, u64)>,
    /// When they are due, by true time, and `ahead` when they were asked for.
    pub scheduled: BTreeMap<KeyId, (u64, u64)>,
}

impl Machine {
    /// A machine that nothing was installed on.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed, 0),
            world: World::new(seed),
            disk: Disk::new(),
            client: None,
            life: None,
            states: States::new(),
            tally: Tally::default(),
            is_faulty: false,
            access_key: None,
            filled: BTreeMap::new(),
            stepped: 0,
            expected: BTreeMap::new(),
            held_until: 0,
            is_rough: false,
            anchored: 0,
            old_store: None,
            ahead: 0,
            asked_at: BTreeMap::new(),
            scheduled: BTreeMap::new(),
        }
    }

    /// Starts the daemon: founds a log where there is none, else finds it again.
    pub fn start(&mut self) -> Result<(), Stop> {
        let is_new = self.disk.is_blank();
        let booted = if is_new {
            self.found()
        } else {
            boot::resume(self.disk.storage(), World::root_key(), &self.world.given)
        };
        let core = match booted {
            Ok(core) => core,
            Err(_) if self.is_faulty || self.disk.is_full() => {
                self.tally.faults += 1;
                let has_genesis = self.disk.log().head().map_err(broken)?.is_some();
                self.note_start(is_new, has_genesis);
                return Err(Stop::Crash);
            }
            Err(error) => return Err(Stop::Broken(format!("does not start: {error}"))),
        };
        self.begin(core)
    }

    fn found(&mut self) -> Result<Core, boot::BootError> {
        // What `engine::home` does when a founding was cut short.
        if self.disk.operations(Device::MirrorA) > 0 {
            self.disk.clear_files();
        }
        let founding = Founding {
            name: "simulation".into(),
            region: Region::parse("cn-hangzhou").unwrap(),
        };
        let mut handed = None;
        let core = boot::found(
            self.disk.storage(),
            World::root_key(),
            &self.world.given,
            &founding,
            &mut |key| {
                handed = Some(key.id.clone());
                Ok(())
            },
        );
        self.access_key = handed.or(self.access_key.take());
        core
    }

    fn begin(&mut self, mut core: Core) -> Result<(), Stop> {
        let tools = Arc::get_mut(&mut core.tools).ok_or(Stop::Broken("shared tools".into()))?;
        tools.message_limits = MESSAGE_LIMITS;
        let state = core.writer.state();
        let access_key = self
            .access_key
            .clone()
            .ok_or(Stop::Broken("no access key".into()))?;
        if state.access_key(&access_key).is_none() {
            return Err(Stop::Broken(
                "the access key that was handed over is not in the log".into(),
            ));
        }
        // Groups that did not reach the medium never were.
        self.states.split_off(&(state.size() + 1));
        if let Some(then) = self.states.insert(state.size(), state.clone())
            && then.digest() != state.digest()
        {
            return Err(Stop::Broken(format!(
                "another state at {} after a start",
                state.size()
            )));
        }
        if self.client.is_none() {
            self.client = Some(Client::new(core.account, core.region.clone(), access_key));
        }
        // A hold survives a restart if it was in the log; a jump that was not logged can't. A long silence makes one.
        let silence = self.world.given.clock.now().as_millis();
        let silence = silence.saturating_sub(state.time().as_millis());
        let is_silent = silence > limits::QUIET_START_MILLIS_MAX;
        self.tally.silences += u64::from(is_silent);
        let is_held = state.hold().is_some() || is_silent;
        self.held_until = if is_held {
            self.world.clock.truth() + DAY
        } else {
            0
        };
        self.stepped = 0;
        self.learn_media(core.writer.state());
        core.tools
            .reserve
            .watch(Box::new(self.disk.space.clone()), SPACE_LIMITS);
        core.tools.reserve.look();
        self.life = Some(Life {
            writer: core.writer,
            tools: core.tools,
            anchoring: Anchoring::new(core.anchor, core.log_key),
            keeper: Housekeeper::new(core.account, core.region, core.watch),
            queue: VecDeque::new(),
            turned_away: Vec::new(),
            again: Vec::new(),
            staged: None,
            upkeeps: BTreeMap::new(),
        });
        Ok(())
    }

    /// The process is gone, and with it all that was not synced. Starts it again, faults out of the way.
    pub fn crash_and_start(&mut self) -> Result<(), String> {
        self.tally.crashes += 1;
        self.fall();
        // A machine may be off for long.
        if self.dice.once_in(25) {
            self.world.clock.pass(40 * DAY);
        }
        if self.disk.is_full() && self.dice.once_in(2) {
            self.fill(PLENTY, false);
            self.is_faulty = false;
        }
        // One start in four meets another fault, one in five a misfortune.
        match self.dice.below(20) {
            0..5 => self.plan_fault(),
            5..9 if !self.disk.is_blank() => self.strike()?,
            _ => {}
        }
        match self.start() {
            Err(Stop::Crash) => {
                self.fall();
                // A mirror that a crash cut short has to grow again: without room there is no start.
                self.fill(PLENTY, false);
                self.is_faulty = false;
                self.start().map_err(unexpected)
            }
            started => started.map_err(unexpected),
        }
    }

    /// A crash, and a start without further faults.
    pub fn restart(&mut self) -> Result<(), Stop> {
        self.tally.crashes += 1;
        self.fall();
        self.start()
    }

    fn fall(&mut self) {
        self.note_where();
        self.life = None;
        self.client.iter_mut().for_each(Client::hang_up);
        let [_, lost, torn, garbled] = self.disk.crash(&mut self.dice);
        self.tally.sectors_lost += lost;
        self.tally.sectors_torn += torn + garbled;
        self.is_faulty = false;
        if self.dice.once_in(2) {
            self.world.clock.reboot();
        }
    }

    /// Plans that one of the next writes fails.
    pub fn plan_fault(&mut self) {
        let device = *self.dice.pick(&Device::ALL);
        let within = match device {
            Device::Store | Device::Anchor => 4,
            Device::MirrorA | Device::MirrorB => 40,
        };
        let (after, persisted) = (self.dice.below(within) as usize, self.dice.once_in(2));
        match self.dice.once_in(6) {
            true => self.disk.fail_read_after(device, after),
            false => self.disk.fail_after(device, after, persisted),
        }
        self.is_faulty = true;
    }

    /// Sets how much room there is; with none, no write that needs some succeeds.
    pub fn fill(&mut self, free: u64, is_full: bool) {
        self.tally.full += u64::from(is_full);
        self.disk.space.set_free(free);
        self.disk.set_full(is_full);
        // A vault that could not grow stays closed until the next start.
        self.is_faulty = true;
    }

    /// One call, prepared on the state that is published now, waits for the writer.
    pub fn ask(&mut self, kind: Kind, who: Who) {
        let (Some(life), Some(client)) = (&mut self.life, &mut self.client) else {
            return;
        };
        let actor = client.actor(who, &life.tools.published.applied());
        self.tally.calls += 1;
        let (call, ticket) = client.ask(kind, actor, life.tools.now(), &mut self.dice);
        self.asked_at
            .insert(call.rid, (self.world.clock.truth(), self.ahead));
        life.enqueue(call, 0, Some(ticket));
        self.turn_away();
    }

    /// Callers for whose calls there is no room are told so, and nothing is recorded.
    fn turn_away(&mut self) {
        let (Some(life), Some(client)) = (&mut self.life, &mut self.client) else {
            return;
        };
        for ticket in std::mem::take(&mut life.turned_away) {
            self.tally.turned_away += 1;
            client.turn_away(ticket);
        }
    }

    /// A random call.
    pub fn ask_something(&mut self) {
        let Some(client) = &self.client else { return };
        let kind = client.think(&mut self.dice);
        let who = client.somebody(&kind, &mut self.dice);
        self.ask(kind, who);
    }

    /// Calls whose read set failed are prepared again.
    pub fn run_again(&mut self) {
        let Some(life) = &mut self.life else { return };
        for mut rerun in std::mem::take(&mut life.again) {
            self.tally.reruns += u64::from(rerun.round > 0);
            rerun.call.scope.at = life.tools.now();
            life.enqueue(rerun.call, rerun.round, rerun.ticket);
        }
        self.turn_away();
    }

    /// The writer takes up to `count` of what waits. What comes of it is applied, not stored.
    pub fn step(&mut self, count: usize) {
        let Some(life) = &mut self.life else { return };
        if life.staged.is_some() {
            return;
        }
        let inputs: Vec<_> = life.queue.drain(..count.min(life.queue.len())).collect();
        for input in &inputs {
            let first = self.expected.entry(input.call.rid);
            first.or_insert(input.prepared.decision.effect);
        }
        life.tools.reserve.look();
        let step = life.writer.step(inputs, self.world.clock.now(), &life.tools);
        self.stage(step);
    }

    fn stage(&mut self, mut step: Step<Ticket>) {
        let Some(life) = &mut self.life else { return };
        life.again.append(&mut step.reruns);
        if step.group.entries.is_empty() {
            return;
        }
        let state = life.writer.state();
        life.tools.published.apply(state.clone());
        step.forget
            .iter()
            .for_each(|version| life.tools.room.forget(*version));
        self.states.insert(state.size(), state.clone());
        life.staged = Some(step);
    }

    /// Stores what the last step came to; then, and only then, its callers have their answers.
    pub fn commit(&mut self) -> Result<(), Stop> {
        let Some(life) = &mut self.life else { return Ok(()) };
        // Rotations are rare: a crash between the slot and the medium has to meet some.
        if self.is_rough && life.is_rotating() && self.dice.once_in(6) {
            return Err(Stop::Crash);
        }
        let Some(step) = life.staged.take() else {
            return Ok(());
        };
        let receipts = match chancery::ledger::commit(&*life.tools.log, &step.group) {
            Ok(receipts) => receipts,
            Err(error) => {
                match self.disk.failed() {
                    Some((_, true)) => self.at(Arrow::CommitKept),
                    _ => self.at(Arrow::CommitLost),
                }
                return self.failed(&error);
            }
        };
        if self.is_rough && self.dice.once_in(100) {
            self.at(Arrow::Durable);
            return Err(Stop::Crash);
        }
        let durable = self
            .states
            .get(&step.group.head.size)
            .ok_or(Stop::Broken("no state".into()))?;
        life.tools.published.persist(durable.clone(), step.group.head);
        let client = self.client.as_mut().ok_or(Stop::Broken("no client".into()))?;
        let cut = self.is_rough && step.replies.len() > 1 && self.dice.once_in(60);
        let told = if cut { 1 } else { usize::MAX };
        for ((ticket, sealed), receipt) in step.replies.into_iter().zip(receipts).take(told) {
            let (mut reply, receipt) = sealed.open(receipt);
            diagnosis::complete(&mut reply.result, receipt.seq(), &life.tools);
            if let Some(ticket) = ticket {
                client.take(ticket, &reply, &receipt).map_err(Stop::Broken)?;
                self.tally.answers += 1;
            }
        }
        self.watch_media(&step.group).map_err(Stop::Broken)?;
        if cut {
            self.at(Arrow::HalfAnswered);
            return Err(Stop::Crash);
        }
        Ok(())
    }

    fn failed(&mut self, error: &dyn std::fmt::Display) -> Result<(), Stop> {
        if self.is_faulty || self.disk.is_full() {
            self.tally.faults += 1;
            Err(Stop::Crash)
        } else {
            Err(Stop::Broken(format!("fails without a fault: {error}")))
        }
    }

    /// One round of housekeeping: what it does by itself is done, what it records waits for the writer.
    pub fn tick(&mut self) -> Result<(), Stop> {
        let Some(life) = &mut self.life else { return Ok(()) };
        let truth = self.world.clock.truth();
        let owes = life.tools.published.durable().state.erasures().next().is_some();
        if self.is_rough && owes && self.dice.once_in(6) {
            let device = *self.dice.pick(&[Device::MirrorA, Device::MirrorB]);
            let (after, persisted) = (self.dice.below(2) as usize, self.dice.once_in(2));
            self.disk.fail_after(device, after, persisted);
            self.is_faulty = true;
        }
        let (calls, done) = life.keeper.tick(&life.tools);
        match done {
            Ok(()) => {}
            // The daemon goes on without its vault's writes; a start repairs it.
            Err(_) if self.is_faulty || self.disk.is_full() => {
                self.tally.faults += 1;
                if self.is_rough && self.dice.once_in(2) {
                    match (owes, self.disk.failed()) {
                        (true, Some((Device::MirrorA, _))) => self.at(Arrow::ErasureInA),
                        (true, Some((Device::MirrorB, _))) => self.at(Arrow::ErasureInB),
                        _ => self.at(Arrow::Providing),
                    }
                    return Err(Stop::Crash);
                }
            }
            Err(error) => {
                return Err(Stop::Broken(format!(
                    "housekeeping fails without a fault: {error}"
                )));
            }
        }
        // A step of more than an hour must hold irreversible timers; another hour leaves room for drift.
        if std::mem::take(&mut self.stepped) > 2 * HOUR as i64 {
            self.held_until = truth + DAY;
        }
        let is_irreversible =
            |call: &Call| ["chancery/DestroyKey", "chancery/EraseMaterial"].contains(&call.op);
        if truth < self.held_until {
            self.tally.held += 1;
            let is_logged = life.tools.published.durable().state.hold().is_some();
            if !is_logged && !calls.iter().any(|call| call.op == "chancery/HoldTimers") {
                return Err(Stop::Broken("timers are held and the log is not told".into()));
            }
            if let Some(call) = calls.iter().find(|call| is_irreversible(call)) {
                return Err(Stop::Broken(format!("{} while timers are held", call.op)));
            }
        }
        calls
            .into_iter()
            .for_each(|call| life.enqueue(Box::new(call), 0, None));
        Ok(())
    }

    /// The anchor follows the durable head, and is never ahead of it.
    pub fn anchor(&mut self, clean: bool) -> Result<(), Stop> {
        let Some(life) = &mut self.life else { return Ok(()) };
        if let Err(error) = life.anchoring.follow(&life.tools, clean) {
            self.at(Arrow::AnchorTorn);
            return self.failed(&error);
        }
        let log = life.writer.chain().log();
        let file = AnchorFile::open(self.disk.anchor_copy(), log).map_err(broken)?;
        let state = life.writer.state();
        let log_row = state.log().ok_or(Stop::Broken("no log".into()))?;
        let keys = boot::key_schedule(log_row).map_err(broken)?;
        let anchor = file.read(&keys).map_err(broken)?;
        let size = self.disk.log().size().map_err(broken)?;
        if anchor.is_some_and(|anchor| anchor.size == size) {
            self.anchored = size;
            Ok(())
        } else {
            Err(Stop::Broken(format!("{anchor:?} beside a log of {size}")))
        }
    }

    /// Everything that waits is taken to its answer.
    pub fn settle(&mut self) -> Result<(), Stop> {
        self.commit()?;
        while self.life.as_ref().is_some_and(Life::is_busy) {
            self.run_again();
            self.step(usize::MAX);
            self.commit()?;
        }
        Ok(())
    }

    /// An orderly stop, and a start after it.
    pub fn stop_and_start(&mut self) -> Result<(), Stop> {
        self.settle()?;
        let Some(life) = &mut self.life else { return Ok(()) };
        let last = life.writer.close(self.world.clock.now());
        self.stage(last);
        let cut = self.dice.below(8);
        if self.is_rough && cut == 0 {
            self.at(Arrow::Sealed);
            return Err(Stop::Crash);
        }
        self.commit()?;
        if self.is_rough && cut == 1 {
            self.at(Arrow::SealDurable);
            return Err(Stop::Crash);
        }
        self.anchor(true)?;
        self.at(Arrow::Stopped);
        self.fall();
        if self.is_rough && self.dice.once_in(4) {
            let device = *self
                .dice
                .pick(&[Device::Anchor, Device::Anchor, Device::MirrorA, Device::MirrorB]);
            let (after, persisted) = (self.dice.below(2) as usize, self.dice.once_in(2));
            self.disk.fail_after(device, after, persisted);
            self.is_faulty = true;
        }
        self.start()
    }

    /// The wall clock is stepped.
    pub fn step_clock(&mut self, millis: i64) {
        self.world.clock.step(millis);
        self.stepped += millis;
        self.ahead += millis.max(0) as u64;
    }

    /// Whether no slot is owed an erasure.
    pub fn owes_nothing(&self) -> bool {
        self.life
            .as_ref()
            .is_some_and(|life| life.writer.state().erasures().next().is_none())
    }

    /// Tells the whole log anew and compares.
    pub fn check(&mut self) -> Result<Told, String> {
        let client = self.client.as_ref().ok_or("no client")?;
        let told = check::check(self.disk.log(), &self.states, client)?;
        self.audit().map_err(|what| {
            let named = told
                .events
                .iter()
                .find(|event| what.contains(&format!("event {}:", event.seq)));
            format!("{what}: {named:?}")
        })?;
        self.tally.events = told.events.len() as u64;
        self.tally.rule(&told.events, &self.expected);
        self.tally.checkpoints = self
            .disk
            .log()
            .checkpoints()
            .map_err(|error| error.to_string())?
            .len() as u64;
        Ok(told)
    }

    /// What `chancery log verify` and `chancery log replay` say of the directory.
    fn audit(&self) -> Result<(), String> {
        let mut source = StoreSource::new(self.disk.log())
            .map_err(|error| error.to_string())?
            .with_anchor(Some(self.disk.anchor_copy()));
        let report = verify(&mut source, &mut |_, _| ()).map_err(|error| error.to_string())?;
        if !report.is_verified() {
            return Err(format!("audit: {report}"));
        }
        let replayed = replay(&mut source, &mut |_, _| ()).map_err(|error| error.to_string())?;
        if replayed.is_equal() {
            Ok(())
        } else {
            Err(format!("audit: {replayed:?}"))
        }
    }
}

impl Life {
    fn enqueue(&mut self, call: Box<Call>, round: u8, ticket: Ticket) {
        let prepared = prepare(&call, &self.tools.published.applied(), &self.tools);
        if let (Some(upkeep), Some(number)) = (prepared.wants, ticket) {
            let count = self.upkeeps.entry(number).or_default();
            *count += 1;
            if *count <= UPKEEPS_MAX
                && let Some(work) = self.keeper.upkeep(upkeep, &self.tools)
            {
                self.enqueue(Box::new(work), 0, None);
                self.again.push(Rerun { call, round, ticket });
                return;
            }
        }
        // A caller's call has to find room; there is always some for the daemon's own doing.
        if let Some(number) = ticket
            && self.tools.reserve.pass(&call, &prepared).is_err()
        {
            if let Ok(Ready::Decide(facts)) = &prepared.result {
                self.tools.unmake(facts);
            }
            self.turned_away.push(number);
            return;
        }
        self.queue.push_back(Input {
            call,
            prepared,
            round,
            ticket,
        });
    }

    fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.again.is_empty()
    }
}

fn broken(error: impl std::fmt::Display) -> Stop {
    Stop::Broken(error.to_string())
}

/// Text of a stop where none was due.
pub fn unexpected(stop: Stop) -> String {
    match stop {
        Stop::Crash => "stopped without a planned fault".into(),
        Stop::Broken(what) => what,
    }
}

/// As the service has it.
const UPKEEPS_MAX: u8 = 8;

/// Few, so that versions are used up.
const MESSAGE_LIMITS: MessageLimits = MessageLimits {
    block: 3,
    rotate: 7,
    most: 12,
};

const HOUR: u64 = 60 * 60 * 1_000;
const DAY: u64 = 24 * HOUR;

/// The digest of a whole log: equal logs have equal ones.
pub fn log_digest(disk: &Disk) -> Digest {
    let entries = disk
        .log()
        .entries(chancery::base::Seq::GENESIS, usize::MAX, usize::MAX)
        .unwrap();
    let parts: Vec<&[u8]> = entries.iter().map(|(_, entry)| entry.as_slice()).collect();
    Digest::of_parts(&parts)
}
