//! What each depth finds, and what it says that it does not.

use super::bench::{Bench, Tampered, stolen};
use super::found;
use crate::audit::problem::Fault;
use crate::audit::source::{ClaimedDigest, SourceError};
use crate::audit::verify::Stored;
use crate::audit::{Asked, Depth, LogSource, Report, Unproven, verify_as};
use crate::base::{Digest, SecretBytes, Seq};
use crate::domain::law::Unlawful;
use crate::event::{Change, Effect};
use crate::ledger::{LogKey, SignedEntry, sign_entry};

fn asked(depth: Depth) -> Asked {
    Asked {
        depth,
        state: true,
        ..Asked::default()
    }
}

fn check_as(source: &mut dyn LogSource, depth: Depth) -> Report {
    verify_as(source, &asked(depth), &mut |_, _| ()).unwrap()
}

const ALL: [Depth; 3] = [Depth::Chain, Depth::Signatures, Depth::Decisions];

/// The depths at which the log is found to be damaged.
fn damaged_at(tampered: &mut Tampered) -> Vec<Depth> {
    let mut at = ALL.to_vec();
    at.retain(|depth| !check_as(tampered, *depth).problems.is_empty());
    at
}

#[test]
fn each_depth_says_what_it_leaves_open() {
    let (bench, _) = Bench::busy();
    let mut left = ALL.map(|depth| check_as(&mut bench.source(), depth)).into_iter();
    let (chain, signatures, decisions) = (left.next().unwrap(), left.next().unwrap(), left.next().unwrap());
    assert_eq!(chain.unproven, [Unproven::Contents, Unproven::Key]);
    assert_eq!(signatures.unproven, [Unproven::Decisions, Unproven::Key]);
    assert_eq!(decisions.unproven, [Unproven::Key]);
    assert_eq!((chain.signatures, signatures.signatures), (0, 17));
    assert!(
        chain.to_string().ends_with("; checked: chain and tree"),
        "{chain}"
    );
    let all = "; checked: chain, tree, signatures, changes, decisions, stored state";
    assert!(decisions.to_string().ends_with(all), "{decisions}");
    assert_eq!(
        (chain.events, chain.root, chain.head),
        (17, decisions.root, decisions.head)
    );

    let named = Asked {
        key_is_named: true,
        ..asked(Depth::Decisions)
    };
    let report = verify_as(&mut bench.source(), &named, &mut |_, _| ()).unwrap();
    assert_eq!(report.unproven, []);
}

#[test]
fn events_behind_the_last_checkpoint_are_named() {
    let (mut bench, _) = Bench::busy();
    bench.regions();
    bench.regions();
    let tail = |signed| Unproven::Tail {
        from: 17,
        size: 19,
        signed,
    };
    assert!(
        check_as(&mut bench.source(), Depth::Chain)
            .unproven
            .contains(&tail(false))
    );
    let report = check_as(&mut bench.source(), Depth::Signatures);
    assert!(report.unproven.contains(&tail(true)));
    assert_eq!(
        tail(true).to_string(),
        "events 17 to 18: no signed checkpoint follows, their own signatures alone cover them"
    );
}

#[test]
fn a_foreign_signature_is_what_the_chain_alone_does_not_see() {
    let (mut bench, _) = Bench::busy();
    // Behind the last checkpoint and the anchor, where nothing signed covers it.
    bench.regions();
    let mut tampered = bench.tampered();
    let thief = LogKey::from_seed(&SecretBytes::new(vec![9; 32])).unwrap();
    let mut forged = {
        let honest = SignedEntry::parse(&tampered.entries[17]).unwrap();
        sign_entry(&thief, bench.core.writer.chain().log(), honest.payload)
    };
    forged[8..16].copy_from_slice(&tampered.entries[17][8..16]);
    tampered.entries[17] = forged;
    tampered.claims.head = None;
    assert_eq!(damaged_at(&mut tampered), [Depth::Signatures, Depth::Decisions]);

    // Everywhere else the tree tells.
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    let last = tampered.entries[5].len() - 1;
    tampered.entries[5][last] ^= 1;
    assert_eq!(damaged_at(&mut tampered), ALL);
}

// Signed with the log's own key: neither chain nor signatures are wrong.
#[test]
fn a_change_that_can_t_be_is_found_from_the_signatures_on() {
    let (bench, _) = Bench::busy();
    let mut lie = bench.last_of("chancery/SealState");
    lie.chg = vec![Change::StateSealed {
        digest: Digest::of(b"another"),
    }];
    bench.lie(vec![lie]);
    assert!(check_as(&mut bench.source(), Depth::Chain).is_verified());
    for depth in [Depth::Signatures, Depth::Decisions] {
        let report = check_as(&mut bench.source(), depth);
        found(&report, 17, &Fault::Unlawful(Unlawful::Digest));
    }
}

#[test]
fn a_decision_that_is_not_made_there_is_found_by_deciding_again_alone() {
    let (bench, _) = Bench::busy();
    let mut lie = bench.last_of("kms/Encrypt");
    let now = bench.core.writer.state().time();
    (lie.time, lie.dec.at) = (now, now);
    lie.dec.by = vec!["another rule".into()];
    bench.lie(vec![lie.clone()]);
    assert_eq!(damaged_at(&mut bench.tampered()), [Depth::Decisions]);

    // That a success says of itself that it was denied is told by the event alone.
    let (bench, _) = Bench::busy();
    lie.dec.effect = Effect::Deny;
    bench.lie(vec![lie]);
    assert_eq!(
        damaged_at(&mut bench.tampered()),
        [Depth::Signatures, Depth::Decisions]
    );
}

// Deterministic CBOR with the fields of a place, signed by the log, and no event all the same.
#[test]
fn a_payload_that_is_no_event_is_found_from_the_signatures_on() {
    let (bench, _) = Bench::busy();
    let mut tampered = bench.tampered();
    let head = bench.store_head();
    let payload = [
        &b"\xa5\x61v\x01\x63seq\x11\x64prev\x58\x20"[..],
        head.prev.as_bytes(),
        b"\x64time\x1b",
        &head.time.as_millis().to_be_bytes(),
        b"\x65other\x00",
    ]
    .concat();
    let entry = sign_entry(&stolen(&bench.core), bench.core.writer.chain().log(), &payload);
    tampered.entries.push(entry);
    tampered.claims.head = None;
    assert_eq!(damaged_at(&mut tampered), [Depth::Signatures, Depth::Decisions]);
    let report = check_as(&mut tampered, Depth::Signatures);
    assert_eq!(report.problems.first()[0].seq, Seq::new(17));
}

#[test]
fn a_row_and_a_digest_that_were_edited_are_found_beside_a_log_that_verifies() {
    let (bench, key) = Bench::busy();
    for depth in [Depth::Signatures, Depth::Decisions] {
        let mut tampered = bench.tampered();
        let row = tampered
            .rows
            .iter_mut()
            .find(|(row, _)| row.table == crate::event::Table::Key);
        *row.unwrap().1.last_mut().unwrap() ^= 1;
        let report = check_as(&mut tampered, depth);
        assert!(!report.is_verified() && report.problems.is_empty());
        let verdict = report.to_string();
        let named = format!("DIFFERS: key {key} is not what the log says; the log verifies");
        assert!(verdict.starts_with(&named), "{verdict}");
        assert_eq!(report.verified(), None);

        let mut tampered = bench.tampered();
        tampered.digest = ClaimedDigest::Stored(None);
        let verdict = check_as(&mut tampered, depth).to_string();
        assert!(
            verdict.starts_with("DIFFERS: ") && verdict.contains("no usable digest"),
            "{verdict}"
        );
    }
}

#[test]
fn a_rebuild_that_was_interrupted_is_no_reason_to_have_no_verdict_on_the_log() {
    use crate::ledger::memory_store::FailMode;

    let (bench, _) = Bench::busy();
    bench.store.fail_next(FailMode::NotPersisted);
    assert!(crate::audit::rebuild(&*bench.store, bench.anchor_file(), &mut |_, _| ()).is_err());
    let again = bench.store.reopen();
    let mut source = crate::audit::StoreSource::new(&again).unwrap();
    let report = check_as(&mut source, Depth::Signatures);
    let unfinished = SourceError::RebuildUnfinished.to_string();
    assert!(matches!(&report.stored, Some(Stored::Unusable(why)) if *why == unfinished));
    assert!(!report.is_verified());
    assert!(report.to_string().starts_with("DIFFERS: the log verifies, but "));
}
