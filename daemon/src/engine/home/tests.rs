use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::base::Region;
use crate::base::entropy::SystemEntropy;
use crate::base::time::SystemClock;

/// The same key again and again: what a root key file does.
fn root() -> RootKey {
    RootKey::from_secret(crate::base::SecretBytes::new(vec![7; 32])).unwrap()
}

fn boot(home: &Home) -> Result<Core, HomeError> {
    let world = World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let founding = Founding {
        name: "test".into(),
        region: Region::parse("cn-hangzhou").unwrap(),
    };
    home.boot(root(), &world, &founding)
}

fn open(dir: &Path) -> Result<Home, HomeError> {
    Home::open(Layout::new(dir, None))
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// A directory in which a log was founded.
fn founded() -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("deep/data");
    let home = open(&dir).unwrap();
    assert!(home.is_new());
    boot(&home).unwrap();
    (temporary, dir)
}

#[test]
fn a_founded_log_is_private_and_found_again() {
    let (_temporary, dir) = founded();
    let layout = Layout::new(&dir, None);
    assert_eq!(mode(&dir), 0o700);
    let [a, b] = layout.vault();
    for file in [&a, &b, layout.anchor(), &layout.root_access_key(), &layout.lock()] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    assert!(!layout.founding().exists());
    assert!(!layout.store().join("journal-aside").exists());

    let home = open(&dir).unwrap();
    assert!(!home.is_new());
    let core = boot(&home).unwrap();
    assert_eq!(core.writer.state().size(), 1);
}

#[test]
fn the_access_key_file_has_the_four_names() {
    let (_temporary, dir) = founded();
    let text = std::fs::read(Layout::new(&dir, None).root_access_key()).unwrap();
    let file: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let mut names: Vec<_> = file.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["AccessKeyId", "AccessKeySecret", "AccountId", "Region"]);
    assert_eq!(file["AccessKeySecret"].as_str().unwrap().len(), 30);
    assert_eq!(file["Region"], "cn-hangzhou");
}

#[test]
fn a_directory_in_use_is_refused_and_its_user_named() {
    let (_temporary, dir) = founded();
    let _held = open(&dir).unwrap();
    let error = open(&dir).unwrap_err();
    assert!(matches!(error, HomeError::InUse { pid: Some(pid), .. } if pid == std::process::id()));
}

#[test]
fn other_peoples_directories_are_left_alone() {
    let temporary = tempfile::tempdir().unwrap();
    std::fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
    std::fs::write(temporary.path().join("thesis.tex"), "x").unwrap();
    assert!(matches!(open(temporary.path()), Err(HomeError::Foreign(_))));
    assert_eq!(mode(temporary.path()), 0o755);
    let names = temporary.path().read_dir().unwrap().count();
    assert_eq!(names, 1, "something was made in it");
}

#[test]
fn an_empty_directory_is_taken_and_made_private() {
    let temporary = tempfile::tempdir().unwrap();
    std::fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(temporary.path().join("lost+found")).unwrap();
    boot(&open(temporary.path()).unwrap()).unwrap();
    assert_eq!(mode(temporary.path()), 0o700);
}

#[test]
fn a_lost_store_is_a_loss_and_no_new_beginning() {
    for kept in ["anchor", "vault-b"] {
        let (_temporary, dir) = founded();
        std::fs::remove_dir_all(dir.join("store")).unwrap();
        for file in ["anchor", "vault-a", "vault-b"] {
            if file != kept {
                std::fs::remove_file(dir.join(file)).unwrap();
            }
        }
        let error = open(&dir).unwrap_err();
        assert!(
            matches!(&error, HomeError::LogMissing { witness, .. } if witness.ends_with(kept)),
            "{error}"
        );
        assert!(dir.join(kept).exists());
    }
}

#[test]
fn an_anchor_of_another_log_is_not_founded_over() {
    let (_temporary, dir) = founded();
    let other = tempfile::tempdir().unwrap();
    let layout = Layout::new(other.path(), Some(dir.join("anchor")));
    assert!(matches!(Home::open(layout), Err(HomeError::LogMissing { .. })));
}

#[test]
fn a_founding_cut_short_before_genesis_begins_anew() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path();
    drop(open(dir).unwrap());
    // As a crash leaves it: the mark, half a vault, an access key that opens nothing.
    for (file, bytes) in [
        ("founding", ""),
        ("vault-a", "half"),
        ("root-access-key.json", "{}"),
    ] {
        std::fs::write(dir.join(file), bytes).unwrap();
    }
    let home = open(dir).unwrap();
    assert_eq!(boot(&home).unwrap().writer.state().size(), 1);
    assert!(!dir.join("founding").exists());
    assert!(std::fs::read(dir.join("root-access-key.json")).unwrap().len() > 2);
}

#[test]
fn a_founding_cut_short_after_genesis_is_completed() {
    let (_temporary, dir) = founded();
    std::fs::write(dir.join("founding"), "").unwrap();
    std::fs::remove_file(dir.join("anchor")).unwrap();
    let home = open(&dir).unwrap();
    assert!(!home.is_new());
    boot(&home).unwrap();
    assert!(!dir.join("founding").exists());
}

#[test]
fn a_wrong_root_key_changes_nothing() {
    let (_temporary, dir) = founded();
    let before = std::fs::read(dir.join("vault-a")).unwrap();
    let home = open(&dir).unwrap();
    let world = World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let founding = Founding {
        name: "test".into(),
        region: Region::parse("cn-hangzhou").unwrap(),
    };
    let wrong = RootKey::make(&SystemEntropy);
    assert!(matches!(
        home.boot(wrong, &world, &founding),
        Err(HomeError::Boot(_))
    ));
    assert_eq!(std::fs::read(dir.join("vault-a")).unwrap(), before);
}

#[test]
fn what_holds_no_log_is_not_made_to_hold_one_by_a_look() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("none");
    assert!(matches!(
        Home::open_existing(Layout::new(&dir, None)),
        Err(HomeError::NoLog(_))
    ));
    assert!(!dir.exists());
}

/// A crash right after the start must not find an anchor that says that nothing follows.
#[test]
fn a_start_takes_back_what_the_last_stop_said_of_a_clean_end() {
    let (_temporary, dir) = founded();
    let mut core = boot(&open(&dir).unwrap()).unwrap();
    let clean = crate::engine::boot::anchor_at(core.writer.chain(), true);
    core.anchor.write(&clean, &core.log_key).unwrap();
    drop(core);
    let core = boot(&open(&dir).unwrap()).unwrap();
    let anchor = core.anchor.newest().unwrap().unwrap();
    let anchor = anchor.claims();
    assert!(!anchor.clean);
    assert_eq!(anchor.size, clean.size);
}

/// What the small files say can be made again; a vault says whose directory it is.
#[test]
fn a_directory_that_lost_its_lock_and_its_mark_is_known_by_what_else_it_holds() {
    let (_temporary, dir) = founded();
    for lost in [&["lock", "format"][..], &["lock", "format", "vault-a", "anchor"]] {
        let kept: Vec<_> = lost
            .iter()
            .map(|name| (dir.join(name), std::fs::read(dir.join(name)).unwrap()))
            .collect();
        for (path, _) in &kept {
            std::fs::remove_file(path).unwrap();
        }
        let home = Home::open_existing(Layout::new(&dir, None)).unwrap();
        assert!(!home.is_new());
        drop(home);
        for (path, bytes) in kept {
            std::fs::write(path, bytes).unwrap();
        }
    }
    // A name alone says nothing.
    let other = dir.with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("vault-a"), b"a list of vaults").unwrap();
    assert!(matches!(open(&other), Err(HomeError::Foreign(_))));
    assert!(matches!(
        Home::open_existing(Layout::new(&other, None)),
        Err(HomeError::NoLog(_))
    ));
}

#[test]
fn what_was_open_to_others_is_made_private() {
    let (_temporary, dir) = founded();
    let [vault, _] = Layout::new(&dir, None).vault();
    std::fs::set_permissions(&dir, Permissions::from_mode(0o777)).unwrap();
    std::fs::set_permissions(&vault, Permissions::from_mode(0o666)).unwrap();
    open(&dir).unwrap();
    assert_eq!((mode(&dir), mode(&vault)), (0o700, 0o600));
}
