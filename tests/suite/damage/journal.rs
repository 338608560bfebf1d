//! The store's journal: every row of the table of what fjall makes of damage, after an orderly stop and after a kill.

use std::fs;
use std::path::Path;

use super::scene::{self, Outcome, Scene, copy_tree, end_of, flip, journal, overwrite};
use crate::crash;
use crate::process::Daemon;

/// What happens to the journal.
#[derive(Debug, Clone, Copy)]
enum Damage {
    ByteInTheMiddle,
    TagInTheMiddle,
    PageInTheMiddle,
    LastPage,
    LastBytesCut,
    ByteInTheLastGroup,
}

const ALL: [Damage; 6] = [
    Damage::ByteInTheMiddle,
    Damage::TagInTheMiddle,
    Damage::PageInTheMiddle,
    Damage::LastPage,
    Damage::LastBytesCut,
    Damage::ByteInTheLastGroup,
];

impl Damage {
    fn happens_to(self, journal: &Path) {
        let bytes = fs::read(journal).unwrap();
        let end = end_of(&bytes);
        match self {
            Self::ByteInTheMiddle => flip(journal, end / 2),
            Self::TagInTheMiddle => overwrite(journal, tag_after(&bytes, end / 2), &[0x81]),
            Self::PageInTheMiddle => overwrite(journal, end / 2, &[0; 4_096]),
            Self::LastPage => overwrite(journal, end - 4_096, &[0; 4_096]),
            Self::LastBytesCut => fs::write(journal, &bytes[..end - 100]).unwrap(),
            Self::ByteInTheLastGroup => flip(journal, end - 60),
        }
    }

    /// Whether whole groups follow the damage: then it can be told from a torn end by the journal alone.
    const fn is_before_the_end(self) -> bool {
        matches!(
            self,
            Self::ByteInTheMiddle | Self::TagInTheMiddle | Self::PageInTheMiddle
        )
    }
}

/// The place of the next record's first tag.
fn tag_after(bytes: &[u8], from: usize) -> usize {
    let trailer = bytes[from..]
        .windows(4)
        .position(|four| four == b"FJL\x03")
        .unwrap();
    let tag = from + trailer + 4;
    assert_eq!(bytes[tag], 1, "a record begins");
    tag
}

fn every_damage(scene: &Scene) {
    for damage in ALL {
        println!("{damage:?}");
        let whole = read_content(&journal(&scene.copy().data()));
        let (mut daemon, outcome) = scene.after(|data| damage.happens_to(&journal(data)));
        let damaged = {
            let copy = scene.copy();
            damage.happens_to(&journal(&copy.data()));
            read_content(&journal(&copy.data()))
        };
        if damage.is_before_the_end() {
            outcome.refuses(&[
                "0.jnl` is damaged at byte",
                "were acknowledged",
                "Nothing was changed",
                "backup",
            ]);
            assert!(
                read_content(&journal(&daemon.data())) == damaged,
                "{damage:?}: it was changed"
            );
            assert_verdict_is_no(&daemon, "is damaged at byte");
            // The way out that the message names.
            fs::write(journal(&daemon.data()), &whole).unwrap();
        } else {
            outcome.refuses(&["events that were acknowledged are missing", "store/journal-aside"]);
            assert_verdict_is_no(&daemon, "anchor");
            put_back_from_aside(&daemon, &whole, &damaged);
        }
        scene.start(&mut daemon).holds();
        daemon.stop();
        daemon.log_says_yes(&["verify"]);
        daemon.log_says_yes(&["replay"]);
    }
}

#[test]
fn damage_after_an_orderly_stop_is_refused_and_the_way_out_leads_back() {
    every_damage(scene::stopped());
}

#[test]
fn damage_after_a_kill_is_refused_and_the_way_out_leads_back() {
    every_damage(scene::killed());
}

/// What the refused start cut off is in the copy aside: repaired there, it goes back where it was.
fn put_back_from_aside(daemon: &Daemon, whole: &[u8], damaged: &[u8]) {
    let (store, aside) = (
        daemon.data().join("store"),
        daemon.data().join("store/journal-aside/0.jnl"),
    );
    let kept = read_content(&aside);
    let cut = read_content(&store.join("0.jnl"));
    assert!(kept == damaged, "the copy aside is the journal as it was found");
    assert!(cut.len() < kept.len(), "the better evidence is aside");
    let mut repaired = kept;
    let common = repaired.len().min(whole.len());
    let first = repaired
        .iter()
        .zip(whole)
        .position(|(a, b)| a != b)
        .unwrap_or(common);
    // Whoever repairs it touches the damaged part alone.
    repaired.truncate(first);
    repaired.extend_from_slice(&whole[first..]);
    fs::write(store.join("0.jnl"), repaired).unwrap();
}

fn read_content(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    bytes.truncate(end_of(&bytes));
    bytes
}

/// An auditor of the stopped directory is told too.
fn assert_verdict_is_no(daemon: &Daemon, why: &str) {
    let output = daemon.log(&["verify"]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{said}");
}

/// The journal of a moment before, with everything else as it is now: what was acknowledged since is missing.
#[test]
fn a_journal_put_back_from_too_old_a_copy_is_refused() {
    let scene = scene::stopped();
    let (mut daemon, outcome) = scene.after(|data| {
        let bytes = fs::read(journal(data)).unwrap();
        let middle = tag_after(&bytes, end_of(&bytes) / 2);
        fs::write(journal(data), &bytes[..middle]).unwrap();
    });
    outcome.refuses(&["events that were acknowledged are missing", "store/journal-aside"]);
    // Again and again, and nothing becomes of it.
    assert!(matches!(scene.start(&mut daemon), Outcome::Refuses(_)));
    let fresh = scene.copy();
    fs::remove_dir_all(daemon.data().join("store")).unwrap();
    fs::create_dir(daemon.data().join("store")).unwrap();
    copy_tree(&fresh.data().join("store"), &daemon.data().join("store"));
    scene.start(&mut daemon).holds();
}

/// What is missing rotated the log key, and the key before it was erased then: what the daemon says to do is enough.
#[test]
fn an_old_store_from_before_a_rotation_can_be_accepted_as_the_daemon_says() {
    let scene = scene::stopped();
    let mut daemon = scene.copy();
    let root_key = daemon.root_key();
    let root_key = root_key.to_str().unwrap();
    let store = daemon.data().join("store");
    let old = scene::new_home();
    copy_tree(&store, old.path());
    let proven = old.path().with_extension("proven");
    let proven = proven.to_str().unwrap();
    daemon.log_says_yes(&["verify", "--save", proven]);
    let before = fs::read_to_string(proven).unwrap();
    daemon.log_says_yes(&["rotate-key", "--root-key", root_key]);
    fs::remove_dir_all(&store).unwrap();
    fs::create_dir(&store).unwrap();
    copy_tree(old.path(), &store);
    let said = scene
        .start(&mut daemon)
        .refuses(&["events that were acknowledged are missing"]);
    let missing = said
        .split("--missing ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    // An auditor hears the same, with the same way out.
    assert_verdict_is_no(
        &daemon,
        &format!("`chancery log accept-loss --data DIR --missing {missing} --reason TEXT`"),
    );
    let accept = [
        "accept-loss",
        "--missing",
        missing,
        "--reason",
        "no copy",
        "--root-key",
        root_key,
    ];
    let accepted = daemon.log(&accept);
    let told = String::from_utf8(accepted.stderr).unwrap();
    assert!(accepted.status.success(), "{told}");
    assert!(!told.contains("no anchor is shown"), "{told}");
    scene.start(&mut daemon).holds();
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
    let told = String::from_utf8(daemon.log(&["verify"]).stderr).unwrap();
    assert!(told.contains("the log key was lost there"), "{told}");

    // Who follows the log from an earlier verification has to know the new key: anybody can begin such an epoch.
    let follow = ["verify", "--since", proven, "--save", proven];
    let followed = daemon.log(&follow);
    assert_eq!(followed.status.code(), Some(1), "{followed:?}");
    assert!(followed.stdout.starts_with(b"DIFFERS: "), "{followed:?}");
    assert_eq!(fs::read_to_string(proven).unwrap(), before);
    let word_after = |text: &str| {
        let (_, rest) = told.split_once(text).expect("told");
        let end = rest.find([',', '\n']).expect("more");
        rest[..end].to_owned()
    };
    let (first, second) = (word_after("log key (SHA-256): "), word_after("with the log key "));
    daemon.log_says_yes(&[&follow[..], &["--key", &first, "--key", &second]].concat());
    assert_ne!(fs::read_to_string(proven).unwrap(), before);
    fs::remove_file(proven).unwrap();
}

/// Nobody has a copy: what comes before the damage is kept, once an operator has said so twice.
#[test]
fn a_damaged_journal_of_which_there_is_no_copy_can_be_cut() {
    let scene = scene::stopped();
    let (mut daemon, outcome) = scene.after(|data| Damage::PageInTheMiddle.happens_to(&journal(data)));
    outcome.refuses(&["log accept-loss --data DIR --cut-journal"]);
    let damaged = read_content(&journal(&daemon.data()));
    let root_key = daemon.root_key();
    let cut = [
        "accept-loss",
        "--cut-journal",
        "--reason",
        "no copy",
        "--root-key",
        root_key.to_str().unwrap(),
    ];
    let before = scene::contents(&daemon.data());
    let asked = daemon.log(&cut);
    let said = String::from_utf8(asked.stderr).unwrap();
    assert_eq!(asked.status.code(), Some(1), "{said}");
    let missing = said
        .split("`--missing ")
        .nth(1)
        .unwrap()
        .split('`')
        .next()
        .unwrap();
    assert!(missing.parse::<usize>().unwrap() > 10, "{said}");
    // As long as the number is not confirmed, nothing is cut.
    assert!(before == scene::contents(&daemon.data()), "nothing is cut");
    let other = daemon.log(&[&cut[..], &["--missing", "1"]].concat());
    assert_eq!(other.status.code(), Some(1));
    assert!(before == scene::contents(&daemon.data()), "nothing is cut");
    daemon.log_says_yes(&[&cut[..], &["--missing", missing]].concat());
    assert!(
        read_content(&daemon.data().join("store/journal-aside/0.jnl")) == damaged,
        "all of it is aside"
    );
    daemon.start_again();
    let client = chancery_client::blocking::Client::unix(daemon.socket()).unwrap();
    crash::encrypt(&client, &scene.key).unwrap();
    daemon.stop();
    daemon.log_says_yes(&["verify"]);
    daemon.log_says_yes(&["replay"]);
    let shown = String::from_utf8(daemon.log_says_yes(&["show", "--json"])).unwrap();
    assert!(shown.contains("no copy"), "the loss is recorded");
}

/// Each place, with the full run; some, otherwise. Never anything but a refusal, or all that was answered.
#[test]
fn a_changed_byte_anywhere_is_refused_or_harmless() {
    let scene = scene::stopped();
    let end = end_of(&fs::read(journal(&scene.copy().data())).unwrap());
    let steps = if super::in_full() { 400 } else { 8 };
    for step in 0..steps {
        let at = 1 + step * (end - 2) / steps;
        let (_, outcome) = scene.after(|data| flip(&journal(data), at));
        if let Outcome::Refuses(said) = outcome {
            assert!(
                said.contains("damaged at byte") || said.contains("are missing"),
                "byte {at}: {said}"
            );
        }
    }
}
