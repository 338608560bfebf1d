//! Every write and sync fails once persisted and once not; then the power ends, and the vault is opened again.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

/// What the vault has promised so far.
#[derive(Default)]
struct Promises {
    /// Provided, and not asked to be erased: a probe each.
    live: BTreeMap<SlotRef, Bytes>,
    /// Asked to be erased, not yet promised: may or may not be there.
    doubtful: BTreeSet<SlotRef>,
    /// Promised to be erased.
    erased: BTreeSet<SlotRef>,
}

impl Promises {
    fn provide(&mut self, vault: &Vault, count: usize) -> Result<(), VaultError> {
        for at in vault.provide(count, &SystemEntropy)? {
            let known =
                self.live.contains_key(&at) || self.doubtful.contains(&at) || self.erased.contains(&at);
            assert!(!known, "{at} was handed out twice");
            self.live.insert(at, probe(vault, at));
        }
        Ok(())
    }

    fn erase(&mut self, vault: &Vault, slots: &[SlotRef]) -> Result<(), VaultError> {
        for at in slots {
            self.live.remove(at);
            self.doubtful.insert(*at);
        }
        let erased = vault.erase(slots);
        assert!(
            slots.iter().all(|at| vault.key(*at).is_err()),
            "a key outlives its erasure"
        );
        erased?;
        for at in slots {
            self.doubtful.remove(at);
            self.erased.insert(*at);
        }
        Ok(())
    }

    /// Asserts all promises on a vault just opened, and that the files agree with it and with each other.
    fn assert_kept(&self, vault: &Vault, files: &Files) {
        for (at, probe) in &self.live {
            assert_opens(vault, *at, probe);
        }
        for at in &self.erased {
            assert!(matches!(vault.key(*at), Err(VaultError::NotFilled(_))));
        }
        assert!(vault.damaged().is_empty());
        let filled: BTreeSet<_> = vault.filled().into_iter().collect();
        assert!(self.live.keys().all(|at| filled.contains(at)));
        assert!(self.erased.is_disjoint(&filled));
        assert!(filled.iter().all(|at| vault.key(*at).is_ok()));
        assert_mirrored(files);
        assert_eq!(open(files).unwrap().repaired(), 0);
    }
}

fn run(files: &Files, promises: &mut Promises) -> Result<(), VaultError> {
    let vault = create(files)?;
    promises.provide(&vault, 6)?;
    promises.erase(&vault, &[slot(1, 1), slot(4, 1)])?;
    promises.provide(&vault, 3)?;
    promises.erase(&vault, &[slot(1, 2), slot(0, 1)])?;
    promises.provide(&vault, 1)
}

/// Which unsynced sectors the crash keeps.
type Keep = fn(usize) -> bool;

#[test]
fn every_failure_at_every_step_keeps_every_promise() {
    let keeps: [Keep; 4] = [|_| false, |_| true, |i| i % 2 == 0, |i| i % 2 == 1];
    let dry = files();
    run(&dry, &mut Promises::default()).unwrap();
    let steps = dry[0].operations();
    let mut failures = 0;
    for (step, side, persisted, keep) in cases(steps, &keeps) {
        let files = files();
        files[side].fail_after(step, persisted);
        let mut promises = Promises::default();
        let error = run(&files, &mut promises).unwrap_err();
        assert!(matches!(error, VaultError::Io { action: "write", .. }));
        failures += 1;

        files.iter().for_each(|file| file.crash(keep));
        let vault = match open(&files) {
            Ok(vault) => vault,
            // Before the first header was promised there may be no vault, and then it can be made.
            Err(VaultError::NotAVault) => {
                assert!(promises.live.is_empty() && promises.erased.is_empty());
                create(&files).unwrap()
            }
            Err(other) => panic!("{other}"),
        };
        promises.assert_kept(&vault, &files);

        // What boot does: erase again what was owed, then go on.
        let owed: Vec<_> = promises.doubtful.iter().copied().collect();
        promises.erase(&vault, &owed).unwrap();
        promises.provide(&vault, 4).unwrap();
        promises.assert_kept(&open(&files).unwrap(), &files);
    }
    assert_eq!(failures, steps * 2 * 2 * keeps.len());
}

fn cases(steps: usize, keeps: &[Keep]) -> impl Iterator<Item = (usize, usize, bool, Keep)> {
    (0..steps).flat_map(move |step| {
        [0, 1].into_iter().flat_map(move |side| {
            [false, true]
                .into_iter()
                .flat_map(move |persisted| keeps.iter().map(move |keep| (step, side, persisted, *keep)))
        })
    })
}

#[test]
fn after_a_failed_write_nothing_more_is_written() {
    let files = files();
    let vault = create(&files).unwrap();
    let at = vault.provide(2, &SystemEntropy).unwrap();
    files[1].fail_next(false);
    assert!(matches!(vault.erase(&at[..1]), Err(VaultError::Io { .. })));
    assert!(matches!(
        vault.provide(1, &SystemEntropy),
        Err(VaultError::Failed)
    ));
    assert!(matches!(vault.erase(&at[..1]), Err(VaultError::Failed)));
    // Keys that were there can still be used.
    assert!(vault.key(at[1]).is_ok());
}

/// A random life of a vault: provide, erase, restart, fail and crash, with every promise checked after each crash.
#[test]
fn a_random_life_keeps_every_promise() {
    for seed in 0..200 {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        let files = files();
        let mut promises = Promises::default();
        let mut vault = create(&files).unwrap();
        for _ in 0..30 {
            if random.next_u32() % 4 == 0 {
                let side = random.next_u32() as usize % 2;
                files[side].fail_after(random.next_u32() as usize % 9, random.next_u32() % 2 == 0);
            }
            let done = match random.next_u32() % 3 {
                0 => promises.provide(&vault, random.next_u32() as usize % 12),
                1 => {
                    let chosen: Vec<_> = promises
                        .live
                        .keys()
                        .filter(|_| random.next_u32() % 3 == 0)
                        .copied()
                        .collect();
                    promises.erase(&vault, &chosen)
                }
                _ => Ok(()),
            };
            if done.is_err() || random.next_u32() % 8 == 0 {
                files
                    .iter()
                    .for_each(|file| file.crash(|_| random.next_u32() % 2 == 0));
                vault = open(&files).unwrap();
                promises.assert_kept(&vault, &files);
                let owed: Vec<_> = promises.doubtful.iter().copied().collect();
                promises.erase(&vault, &owed).unwrap();
            }
        }
    }
}

/// Opening repairs; a repair that fails, or whose crash keeps any part of it, loses nothing.
#[test]
fn an_interrupted_repair_can_be_begun_again() {
    let keeps: [Keep; 3] = [|_| false, |_| true, |i| i % 2 == 0];
    // Each side has damage and an older record that the other repairs, so both take two writes and a sync.
    for (step, side, persisted, keep) in cases(3, &keeps) {
        let files = files();
        let mut promises = Promises::default();
        let vault = create(&files).unwrap();
        promises.provide(&vault, 6).unwrap();
        let before = files[1].durable();
        promises.erase(&vault, &[slot(0, 1)]).unwrap();
        files[1].write_at(&before, 0).unwrap();
        files[1].sync().unwrap();
        files[0].damage(Record::offset(2) as usize..Record::offset(2) as usize + 1);
        files[0].damage(Record::offset(5) as usize..Record::offset(5) as usize + 1);
        files[1].damage(Record::offset(3) as usize..Record::offset(3) as usize + 1);

        files[side].fail_after(step, persisted);
        assert!(matches!(
            open(&files),
            Err(VaultError::Io { action: "write", .. })
        ));
        files.iter().for_each(|file| file.crash(keep));
        promises.assert_kept(&open(&files).unwrap(), &files);
    }
}
