//! Data directories whose every answer is known, and what a start makes of a damaged copy of one.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chancery_client::blocking::Client;

use super::faults::{on_its_own_machine, wait_until};
use crate::crash::{self, Acknowledged};
use crate::process::Daemon;

/// A data directory as a daemon left it, and what its callers were answered.
pub struct Scene {
    home: tempfile::TempDir,
    pub answers: Vec<Acknowledged>,
    /// The key that the answers are about.
    pub key: String,
}

/// What became of a start.
#[derive(Debug)]
pub enum Outcome {
    /// It serves, and all that was ever answered holds.
    Holds,
    /// It did not start, and said why.
    Refuses(String),
}

/// After an orderly stop.
pub fn stopped() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| Scene::make(|daemon| drop(daemon.stop())))
}

/// After a kill.
pub fn killed() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        Scene::make(|daemon| {
            wait_for_the_anchor(daemon);
            daemon.kill();
        })
    })
}

/// After an orderly stop, with half of its events in tables and the others in the journal.
pub fn in_tables() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        Scene::make(|daemon| {
            daemon.stop();
            flush(&daemon.data().join("store"));
            daemon.start_again();
            let client = Client::unix(daemon.socket()).unwrap();
            crash::call(&client, "ListKeys", &[]).unwrap();
            daemon.stop();
        })
    })
}

impl Scene {
    fn make(end: impl FnOnce(&mut Daemon)) -> Self {
        let mut daemon = Daemon::start("warn");
        let client = Client::unix(daemon.socket()).unwrap();
        let made = crash::call(&client, "CreateKey", &[]).unwrap();
        let key = crash::text(&made, "/KeyMetadata/KeyId");
        let answers = crash::answers(&client, "scene", &key, TURNS);
        end(&mut daemon);
        let home = new_home();
        copy_tree(daemon.home(), home.path());
        Self { home, answers, key }
    }

    /// A daemon that is not started yet, on a copy of its own.
    pub fn copy(&self) -> Daemon {
        let home = new_home();
        copy_tree(self.home.path(), home.path());
        let mut daemon = Daemon::stopped_in(home, "warn");
        on_its_own_machine(&mut daemon);
        daemon
    }

    /// Damages a copy, starts on it, and holds what it then serves against what was answered.
    pub fn after(&self, damage: impl FnOnce(&Path)) -> (Daemon, Outcome) {
        let mut daemon = self.copy();
        damage(&daemon.data());
        let outcome = self.start(&mut daemon);
        (daemon, outcome)
    }

    /// Starts; a daemon that serves must hold to all that was answered.
    pub fn start(&self, daemon: &mut Daemon) -> Outcome {
        fs::write(daemon.stderr(), "").unwrap();
        match daemon.try_start() {
            Ok(()) => {
                crash::hold(daemon, &self.answers);
                Outcome::Holds
            }
            Err((ended, said)) => {
                // 1: the answer is no. A panic, a signal, an end that takes too long are none.
                assert_eq!(ended.code(), Some(1), "{said}");
                assert!(said.contains("chancery: "), "{said}");
                Outcome::Refuses(said)
            }
        }
    }
}

impl Outcome {
    /// It must have been refused, with all of this in the message.
    #[track_caller]
    pub fn refuses(self, parts: &[&str]) -> String {
        let Self::Refuses(said) = self else {
            panic!("it serves; expected was a refusal with {parts:?}");
        };
        for part in parts {
            assert!(said.contains(part), "no {part:?} in: {said}");
        }
        said
    }

    /// It must serve.
    #[track_caller]
    pub fn holds(self) {
        if let Self::Refuses(said) = self {
            panic!("it does not serve: {said}");
        }
    }
}

/// Moves everything from the journal to tables, as the store does by itself after some 64 MiB.
pub fn flush(store: &Path) {
    let db = fjall::Database::builder(store).open().unwrap();
    for name in ["log", "tree", "state", "meta"] {
        let keyspace = db.keyspace(name, fjall::KeyspaceCreateOptions::default).unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
    }
}

/// Until the anchor has all that was answered: from here on no loss goes unnoticed.
fn wait_for_the_anchor(daemon: &Daemon) {
    let client = Client::unix(daemon.socket()).unwrap();
    let status = crash::json(client.call(crash::CHANCERY, "GetStatus", &[])).unwrap();
    // Its own event comes on top.
    let wanted = status["Size"].as_u64().unwrap() + 1;
    wait_until("the anchor follows", || {
        let bytes = fs::read(daemon.data().join("anchor")).unwrap();
        let size = |at: usize| u64::from_be_bytes(bytes[at + 40..at + 48].try_into().unwrap());
        size(0).max(size(512)) >= wanted
    });
}

pub fn new_home() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("chancery-").tempdir().unwrap()
}

/// All files under a directory, sorted.
pub fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Every file under a data directory, byte for byte, but for the lock, in which each process names itself.
pub fn contents(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files_under(data).into_iter();
    files
        .filter(|path| !path.ends_with("lock"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Copies a directory without its sockets and without the reserve; holes stay holes.
pub fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&target).unwrap();
            fs::set_permissions(&target, entry.metadata().unwrap().permissions()).unwrap();
            copy_tree(&entry.path(), &target);
        } else if kind.is_file() && entry.file_name() != "reserve" {
            copy_file(&entry.path(), &target);
        }
    }
}

fn copy_file(from: &Path, to: &Path) {
    let bytes = fs::read(from).unwrap();
    let mut file = File::create(to).unwrap();
    file.set_permissions(from.metadata().unwrap().permissions())
        .unwrap();
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    file.write_all(&bytes[..end]).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

/// The one journal of a store.
pub fn journal(data: &Path) -> PathBuf {
    let journals: Vec<_> = files_under(&data.join("store"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .collect();
    let [journal] = journals.as_slice() else {
        panic!("not one journal: {journals:?}");
    };
    journal.clone()
}

/// Where a file's content ends: journals are allocated ahead.
pub fn end_of(bytes: &[u8]) -> usize {
    // By pages: they are 64 MiB of zeroes.
    let page = bytes
        .chunks(PAGE)
        .rposition(|page| page != &[0; PAGE][..page.len()])
        .unwrap_or(0);
    let last = bytes[page * PAGE..]
        .iter()
        .take(PAGE)
        .rposition(|byte| *byte != 0);
    last.map_or(0, |last| page * PAGE + last + 1)
}

/// Writes over a part of a file.
pub fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, at as u64).unwrap();
}

/// Changes one byte of a file.
pub fn flip(path: &Path, at: usize) {
    let byte = fs::read(path).unwrap()[at];
    overwrite(path, at, &[byte ^ 0x20]);
}

const PAGE: usize = 4_096;
/// So many turns of a caller.
const TURNS: u32 = 48;
