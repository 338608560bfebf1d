//! Does the simulation notice? Each test breaks one promise on purpose and must be told so.

use super::client::{Kind, Who};
use super::driver::{Machine, Stop};
use chancery::base::Seq;
use chancery::engine::{KeyRef, Transition};
use chancery::event::Change;
use chancery::projection::State;

/// A machine with one key.
fn machine() -> (Machine, chancery::base::KeyId) {
    let mut machine = Machine::new(4);
    machine.start().unwrap();
    answer(&mut machine, Kind::Create);
    let key = machine.client.as_ref().unwrap().keys[0];
    (machine, key)
}

fn answer(machine: &mut Machine, kind: Kind) {
    machine.ask(kind, Who::Local);
    machine.settle().unwrap();
}

#[test]
fn an_untouched_machine_passes() {
    let (mut machine, key) = machine();
    answer(&mut machine, Kind::Encrypt(KeyRef::Id(key), vec![1], 0));
    machine.restart().unwrap();
    machine.check().unwrap();
}

#[test]
fn an_acknowledged_event_that_is_gone_is_noticed() {
    let (mut machine, key) = machine();
    let before = machine.disk.store_contents();
    answer(&mut machine, Kind::Change(key, Transition::Disable));
    machine.disk.replace_store(before);
    // The anchor had not followed yet: the daemon can't know. The caller who was answered does.
    machine.restart().unwrap();
    let told = machine.check().unwrap_err();
    assert!(told.contains("law 1"), "{told}");
}

#[test]
fn a_log_shorter_than_its_anchor_does_not_start() {
    let (mut machine, key) = machine();
    let before = machine.disk.store_contents();
    answer(&mut machine, Kind::Change(key, Transition::Disable));
    machine.anchor(false).unwrap();
    machine.disk.replace_store(before);
    let Err(Stop::Broken(told)) = machine.restart() else {
        panic!("a shortened log started");
    };
    assert!(told.contains("anchor"), "{told}");
}

// Method: a use prepared while its key was enabled is passed to the writer with its read set emptied.
#[test]
fn a_use_after_the_disabling_of_its_key_is_noticed() {
    let (mut machine, key) = machine();
    machine.ask(Kind::Change(key, Transition::Disable), Who::Local);
    machine.ask(Kind::Encrypt(KeyRef::Id(key), vec![1], 0), Who::Local);
    let life = machine.life.as_mut().unwrap();
    life.queue.back_mut().unwrap().prepared.reads.clear();
    machine.settle().unwrap();
    let told = machine.check().unwrap_err();
    assert!(told.contains("law 3"), "{told}");
}

#[test]
fn a_use_overtaken_by_the_disabling_of_its_key_runs_again_and_is_refused() {
    let (mut machine, key) = machine();
    machine.ask(Kind::Change(key, Transition::Disable), Who::Local);
    machine.ask(Kind::Encrypt(KeyRef::Id(key), vec![1], 0), Who::Local);
    machine.settle().unwrap();
    machine.check().unwrap();
    assert_eq!(machine.tally.reruns, 1);
    let last = machine.client.as_ref().unwrap().acknowledged.last().unwrap();
    assert_eq!(last.outcome, Err(chancery::base::Code::KeyDisabled));
}

#[test]
fn a_doctored_row_does_not_start() {
    let (mut machine, _) = machine();
    machine.anchor(false).unwrap();
    let life = machine.life.as_ref().unwrap();
    let (key, mut value) = machine.disk.log().rows(None, 2).unwrap().pop().unwrap();
    *value.last_mut().unwrap() ^= 1;
    let group = chancery::ledger::Group {
        entries: Vec::new(),
        rows: vec![chancery::ledger::RowWrite {
            key,
            value: Some(value),
        }],
        tiles: Vec::new(),
        checkpoint: None,
        digest: None,
        head: *life.writer.chain().head(),
    };
    machine.disk.log().commit(&group).unwrap();
    let Err(Stop::Broken(told)) = machine.restart() else {
        panic!("a doctored state started");
    };
    assert!(told.contains("state"), "{told}");
}

// Rows and digest fit each other, and not what the log sealed when it was stopped.
#[test]
fn doctored_rows_with_their_own_digest_do_not_start_after_an_orderly_stop() {
    let (mut machine, key) = machine();
    machine.stop_and_start().unwrap();
    let rows = machine.disk.log().rows(None, usize::MAX).unwrap();
    let head = machine.disk.log().head().unwrap().unwrap();
    let mut state = State::load(head.size, head.time, rows.iter().cloned()).unwrap();
    state = state.with_change(&Change::KeyDisabled { key }, Seq::new(0));
    let group = chancery::ledger::Group {
        entries: Vec::new(),
        rows: state
            .rows()
            .map(|(key, value)| chancery::ledger::RowWrite {
                key,
                value: Some(value),
            })
            .collect(),
        tiles: Vec::new(),
        checkpoint: None,
        digest: Some(state.digest().to_bytes()),
        head,
    };
    machine.disk.log().commit(&group).unwrap();
    let Err(Stop::Broken(told)) = machine.restart() else {
        panic!("a doctored state started");
    };
    assert!(told.contains("sealed"), "{told}");
}
