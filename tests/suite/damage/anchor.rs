//! The anchor: each sector, both, an old one, another log's, none.

use std::fs;
use std::path::Path;

use super::scene::{self, Scene, flip, overwrite};
use crate::process::Daemon;

const SECTOR: usize = 512;

fn anchor(data: &Path) -> std::path::PathBuf {
    data.join("anchor")
}

#[test]
fn one_damaged_sector_is_survived_said_and_repaired() {
    for scene in [scene::stopped(), scene::killed()] {
        for sector in 0..2 {
            for at in [0, 45, 100, 500] {
                let (mut daemon, outcome) = scene.after(|data| flip(&anchor(data), sector * SECTOR + at));
                outcome.holds();
                assert!(
                    daemon
                        .said()
                        .contains("one of the anchor's two sectors is damaged"),
                    "{}",
                    daemon.said()
                );
                daemon.stop();
                scene.start(&mut daemon).holds();
                assert!(!daemon.said().contains("sectors is damaged"), "{}", daemon.said());
                if !super::in_full() {
                    break;
                }
            }
        }
    }
}

/// Without it nobody can tell whether the log is whole: it is refused, and served again with the anchor, or when an operator
/// accepts that it is lost.
#[test]
fn an_anchor_that_is_of_no_use_is_refused_and_the_way_out_leads_back() {
    let (scene, other) = (scene::stopped(), scene::killed().copy());
    let others = fs::read(anchor(&other.data())).unwrap();
    type Case<'a> = (&'a str, Box<dyn Fn(&Path) + 'a>);
    let cases: Vec<Case<'_>> = vec![
        (
            "the anchor is damaged",
            Box::new(|path| {
                flip(path, 100);
                flip(path, SECTOR + 100);
            }),
        ),
        (
            "the anchor is another log's",
            Box::new(|path| fs::write(path, &others).unwrap()),
        ),
        (
            "the anchor is gone or blank",
            Box::new(|path| fs::remove_file(path).unwrap()),
        ),
        (
            "the anchor is gone or blank",
            Box::new(|path| overwrite(path, 0, &[0; 2 * SECTOR])),
        ),
        (
            "the anchor is gone or blank",
            Box::new(|path| fs::write(path, b"").unwrap()),
        ),
        (
            "the anchor",
            Box::new(|path| fs::write(path, &fs::read(path).unwrap()[..300]).unwrap()),
        ),
    ];
    for (number, (why, damage)) in cases.into_iter().enumerate() {
        let (mut daemon, outcome) = scene.after(|data| damage(&anchor(data)));
        outcome.refuses(&[why, "back from where it was kept", "log accept-loss"]);
        let verdict = daemon.log(&["verify"]);
        assert_eq!(verdict.status.code(), Some(1), "{why}: {verdict:?}");
        // One way out, and the other one.
        fs::copy(anchor(&scene.copy().data()), anchor(&daemon.data())).unwrap();
        scene.start(&mut daemon).holds();

        if number > 2 && !super::in_full() {
            continue;
        }
        let (mut daemon, outcome) = scene.after(|data| damage(&anchor(data)));
        outcome.refuses(&[why]);
        accept_loss(&daemon);
        scene.start(&mut daemon).holds();
        daemon.stop();
        daemon.log_says_yes(&["verify"]);
        daemon.log_says_yes(&["replay"]);
    }
}

/// Half an anchor, the newer half.
#[test]
fn an_anchor_cut_to_one_sector_is_survived() {
    let scene = scene::stopped();
    let (_, outcome) = scene.after(|data| {
        let bytes = fs::read(anchor(data)).unwrap();
        fs::write(anchor(data), &bytes[..SECTOR]).unwrap();
    });
    outcome.holds();
}

/// An old anchor says less than a new one, and nothing that is wrong; a new one tells an old store.
#[test]
fn an_old_anchor_is_no_contradiction_and_an_old_store_is_one() {
    let scene = scene::stopped();
    let mut daemon = scene.copy();
    scene.start(&mut daemon).holds();
    daemon.stop();
    let newer = fs::read(anchor(&daemon.data())).unwrap();
    fs::copy(anchor(&scene.copy().data()), anchor(&daemon.data())).unwrap();
    scene.start(&mut daemon).holds();

    let (_, outcome) = scene.after(|data| fs::write(anchor(data), &newer).unwrap());
    outcome.refuses(&["events that were acknowledged are missing"]);
}

/// The place may be anything, on another disk that is not there.
#[test]
fn an_anchor_that_is_no_file_is_refused() {
    let scene: &Scene = scene::stopped();
    let (_, outcome) = scene.after(|data| {
        fs::remove_file(anchor(data)).unwrap();
        fs::create_dir(anchor(data)).unwrap();
    });
    outcome.refuses(&["anchor`"]);
}

fn accept_loss(daemon: &Daemon) {
    let root_key = daemon.root_key();
    daemon.log_says_yes(&[
        "accept-loss",
        "--reason",
        "the disk of the anchor died",
        "--root-key",
        root_key.to_str().unwrap(),
    ]);
}

#[test]
fn a_pipe_in_the_place_of_the_anchor_keeps_nobody_waiting() {
    let scene: &Scene = scene::stopped();
    let mut daemon = scene.copy();
    let path = anchor(&daemon.data());
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let said = daemon.log(&["verify"]);
    assert!(!said.status.success());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("not a regular file"), "{said}");
    scene.start(&mut daemon).refuses(&["not a regular file"]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, whole).unwrap();
    scene.start(&mut daemon).holds();
}
