//! The state digest: an incremental, collision-resistant hash of the set of rows (LtHash, 2048 bytes; Bellare and
//! Micciancio's lattice construction), so that a change of one row costs two hashes and not a pass over all.

use std::fmt;

use solana_lattice_hash::lt_hash::LtHash;

use crate::base::Digest;
use crate::event::RowKey;

/// The accumulator. Equal sets of rows give equal digests, whatever the order of changes that led there.
#[derive(Clone, PartialEq, Eq)]
pub struct StateDigest(Box<LtHash>);

/// Length of the stored accumulator: 1024 little-endian 16-bit lanes.
const STORED_BYTES: usize = 2 * LtHash::NUM_ELEMENTS;

impl StateDigest {
    /// The digest of no rows.
    pub fn empty() -> Self {
        Self(Box::new(LtHash::identity()))
    }

    /// Adds a row.
    pub fn add(&mut self, row: &RowKey, value: &[u8]) {
        self.0.mix_in(&LtHash::with(&hash_row(row, value)));
    }

    /// Takes a row out again.
    pub fn remove(&mut self, row: &RowKey, value: &[u8]) {
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::DigestKeepsRemoved.is_planted() {
            return;
        }
        self.0.mix_out(&LtHash::with(&hash_row(row, value)));
    }

    /// 32 bytes that stand for the set (BLAKE3 of the accumulator); what events and people see.
    pub fn short(&self) -> Digest {
        self.0.checksum().0.into()
    }

    /// The accumulator as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.0.iter().flat_map(|lane| lane.to_le_bytes()).collect()
    }

    /// The inverse of `to_bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != STORED_BYTES {
            return None;
        }
        let mut lanes = LtHash::identity();
        for (lane, pair) in lanes.0.iter_mut().zip(bytes.chunks_exact(2)) {
            *lane = u16::from_le_bytes(pair.try_into().ok()?);
        }
        Some(Self(Box::new(lanes)))
    }
}

/// Rows are told apart by table and by a length before the key, so no two rows can share a preimage.
fn hash_row(row: &RowKey, value: &[u8]) -> blake3::Hasher {
    let key = row.key.as_slice();
    let mut hasher = blake3::Hasher::new_derive_key("chancery state row v1");
    hasher.update(&[row.table.into()]);
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher
}

impl fmt::Debug for StateDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateDigest({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Table;

    #[test]
    fn a_set_has_one_digest_whatever_the_way_there() {
        let rows: Vec<_> = (0..4u8).map(|n| RowKey::new(Table::Key, vec![n])).collect();
        let mut forth = StateDigest::empty();
        rows.iter().for_each(|row| forth.add(row, b"v"));
        let mut back = StateDigest::empty();
        rows.iter().rev().for_each(|row| back.add(row, b"v"));
        assert_eq!(forth, back);

        forth.remove(&rows[2], b"v");
        assert_ne!(forth.short(), back.short());
        forth.add(&rows[2], b"v");
        assert_eq!(forth.short(), back.short());
        assert_eq!(StateDigest::from_bytes(&forth.to_bytes()), Some(forth));
    }

    #[test]
    fn rows_are_told_apart_by_table_key_and_value() {
        let digest = |table, key: &[u8], value: &[u8]| {
            let mut digest = StateDigest::empty();
            digest.add(&RowKey::new(table, key), value);
            digest.short()
        };
        let all = [
            digest(Table::Key, b"ab", b"c"),
            digest(Table::Key, b"a", b"bc"),
            digest(Table::Alias, b"ab", b"c"),
            StateDigest::empty().short(),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
