//! Each object of a backup, damaged in each way: told by its name, and nothing is restored.

use super::*;

type Harm = (&'static str, fn(&Path, &Path));

/// What is done to an object; the second path is another one of its kind.
const HARMS: [Harm; 6] = [
    ("a byte changed", |path, _| flip(path, 40)),
    ("its last byte changed", |path, _| {
        flip(path, std::fs::read(path).unwrap().len() - 1)
    }),
    ("cut", |path, _| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    }),
    ("longer", |path, _| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, [bytes.as_slice(), &[0]].concat()).unwrap();
    }),
    ("empty", |path, _| std::fs::write(path, b"").unwrap()),
    ("exchanged", |path, other| {
        std::fs::copy(other, path).unwrap();
    }),
];

#[test]
fn every_object_that_is_damaged_is_named_and_nothing_is_restored() {
    let (desk, (mut bench, _)) = (Desk::new(), Bench::busy());
    // An earlier backup lends what objects are exchanged with.
    let earlier = desk.back_up(&bench);
    bench.regions();
    let made = desk.back_up(&bench);
    let of = |directory: &str, manifest: &str| {
        let stem = manifest
            .rsplit('/')
            .next()
            .unwrap()
            .trim_end_matches(".age")
            .to_owned();
        let (_, leaf) = stem.rsplit_once('-').unwrap();
        let names = desk.objects(directory);
        names.into_iter().find(|name| name.contains(leaf)).unwrap()
    };
    for directory in ["tails", "vaults", "manifests"] {
        let name = of(directory, &made.manifest);
        let (path, other) = (
            desk.place().join(&name),
            desk.place().join(of(directory, &earlier.manifest)),
        );
        let whole = std::fs::read(&path).unwrap();
        for (harm, harmed) in HARMS {
            harmed(&path, &other);
            let told = desk.check().unwrap_err().to_string();
            assert!(told.contains(&name), "{name} {harm}: {told}");
            let refused = desk.restore(&bench).unwrap_err().to_string();
            assert!(refused.contains(&name), "{name} {harm}: {refused}");
            std::fs::write(&path, &whole).unwrap();
        }
        if directory != "manifests" {
            std::fs::remove_file(&path).unwrap();
            let told = desk.check().unwrap_err().to_string();
            assert!(told.contains(&name) && told.contains("missing"), "{told}");
            std::fs::write(&path, &whole).unwrap();
        }
    }
    assert!(desk.check().unwrap().is_proven());
    // What the refused restores left is no log, and a restore begins anew.
    let refused = Home::open_existing(desk.layout()).unwrap_err();
    assert!(matches!(refused, HomeError::RestoreUnfinished(_)), "{refused}");
    desk.restore(&bench).unwrap();
    desk.restored();
}

#[test]
fn a_restore_that_was_cut_short_begins_anew() {
    let (desk, (bench, kept)) = (Desk::new(), Bench::busy());
    desk.back_up(&bench);
    let backup = desk.open().unwrap();
    let world = world(&bench);
    // Cut short before the mark was taken away, with everything else done; and once with the mark alone.
    for done in [true, false] {
        let home = Home::begin_restore(desk.layout()).unwrap();
        if done {
            let order = Order {
                at: None,
                root: root(),
                evidence: Vec::new(),
                reason: String::new(),
                world: &world,
            };
            restore(&home, &backup, order, &mut |_, _| ()).unwrap();
        }
        drop(home);
        let refused = Home::open(desk.layout()).unwrap_err();
        assert!(matches!(refused, HomeError::RestoreUnfinished(_)), "{refused}");
    }
    let restored = desk.restore(&bench).unwrap();
    assert!(restored.origin.ends_with("/2"), "the first try has left nothing");
    let (_home, state) = desk.restored();
    assert!(state.key(kept).is_some());
}

#[test]
fn another_root_key_or_another_logs_vault_proves_nothing() {
    let (desk, (bench, _)) = (Desk::new(), Bench::busy());
    desk.back_up(&bench);
    let other = crate::custody::RootKey::make(&SystemEntropy);
    let refused = check(&desk.open().unwrap(), Some(other), &mut |_, _| ()).unwrap_err();
    assert!(matches!(refused, BackupError::WrongRootKey), "{refused}");

    // A vault of the same log that lacks what it needs: an earlier copy.
    let (desk, mut bench) = (Desk::new(), Bench::new());
    let early = copy_of_vault(&bench, bench.core.writer.chain().log());
    // Slots are provided ahead in batches: more keys than one has.
    for _ in 0..300 {
        bench.make_key();
    }
    let (depot, recipients) = (desk.depot(), desk.recipients());
    let mut source = StoreSource::new(&*bench.store).unwrap();
    let draft = Draft::of_log(&mut source, &*depot, &recipients, &mut |_, _| ()).unwrap();
    draft.finish(&early, bench.clock.now()).unwrap();
    let checked = desk.check().unwrap();
    assert!(
        !checked.is_proven() && !checked.slots.missing.is_empty(),
        "{checked}"
    );
    let refused = desk.restore(&bench).unwrap_err();
    assert!(matches!(refused, RestoreError::SlotsMissing(..)), "{refused}");
}

/// The manifest of the newest backup, after `edit`, in the place of the one that is there.
fn rewrite(desk: &Desk, edit: impl FnOnce(&mut Manifest)) {
    let backup = desk.open().unwrap();
    let mut manifest = backup.manifest.clone();
    edit(&mut manifest);
    let sealed = desk.recipients().seal(&manifest.encode()).unwrap();
    desk.depot().put(&backup.name(), sealed).unwrap();
}

#[test]
fn a_manifest_with_another_time_than_the_last_events_is_damaged() {
    let (desk, (bench, _)) = (Desk::new(), Bench::busy());
    desk.back_up(&bench);
    rewrite(&desk, |_| ());
    assert!(desk.check().unwrap().is_proven());
    rewrite(&desk, |manifest| manifest.time = manifest.time.plus_millis(1));
    for refused in [
        desk.check().unwrap_err().to_string(),
        desk.restore(&bench).unwrap_err().to_string(),
    ] {
        assert!(refused.contains("not that of the last event"), "{refused}");
    }
}

#[test]
fn what_to_do_is_said_where_the_newest_is_damaged_and_where_the_place_is_another() {
    let (desk, (mut bench, _)) = (Desk::new(), Bench::busy());
    let earlier = desk.back_up(&bench).manifest;
    bench.regions();
    let newest = desk.place().join(desk.back_up(&bench).manifest);
    flip(&newest, 60);
    let refused = desk.open().unwrap_err().to_string();
    assert!(refused.contains(&format!("--backup {earlier}")), "{refused}");
    let choice = Choice {
        manifest: Some(earlier),
        ..Choice::default()
    };
    Backup::open(desk.depot(), desk.identities(), &choice).unwrap();

    let mut place = desk.place();
    for _ in 0..2 {
        place = place.read_dir().unwrap().next().unwrap().unwrap().path();
        let depot = depot::open(place.to_str().unwrap(), false).unwrap();
        let refused = Backup::open(depot, desk.identities(), &Choice::default()).unwrap_err();
        assert!(matches!(refused, BackupError::Below), "{refused}");
    }
}
