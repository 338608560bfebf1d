//! Law 5 over a restore: what newer evidence shows destroyed stays destroyed, and what nobody knows is not guessed.

use super::*;

/// The bench's log and its anchor, which is written now.
fn disk_of(bench: &mut Bench) -> Vec<Offered<'_>> {
    let anchor = boot::anchor_at(bench.core.writer.chain(), false);
    bench.core.anchor.write(&anchor, &bench.core.log_key).unwrap();
    vec![offered("the old disk", bench.source())]
}

fn piece(events: u64, size: u64, reach: Reach) -> Piece {
    Piece {
        name: "the old disk".to_owned(),
        events,
        size,
        stopped: None,
        reach,
    }
}

#[test]
fn a_key_destroyed_since_stays_destroyed_when_evidence_is_offered() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    let (gone, disabled, pending, kept) = (
        bench.make_key(),
        bench.make_key(),
        bench.make_key(),
        bench.make_key(),
    );
    let made = desk.back_up(&bench);
    destroy(&mut bench, gone);
    bench.run("kms/DisableKey", transition(disabled, Transition::Disable));
    schedule(&mut bench, pending);
    let late = bench.make_key();

    let world = world(&bench);
    let restored = desk.restore_in(&world, None, disk_of(&mut bench)).unwrap();
    assert_eq!(restored.events, made.events);
    assert_eq!((restored.reapplied, restored.cancelled), (3, 0));
    assert_eq!(restored.evidence, [piece(5, made.events + 5, Reach::Whole)]);
    assert!(restored.undecided.is_empty());
    let (home, state) = desk.restored();
    assert!(state.key(gone).is_none() && state.key(late).is_none());
    assert_eq!(state.key(disabled).unwrap().state, Lifecycle::Disabled);
    assert!(matches!(
        state.key(pending).unwrap().state,
        Lifecycle::PendingDeletion { delete_at } if delete_at >= bench.clock.now().plus_millis(24 * 3_600_000)
    ));
    assert_eq!(state.key(kept).unwrap().state, Lifecycle::Enabled);
    // Its slot is overwritten in both mirrors of the restored vault, though the backup's copy still has it.
    assert_eq!(state.erasures().count(), 0);
    let slot = bench_slot(&desk, gone);
    drop(home);
    for mirror in desk.layout().vault() {
        let image = VaultImage::parse(std::fs::read(mirror).unwrap(), made.log).unwrap();
        assert_eq!(image.held(slot), crate::custody::Held::Erased);
    }
}

/// The slot of a key as the backup has it.
fn bench_slot(desk: &Desk, key: KeyId) -> crate::base::SlotRef {
    let backup = desk.open().unwrap();
    let mut source = BackupSource::new(&backup);
    let size = source.size();
    let (state, _) = crate::audit::fold_first(&mut source, size, &mut |_, _| ()).unwrap();
    state.key(key).unwrap().primary().unwrap().slot
}

#[test]
fn without_evidence_a_pending_deletion_is_undecided_and_with_it_it_is_what_it_was() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    let (rescued, waiting) = (bench.make_key(), bench.make_key());
    schedule(&mut bench, rescued);
    schedule(&mut bench, waiting);
    desk.back_up(&bench);
    bench.run(
        "kms/CancelKeyDeletion",
        transition(rescued, Transition::CancelDeletion),
    );

    let restored = desk.restore(&bench).unwrap();
    assert_eq!(restored.undecided.len(), 2);
    let (home, state) = desk.restored();
    for key in [rescued, waiting] {
        assert_eq!(state.key(key).unwrap().state, Lifecycle::Disabled);
    }
    drop(home);
    std::fs::remove_dir_all(desk.layout().dir()).unwrap();

    let world = world(&bench);
    let restored = desk.restore_in(&world, None, disk_of(&mut bench)).unwrap();
    assert!(restored.undecided.is_empty());
    assert_eq!((restored.reapplied, restored.cancelled), (0, 1));
    let (_home, state) = desk.restored();
    assert_eq!(state.key(rescued).unwrap().state, Lifecycle::Enabled);
    assert!(matches!(
        state.key(waiting).unwrap().state,
        Lifecycle::PendingDeletion { .. }
    ));
}

#[test]
fn the_rest_of_a_backup_is_evidence_for_its_beginning() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    let gone = bench.make_key();
    let at = bench.core.writer.state().size();
    destroy(&mut bench, gone);
    bench.run("kms/DescribeRegions", regions(&bench));
    desk.back_up(&bench);

    let restored = desk.restore_with(&bench, Some(at), Vec::new()).unwrap();
    assert_eq!((restored.events, restored.reapplied), (at, 1));
    let (_home, state) = desk.restored();
    assert!(state.key(gone).is_none());
    for size in [0, 1_000] {
        std::fs::remove_dir_all(desk.layout().dir()).unwrap();
        let refused = desk.restore_with(&bench, Some(size), Vec::new()).unwrap_err();
        assert!(matches!(refused, RestoreError::NoSuchSize(_)), "{refused}");
    }
}

fn regions(bench: &Bench) -> Work {
    let regions = vec![bench.core.region.clone()];
    Work::Query(Box::new(crate::engine::query::account::DescribeRegions {
        regions,
    }))
}

// Method: the key is destroyed and erased after the log was read and before the vault is: a backup of a running daemon.
#[test]
fn what_was_destroyed_while_the_backup_was_made_is_destroyed_in_it() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    let (gone, kept) = (bench.make_key(), bench.make_key());
    let slot = {
        let state = bench.core.writer.state();
        state.key(gone).unwrap().primary().unwrap().slot
    };
    desk.back_up_while(&bench, |bench| bench.core.tools.vault.erase(&[slot]).unwrap());
    let checked = desk.check().unwrap();
    assert!(checked.is_proven(), "{checked}");
    assert_eq!(checked.slots.erased.len(), 1);
    let restored = desk.restore(&bench).unwrap();
    assert_eq!(restored.reapplied, 1);
    let (_home, state) = desk.restored();
    assert!(state.key(gone).is_none() && state.key(kept).is_some());
}

#[test]
fn evidence_that_does_not_show_how_the_log_ended_leaves_no_deletion_pending() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    let (rescued, waiting) = (bench.make_key(), bench.make_key());
    schedule(&mut bench, rescued);
    schedule(&mut bench, waiting);
    let size = desk.back_up(&bench).events;
    bench.regions();
    drop(disk_of(&mut bench));
    let (early, at) = (bench.tampered(), usize::try_from(size).unwrap());
    bench.run(
        "kms/CancelKeyDeletion",
        transition(rescued, Transition::CancelDeletion),
    );
    drop(disk_of(&mut bench));
    let cut = |entries: usize, anchored: bool| {
        let mut source = bench.tampered();
        source.entries.truncate(entries);
        source.anchor = source.anchor.filter(|_| anchored);
        source
    };
    let unknown = |why: &str| Reach::Unknown(why.to_owned());
    let machine = |source| offered("the old disk", source);
    let earlier = |source| Offered {
        origin: Origin::Earlier,
        ..offered("the old disk", source)
    };
    let no_anchor = unknown("it has no anchor");
    let on = unknown("it was made while the log went on");
    let none = unknown("it has no event after the backup");
    for (evidence, reach) in [
        // The end is cut off, and the anchor knows.
        (vec![machine(cut(at + 1, true))], Reach::Short(1)),
        (vec![machine(cut(at + 1, false))], no_anchor),
        (vec![machine(cut(at, true))], none),
        (vec![earlier(cut(at + 2, true))], on),
        // Whole in itself, and another piece knows of more.
        (vec![machine(early), earlier(cut(at + 2, true))], Reach::Whole),
    ] {
        let restored = desk.restore_with(&bench, None, evidence).unwrap();
        assert_eq!(restored.evidence[0].reach, reach);
        let (home, state) = desk.restored();
        for key in [rescued, waiting] {
            let found = state.key(key).unwrap().state;
            assert!(!matches!(found, Lifecycle::PendingDeletion { .. }), "{reach:?}");
        }
        assert!(restored.undecided.contains(&waiting), "{reach:?}");
        drop(home);
        std::fs::remove_dir_all(desk.layout().dir()).unwrap();
    }
    let text = piece(1, 9, Reach::Short(2)).to_string();
    assert_eq!(
        text,
        "evidence `the old disk`: 1 newer events, up to event 8; 2 more are missing that its anchor knows of"
    );
}

#[test]
fn evidence_is_believed_as_far_as_it_proves_itself() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    let (first, second) = (bench.make_key(), bench.make_key());
    let size = usize::try_from(bench.core.writer.state().size()).unwrap();
    desk.back_up(&bench);
    bench.run("kms/DisableKey", transition(first, Transition::Disable));
    bench.run("kms/DisableKey", transition(second, Transition::Disable));

    // A lost machine's disk: its last event can't be read any more, and what is before the backup neither.
    let mut damaged = bench.tampered();
    damaged.entries[size + 1][60] ^= 1;
    damaged.entries[2].clear();
    let restored = desk
        .restore_with(&bench, None, vec![offered("damaged", damaged)])
        .unwrap();
    let [piece] = restored.evidence.as_slice() else {
        panic!("{restored:?}")
    };
    assert_eq!(piece.events, 1);
    assert!(piece.stopped.is_some());
    let (home, state) = desk.restored();
    assert_eq!(state.key(first).unwrap().state, Lifecycle::Disabled);
    assert_eq!(state.key(second).unwrap().state, Lifecycle::Enabled);
    drop(home);

    // Of another log, forged, or of another history: nothing, and said so.
    let mut forged = bench.tampered();
    let last = forged.entries[size].len() - 1;
    forged.entries[size][last] ^= 1;
    let (stranger, _) = Bench::busy();
    for source in [forged, stranger.tampered()] {
        std::fs::remove_dir_all(desk.layout().dir()).unwrap();
        let refused = desk
            .restore_with(&bench, None, vec![offered("e", source)])
            .unwrap_err();
        assert!(matches!(refused, RestoreError::Evidence { .. }), "{refused}");
    }
    // Evidence that says nothing newer is no fault.
    std::fs::remove_dir_all(desk.layout().dir()).unwrap();
    let mut same = bench.tampered();
    same.entries.truncate(size);
    let restored = desk
        .restore_with(&bench, None, vec![offered("same", same)])
        .unwrap();
    assert_eq!(
        (restored.evidence[0].events, &restored.evidence[0].stopped),
        (0, &None)
    );
}
