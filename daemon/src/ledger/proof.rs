//! Merkle proofs: inclusion (RFC 6962 section 2.1.1) and consistency (section 2.1.2), and their verification (RFC 9162).

use super::store::{EventStore, StoreError};
use super::tree::{TILE_HASHES, leaf_hash, node_hash, perfect_root, tile_root};
use crate::base::{Digest, Seq};

/// Proves that entry `seq` is in the tree of the first `size` entries; none when it is not, or the store is shorter.
pub fn inclusion_proof(
    store: &dyn EventStore,
    seq: Seq,
    size: u64,
) -> Result<Option<Vec<Digest>>, StoreError> {
    let index = seq.get();
    if index >= size || size > store.size()? {
        return Ok(None);
    }
    let (mut low, mut high) = (0, size);
    let mut proof = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            proof.push(range_root(store, middle, high)?);
            high = middle;
        } else {
            proof.push(range_root(store, low, middle)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(Some(proof))
}

/// Proves that the tree of `old` entries is a prefix of that of `new`; none when the store is shorter or `old` > `new`.
pub fn consistency_proof(
    store: &dyn EventStore,
    old: u64,
    new: u64,
) -> Result<Option<Vec<Digest>>, StoreError> {
    if old > new || new > store.size()? {
        return Ok(None);
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(Some(proof));
    }
    let (mut low, mut high) = (0, new);
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            proof.push(range_root(store, middle, high)?);
            high = middle;
        } else {
            proof.push(range_root(store, low, middle)?);
            low = middle;
        }
    }
    // The old tree is this subtree alone when nothing to its left was split off: then the verifier has its root.
    if low > 0 {
        proof.push(range_root(store, low, high)?);
    }
    proof.reverse();
    Ok(Some(proof))
}

/// Whether `proof` shows `leaf` at `index` in the tree of `size` leaves with this `root` (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut position, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `old` leaves is a prefix of that of `new` leaves (RFC 9162 section 2.1.4.2).
/// The empty tree is a prefix of all.
pub fn verify_consistency(
    (old, old_root): (u64, &Digest),
    (new, new_root): (u64, &Digest),
    proof: &[Digest],
) -> bool {
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old > new {
        return false;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == Digest::of(&[]);
    }
    // A perfect old tree is itself the first node.
    let mut path = proof.iter();
    let first = if old.is_power_of_two() {
        Some(old_root)
    } else {
        path.next()
    };
    let Some(first) = first else { return false };
    let (mut position, mut last) = (old - 1, new - 1);
    while position & 1 == 1 {
        position >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// The largest power of two below `n` (n > 1): where RFC 6962 splits n leaves.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root over the leaves `low..high`, of which `low` is a multiple of every perfect subtree's size.
fn range_root(store: &dyn EventStore, low: u64, high: u64) -> Result<Digest, StoreError> {
    let len = high - low;
    let mut end = high;
    let mut root: Option<Digest> = None;
    for bit in (0..64).filter(|bit| len >> bit & 1 == 1) {
        end -= 1 << bit;
        let subtree = subtree_root(store, bit, end >> bit)?;
        root = Some(root.map_or(subtree, |right| node_hash(&subtree, &right)));
    }
    root.ok_or(StoreError::Damaged("a range without leaves"))
}

/// The root of the perfect subtree of 2^bit leaves at `index`: from a full tile, else from the entries or tiles below it.
fn subtree_root(store: &dyn EventStore, bit: u32, index: u64) -> Result<Digest, StoreError> {
    let level = u8::try_from(bit / 8).unwrap_or(u8::MAX);
    let count = 1_usize << (bit % 8);
    let first = index << (bit % 8);
    let hashes = match store.tile(level, first / TILE_HASHES as u64)? {
        Some(tile) => {
            let offset = usize::try_from(first % TILE_HASHES as u64).unwrap_or(0);
            let hashes = tile.as_chunks::<32>().0.iter().skip(offset).take(count);
            hashes.map(|hash| Digest::from(*hash)).collect()
        }
        None => open_hashes(store, level, first, count)?,
    };
    if hashes.len() != count {
        return Err(StoreError::Damaged("a tile is malformed"));
    }
    perfect_root(hashes).ok_or(StoreError::Damaged("a tile is malformed"))
}

/// Hashes of a level's open tile, recomputed.
fn open_hashes(
    store: &dyn EventStore,
    level: u8,
    first: u64,
    count: usize,
) -> Result<Vec<Digest>, StoreError> {
    let Some(below) = level.checked_sub(1) else {
        let entries = store.entries(Seq::new(first), count, usize::MAX)?;
        return Ok(entries.iter().map(|(_, entry)| leaf_hash(entry)).collect());
    };
    let tiles = first..first + count as u64;
    let roots = tiles.map(|index| {
        let tile = store.tile(below, index)?;
        tile.and_then(|tile| tile_root(&tile))
            .ok_or(StoreError::Damaged("a tile is missing"))
    });
    roots.collect()
}

#[cfg(test)]
mod tests;
