//! What the tests of this room share.

use super::*;
use crate::base::{LogId, RequestId, SecretBytes, Timestamp};
use crate::event::*;

pub(super) const LOG: LogId = LogId::from_bytes([0x11; 16]);
pub(super) const ORIGIN: &str = "chancery.test/11111111-1111-1111-1111-111111111111/0";

pub(super) fn key() -> LogKey {
    key_of(7)
}

pub(super) fn key_of(byte: u8) -> LogKey {
    LogKey::from_seed(&SecretBytes::new(vec![byte; 32])).unwrap()
}

pub(super) fn chain() -> Chain {
    Chain::begin(LOG, ORIGIN.into(), key())
}

/// An event with `padding` bytes in it.
pub(super) fn event(padding: usize) -> Event {
    Event {
        v: FORMAT,
        op: "test/Event".into(),
        chg: Vec::new(),
        dec: Decision::none(Timestamp::from_millis(1)),
        obs: Observation::default(),
        out: Outcome::Ok(Recorded::default()),
        req: Recorded::default(),
        res: vec!["x".repeat(padding)],
        rid: RequestId::from_bytes([4; 16]),
        seq: Seq::new(999),
        blob: None,
        prev: Digest::of(b"not set yet"),
        time: Timestamp::from_millis(0),
        actor: Actor::system("1234567890123456".parse().unwrap()),
        origin: Origin::internal(),
    }
}

use crate::base::{Digest, Seq};

pub(super) fn row(table: Table, key: u8, value: Option<&[u8]>) -> RowWrite {
    RowWrite {
        key: RowKey::new(table, vec![key]),
        value: value.map(<[u8]>::to_vec),
    }
}

/// Enrolls `count` events and puts them into a group with nothing else.
pub(super) fn group(chain: &mut Chain, count: usize) -> Group {
    let now = Timestamp::from_millis(1_000 + chain.head().size);
    let entries = (0..count)
        .map(|_| chain.enroll(&mut event(10), now).unwrap())
        .collect();
    Group {
        entries,
        rows: Vec::new(),
        tiles: chain.take_full_tiles(),
        checkpoint: None,
        digest: None,
        head: *chain.head(),
    }
}

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

pub(super) fn digest(text: &str) -> Digest {
    hex(text).as_slice().try_into().unwrap()
}

/// The inputs of the Merkle tree tests of Certificate Transparency's reference implementation.
pub(super) fn ct_leaves() -> Vec<Vec<u8>> {
    let leaves = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    leaves.into_iter().map(hex).collect()
}

/// Their roots: of the first, of the first two, and so on.
pub(super) const CT_ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
