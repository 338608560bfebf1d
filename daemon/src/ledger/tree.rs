//! The Merkle tree (RFC 6962 section 2.1) in the storage shape of C2SP tlog-tiles.
//!
//! Leaf hash: SHA-256(0x00 || entry). Node: SHA-256(0x01 || left || right).
//! A full tile is 256 hashes of one level, 8,192 bytes: level 0 holds leaf hashes, level 1 the roots of full level-0 tiles,
//! and so on. Tile `index` of level `l` covers the leaves from `index * 256^(l+1)` on.
//!
//! In memory stand only the open tile of each level and the roots of the perfect subtrees that make up the size (one per
//! set bit, as in a binary counter). So an append hashes one node on average, and a root costs one hash per set bit.

use crate::base::Digest;

/// Hashes in a full tile.
pub const TILE_HASHES: usize = 256;

/// Bytes of a full tile.
pub const TILE_BYTES: usize = TILE_HASHES * 32;

/// The hash of a leaf. The prefix keeps a leaf from passing as a node.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&[0x00], entry])
}

/// The hash of an inner node.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// A full tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// 0 for leaf hashes, 1 for roots of full level-0 tiles, ...
    pub level: u8,
    /// Position within the level, from 0.
    pub index: u64,
    /// 256 hashes of 32 bytes.
    pub hashes: Vec<u8>,
}

/// Why a tree can't be restored from what is stored.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A tile that the size implies is not there.
    #[error("tile {index} of level {level} is missing")]
    MissingTile {
        /// Its level.
        level: u8,
        /// Its position within the level.
        index: u64,
    },
    /// A tile has not 8,192 bytes.
    #[error("tile {index} of level {level} is malformed")]
    MalformedTile {
        /// Its level.
        level: u8,
        /// Its position within the level.
        index: u64,
    },
    /// The leaves after the last full tile are not as many as the size implies.
    #[error("{got} leaves follow the last full tile instead of {wanted}")]
    WrongLeaves {
        /// How many the size implies.
        wanted: usize,
        /// How many there were.
        got: usize,
    },
    /// The store could not be read.
    #[error("can't read the stored tree: {0}")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A growing tree.
#[derive(Debug, Default)]
pub struct Tree {
    frontier: Frontier,
    /// By level: the hashes of the open tile, 32 bytes each, fewer than 256.
    open: Vec<Vec<u8>>,
    /// Tiles that filled since they were last taken.
    full: Vec<Tile>,
}

impl Tree {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves, from its full tiles and the leaf hashes after the last full level-0 tile.
    /// Reads at most 255 tiles a level.
    pub fn restore<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        size: u64,
        mut read_tile: impl FnMut(u8, u64) -> Result<Option<Vec<u8>>, E>,
        leaves_after_last_full_tile: &[Digest],
    ) -> Result<Self, TreeError> {
        let (wanted, got) = (open_len(size, 0), leaves_after_last_full_tile.len());
        if got != wanted {
            return Err(TreeError::WrongLeaves { wanted, got });
        }
        let mut tree = Self::default();
        tree.restore_level(leaves_after_last_full_tile);
        // Level l + 1 has one hash for each full tile of level l; those of its own open tile are recomputed.
        for level in 0..LEVELS_MAX {
            let full_tiles = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            if full_tiles == 0 {
                break;
            }
            let open = full_tiles % TILE_HASHES as u64;
            let mut hashes = Vec::with_capacity(TILE_HASHES);
            for index in full_tiles - open..full_tiles {
                let tile = read_tile(level, index).map_err(|e| TreeError::Unreadable(e.into()))?;
                let tile = tile.ok_or(TreeError::MissingTile { level, index })?;
                hashes.push(tile_root(&tile).ok_or(TreeError::MalformedTile { level, index })?);
            }
            tree.restore_level(&hashes);
        }
        tree.frontier.size = size;
        Ok(tree)
    }

    /// Adds a leaf hash. Tiles that fill are kept until `take_full_tiles`.
    pub fn append(&mut self, leaf: Digest) {
        let Self { frontier, open, full } = self;
        let index = frontier.size;
        frontier.add(leaf, |bit, hash| {
            // A subtree of 256^l leaves is complete: a hash of level l.
            if bit % 8 == 0 {
                push_open(open, full, bit / 8, index, hash);
            }
        });
    }

    /// The tiles that filled since the last call, lower levels first where one filled another.
    pub fn take_full_tiles(&mut self) -> Vec<Tile> {
        std::mem::take(&mut self.full)
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.frontier.size
    }

    /// The root hash (RFC 6962 section 2.1); of no leaves, the SHA-256 of nothing.
    pub fn root(&self) -> Digest {
        self.frontier.root()
    }

    /// The hashes of the open tile of `level`, 32 bytes each.
    pub fn open_tile(&self, level: u8) -> &[u8] {
        self.open.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Sets the open tile of the next level, and the eight bits of the frontier that it determines.
    fn restore_level(&mut self, hashes: &[Digest]) {
        let mut open = Vec::with_capacity(TILE_BYTES);
        let mut counter = Frontier::default();
        for hash in hashes {
            open.extend_from_slice(hash.as_bytes());
            counter.add(*hash, |_, _| ());
        }
        counter.roots.resize(8, Digest::ZERO);
        self.frontier.roots.extend(counter.roots);
        self.open.push(open);
    }
}

/// The roots of the perfect subtrees that make up a tree, counted like the bits of its size.
#[derive(Debug, Default)]
struct Frontier {
    size: u64,
    /// By bit of `size`: the root of the perfect subtree of 2^bit leaves; meaningful where the bit is set.
    roots: Vec<Digest>,
}

impl Frontier {
    /// Adds a leaf; `complete(bit, root)` hears of every subtree of 2^bit leaves that this completes, the leaf included.
    fn add(&mut self, leaf: Digest, mut complete: impl FnMut(usize, &Digest)) {
        let mut carried = leaf;
        // Counting up in binary: a set bit is a perfect subtree just left of the carried one, of the same size.
        let mut bit = 0;
        loop {
            complete(bit, &carried);
            let set = self.is_set(bit);
            match self.roots.get_mut(bit) {
                Some(left) if set => carried = node_hash(left, &carried),
                Some(unset) => {
                    *unset = carried;
                    break;
                }
                None => {
                    self.roots.push(carried);
                    break;
                }
            }
            bit += 1;
        }
        self.size += 1;
    }

    fn root(&self) -> Digest {
        let subtrees = self.roots.iter().enumerate().filter(|(bit, _)| self.is_set(*bit));
        let subtrees = subtrees.map(|(_, root)| *root);
        subtrees
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| Digest::of(&[]))
    }

    fn is_set(&self, bit: usize) -> bool {
        u32::try_from(bit).is_ok_and(|bit| self.size.checked_shr(bit).unwrap_or(0) & 1 == 1)
    }
}

/// Adds a hash to the open tile of `level`; the leaf at `leaf_index` completed it.
fn push_open(open: &mut Vec<Vec<u8>>, full: &mut Vec<Tile>, level: usize, leaf_index: u64, hash: &Digest) {
    if open.len() <= level {
        open.resize_with(level + 1, || Vec::with_capacity(TILE_BYTES));
    }
    let Some(tile) = open.get_mut(level) else { return };
    tile.extend_from_slice(hash.as_bytes());
    if tile.len() == TILE_BYTES {
        full.push(Tile {
            level: u8::try_from(level).unwrap_or(LEVELS_MAX),
            index: leaf_index >> (8 * (level + 1)).min(63),
            hashes: std::mem::replace(tile, Vec::with_capacity(TILE_BYTES)),
        });
    }
}

/// How many hashes the open tile of `level` has in a tree of `size` leaves.
pub fn open_len(size: u64, level: u8) -> usize {
    let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0) % TILE_HASHES as u64;
    usize::try_from(hashes).unwrap_or(0)
}

/// The root of a full tile, none when it has not 8,192 bytes.
pub fn tile_root(tile: &[u8]) -> Option<Digest> {
    if tile.len() != TILE_BYTES {
        return None;
    }
    let hashes = tile
        .as_chunks::<32>()
        .0
        .iter()
        .map(|hash| Digest::from(*hash))
        .collect();
    perfect_root(hashes)
}

/// The root over hashes whose number is a power of two.
pub fn perfect_root(mut hashes: Vec<Digest>) -> Option<Digest> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    while hashes.len() > 1 {
        hashes = hashes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    hashes.first().copied()
}

/// 256^8 leaves are more than a u64 counts.
const LEVELS_MAX: u8 = 8;

#[cfg(test)]
mod tests;
