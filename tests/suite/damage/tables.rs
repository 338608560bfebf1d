//! The store's other files: tables, versions of them, markers; a store that is missing, another's, or not alone.

use std::fs;
use std::path::{Path, PathBuf};

use super::scene::{self, Outcome, Scene, copy_tree, files_under, flip};

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Removed,
    Emptied,
    HalfCut,
    ByteInTheMiddle,
    LastByte,
}

const ALL: [Damage; 5] = [
    Damage::Removed,
    Damage::Emptied,
    Damage::HalfCut,
    Damage::ByteInTheMiddle,
    Damage::LastByte,
];

impl Damage {
    fn happens_to(self, path: &Path) {
        let len = usize::try_from(path.metadata().unwrap().len()).unwrap();
        match self {
            Self::Removed => fs::remove_file(path).unwrap(),
            Self::Emptied => fs::write(path, b"").unwrap(),
            Self::HalfCut => fs::write(path, &fs::read(path).unwrap()[..len / 2]).unwrap(),
            Self::ByteInTheMiddle => flip(path, len / 2),
            Self::LastByte => flip(path, len - 1),
        }
    }
}

/// Either it is refused, with a way out, and whoever puts that one file back has all again; or nothing was lost by it.
fn refused_or_harmless(scene: &Scene, file: &Path, damage: Damage) -> bool {
    let (mut daemon, outcome) = scene.after(|data| damage.happens_to(&data.join(file)));
    let is_refused = match outcome {
        Outcome::Holds => false,
        Outcome::Refuses(said) => {
            assert!(said.contains("store"), "{file:?} {damage:?}: {said}");
            assert!(
                said.contains("backup") || said.contains("log rebuild"),
                "{file:?} {damage:?}: {said}"
            );
            fs::copy(scene.copy().data().join(file), daemon.data().join(file)).unwrap();
            scene.start(&mut daemon).holds();
            true
        }
    };
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
    daemon.log_says_yes(&["replay"]);
    is_refused
}

#[test]
fn damage_to_any_file_of_the_store_is_refused_or_harmless() {
    let scene = scene::in_tables();
    let home = scene.copy();
    let files: Vec<PathBuf> = files_under(&home.data().join("store"))
        .iter()
        .filter(|path| path.metadata().unwrap().len() > 0)
        .map(|path| path.strip_prefix(home.data()).unwrap().to_owned())
        .collect();
    let tables = files
        .iter()
        .filter(|file| file.to_str().unwrap().contains("/tables/"))
        .count();
    assert!(tables >= 4, "{files:?}");
    for (number, file) in files.iter().enumerate() {
        for (at, damage) in ALL.into_iter().enumerate() {
            // A part of them, unless in full: each file with one damage, and each kind of file with each.
            if !super::in_full() && (number + at) % ALL.len() != 0 {
                continue;
            }
            let is_refused = refused_or_harmless(scene, file, damage);
            // Some bytes are nobody's: padding, a checksum that is not looked at. A file is not.
            let must = match damage {
                _ if is_outdated(&files, file) => false,
                Damage::Removed | Damage::Emptied => true,
                Damage::HalfCut => !file.ends_with("current"),
                Damage::ByteInTheMiddle | Damage::LastByte => false,
            };
            assert!(is_refused || !must, "{file:?} {damage:?}: nobody noticed");
        }
    }
}

/// The list of a keyspace's tables before the last one: no longer read, and removed by the next start.
fn is_outdated(files: &[PathBuf], file: &Path) -> bool {
    let version = |file: &Path| file.file_name()?.to_str()?.strip_prefix('v')?.parse::<u64>().ok();
    let beside = files.iter().filter(|other| other.parent() == file.parent());
    version(file).is_some() && beside.filter_map(|other| version(other)).max() > version(file)
}

/// Without its `current` fjall takes a keyspace for unfinished and deletes it, or all of them.
#[test]
fn a_keyspace_without_its_marker_is_refused_and_not_deleted() {
    let scene = scene::in_tables();
    for keyspace in [0, 1, 3] {
        let marker = PathBuf::from(format!("store/keyspaces/{keyspace}/current"));
        assert!(refused_or_harmless(scene, &marker, Damage::Removed));
    }
}

#[test]
fn the_lock_that_is_only_there_to_be_locked_is_made_again() {
    let scene = scene::stopped();
    let (_, outcome) = scene.after(|data| fs::remove_file(data.join("store/lock")).unwrap());
    outcome.holds();
}

#[test]
fn what_does_not_belong_to_the_store_is_named_and_left_alone() {
    let scene = scene::stopped();
    for (foreign, is_refused) in [
        ("store/x.jnl", true),
        ("store/keyspaces/lost+found/x", true),
        ("store/keyspaces/1/tables/backup.tar", true),
        ("store/keyspaces/1/tables/old/x", true),
        ("store/README", false),
    ] {
        let (mut daemon, outcome) = scene.after(|data| {
            fs::create_dir_all(data.join(foreign).parent().unwrap()).unwrap();
            fs::write(data.join(foreign), b"mine").unwrap();
        });
        assert_eq!(fs::read(daemon.data().join(foreign)).unwrap(), b"mine");
        if is_refused {
            outcome.refuses(&["store"]);
            let path = daemon.data().join(foreign);
            match path.parent().unwrap() {
                own if own.ends_with("lost+found") || own.ends_with("old") => {
                    fs::remove_dir_all(own).unwrap()
                }
                _ => fs::remove_file(&path).unwrap(),
            }
            scene.start(&mut daemon).holds();
        } else {
            outcome.holds();
        }
    }
}

#[test]
fn a_store_that_is_missing_or_empty_is_not_founded_anew() {
    let scene = scene::stopped();
    for is_empty in [false, true] {
        let (mut daemon, outcome) = scene.after(|data| {
            fs::remove_dir_all(data.join("store")).unwrap();
            if is_empty {
                fs::create_dir(data.join("store")).unwrap();
            }
        });
        outcome.refuses(&["the log is missing", "Put `store` back"]);
        let whole = scene.copy();
        fs::remove_dir_all(daemon.data().join("store")).unwrap();
        fs::create_dir(daemon.data().join("store")).unwrap();
        copy_tree(&whole.data().join("store"), &daemon.data().join("store"));
        scene.start(&mut daemon).holds();
    }
}

#[test]
fn another_logs_store_is_refused() {
    let (scene, other) = (scene::stopped(), scene::in_tables().copy());
    let (_, outcome) = scene.after(|data| {
        fs::remove_dir_all(data.join("store")).unwrap();
        fs::create_dir(data.join("store")).unwrap();
        copy_tree(&other.data().join("store"), &data.join("store"));
    });
    outcome.refuses(&["anchor is another log's"]);
}
