//! Deterministic simulation: the whole core from one seed, with every storage fault and every interleaving that the
//! seed chooses, and then everything that can be told from the log is told anew and compared.
//!
//! `CHANCERY_SIM_SEED=n` runs one seed, `CHANCERY_SIM_SEEDS=n` that many instead of 200, from `CHANCERY_SIM_FROM` on.

mod arrows;
mod asks;
mod canaries;
mod check;
mod client;
mod deeds;
mod driver;
mod expect;
mod matrix;
mod media;
mod misfortune;
mod model;
mod papers;
#[cfg(feature = "canary-bugs")]
mod planted;
mod revocations;
mod rights;
pub(crate) mod storage;
mod story;
mod tally;
mod thoughts;
mod wire;
pub(crate) mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use driver::{Machine, log_digest};
use tally::Tally;

/// Runs a seed to its end; a panic of the core is a failure like any other.
fn run(seed: u64) -> Result<Machine, String> {
    let mut machine = Machine::new(seed);
    live(&mut machine).map(|()| machine)
}

/// The same for a machine that is looked at afterwards, whatever became of it.
fn live(machine: &mut Machine) -> Result<(), String> {
    let ran = catch_unwind(AssertUnwindSafe(|| story::live(machine)));
    ran.unwrap_or_else(|_| Err("panicked (see above)".into()))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_seed_keeps_the_laws() {
    let seeds: Vec<u64> = match number("CHANCERY_SIM_SEED") {
        Some(seed) => vec![seed],
        None => {
            let from = number("CHANCERY_SIM_FROM").unwrap_or(0);
            (from..from + number("CHANCERY_SIM_SEEDS").unwrap_or(200)).collect()
        }
    };
    let next = AtomicU64::new(0);
    let (failures, total) = (Mutex::new(Vec::new()), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    match run(seed) {
                        Ok(machine) => total.lock().unwrap().add(&machine.tally),
                        Err(what) => {
                            eprintln!("seed {seed}: {what}\n  again: CHANCERY_SIM_SEED={seed} cargo test -p chancery-tests every_seed");
                            failures.lock().unwrap().push(seed);
                        }
                    }
                }
            });
        }
    });
    let (failures, total) = (failures.into_inner().unwrap(), total.into_inner().unwrap());
    eprintln!("{} seeds: {total}", seeds.len());
    assert!(failures.is_empty(), "seeds that fail: {failures:?}");
    // A simulation that meets nothing proves nothing.
    if seeds.len() >= 100 {
        total.assert_meets_everything();
        total.assert_does_everything();
    }
}

#[test]
fn the_same_seed_makes_the_same_log() {
    let digests = || run(11).map(|machine| (log_digest(&machine.disk), machine.tally.events));
    let first = digests().unwrap();
    assert_eq!(first, digests().unwrap());
    assert_ne!(first.0, log_digest(&run(12).unwrap().disk));
}
