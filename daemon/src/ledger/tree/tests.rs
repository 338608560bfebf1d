use std::collections::HashMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::ledger::testing::{CT_ROOTS, ct_leaves, digest};

/// RFC 6962 section 2.1, word for word.
fn reference_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(&[]),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(
                &reference_root(&leaves[..split]),
                &reference_root(&leaves[split..]),
            )
        }
    }
}

fn leaf(n: u64) -> Digest {
    leaf_hash(&n.to_be_bytes())
}

fn grown(size: u64) -> (Tree, HashMap<(u8, u64), Vec<u8>>) {
    let mut tree = Tree::new();
    (0..size).for_each(|n| tree.append(leaf(n)));
    let tiles = tree.take_full_tiles();
    (
        tree,
        tiles
            .into_iter()
            .map(|tile| ((tile.level, tile.index), tile.hashes))
            .collect(),
    )
}

fn restored(size: u64, tiles: &HashMap<(u8, u64), Vec<u8>>) -> Result<Tree, TreeError> {
    let tail: Vec<_> = (size - size % 256..size).map(leaf).collect();
    Tree::restore(
        size,
        |level, index| Ok::<_, Infallible>(tiles.get(&(level, index)).cloned()),
        &tail,
    )
}

#[test]
fn certificate_transparency_vectors_hold() {
    let mut tree = Tree::new();
    assert_eq!(
        tree.root(),
        digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    for (entry, root) in ct_leaves().iter().zip(CT_ROOTS) {
        tree.append(leaf_hash(entry));
        assert_eq!(tree.root(), digest(root), "of {} leaves", tree.size());
    }
}

#[test]
fn every_root_is_that_of_the_definition() {
    let leaves: Vec<_> = (0..1_200).map(leaf).collect();
    let mut tree = Tree::new();
    for n in 0..leaves.len() {
        assert_eq!(tree.root(), reference_root(&leaves[..n]), "of {n} leaves");
        tree.append(leaves[n]);
    }
}

#[test]
fn tiles_hold_the_hashes_of_their_level() {
    let (tree, tiles) = grown(65_536 + 300);
    assert_eq!(tiles.len(), 256 + 1 + 1);
    for index in [0, 1, 255, 256] {
        let hashes: Vec<u8> = (index * 256..(index + 1) * 256)
            .flat_map(|n| *leaf(n).as_bytes())
            .collect();
        assert_eq!(tiles[&(0, index)], hashes);
    }
    let roots: Vec<u8> = (0..256)
        .flat_map(|n| *tile_root(&tiles[&(0, n)]).unwrap().as_bytes())
        .collect();
    assert_eq!(tiles[&(1, 0)], roots);
    assert_eq!(tree.open_tile(0).len(), 44 * 32);
    assert_eq!(
        tree.open_tile(1),
        tile_root(&tiles[&(0, 256)]).unwrap().as_bytes()
    );
    assert_eq!(tree.open_tile(2), tile_root(&tiles[&(1, 0)]).unwrap().as_bytes());
}

// Method: restore at the size, then grow both by more than a tile and compare everything at each step.
#[test]
fn a_restored_tree_goes_on_as_if_never_stopped() {
    for size in [
        0, 1, 2, 7, 255, 256, 257, 511, 512, 1_000, 65_535, 65_536, 65_537, 66_000,
    ] {
        let (mut grown, tiles) = grown(size);
        let mut restored = restored(size, &tiles).unwrap();
        for n in size..size + 300 {
            assert_eq!(restored.root(), grown.root(), "{size} restored, {n} leaves");
            assert_eq!(restored.size(), n);
            grown.append(leaf(n));
            restored.append(leaf(n));
        }
        assert_eq!(
            restored.take_full_tiles(),
            grown.take_full_tiles(),
            "after {size}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn restoring_equals_appending(size in 0_u64..3_000, more in 0_u64..600) {
        let (mut grown, tiles) = grown(size);
        let mut restored = restored(size, &tiles).unwrap();
        for n in size..size + more {
            grown.append(leaf(n));
            restored.append(leaf(n));
        }
        prop_assert_eq!(restored.root(), grown.root());
        prop_assert_eq!(restored.take_full_tiles(), grown.take_full_tiles());
    }
}

#[test]
fn missing_or_malformed_parts_are_named() {
    let (_, tiles) = grown(1_000);
    let mut missing = tiles.clone();
    missing.remove(&(0, 1));
    assert!(matches!(
        restored(1_000, &missing),
        Err(TreeError::MissingTile { level: 0, index: 1 })
    ));
    let mut short = tiles;
    short.get_mut(&(0, 2)).unwrap().pop();
    assert!(matches!(
        restored(1_000, &short),
        Err(TreeError::MalformedTile { level: 0, index: 2 })
    ));
    let none = |_: u8, _: u64| Ok::<_, Infallible>(None);
    assert!(matches!(
        Tree::restore(3, none, &[leaf(0)]),
        Err(TreeError::WrongLeaves { wanted: 3, got: 1 })
    ));
}
