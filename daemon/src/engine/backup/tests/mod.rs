//! Backups of a log driven by hand, in real directories: made, proven, damaged, restored.

mod damage;
mod evidence;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::ExposeSecret;

use super::*;
use crate::audit::tests::bench::{Bench, root, transition};
use crate::audit::{LogSource, StoreSource};
use crate::base::KeyId;
use crate::base::entropy::SystemEntropy;
use crate::base::time::Clock;
use crate::custody::{Owner, VaultImage};
use crate::domain::lifecycle::{DestroyKey, Transition};
use crate::engine::boot::{self, World};
use crate::engine::call::Work;
use crate::engine::home::{Home, HomeError, Layout};
use crate::event::ActorKind;
use crate::projection::{Lifecycle, State};

/// A place for backups, a key to seal them to, and a directory to restore into.
struct Desk {
    dir: tempfile::TempDir,
    public: String,
    secret: String,
}

impl Desk {
    fn new() -> Self {
        let key = age::x25519::Identity::generate();
        Self {
            dir: tempfile::tempdir().unwrap(),
            public: key.to_public().to_string(),
            secret: key.to_string().expose_secret().to_owned(),
        }
    }

    fn place(&self) -> PathBuf {
        self.dir.path().join("backup")
    }

    fn depot(&self) -> Box<dyn Depot> {
        depot::open(self.place().to_str().unwrap(), true).unwrap()
    }

    fn recipients(&self) -> Recipients {
        Recipients::parse([self.public.as_str()]).unwrap()
    }

    fn identities(&self) -> Identities {
        Identities::parse(self.secret.as_bytes()).unwrap()
    }

    fn back_up(&self, bench: &Bench) -> Made {
        self.back_up_while(bench, |_| ())
    }

    /// Does something between the log's copy and the vault's.
    fn back_up_while(&self, bench: &Bench, meanwhile: impl FnOnce(&Bench)) -> Made {
        let (depot, recipients) = (self.depot(), self.recipients());
        let mut source = StoreSource::new(&*bench.store).unwrap();
        let draft = Draft::of_log(&mut source, &*depot, &recipients, &mut |_, _| ()).unwrap();
        meanwhile(bench);
        let vault = copy_of_vault(bench, draft.log());
        draft.finish(&vault, bench.clock.now()).unwrap()
    }

    fn open(&self) -> Result<Backup, BackupError> {
        Backup::open(self.depot(), self.identities(), &Choice::default())
    }

    fn check(&self) -> Result<Checked, BackupError> {
        check(&self.open()?, Some(root()), &mut |_, _| ())
    }

    fn layout(&self) -> Layout {
        Layout::new(self.dir.path().join("data"), None)
    }

    fn restore(&self, bench: &Bench) -> Result<Restored, RestoreError> {
        self.restore_with(bench, None, Vec::new())
    }

    fn restore_with(
        &self,
        bench: &Bench,
        at: Option<u64>,
        evidence: Vec<Offered<'_>>,
    ) -> Result<Restored, RestoreError> {
        self.restore_in(&world(bench), at, evidence)
    }

    fn restore_in(
        &self,
        world: &World,
        at: Option<u64>,
        evidence: Vec<Offered<'_>>,
    ) -> Result<Restored, RestoreError> {
        let backup = self.open()?;
        let home = Home::begin_restore(self.layout())?;
        let order = Order {
            at,
            root: root(),
            evidence,
            reason: "the disk died".into(),
            world,
        };
        let restored = restore(&home, &backup, order, &mut |_, _| ())?;
        home.end_restore()?;
        Ok(restored)
    }

    /// The restored directory, verified whole, and its state.
    #[track_caller]
    fn restored(&self) -> (Home, State) {
        let home = Home::open_existing(self.layout()).unwrap();
        let anchor = crate::base::disk::OsFile::open_read_only(home.layout().anchor()).unwrap();
        let store = home.event_store();
        let mut source = StoreSource::new(&*store)
            .unwrap()
            .with_anchor(Some(Box::new(anchor)));
        let report = crate::audit::verify(&mut source, &mut |_, _| ()).unwrap();
        assert!(report.is_verified(), "{:#?}", report.problems);
        let state = boot::load_state(&*store).unwrap();
        assert_eq!(state.digest().short(), report.state.digest().short());
        (home, state)
    }

    /// Names of all objects, by the directory that they are in.
    fn objects(&self, directory: &str) -> Vec<String> {
        let all = self.depot().list("").unwrap().into_iter();
        let mut names: Vec<_> = all.map(|object| object.name).collect();
        names.retain(|name| name.contains(&format!("/{directory}/")));
        names.sort();
        names
    }
}

/// A log offered as what is left of the machine.
fn offered<'a>(name: &str, source: impl LogSource + 'a) -> Offered<'a> {
    Offered {
        name: name.to_owned(),
        origin: Origin::Machine,
        source: Box::new(source),
    }
}

fn world(bench: &Bench) -> World {
    World {
        clock: Arc::clone(&bench.clock) as Arc<dyn Clock>,
        entropy: Arc::new(SystemEntropy),
    }
}

fn copy_of_vault(bench: &Bench, log: crate::base::LogId) -> VaultImage {
    let vault = &bench.core.tools.vault;
    let (records, _) = vault.image_page(0, u32::MAX);
    VaultImage::parse([vault.image_header().as_slice(), &records].concat(), log).unwrap()
}

fn schedule(bench: &mut Bench, key: KeyId) {
    let schedule = transition(key, Transition::ScheduleDeletion { days: 7 });
    bench.run("kms/ScheduleKeyDeletion", schedule);
}

/// Schedules a key, lets the time pass, destroys it and erases its slots.
fn destroy(bench: &mut Bench, key: KeyId) {
    schedule(bench, key);
    bench.pass_millis(8 * 24 * 3_600_000);
    let destroy = Work::Command(Box::new(DestroyKey { key }));
    bench
        .run_as("chancery/DestroyKey", ActorKind::System, destroy)
        .unwrap();
    let owed: Vec<_> = bench.core.writer.state().erasures().collect();
    bench.core.tools.vault.erase(&owed).unwrap();
}

#[test]
fn a_backup_proves_itself_and_comes_back_as_a_new_epoch() {
    let (desk, (bench, kept)) = (Desk::new(), Bench::busy());
    let made = desk.back_up(&bench);
    assert_eq!((made.events, made.new_segments, made.kept_segments), (17, 1, 0));
    let checked = desk.check().unwrap();
    assert!(checked.is_proven(), "{checked}");
    assert_eq!(checked.opened, Some(checked.slots.filled));
    assert!(checked.to_string().contains("17 events"), "{checked}");

    let restored = desk.restore(&bench).unwrap();
    assert_eq!((restored.events, restored.reapplied), (17, 0));
    assert!(restored.origin.ends_with("/2"), "{}", restored.origin);
    let (home, state) = desk.restored();
    let key = state.key(kept).unwrap();
    assert_eq!(key.state, Lifecycle::Enabled);
    assert_eq!(state.log().unwrap().origin, restored.origin);
    // What was sealed before opens, and the old signing key is gone from the vault.
    let before = bench.core.writer.state().clone();
    drop(home);
    let home = Home::open_existing(desk.layout()).unwrap();
    let core = home.boot(root(), &world(&bench), &founding()).unwrap();
    let version = key.primary().unwrap();
    let owner = Owner::KeyVersion(kept, version.id);
    let slot = core.tools.vault.key(version.slot).unwrap();
    assert!(slot.open(&owner, version.sealed.as_slice()).is_ok());
    let old = before
        .internal_key(crate::event::InternalKeyPurpose::LogSigning)
        .unwrap()
        .slot;
    assert!(core.tools.vault.key(old).is_err());
}

fn founding() -> boot::Founding {
    boot::Founding {
        name: "never".into(),
        region: crate::base::Region::parse("cn-hangzhou").unwrap(),
    }
}

#[test]
fn a_second_backup_writes_only_what_is_new() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    (0..4_200).for_each(|_| bench.regions());
    let first = desk.back_up(&bench);
    assert_eq!((first.new_segments, first.kept_segments), (2, 0));
    let full = desk.objects("segments");
    assert_eq!(full.len(), 1);

    (0..10).for_each(|_| bench.regions());
    bench.pass_millis(1);
    let second = desk.back_up(&bench);
    assert_eq!((second.new_segments, second.kept_segments), (1, 1));
    assert!(second.new_bytes < first.new_bytes / 2);
    assert_eq!(desk.objects("segments"), full);
    assert_eq!(
        (desk.objects("tails").len(), desk.objects("manifests").len()),
        (2, 2)
    );

    // The newest is taken; the one before is whole as well.
    assert_eq!(desk.check().unwrap().report.events, second.events);
    let choice = Choice {
        log: None,
        manifest: Some(first.manifest.rsplit('/').next().unwrap().to_owned()),
    };
    let earlier = Backup::open(desk.depot(), desk.identities(), &choice).unwrap();
    let checked = check(&earlier, None, &mut |_, _| ()).unwrap();
    assert!(checked.is_proven());
    assert_eq!((checked.report.events, checked.opened), (first.events, None));
    let restored = desk.restore(&bench).unwrap();
    assert_eq!(restored.events, second.events);
    desk.restored();
}

#[test]
fn a_twin_of_a_log_does_not_take_the_others_segments_for_its_own() {
    let (desk, mut bench) = (Desk::new(), Bench::new());
    (0..10).for_each(|_| bench.regions());
    desk.back_up(&bench);
    desk.restore(&bench).unwrap();
    // Both go on, each its own way, and back up to one place.
    let home = Home::open_existing(desk.layout()).unwrap();
    let store = home.event_store();
    let size = store.size().unwrap();
    (0..4_200).for_each(|_| bench.regions());
    let original = desk.back_up(&bench);
    assert_eq!(original.new_segments, 2);

    let (depot, recipients) = (desk.depot(), desk.recipients());
    let mut source = StoreSource::new(&*store).unwrap();
    let draft = Draft::of_log(&mut source, &*depot, &recipients, &mut |_, _| ()).unwrap();
    let image = std::fs::read(&home.layout().vault()[0]).unwrap();
    let image = VaultImage::parse(image, draft.log()).unwrap();
    let later = bench.clock.now().plus_millis(1);
    let twin = draft.finish(&image, later).unwrap();
    assert_eq!((twin.events, twin.new_segments, twin.kept_segments), (size, 1, 0));
    assert_eq!(twin.log, original.log);
    assert_eq!(desk.check().unwrap().report.events, size);
}

#[test]
fn a_half_written_backup_is_none() {
    let (desk, (bench, _)) = (Desk::new(), Bench::busy());
    assert!(matches!(desk.open(), Err(BackupError::None(_))));
    let made = desk.back_up(&bench);
    std::fs::remove_file(desk.place().join(&made.manifest)).unwrap();
    assert!(matches!(desk.open(), Err(BackupError::None(_))));
    // One before it counts still.
    let whole = desk.back_up(&bench);
    let path = desk.place().join(&whole.manifest);
    let later = path.to_str().unwrap().replace("manifests/", "manifests/.9");
    std::fs::write(later, b"half").unwrap();
    assert_eq!(desk.open().unwrap().name(), whole.manifest);
}

#[test]
fn a_newer_backup_for_other_keys_is_passed_over_and_named() {
    let (desk, (mut bench, _)) = (Desk::new(), Bench::busy());
    let ours = desk.back_up(&bench);
    bench.regions();
    let stranger = Desk::new();
    let (depot, recipients) = (desk.depot(), stranger.recipients());
    let mut source = StoreSource::new(&*bench.store).unwrap();
    let draft = Draft::of_log(&mut source, &*depot, &recipients, &mut |_, _| ()).unwrap();
    let vault = copy_of_vault(&bench, draft.log());
    let theirs = draft.finish(&vault, bench.clock.now()).unwrap();
    assert_eq!(
        theirs.kept_segments, 0,
        "what is sealed to one key is of no use to another"
    );

    let backup = desk.open().unwrap();
    assert_eq!(backup.name(), ours.manifest);
    assert_eq!(backup.newer, Some(theirs.manifest));
    let nobody = Desk::new();
    let refused = Backup::open(desk.depot(), nobody.identities(), &Choice::default());
    assert!(matches!(refused, Err(BackupError::OtherKey(_))));
}

#[test]
fn a_log_that_is_damaged_is_not_backed_up() {
    let (desk, (bench, _)) = (Desk::new(), Bench::busy());
    let (depot, recipients) = (desk.depot(), desk.recipients());
    let mut tampered = bench.tampered();
    tampered.entries.swap(3, 4);
    let refused = Draft::of_log(&mut tampered, &*depot, &recipients, &mut |_, _| ()).unwrap_err();
    assert!(refused.to_string().starts_with("event 3:"), "{refused}");
    assert!(desk.objects("manifests").is_empty());
}

#[test]
fn a_restore_takes_an_empty_directory_alone() {
    let (desk, (bench, _)) = (Desk::new(), Bench::busy());
    desk.back_up(&bench);
    std::fs::create_dir(desk.layout().dir()).unwrap();
    let file = desk.layout().dir().join("thesis.tex");
    std::fs::write(&file, "x").unwrap();
    let refused = desk.restore(&bench).unwrap_err();
    assert!(
        matches!(refused, RestoreError::Home(HomeError::Foreign(_))),
        "{refused}"
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
    std::fs::remove_file(&file).unwrap();
    desk.restore(&bench).unwrap();
    let again = desk.restore(&bench).unwrap_err();
    assert!(
        matches!(again, RestoreError::Home(HomeError::NotEmpty(_))),
        "{again}"
    );
}

/// Changes one byte of an object.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
