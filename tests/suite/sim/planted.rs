//! Would the simulation find a bug? Each one of `CanaryBug` is compiled into the core, planted, and has to be found.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chancery::base::CanaryBug;

use super::driver::Machine;
use super::revocations;

/// Seeds that a bug may live through.
const SEEDS_MAX: u64 = 200;

/// How a bug was found.
struct Found {
    seed: u64,
    calls: u64,
    rounds: u64,
    told: String,
}

/// Runs seeds with the bug until one fails, which must not fail without it.
fn find(bug: CanaryBug) -> Option<Found> {
    let run = |seed: u64| {
        let mut machine = Machine::new(seed);
        // Lives of all kinds, and such as are all about rights, in turn.
        let live = [super::live, of_rights][seed as usize % 2];
        let ran = live(&mut machine);
        (machine, ran.err())
    };
    bug.plant();
    let found = (0..SEEDS_MAX).find_map(|seed| {
        let (machine, told) = run(seed);
        Some(Found {
            seed,
            calls: machine.tally.calls,
            rounds: machine.tally.rounds,
            told: told?,
        })
    });
    CanaryBug::weed();
    // A seed that fails without the bug too has found something else.
    found.filter(|found| {
        let told = run(found.seed).1;
        if let Some(told) = &told {
            eprintln!("{bug:?}: seed {} fails without it too: {told:.160}", found.seed);
        }
        told.is_none()
    })
}

fn of_rights(machine: &mut Machine) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| revocations::live_on(machine)))
        .unwrap_or_else(|_| Err("panicked".into()))
}

#[test]
fn every_planted_bug_is_found() {
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    // Panics of a core with a bug are a way to be found, and no news; others' are.
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !CanaryBug::ALL.iter().any(|bug| bug.is_planted()) {
            others(panic);
        }
    }));
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
    let missed = missed.into_inner().unwrap();
    assert!(
        missed.is_empty(),
        "lived through {SEEDS_MAX} seeds unnoticed: {missed:?}"
    );
}
