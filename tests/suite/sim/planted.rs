//! Would the simulation find a bug? Each one of `CanaryBug` is compiled into the core, planted, and has to be found.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chancery::base::CanaryBug;

use super::driver::Machine;

/// Seeds that a bug may live through. The dearest one so far took a quarter of them.
const SEEDS_MAX: u64 = 400;

/// How a bug was found.
struct Found {
    seed: u64,
    calls: u64,
    rounds: u64,
    told: String,
}

/// Runs seeds with the bug until one fails.
fn find(bug: CanaryBug) -> Option<Found> {
    bug.plant();
    let found = (0..SEEDS_MAX).find_map(|seed| {
        let mut machine = Machine::new(seed);
        let told = super::live(&mut machine).err()?;
        Some(Found {
            seed,
            calls: machine.tally.calls,
            rounds: machine.tally.rounds,
            told,
        })
    });
    CanaryBug::weed();
    found
}

#[test]
fn every_planted_bug_is_found() {
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    // Panics of the core are a way to be found, and no news here.
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(&bug) = CanaryBug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match find(bug) {
                        Some(found) => eprintln!(
                            "{bug:?}: seed {}, after {} rounds and {} calls: {:.160}",
                            found.seed, found.rounds, found.calls, found.told
                        ),
                        None => missed.lock().unwrap().push(bug),
                    }
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let missed = missed.into_inner().unwrap();
    assert!(
        missed.is_empty(),
        "lived through {SEEDS_MAX} seeds unnoticed: {missed:?}"
    );
}
