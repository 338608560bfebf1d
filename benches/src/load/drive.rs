//! Drives one run: opens the connections, paces them, ends them, and reads the clocks at both ends of the counted time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::unix::AsyncFd;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::http::Connection;
use super::requests::Requests;
use super::tally::Tally;
use super::{Arrival, Measurement, Plan};

/// Carries the plan out. Must run inside a `LocalSet`.
pub async fn drive(plan: Plan) -> Result<Measurement> {
    let mut connections = Vec::with_capacity(plan.connections);
    for n in 0..plan.connections {
        let connection = Connection::open(&plan.target).await;
        connections.push(connection.with_context(|| format!("connection {n} of {}", plan.connections))?);
    }
    let server = plan
        .server_pid
        .or_else(|| connections.first().and_then(Connection::server_pid));
    let shared = Rc::new(Shared::new(&plan)?);
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn_local(converse(Rc::clone(&shared), connection));
    }
    if shared.schedule.is_some() {
        tasks.spawn_local(pace(Rc::clone(&shared)));
    }

    let ended = tokio::time::timeout(plan.warm_up, shared.tally.ended_early()).await;
    let from = shared.tally.begin(server)?;
    if ended.is_err() {
        let _ = tokio::time::timeout(plan.measure, shared.tally.ended_early()).await;
    }
    let to = shared.tally.finish(server)?;

    if let Some(fault) = shared.tally.take_fault() {
        return Err(fault);
    }
    // The last requests are waited for: in the open loop they are the slow ones, and leaving them out would flatter.
    let all = async { while tasks.join_next().await.is_some() {} };
    let drained = tokio::time::timeout(GRACE, all).await.is_ok();
    tasks.abort_all();
    if let Some(fault) = shared.tally.take_fault() {
        return Err(fault);
    }
    if ended.is_ok() {
        bail!(
            "the bound of {} requests was reached in the warm-up",
            plan.requests_max
        );
    }
    let unserved = match &shared.schedule {
        None if drained => 0,
        None => bail!("a connection got no reply within {GRACE:?} after the run's end"),
        Some(schedule) => shared.charge_unserved(schedule),
    };
    shared.tally.measurement(&from, &to, unserved)
}

struct Shared {
    tally: Tally,
    requests: RefCell<Requests>,
    connections: usize,
    schedule: Option<Schedule>,
}

/// The arrivals of an open loop: ticket `n` falls due at `begin + n / rate`, whatever the server does.
struct Schedule {
    begin: Instant,
    rate: f64,
    /// Tickets there are
    tickets: u64,
    /// The first ticket that counts: those before it are the warm-up
    counted_from: u64,
    /// Tickets taken up to now
    taken: Cell<u64>,
    due: Semaphore,
}

impl Shared {
    fn new(plan: &Plan) -> Result<Self> {
        let schedule = match plan.arrival {
            Arrival::Closed => None,
            Arrival::Open { per_second } => Some(Schedule::new(per_second, plan)?),
        };
        Ok(Self {
            tally: Tally::new(plan.requests_max)?,
            requests: RefCell::new(plan.requests.for_another_run()?),
            connections: plan.connections,
            schedule,
        })
    }

    /// Gives each request that fell due and got no answer the time it has waited at least, and counts them.
    fn charge_unserved(&self, schedule: &Schedule) -> u64 {
        let now = Instant::now();
        let unserved = (schedule.tickets - schedule.counted_from).saturating_sub(self.tally.recorded());
        let never_sent = schedule.taken.get().max(schedule.counted_from)..schedule.tickets;
        let in_flight = unserved.saturating_sub(never_sent.end.saturating_sub(never_sent.start));
        for _ in 0..in_flight {
            self.tally.record(GRACE);
        }
        for ticket in never_sent {
            self.tally
                .record(now.saturating_duration_since(schedule.due_at(ticket)));
        }
        unserved
    }
}

impl Schedule {
    fn new(rate: f64, plan: &Plan) -> Result<Self> {
        anyhow::ensure!(rate.is_finite() && rate >= 1.0, "a rate of {rate} a second");
        let tickets = whole((plan.warm_up + plan.measure).as_secs_f64() * rate);
        anyhow::ensure!(
            tickets <= plan.requests_max,
            "{tickets} requests exceed the bound of {}",
            plan.requests_max
        );
        Ok(Self {
            begin: Instant::now(),
            rate,
            tickets,
            counted_from: whole(plan.warm_up.as_secs_f64() * rate),
            taken: Cell::new(0),
            due: Semaphore::new(0),
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
    fn due_at(&self, ticket: u64) -> Instant {
        self.begin + Duration::from_secs_f64(ticket as f64 / self.rate)
    }

    /// Waits until the next ticket is due. Nothing when there are no more.
    async fn ticket(&self) -> Option<u64> {
        self.due.acquire().await.ok()?.forget();
        let ticket = self.taken.get();
        if ticket >= self.tickets {
            return None;
        }
        self.taken.set(ticket + 1);
        Some(ticket)
    }
}

/// One connection's life.
async fn converse(shared: Rc<Shared>, mut connection: Connection) {
    let served = match &shared.schedule {
        None => closed_loop(&shared, &mut connection).await,
        Some(schedule) => open_loop(&shared, schedule, &mut connection).await,
    };
    if let Err(fault) = served {
        shared.tally.fail(fault);
    }
}

async fn closed_loop(shared: &Shared, connection: &mut Connection) -> Result<()> {
    let mut buffer = Vec::with_capacity(REQUEST_BYTES);
    while !shared.tally.is_over() && shared.tally.may_send() {
        let start = Instant::now();
        ask(shared, connection, &mut buffer).await?;
        if shared.tally.is_counting() {
            shared.tally.record(start.elapsed());
        }
        shared.tally.answered();
    }
    Ok(())
}

async fn open_loop(shared: &Shared, schedule: &Schedule, connection: &mut Connection) -> Result<()> {
    let mut buffer = Vec::with_capacity(REQUEST_BYTES);
    while let Some(ticket) = schedule.ticket().await {
        if !shared.tally.may_send() {
            break;
        }
        ask(shared, connection, &mut buffer).await?;
        if ticket >= schedule.counted_from {
            // I1: from when it was due, so a stalled server is charged for all that waited behind the stall.
            shared.tally.record(schedule.due_at(ticket).elapsed());
        }
        shared.tally.answered();
    }
    Ok(())
}

async fn ask(shared: &Shared, connection: &mut Connection, buffer: &mut Vec<u8>) -> Result<()> {
    shared.requests.borrow_mut().next(buffer)?;
    let reply = connection.exchange(buffer).await?;
    if reply.status != 200 {
        let shown = reply
            .body
            .get(..reply.body.len().min(BODY_SHOWN))
            .unwrap_or_default();
        bail!("answered {}: {}", reply.status, String::from_utf8_lossy(shown));
    }
    Ok(())
}

/// Releases tickets as they fall due. The timer is the kernel's: tokio's has steps of a millisecond, which would lie
/// about latencies shorter than that.
async fn pace(shared: Rc<Shared>) {
    let (Some(schedule), tally) = (&shared.schedule, &shared.tally) else {
        return;
    };
    if let Err(fault) = release(schedule).await {
        tally.fail(fault);
    }
    // One more each, so that every connection learns that there are no more.
    schedule.due.add_permits(shared.connections);
}

#[expect(
    deprecated,
    reason = "the successor of `AsyncFd::new` is unsafe; this descriptor is owned, and outlives its use"
)]
async fn release(schedule: &Schedule) -> Result<()> {
    let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
    let timer = AsyncFd::new(timer)?;
    let mut released = 0;
    loop {
        let due = (whole(schedule.begin.elapsed().as_secs_f64() * schedule.rate) + 1).min(schedule.tickets);
        schedule
            .due
            .add_permits(usize::try_from(due.saturating_sub(released))?);
        released = released.max(due);
        if released >= schedule.tickets {
            return Ok(());
        }
        let wait = schedule
            .due_at(released)
            .saturating_duration_since(Instant::now())
            .max(STEP_MIN);
        arm(&timer, wait)?;
        let mut ready = timer.readable().await?;
        let mut expirations = [0; 8];
        // Readable again only after it fired again: whatever was read, the clock says what is due.
        let _ = rustix::io::read(&timer, &mut expirations);
        ready.clear_ready();
    }
}

fn arm(timer: &AsyncFd<std::os::fd::OwnedFd>, wait: Duration) -> Result<()> {
    let it_value = Timespec {
        tv_sec: wait.as_secs().try_into()?,
        tv_nsec: wait.subsec_nanos().into(),
    };
    let once = Itimerspec {
        it_interval: Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
        it_value,
    };
    rustix::time::timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests: positive and small"
)]
fn whole(x: f64) -> u64 {
    x as u64
}

/// After the counted time, how long the last replies are waited for.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks of the pacer: at high rates it releases a few arrivals at once rather than wake for each.
const STEP_MIN: Duration = Duration::from_micros(20);
const REQUEST_BYTES: usize = 4 * 1024;
/// Bytes of a bad reply's body that are shown.
const BODY_SHOWN: usize = 2_000;

#[cfg(test)]
mod tests;
