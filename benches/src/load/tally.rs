//! What the connections of one run share: the phase, the counts and the histogram.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};
use hdrhistogram::Histogram;
use tokio::sync::Notify;

use crate::cpu;

use super::Measurement;

/// Shared by the tasks of one thread.
#[derive(Debug)]
pub struct Tally {
    phase: Cell<Phase>,
    sent: Cell<u64>,
    sent_max: u64,
    answered: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
    fault: RefCell<Option<Error>>,
    end: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Counting,
    Over,
}

/// Clock and processor times at one instant.
#[derive(Debug)]
pub struct Reading {
    at: Instant,
    server: Option<Duration>,
    generator: Duration,
    /// Whole machine
    busy: Duration,
}

impl Tally {
    /// Begins in the warm-up.
    pub fn new(sent_max: u64) -> Result<Self> {
        // 1 microsecond to 2 minutes, in nanoseconds, to three digits.
        let latency = Histogram::new_with_bounds(1_000, 120_000_000_000, 3).context("no histogram")?;
        Ok(Self {
            phase: Cell::new(Phase::WarmUp),
            sent: Cell::new(0),
            sent_max,
            answered: Cell::new(0),
            latency: RefCell::new(latency),
            fault: RefCell::new(None),
            end: Notify::new(),
        })
    }

    /// Says whether one more request may be sent, and counts it against the bound.
    pub fn may_send(&self) -> bool {
        if self.sent.get() >= self.sent_max {
            self.end.notify_one();
            return false;
        }
        self.sent.set(self.sent.get() + 1);
        true
    }

    /// Counts a reply that came now.
    pub fn answered(&self) {
        if self.phase.get() == Phase::Counting {
            self.answered.set(self.answered.get() + 1);
        }
    }

    /// Adds a latency to the histogram.
    pub fn record(&self, latency: Duration) {
        self.latency
            .borrow_mut()
            .saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Latencies recorded up to now.
    pub fn recorded(&self) -> u64 {
        self.latency.borrow().len()
    }

    /// Keeps the first fault and ends the run.
    pub fn fail(&self, fault: Error) {
        let first = self.sent.get();
        self.fault
            .borrow_mut()
            .get_or_insert_with(|| fault.context(format!("after {first} requests")));
        self.end.notify_one();
    }

    /// The first fault, if there was one.
    pub fn take_fault(&self) -> Option<Error> {
        self.fault.borrow_mut().take()
    }

    /// Resolves when the run should end before its time: a fault, or the bound on requests.
    pub async fn ended_early(&self) {
        self.end.notified().await;
    }

    /// Whether replies that come now are counted.
    pub fn is_counting(&self) -> bool {
        self.phase.get() == Phase::Counting
    }

    /// Whether the counted time has passed.
    pub fn is_over(&self) -> bool {
        self.phase.get() == Phase::Over
    }

    /// Ends the warm-up.
    pub fn begin(&self, server: Option<u32>) -> Result<Reading> {
        let reading = Reading::now(server)?;
        self.phase.set(Phase::Counting);
        Ok(reading)
    }

    /// Ends the counted time.
    pub fn finish(&self, server: Option<u32>) -> Result<Reading> {
        self.phase.set(Phase::Over);
        Reading::now(server)
    }

    /// The figures of the time between two readings.
    pub fn measurement(&self, from: &Reading, to: &Reading, unserved: u64) -> Result<Measurement> {
        let answered = self.answered.get();
        anyhow::ensure!(answered > 0, "no reply came in the counted time");
        let latency = self.latency.borrow();
        let ms = |quantile| nanos(latency.value_at_quantile(quantile)) * 1e3;
        let per_reply_us = |used: Duration| used.as_secs_f64() * 1e6 / count(answered);
        let window = (to.at - from.at).as_secs_f64();
        let server = from.server.zip(to.server).map(|(a, b)| b.saturating_sub(a));
        let generator = to.generator.saturating_sub(from.generator);
        let busy = to.busy.saturating_sub(from.busy);
        let others = |server: Duration| busy.saturating_sub(server + generator).as_secs_f64() / window;
        Ok(Measurement {
            answered,
            unserved,
            ops_per_second: count(answered) / window,
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: nanos(latency.max()) * 1e3,
            server_cpu_us: server.map(per_reply_us),
            generator_cpu_us: per_reply_us(generator),
            other_cores: server.map(others),
            fdatasync_p50_us: None,
        })
    }
}

impl Reading {
    fn now(server: Option<u32>) -> Result<Self> {
        let server = server.map(cpu::used_by).transpose()?;
        Ok(Self {
            at: Instant::now(),
            server,
            generator: cpu::used_by(std::process::id())?,
            busy: cpu::busy()?,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of requests is far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

/// Nanoseconds as seconds.
fn nanos(n: u64) -> f64 {
    Duration::from_nanos(n).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warm_up_and_what_follows_the_end_are_not_counted() {
        let tally = Tally::new(10).unwrap();
        tally.answered();
        let from = tally.begin(None).unwrap();
        tally.answered();
        tally.answered();
        tally.record(Duration::from_millis(2));
        let to = tally.finish(None).unwrap();
        tally.answered();
        let measured = tally.measurement(&from, &to, 0).unwrap();
        assert_eq!(measured.answered, 2);
        assert!((measured.p50_ms - 2.0).abs() < 0.01);
    }

    #[test]
    fn the_bound_on_requests_holds() {
        let tally = Tally::new(2).unwrap();
        assert!(tally.may_send() && tally.may_send());
        assert!(!tally.may_send());
    }

    #[test]
    fn the_first_fault_is_the_one_reported() {
        let tally = Tally::new(2).unwrap();
        tally.fail(anyhow::anyhow!("first"));
        tally.fail(anyhow::anyhow!("second"));
        assert!(format!("{:#}", tally.take_fault().unwrap()).ends_with("first"));
    }
}
