use super::*;
use crate::ledger::memory_store::{Contents, MemoryStore};
use crate::ledger::testing::{CT_ROOTS, ct_leaves, digest};
use crate::ledger::tree::Tree;

/// A store of these entries and its roots by size.
fn store_of(entries: &[Vec<u8>]) -> (MemoryStore, Vec<Digest>) {
    let mut tree = Tree::new();
    let mut roots = vec![tree.root()];
    for entry in entries {
        tree.append(leaf_hash(entry));
        roots.push(tree.root());
    }
    (
        MemoryStore::with_contents(Contents::bare(entries, tree.take_full_tiles())),
        roots,
    )
}

const A: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const B: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const C: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const D: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const E: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const F: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

#[test]
fn certificate_transparency_inclusion_vectors_hold() {
    let (store, _) = store_of(&ct_leaves());
    let vectors: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (0, 8, &[A, B, C]),
        (5, 8, &[D, E, CT_ROOTS[3]]),
        (2, 3, &[CT_ROOTS[1]]),
        (1, 5, &[CT_ROOTS[0], B, D]),
    ];
    for (index, size, path) in vectors {
        let path: Vec<_> = path.iter().map(|hash| digest(hash)).collect();
        assert_eq!(
            inclusion_proof(&store, Seq::new(index), size).unwrap(),
            Some(path),
            "{index} in {size}"
        );
    }
}

#[test]
fn certificate_transparency_consistency_vectors_hold() {
    let (store, _) = store_of(&ct_leaves());
    let vectors: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (1, 8, &[A, B, C]),
        (6, 8, &[F, E, CT_ROOTS[3]]),
        (2, 5, &[B, D]),
    ];
    for (old, new, path) in vectors {
        let path: Vec<_> = path.iter().map(|hash| digest(hash)).collect();
        assert_eq!(
            consistency_proof(&store, old, new).unwrap(),
            Some(path),
            "{old} to {new}"
        );
    }
}

// Sizes around tile borders, so that proofs come from full tiles, from entries and from recomputed upper levels.
const SIZES: [u64; 12] = [1, 2, 3, 8, 13, 255, 256, 257, 511, 512, 700, 1_027];

#[test]
fn every_proof_verifies_and_no_altered_one_does() {
    let entries: Vec<Vec<u8>> = (0..1_027_u32).map(|n| n.to_be_bytes().to_vec()).collect();
    let (store, roots) = store_of(&entries);
    for size in SIZES {
        let root = &roots[size as usize];
        for index in (0..size).filter(|n| n % 37 == 0 || size - n < 4) {
            let leaf = leaf_hash(&entries[index as usize]);
            let proof = inclusion_proof(&store, Seq::new(index), size).unwrap().unwrap();
            assert!(
                verify_inclusion(&leaf, index, size, &proof, root),
                "{index} in {size}"
            );

            assert!(!verify_inclusion(&leaf, index + 1, size, &proof, root));
            assert!(!verify_inclusion(&leaf_hash(b"other"), index, size, &proof, root));
            assert!(!verify_inclusion(
                &leaf,
                index,
                size,
                &proof,
                &roots[size as usize - 1]
            ));
            let longer = [proof.as_slice(), &[*root]].concat();
            assert!(!verify_inclusion(&leaf, index, size, &longer, root));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!verify_inclusion(&leaf, index, size, shorter, root));
            }
        }
        for old in SIZES.into_iter().filter(|old| *old <= size) {
            let old_root = &roots[old as usize];
            let proof = consistency_proof(&store, old, size).unwrap().unwrap();
            assert!(
                verify_consistency((old, old_root), (size, root), &proof),
                "{old} to {size}"
            );

            assert!(!verify_consistency(
                (old, &roots[old as usize - 1]),
                (size, root),
                &proof
            ));
            assert!(!verify_consistency(
                (old, old_root),
                (size, &roots[size as usize - 1]),
                &proof
            ));
            let longer = [proof.as_slice(), &[*root]].concat();
            assert!(!verify_consistency((old, old_root), (size, root), &longer));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!verify_consistency((old, old_root), (size, root), shorter));
            }
        }
    }
}

#[test]
fn what_the_store_has_not_is_not_proven() {
    let (store, roots) = store_of(&ct_leaves());
    assert_eq!(inclusion_proof(&store, Seq::new(8), 8).unwrap(), None);
    assert_eq!(inclusion_proof(&store, Seq::new(0), 9).unwrap(), None);
    assert_eq!(consistency_proof(&store, 3, 9).unwrap(), None);
    assert_eq!(consistency_proof(&store, 4, 3).unwrap(), None);
    assert!(verify_consistency((0, &roots[0]), (8, &roots[8]), &[]));
    assert!(!verify_consistency((0, &roots[1]), (8, &roots[8]), &[]));
    assert!(!verify_consistency((8, &roots[8]), (3, &roots[3]), &[]));
}
