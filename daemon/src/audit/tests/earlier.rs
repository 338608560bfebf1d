//! A verification that goes on from an earlier one: only what is new is checked, and only of the same log.

use super::bench::{Bench, transition};
use super::{found, stolen};
use crate::audit::lawful::Breach;
use crate::audit::problem::Fault;
use crate::audit::{Asked, Depth, LogSource, Report, Unproven, Verified, verify_as};
use crate::base::{Digest, KeyId, LogId, SecretBytes};
use crate::domain::lifecycle::Transition;
use crate::ledger::{Checkpoint, LogKey, NoteError};

fn check_since(source: &mut dyn LogSource, since: &Verified, depth: Depth) -> Report {
    let asked = Asked {
        depth,
        state: true,
        key_is_named: false,
        since: Some(since.clone()),
    };
    verify_as(source, &asked, &mut |_, _| ()).unwrap()
}

/// A log that was verified, and then went on.
fn grown() -> (Bench, KeyId, Verified) {
    let (mut bench, key) = Bench::busy();
    let asked = Asked {
        depth: Depth::Decisions,
        ..Asked::default()
    };
    let report = verify_as(&mut bench.source(), &asked, &mut |_, _| ()).unwrap();
    let verified = report.verified().unwrap();
    bench.encrypt(key);
    bench.run("kms/DisableKey", transition(key, Transition::Disable));
    bench.regions();
    bench.close();
    (bench, key, verified)
}

#[test]
fn only_what_is_new_is_checked() {
    let (bench, _, verified) = grown();
    assert_eq!((verified.size, verified.depth), (17, Some(Depth::Decisions)));
    // The log keeps a checkpoint of 17 events.
    assert!(verified.note.is_some());
    let read = Verified::parse(&verified.to_string()).unwrap();
    assert_eq!(read, verified);

    let report = check_since(&mut bench.source(), &verified, Depth::Decisions);
    assert!(report.is_verified(), "{:#?}", report.problems);
    assert_eq!((report.events, report.earlier, report.signatures), (21, 17, 4));
    // The file names the key.
    assert_eq!(report.unproven, []);
    let folded: Vec<_> = report.state.rows().collect();
    assert_eq!(folded, bench.core.writer.state().rows().collect::<Vec<_>>());
    let next = report.verified().unwrap();
    assert_eq!((next.size, next.depth), (21, Some(Depth::Decisions)));
    let report = check_since(&mut bench.source(), &next, Depth::Decisions);
    assert_eq!((report.earlier, report.signatures), (21, 0));
    assert!(report.is_verified());
}

#[test]
fn a_prefix_that_is_another_is_found_whatever_was_done_to_it() {
    let (bench, _, verified) = grown();
    for at in [1, 5, 16] {
        for depth in [Depth::Chain, Depth::Signatures] {
            let mut tampered = bench.tampered();
            let last = tampered.entries[at].len() - 1;
            tampered.entries[at][last] ^= 1;
            tampered.kept.clear();
            let report = check_since(&mut tampered, &verified, depth);
            let named = report.problems.first().iter().any(|problem| {
                matches!(problem.fault, Fault::VerifiedRoot { size: 17, root, .. } if root == verified.root)
            });
            assert!(named, "{at} {:#?}", report.problems);
            assert_eq!(report.verified(), None);
        }
    }
}

#[test]
fn a_log_that_is_shorter_than_it_was_is_found_and_both_are_named() {
    let (bench, _, verified) = grown();
    let mut tampered = bench.tampered();
    tampered.entries.truncate(10);
    tampered.kept.clear();
    (tampered.claims.head, tampered.anchor) = (None, None);
    let report = check_since(&mut tampered, &verified, Depth::Signatures);
    let fault = Fault::VerifiedBeyond {
        size: 17,
        root: verified.root,
        found: 10,
        found_root: report.root,
    };
    found(&report, 9, &fault);
    let text = fault.to_string();
    assert!(text.contains(&verified.root.to_string()) && text.contains(&report.root.to_string()));
}

#[test]
fn a_lie_after_it_is_found_in_the_state_that_the_prefix_folds_to() {
    let (bench, key, verified) = grown();
    let mut late = bench.last_of("kms/Encrypt");
    let now = bench.core.writer.state().time();
    (late.time, late.dec.at) = (now, now);
    bench.lie(vec![late]);
    let report = check_since(&mut bench.source(), &verified, Depth::Signatures);
    found(
        &report,
        21,
        &Fault::Breach(Breach::StaleRead(format!("key {key}"))),
    );
}

#[test]
fn another_log_is_told_by_its_id_and_its_key() {
    let (bench, _, verified) = grown();
    let other = Verified {
        log: LogId::from_bytes([3; 16]),
        ..verified.clone()
    };
    let report = check_since(&mut bench.source(), &other, Depth::Chain);
    found(&report, 0, &Fault::VerifiedOther("log id"));
    let other = Verified {
        key: Some(Digest::of(b"another")),
        ..verified
    };
    let report = check_since(&mut bench.source(), &other, Depth::Chain);
    found(&report, 0, &Fault::VerifiedOther("public key"));
}

// The file says how closely was looked, and no more is believed, nor handed on.
#[test]
fn a_shallow_verification_is_not_taken_for_a_deep_one() {
    let (bench, _, verified) = grown();
    let shallow = Verified {
        depth: Some(Depth::Chain),
        ..verified
    };
    let report = check_since(&mut bench.source(), &shallow, Depth::Decisions);
    assert!(report.is_verified());
    let earlier = Unproven::Earlier {
        size: 17,
        depth: Some(Depth::Chain),
    };
    assert_eq!(report.unproven, [earlier]);
    assert_eq!(report.verified().unwrap().depth, Some(Depth::Chain));
}

#[test]
fn a_bare_checkpoint_says_what_the_log_was_and_not_that_anybody_verified_it() {
    let (bench, _, verified) = grown();
    let note = verified.note.clone().unwrap();
    let bare = Verified::parse(&note).unwrap();
    assert_eq!(
        (bare.log, bare.size, bare.root),
        (verified.log, 17, verified.root)
    );
    let report = check_since(&mut bench.source(), &bare, Depth::Decisions);
    assert!(report.is_verified(), "{:#?}", report.problems);
    let earlier = Unproven::Earlier {
        size: 17,
        depth: None,
    };
    assert_eq!(report.unproven, [earlier, Unproven::Key]);
    assert_eq!(report.verified(), None);

    // Signed by another key, it is worth nothing; signed by the log's over another past, it convicts the log.
    let thief = LogKey::from_seed(&SecretBytes::new(vec![9; 32])).unwrap();
    let honest = Checkpoint {
        origin: bench.core.writer.chain().origin().into(),
        size: 17,
        root: verified.root,
    };
    let forged = Verified::parse(&honest.sign(&thief)).unwrap();
    let report = check_since(&mut bench.source(), &forged, Depth::Chain);
    found(&report, 16, &Fault::CheckpointNote(NoteError::Unsigned));
    let lied = Checkpoint {
        root: Digest::of(b"another past"),
        ..honest
    };
    let lied = Verified::parse(&lied.sign(&stolen(&bench.core))).unwrap();
    let report = check_since(&mut bench.source(), &lied, Depth::Chain);
    let named = |fault: &Fault| matches!(fault, Fault::VerifiedRoot { root, .. } if *root == lied.root);
    assert!(
        report
            .problems
            .first()
            .iter()
            .any(|problem| named(&problem.fault))
    );
}

// A query that was answered from a state of before is decided in it, and it was folded without being checked again.
#[test]
fn snapshots_from_before_are_known() {
    let (mut bench, _) = Bench::busy();
    bench.regions();
    let report = verify_as(&mut bench.source(), &Asked::default(), &mut |_, _| ()).unwrap();
    let verified = report.verified().unwrap();
    let mut query = bench.last_of("kms/DescribeRegions");
    query.time = bench.core.writer.state().time();
    query.obs.snap = Some(6);
    bench.lie(vec![query]);
    let report = check_since(&mut bench.source(), &verified, Depth::Decisions);
    assert!(report.problems.is_empty(), "{:#?}", report.problems);
}
