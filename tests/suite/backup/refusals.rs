//! What a backup or a restore refuses: what could not come back, what is in the wrong place, what is no file, a full disk.

use std::fs;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;

use super::*;
use crate::damage::faults::{Fault, Faults};

fn stopped() -> (Desk, Daemon) {
    let (desk, mut daemon) = (Desk::new(), Daemon::start("warn"));
    make_key(&Client::unix(daemon.socket()).unwrap());
    daemon.stop();
    (desk, daemon)
}

fn rotate(daemon: &Daemon) {
    let root_key = daemon.root_key();
    daemon.log_says_yes(&["rotate-key", "--root-key", root_key.to_str().unwrap()]);
}

#[test]
fn a_vault_from_before_a_rotation_is_not_backed_up() {
    let (desk, daemon) = stopped();
    let data = daemon.data();
    let from = [Path::new("--data"), data.as_path()];
    says(&desk.back_up(&from), 0);
    let early = fs::read(data.join("vault-a")).unwrap();
    rotate(&daemon);
    let late = fs::read(data.join("vault-a")).unwrap();
    for mirror in ["vault-a", "vault-b"] {
        fs::write(data.join(mirror), &early).unwrap();
    }
    let said = says(&desk.back_up(&from), 1);
    assert!(said.contains("no backup was made"), "{said}");
    // The one before stands.
    says(&desk.restore(&daemon, &[Path::new("--check")]), 0);
    for mirror in ["vault-a", "vault-b"] {
        fs::write(data.join(mirror), &late).unwrap();
    }
    says(&desk.back_up(&from), 0);
}

// Method: more keys than the slots that are provided ahead, then the vault of before them under a daemon that serves.
#[test]
fn a_running_daemon_with_too_old_a_vault_is_not_backed_up() {
    let (desk, mut daemon) = stopped();
    let data = daemon.data();
    let early = fs::read(data.join("vault-a")).unwrap();
    daemon.start_again();
    let client = Client::unix(daemon.socket()).unwrap();
    (0..300).for_each(|_| drop(make_key(&client)));
    daemon.stop();
    for mirror in ["vault-a", "vault-b"] {
        fs::write(data.join(mirror), &early).unwrap();
    }
    daemon.start_again();
    let socket = daemon.socket();
    let said = says(&desk.back_up(&[Path::new("--socket"), &socket]), 1);
    assert!(
        said.contains("the vault lacks") && said.contains("no backup was made"),
        "{said}"
    );
    let said = says(&desk.restore(&daemon, &[Path::new("--check")]), 1);
    assert!(said.contains("there is no whole backup"), "{said}");
}

#[test]
fn a_size_before_the_last_rotation_is_refused_with_the_least_one_and_leaves_nothing() {
    let (desk, daemon) = stopped();
    rotate(&daemon);
    let data = daemon.data();
    says(&desk.back_up(&[Path::new("--data"), &data]), 0);
    let into = desk.path("restored");
    let at = |size: &str, code| {
        let more = [Path::new("--data"), &into, Path::new("--at"), Path::new(size)];
        let said = says(&desk.restore(&daemon, &more), code);
        assert_eq!(into.exists(), code == 0, "{size}: {said}");
        said
    };
    for size in ["0", "99999"] {
        at(size, 2);
    }
    let said = at("2", 1);
    let least = said
        .split("--at can be ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let before = (least.parse::<u64>().unwrap() - 1).to_string();
    assert!(at(&before, 1).contains(&format!("--at can be {least} or more")));
    at(least, 0);
}

#[test]
fn a_place_in_the_data_directory_is_refused() {
    let (desk, daemon) = stopped();
    let data = daemon.data();
    for place in [data.clone(), data.join("backups"), data.join("store/x/y")] {
        let said = says(
            &desk.back_up(&[Path::new("--data"), &data, Path::new("--to"), &place]),
            2,
        );
        assert!(said.contains("would be lost with it"), "{said}");
    }
    assert!(!data.join("backups").exists());
}

#[test]
fn a_pipe_or_a_link_in_the_place_of_an_object_is_damage_and_nobody_waits() {
    let (desk, daemon) = stopped();
    let data = daemon.data();
    says(&desk.back_up(&[Path::new("--data"), &data]), 0);
    for kind in ["tails", "vaults"] {
        let name = format!("/{kind}/");
        let all = objects(&desk.path("backups"));
        let object = all
            .iter()
            .find(|path| path.to_str().unwrap().contains(&name))
            .unwrap();
        let bytes = fs::read(object).unwrap();
        for harm in ["pipe", "link", "directory"] {
            fs::remove_file(object).unwrap();
            let elsewhere = desk.path("elsewhere");
            fs::write(&elsewhere, &bytes).unwrap();
            match harm {
                "pipe" => mknodat(CWD, object, FileType::Fifo, Mode::RUSR, 0).unwrap(),
                "link" => std::os::unix::fs::symlink(&elsewhere, object).unwrap(),
                _ => fs::create_dir(object).unwrap(),
            }
            let begun = Instant::now();
            let said = says(&desk.restore(&daemon, &[Path::new("--check")]), 1);
            assert!(
                said.contains("DAMAGED") && said.contains("not a regular file"),
                "{harm}: {said}"
            );
            assert!(begun.elapsed() < Duration::from_secs(60), "{harm}");
            match harm {
                "directory" => fs::remove_dir(object).unwrap(),
                _ => fs::remove_file(object).unwrap(),
            }
            fs::write(object, &bytes).unwrap();
        }
    }
    let above = desk
        .path("backups")
        .read_dir()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let said = says(
        &desk.restore(&daemon, &[Path::new("--check"), Path::new("--from"), &above]),
        1,
    );
    assert!(said.contains("one or two levels up"), "{said}");
}

fn objects(place: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in place.read_dir().unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(objects(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn a_full_disk_is_no_damage_and_the_same_restore_goes_on_when_there_is_room() {
    let (desk, mut daemon) = stopped();
    let data = daemon.data();
    says(&desk.back_up(&[Path::new("--data"), &data]), 0);
    let faults = Faults::over(&mut daemon);
    let into = desk.path("restored");
    for (path, after) in [
        ("/restored/store/", 3),
        ("/restored/vault-", 0),
        ("/restored/anchor", 0),
    ] {
        faults.plan(Fault::WriteFails, Errno::NOSPC, path, after);
        let said = says(&desk.restore(&daemon, &[Path::new("--data"), &into]), 1);
        assert!(faults.happened() > 0, "{path}: {said}");
        assert!(
            said.contains("there is no space left") && !said.contains("Fjall"),
            "{path}: {said}"
        );
        assert!(!into.exists(), "{path}");
    }
    faults.end();
    says(&desk.restore(&daemon, &[Path::new("--data"), &into]), 0);
}

#[test]
fn evidence_on_a_read_only_file_system_is_read() {
    let (desk, mut daemon) = stopped();
    let data = daemon.data();
    says(&desk.back_up(&[Path::new("--data"), &data]), 0);
    daemon.start_again();
    make_key(&Client::unix(daemon.socket()).unwrap());
    daemon.stop();
    let faults = Faults::over(&mut daemon);
    let name = format!("{}/data", daemon.home().file_name().unwrap().to_str().unwrap());
    faults.plan(Fault::OpenFails, Errno::ROFS, &name, 0);
    let into = desk.path("restored");
    let more = [Path::new("--data"), &into, Path::new("--evidence"), &data];
    let said = says(&desk.restore(&daemon, &more), 0);
    assert!(said.contains("it reaches its anchor"), "{said}");
    assert_eq!(faults.happened(), 0);
}
