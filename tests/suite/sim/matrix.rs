//! The failure matrix: a short fixed workload in which, one run each, every single write fails once persisted and once
//! not. After each the machine is started again, the workload goes on, and the whole log is told anew.

use super::client::{Kind, Who};
use super::deeds::Deed;
use super::driver::{Machine, Stop, unexpected};
use super::storage::Device;
use chancery::base::{AccessKeyId, UserName};
use chancery::engine::{KeyRef, Transition};

const SEED: u64 = 1_789;
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// One step of the workload.
type Act = fn(&mut Machine) -> Result<(), Stop>;

/// Every step can be taken again after a crash: what is there already is refused, and that is an answer too.
const WORKLOAD: [Act; 12] = [
    |machine| call(machine, |_| Kind::Create),
    |machine| call(machine, |_| Kind::Create),
    |machine| {
        call(machine, |machine| {
            Kind::Encrypt(KeyRef::Id(key(machine, 0)), vec![1, 2, 3], 1)
        })
    },
    |machine| {
        call(machine, |machine| {
            Kind::Change(key(machine, 0), Transition::Disable)
        })
    },
    |machine| {
        call(machine, |machine| {
            Kind::Encrypt(KeyRef::Id(key(machine, 1)), vec![4, 5, 6], 2)
        })
    },
    |machine| {
        call(machine, |machine| {
            Kind::Change(key(machine, 0), Transition::ScheduleDeletion { days: 7 })
        })
    },
    |machine| call(machine, |_| Kind::Deed(Deed::CreateUser(user()))),
    |machine| call(machine, |_| Kind::Deed(Deed::MakeKey(user()))),
    |machine| {
        call(machine, |machine| {
            Kind::Deed(Deed::DropKey(user(), access_key(machine)))
        })
    },
    |machine| days(machine, 5),
    |machine| days(machine, 5),
    |machine| {
        machine.stop_and_start()?;
        call(machine, |machine| {
            Kind::Change(key(machine, 1), Transition::Disable)
        })
    },
];

fn key(machine: &Machine, index: usize) -> chancery::base::KeyId {
    machine.client.as_ref().unwrap().keys[index]
}

fn user() -> UserName {
    UserName::parse("a").unwrap()
}

fn access_key(machine: &Machine) -> AccessKeyId {
    machine.client.as_ref().unwrap().people[0].ak.clone()
}

fn call(machine: &mut Machine, kind: impl Fn(&Machine) -> Kind) -> Result<(), Stop> {
    let kind = kind(machine);
    machine.ask(kind, Who::Local);
    machine.settle()?;
    machine.anchor(false)
}

fn days(machine: &mut Machine, count: u64) -> Result<(), Stop> {
    for _ in 0..count {
        machine.world.clock.pass(DAY);
        machine.tick()?;
        machine.settle()?;
        machine.anchor(false)?;
    }
    Ok(())
}

/// Runs the workload; `fault` is planned from the first write on.
fn run(fault: Option<(Device, usize, bool)>) -> Result<Machine, String> {
    let mut machine = Machine::new(SEED);
    if let Some((device, count, persisted)) = fault {
        machine.disk.fail_after(device, count, persisted);
        machine.is_faulty = true;
    }
    if let Err(stop) = machine.start() {
        recover(&mut machine, stop)?;
    }
    for step in WORKLOAD {
        while let Err(stop) = step(&mut machine) {
            recover(&mut machine, stop)?;
        }
    }
    // A vault that a fault has closed opens again at a start; what is owed is done then.
    machine.restart().map_err(unexpected)?;
    days(&mut machine, 3).map_err(unexpected)?;
    machine.ask(
        Kind::Decrypt(machine.client.as_ref().map_or(0, |c| c.ciphers.len() - 1), true),
        Who::Local,
    );
    machine.settle().map_err(unexpected)?;
    machine.check()?;
    Ok(machine)
}

fn recover(machine: &mut Machine, stop: Stop) -> Result<(), String> {
    match stop {
        Stop::Crash => machine.restart().map_err(unexpected)?,
        Stop::Broken(what) => return Err(what),
    }
    machine.check().map(drop)
}

#[test]
fn every_write_may_fail_persisted_or_not() {
    let clean = run(None).unwrap();
    assert!(
        clean.tally.destroyed == 1 && clean.tally.dropped == 1 && clean.tally.erased == 2,
        "{:?}",
        clean.tally
    );
    for device in Device::ALL {
        let writes = clean.disk.operations(device);
        assert!(writes > 4, "{device:?}");
        for count in spread(writes) {
            for persisted in [false, true] {
                let machine = run(Some((device, count, persisted))).unwrap_or_else(|what| {
                    panic!("{device:?}, write {count}, persisted: {persisted}: {what}")
                });
                assert!(
                    machine.owes_nothing(),
                    "{device:?}, write {count}: an erasure is owed"
                );
            }
        }
    }
}

/// Every write; of the 256 alike with which a vault is stocked, every sixteenth, unless all are asked for.
fn spread(writes: usize) -> impl Iterator<Item = usize> {
    let all = std::env::var_os("CHANCERY_SIM_SEEDS").is_some();
    let is_stocking = |count: usize| (8..248).contains(&count);
    (0..writes).filter(move |count| all || !is_stocking(*count) || count % 16 == 0)
}
