//! An upgrade of the rows, to a format that only tests have: the same rows behind CBOR's own mark (RFC 8949 section 3.4.6).

use super::super::row::{Address, log_row};
use super::super::{LoadError, State};
use super::*;
use crate::base::{AccountId, Digest, LogId, Region, Seq, Timestamp};
use crate::event::{Actor, Change, Decision, Event, LogBegun, Observation, Origin, Outcome, Recorded};

pub(super) const MARK: &[u8] = &[0xd9, 0xd9, 0xf7];

fn account(n: u64) -> AccountId {
    (1_000_000_000_000_000 + n).to_string().parse().unwrap()
}

fn next() -> RowFormat {
    RowFormat::try_from(RowFormat::LATEST.number() + 1).unwrap()
}

fn event(seq: u64, chg: Vec<Change>) -> Event {
    let at = Timestamp::from_millis(seq);
    Event {
        v: crate::event::FORMAT,
        op: "chancery/AdoptRowFormat".into(),
        chg,
        dec: Decision::none(at),
        obs: Observation::default(),
        out: Outcome::Ok(Recorded::default()),
        req: Recorded::default(),
        res: Vec::new(),
        rid: crate::base::RequestId::from_bytes([4; 16]),
        seq: Seq::new(seq),
        blob: None,
        prev: Digest::ZERO,
        time: at,
        actor: Actor::system(account(1)),
        origin: Origin::internal(),
    }
}

fn opened(n: u64) -> Change {
    Change::AccountCreated {
        name: String::new(),
        account: account(n),
    }
}

fn old() -> State {
    let begun = Change::LogBegun(LogBegun {
        log: LogId::from_bytes([1; 16]),
        format: 1,
        origin: "o".into(),
        public: vec![9; 32].into(),
        region: Region::parse("cn-hangzhou").unwrap(),
        software: "s".into(),
    });
    let mut state = State::default();
    state.apply(&event(0, vec![begun, opened(1), opened(2)]));
    state
}

#[test]
fn an_upgrade_writes_every_row_again_and_the_digest_follows() {
    let before = old();
    let mut state = before.clone();
    let written = state.apply(&event(1, vec![Change::RowFormatAdopted { format: next() }]));

    let addresses: Vec<_> = written.iter().map(|written| written.row.clone()).collect();
    assert_eq!(addresses, [log_row(), account(1).row_key(), account(2).row_key()]);
    for row in &written[1..] {
        let old = before.row(&row.row).unwrap();
        assert_eq!(row.value, Some([MARK, &old].concat()));
    }
    assert_ne!(state.digest(), before.digest());
    // Both sides prove themselves from their rows alone.
    for side in [&before, &state] {
        let loaded = State::load(side.size(), side.time(), side.rows()).unwrap();
        assert_eq!(loaded.digest(), side.digest());
        assert_eq!(loaded.row_format(), side.row_format());
    }
    // What comes after is of the new format, and a replay comes to the same.
    let after = state.apply(&event(2, vec![opened(3)]));
    assert!(after[0].value.as_ref().unwrap().starts_with(MARK));
    let mut replayed = old();
    replayed.apply(&event(1, vec![Change::RowFormatAdopted { format: next() }]));
    replayed.apply(&event(2, vec![opened(3)]));
    assert!(replayed.rows().eq(state.rows()));
    assert_eq!(replayed.digest(), state.digest());
}

#[test]
fn rows_of_the_other_format_do_not_load() {
    let mut state = old();
    state.apply(&event(1, vec![Change::RowFormatAdopted { format: next() }]));
    // The log's row says the new format, an account's row is of the old one.
    let mixed = state.rows().map(|(row, value)| match value.strip_prefix(MARK) {
        Some(old) => (row, old.to_vec()),
        None => (row, value),
    });
    assert!(matches!(
        State::load(2, state.time(), mixed),
        Err(LoadError::Row(row, DecodeError::NotCanonical)) if row == account(1).row_key()
    ));
}

#[test]
fn rows_of_a_format_that_nobody_knows_are_refused_by_name() {
    let state = old();
    let (row, value) = state.rows().next().unwrap();
    // `rows` goes between `keys` and `origin`: 3 is a format that not even tests have.
    let at = value
        .windows(7)
        .rposition(|window| window == b"\x66origin")
        .unwrap();
    let newer = [&[value[0] + 1], &value[1..at], b"\x64rows\x03", &value[at..]].concat();
    let loaded = State::load(1, state.time(), [(row, newer)]);
    assert!(matches!(loaded, Err(LoadError::Format(unknown)) if unknown.found == 3));
    let event = codec::encode(&Change::RowFormatAdopted { format: next() });
    let newer: Vec<u8> = event
        .iter()
        .map(|byte| if *byte == 2 { 3 } else { *byte })
        .collect();
    assert!(
        matches!(codec::decode::<Change>(&newer), Err(DecodeError::Malformed(text)) if text.contains("format 3"))
    );
}
