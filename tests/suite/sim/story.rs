//! What happens to a machine: several lives of random work, then a quiet end in which all promises are called in.

use std::collections::BTreeMap;

use chancery::base::time::Clock;
use chancery::crypto::blob::Blob;
use chancery::projection::State;

use super::client::{Cipher, Kind, Who};
use super::driver::{Machine, Stop, unexpected};
use super::storage::{Device, PLENTY};

/// Choices in one story, and in a long one: enough events to fill tiles and to seal the state in the middle.
const ROUNDS: u64 = 320;
const ROUNDS_LONG: u64 = 6_000;

/// Lives a whole story and checks the log at every start and at the end.
pub fn live(machine: &mut Machine) -> Result<(), String> {
    machine.is_rough = true;
    match machine.dice.below(8) {
        0 | 1 => machine.plan_fault(),
        2 => {
            // The one commit of a founding.
            let persisted = machine.dice.once_in(2);
            machine.disk.fail_after(Device::Store, 0, persisted);
            machine.is_faulty = true;
        }
        _ => {}
    }
    match machine.start() {
        Err(Stop::Crash) => machine.crash_and_start()?,
        started => started.map_err(unexpected)?,
    }
    let is_long = machine.dice.once_in(25);
    for _ in 0..if is_long { ROUNDS_LONG } else { ROUNDS } {
        machine.tally.rounds += 1;
        // Somebody tidies up.
        if machine.disk.space.left().0 < 100 && machine.dice.once_in(12) {
            machine.fill(PLENTY, false);
        }
        match choose(machine) {
            Ok(()) => {}
            Err(Stop::Crash) => {
                machine.crash_and_start()?;
                // Telling a long log anew takes longer than making it: now and then will do, and at the end.
                if !is_long || machine.dice.once_in(8) {
                    machine.check()?;
                }
            }
            Err(Stop::Broken(what)) => return Err(what),
        }
    }
    end(machine)
}

fn choose(machine: &mut Machine) -> Result<(), Stop> {
    match machine.dice.below(1_000) {
        0..400 => {
            // Several callers look at the same state; what one of them changes, the others have read.
            for _ in 0..=machine.dice.below(4) {
                machine.ask_something();
            }
        }
        400..600 => {
            let count = 1 + machine.dice.below(8) as usize;
            machine.step(count);
        }
        600..800 => machine.commit()?,
        800..840 => machine.run_again(),
        840..880 => machine.tick()?,
        880..910 => machine.anchor(false)?,
        910..915 => machine.keep_copy(),
        915..920 => {
            let (free, is_full) = *machine.dice.pick(&[
                (PLENTY, false),
                (PLENTY, false),
                (60, false),
                (15, false),
                (3, false),
                (0, true),
            ]);
            machine.fill(free, is_full);
        }
        920..970 => {
            let millis =
                *machine
                    .dice
                    .pick(&[1, 40, 700, 3_000, 60_000, 3_600_000, 86_400_000, 8 * 86_400_000]);
            machine.world.clock.pass(millis);
        }
        970..978 => {
            let days = 86_400_000;
            if machine.dice.once_in(6) {
                machine.ask(Kind::AcceptClock, Who::Local);
            }
            // Small ones, such as a clock that is steered makes; an hour; days; and a year, which no battery keeps.
            let millis = *machine.dice.pick(&[
                -900,
                300,
                -5_000,
                -3_600_000,
                1_800_000,
                10 * days,
                -10 * days,
                400 * days,
                -400 * days,
            ]);
            machine.step_clock(millis);
            if machine.dice.once_in(2) {
                let ppm = machine.dice.below(1_000) as i64 - 500;
                machine.world.clock.set_drift(ppm);
            }
        }
        978..990 => machine.plan_fault(),
        990..997 => return Err(Stop::Crash),
        _ => machine.stop_and_start()?,
    }
    Ok(())
}

/// No more faults: what is owed is done, and what was promised is asked for.
fn end(machine: &mut Machine) -> Result<(), String> {
    machine.is_rough = false;
    machine.fill(PLENTY, false);
    machine.crash_and_start()?;
    if machine.is_faulty {
        machine.crash_and_start()?;
    }
    if machine.is_faulty {
        return end(machine);
    }
    machine.settle().map_err(unexpected)?;
    // Twelve days with a look every twelve hours: every hold ends, every deletion falls due.
    for _ in 0..24 {
        machine.world.clock.pass(12 * 3_600_000);
        machine.tick().map_err(unexpected)?;
        machine.settle().map_err(unexpected)?;
    }
    // After a wall clock that went ahead and back, the log's time stands still until it is caught up with.
    for _ in 0..100 {
        if machine.owes_nothing() {
            break;
        }
        machine.world.clock.pass(12 * 3_600_000);
        machine.tick().map_err(unexpected)?;
        machine.settle().map_err(unexpected)?;
    }
    let ciphers = machine.client.as_ref().map_or(0, |client| client.ciphers.len());
    for cipher in 0..ciphers {
        machine.ask(Kind::Decrypt(cipher, true), Who::Signed);
    }
    machine.settle().map_err(unexpected)?;
    machine.stop_and_start().map_err(unexpected)?;
    let told = machine.check()?;
    settled(machine, &told)
}

/// After the quiet end nothing is owed, and the last answers to every ciphertext say what its key is.
fn settled(machine: &Machine, told: &super::check::Told) -> Result<(), String> {
    let life = machine.life.as_ref().ok_or("not running")?;
    let owed = life.writer.state().erasures().count();
    if owed > 0 {
        return Err(format!("law 5: {owed} slots are owed an erasure at the end"));
    }
    let state = life.writer.state();
    // The daemon goes by its wall clock, which may be behind the log's time after a step back.
    let overdue = state.rotations_due(machine.world.clock.now()).count();
    if overdue > 0 {
        return Err(format!("{overdue} rotations are overdue at the end"));
    }
    let client = machine.client.as_ref().ok_or("no client")?;
    messages_are_counted(state, &client.ciphers)?;
    for key in &told.model.destroyed {
        if told.model.keys.contains_key(key) {
            return Err(format!("{key} was destroyed and lives"));
        }
    }
    // The model has compared each of these answers with the state of its key; here only: all were answered.
    let answered = client.acknowledged.iter().rev().take(client.ciphers.len());
    if answered
        .filter(|last| matches!(last.asked.kind, Kind::Decrypt(_, true)))
        .count()
        != client.ciphers.len()
    {
        return Err("a call was never answered".into());
    }
    Ok(())
}

/// Of a version whose messages are counted, no more ciphertexts were given out than were set aside before.
fn messages_are_counted(state: &State, ciphers: &[Cipher]) -> Result<(), String> {
    let mut given = BTreeMap::<_, u64>::new();
    for cipher in ciphers {
        let blob = Blob::parse(&cipher.blob).map_err(|error| error.to_string())?;
        *given.entry((cipher.key, blob.version())).or_default() += 1;
    }
    for ((key, version), given) in given {
        let Some(key) = state.key(key).filter(|key| key.spec.is_counted()) else {
            continue;
        };
        let reserved = key.version(version).ok_or("a version is gone")?.reserved;
        if given > reserved {
            return Err(format!(
                "version {version} encrypted {given} messages of {reserved}"
            ));
        }
    }
    Ok(())
}
