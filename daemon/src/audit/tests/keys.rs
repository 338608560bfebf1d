//! Rotations and epochs in an audit: honest ones are followed and told, and every way to lie about them is found.

use super::bench::{Bench, check, event, stolen};
use super::found;
use crate::audit::problem::Fault;
use crate::audit::source::Kept;
use crate::base::{Digest, SecretBytes, Seq, SlotRef};
use crate::domain::log_key::{BeginEpoch, RotateLogKey};
use crate::engine::call::Work;
use crate::event::{Change, EpochBegun, EpochCause, EpochSigner, Event, NewLogKey};
use crate::ledger::{Anchor, Checkpoint, LogKey, SignedEntry, sign_entry};

/// A log with a rotation at 2, and an epoch at 4; and the key of before the rotation.
fn rotated() -> (Bench, LogKey) {
    let mut bench = Bench::new();
    bench.regions();
    let old = stolen(&bench.core);
    bench.run("chancery/RotateLogKey", Work::Command(Box::new(RotateLogKey)));
    bench.regions();
    let begin = BeginEpoch {
        cause: EpochCause::Restored,
        reason: "moved\u{1b}[2J".into(),
        leaf: bench.core.writer.chain().head().leaf,
        signer: EpochSigner::Before,
        anchored: Some(9),
    };
    let kind = crate::event::ActorKind::System;
    bench
        .run_as("chancery/BeginEpoch", kind, Work::Command(Box::new(begin)))
        .unwrap();
    bench.regions();
    // The anchoring thread would take the new key.
    bench.core.log_key = stolen(&bench.core);
    bench.close();
    (bench, old)
}

fn another_key(n: u8) -> LogKey {
    LogKey::from_seed(&SecretBytes::new(vec![n; 32])).unwrap()
}

#[test]
fn rotations_and_epochs_are_followed_and_told() {
    let (bench, old) = rotated();
    let report = check(&mut bench.source());
    assert!(report.is_verified(), "{:#?}", report.problems);
    assert_eq!(report.key, Some(Digest::of(old.public().as_bytes())));
    assert_eq!(report.origin, bench.core.writer.chain().origin());
    assert!(report.origin.ends_with("/2"), "{}", report.origin);
    let told: Vec<_> = report.turns.iter().map(ToString::to_string).collect();
    let key = Digest::of(bench.core.writer.chain().public().as_bytes());
    assert_eq!(told.len(), 2);
    assert!(
        told[0].starts_with("event 2: the log key was rotated to "),
        "{}",
        told[0]
    );
    assert_eq!(
        told[1],
        format!(
            "event 4: epoch 2 began (restored: moved\\u{{1b}}[2J), 5 events are missing before it, with the log key {key}"
        )
    );
}

/// Signs the entry at `seq` of a copy anew, with other changes, under `key`; what follows keeps its own.
fn resigned(
    bench: &Bench,
    seq: usize,
    key: &LogKey,
    edit: impl FnOnce(&mut Event),
) -> super::bench::Tampered {
    let mut tampered = bench.tampered();
    let mut event = event(&tampered.entries[seq]);
    edit(&mut event);
    let payload = crate::event::codec::encode(&event);
    tampered.entries[seq] = sign_entry(key, bench.core.writer.chain().log(), &payload);
    tampered
}

fn edit_key(event: &mut Event, edit: impl FnOnce(&mut NewLogKey)) {
    match event.chg.first_mut() {
        Some(Change::LogKeyRotated(key)) => edit(key),
        Some(Change::EpochBegun(begun)) => edit(&mut begun.key),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_event_that_brings_a_key_is_the_old_keys() {
    let (bench, old) = rotated();
    let event = event(&bench.entries()[2]);
    let Some(Change::LogKeyRotated(_)) = event.chg.first() else {
        panic!("{event:?}")
    };
    // The thief of the new one, or its maker, brings it in by himself.
    let mut by_new = resigned(&bench, 2, &another_key(9), |_| ());
    let report = by_new.check();
    found(&report, 2, &Fault::KeyId);
    found(&report, 2, &Fault::Signature);
    // Signed by the right key again, the same payload is the honest entry.
    assert_eq!(resigned(&bench, 2, &old, |_| ()).entries, bench.entries());
}

#[test]
fn a_key_that_does_not_prove_itself_is_found() {
    let (bench, old) = rotated();
    let log = bench.core.writer.chain().log();
    let thief = another_key(9);
    let elsewhere = thief.prove(log, Seq::new(3), &old.public());
    let of_old = old.prove(log, Seq::new(2), &old.public());
    for proof in [elsewhere, of_old] {
        let mut tampered = resigned(&bench, 2, &old, |event| {
            edit_key(event, |key| {
                key.public = thief.public().as_bytes().as_slice().into();
                key.proof = proof.as_slice().into();
            });
        });
        found(&tampered.check(), 2, &Fault::KeyProof);
    }
    let mut no_key = resigned(&bench, 2, &old, |event| {
        edit_key(event, |key| key.public = vec![0; 32].into());
    });
    found(&no_key.check(), 2, &Fault::KeyProof);
}

/// Who signs the beginning of an epoch is what the event says, and nobody else.
#[test]
fn an_epoch_that_begins_alone_is_signed_by_its_own_key() {
    let (bench, _) = rotated();
    let now = stolen(&bench.core);
    let alone = |event: &mut Event| match event.chg.first_mut() {
        Some(Change::EpochBegun(begun)) => begun.signer = EpochSigner::Itself,
        other => panic!("{other:?}"),
    };
    // The new key, in an event that does not say so; another one, in an event that does.
    for (key, says) in [(&now, false), (&another_key(9), true)] {
        let report = resigned(&bench, 4, key, |event| {
            if says {
                alone(event);
            }
        })
        .check();
        found(&report, 4, &Fault::KeyId);
        found(&report, 4, &Fault::Signature);
    }
    // Rightly signed, it is only not what the next event followed.
    let report = resigned(&bench, 4, &now, alone).check();
    let of_signer = |fault: &Fault| matches!(fault, Fault::KeyId | Fault::Signature | Fault::KeyProof);
    assert!(
        !report
            .problems
            .first()
            .iter()
            .any(|found| of_signer(&found.fault)),
        "{report:#?}"
    );
    assert!(report.turns[1].is_alone());
}

#[test]
fn an_epoch_names_the_end_that_it_follows() {
    let (bench, _) = rotated();
    let mut tampered = bench.tampered();
    // Its own signature can't be made again here: the key that made it is gone, as it should be.
    let mut other = event(&tampered.entries[4]);
    let Some(Change::EpochBegun(begun)) = other.chg.first_mut() else {
        panic!("{other:?}")
    };
    begun.leaf = Digest::of(b"another past");
    let payload = crate::event::codec::encode(&other);
    tampered.entries[4] = sign_entry(&another_key(9), bench.core.writer.chain().log(), &payload);
    let report = tampered.check();
    found(&report, 4, &Fault::EpochHead);
    found(&report, 4, &Fault::Signature);
}

/// Who has stolen a key before its rotation signs nothing after it: no entry, no checkpoint, no anchor.
#[test]
fn a_rotated_key_signs_nothing_any_more() {
    let (bench, old) = rotated();
    let log = bench.core.writer.chain().log();
    let mut entry = resigned(&bench, 3, &old, |_| ());
    let report = entry.check();
    found(&report, 3, &Fault::KeyId);
    found(&report, 3, &Fault::Signature);

    // Under the key id of the right one.
    let honest = bench.entries();
    let kid = SignedEntry::parse(&honest[3]).unwrap().kid;
    entry.entries[3][8..16].copy_from_slice(&kid);
    found(&entry.check(), 3, &Fault::Signature);

    let mut tampered = bench.tampered();
    let checkpoint = Checkpoint {
        origin: bench.core.writer.chain().origin().into(),
        size: 4,
        root: Digest::of(b"another past"),
    };
    tampered.kept.push(Kept {
        size: Some(4),
        note: checkpoint.sign(&old),
    });
    assert!(
        tampered
            .check()
            .problems
            .first()
            .iter()
            .any(|problem| matches!(problem.fault, Fault::CheckpointNote(_)) && problem.seq == Seq::new(3)),
    );

    let mut tampered = bench.tampered();
    let anchor: Anchor = *tampered.anchor.unwrap().claims();
    tampered.anchor = Some(anchor.sign(log, 9, &old));
    found(&tampered.check(), 6, &Fault::AnchorUnsigned(7));
}

/// A checkpoint of the size at a rotation is the new key's; of the size before it, the old one's.
#[test]
fn checkpoints_belong_to_the_key_and_the_origin_of_their_size() {
    let (bench, old) = rotated();
    let entries = bench.entries();
    let root = |size: usize| {
        let mut tree = crate::ledger::Tree::new();
        entries[..size]
            .iter()
            .for_each(|entry| tree.append(crate::ledger::leaf_hash(entry)));
        tree.root()
    };
    let chain = bench.core.writer.chain();
    let first_origin = chain.origin().replace("/2", "/1");
    let kept = |size: usize, origin: &str, key: &LogKey| Kept {
        size: Some(size as u64),
        note: Checkpoint {
            origin: origin.to_owned(),
            size: size as u64,
            root: root(size),
        }
        .sign(key),
    };
    let now = stolen(&bench.core);
    for (right, size, origin, key) in [
        (true, 2, first_origin.as_str(), &old),
        (false, 3, first_origin.as_str(), &old),
        (true, 5, chain.origin(), &now),
        (false, 5, first_origin.as_str(), &now),
        (false, 4, chain.origin(), &now),
    ] {
        let mut tampered = bench.tampered();
        tampered.kept.push(kept(size, origin, key));
        assert_eq!(
            tampered.check().is_verified(),
            right,
            "size {size} under {origin}"
        );
    }
}

/// Even the log itself, lying, can't have two keys at once or an epoch that skips one.
#[test]
fn unlawful_keys_and_epochs_are_found() {
    let (bench, _) = rotated();
    let mut rotation = bench.last_of("chancery/RotateLogKey");
    let key = |n: u8| NewLogKey {
        slot: SlotRef {
            slot: 900 + u32::from(n),
            generation: 9,
        },
        proof: vec![n; 64].into(),
        public: another_key(n).public().as_bytes().as_slice().into(),
        sealed: vec![n; 72].into(),
    };
    rotation.chg = vec![Change::LogKeyRotated(key(1)), Change::LogKeyRotated(key(2))];
    let seq = usize::try_from(bench.lie(vec![rotation])[0].get()).unwrap();
    let report = check(&mut bench.source());
    found(&report, seq, &Fault::KeyProof);
    found(
        &report,
        seq,
        &Fault::Breach(crate::audit::lawful::Breach::Changes(2)),
    );

    let (bench, _) = rotated();
    let mut begin = bench.last_of("chancery/BeginEpoch");
    let Some(Change::EpochBegun(begun)) = begin.chg.pop() else {
        panic!()
    };
    begin.chg.push(Change::EpochBegun(EpochBegun {
        epoch: 7,
        key: key(3),
        ..begun
    }));
    let seq = usize::try_from(bench.lie(vec![begin])[0].get()).unwrap();
    found(
        &check(&mut bench.source()),
        seq,
        &Fault::Unlawful(crate::domain::law::Unlawful::Epoch),
    );
}
