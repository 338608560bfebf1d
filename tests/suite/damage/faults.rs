//! What the disk and the clock do to a daemon, at a test's command.
//!
//! A library of a page of C (`faults.c`), compiled by the test and loaded before the daemon, stands between it and the
//! kernel. It needs no privileges, and so works wherever the tests do. A failed sync here leaves its data in the page cache:
//! what a medium really lost is the simulation's.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::process::Daemon;

/// What happens to the files concerned.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// fsync and fdatasync fail.
    SyncFails = 1,
    /// Writes fail.
    WriteFails,
    /// A write is half done, and those after it fail.
    WriteIsCut,
    /// The process is killed before a sync.
    KillBeforeSync,
    /// The process is killed after a sync, before it hears of it.
    KillAfterSync,
    /// Files can't be opened for writing.
    OpenFails,
}

/// The faults of one daemon.
pub struct Faults(File);

impl Faults {
    /// Has `daemon`, from its next start on, live under faults; none at first.
    pub fn over(daemon: &mut Daemon) -> Self {
        let path = daemon.home().join("faults");
        fs::write(&path, [0; BYTES]).unwrap();
        daemon.env("LD_PRELOAD", library());
        daemon.env("FAULTS_FILE", &path);
        Self(File::options().read(true).write(true).open(path).unwrap())
    }

    /// Lets `after` calls on files whose path contains `path` go well; then this happens, with this errno.
    pub fn plan(&self, fault: Fault, error: rustix::io::Errno, path: &str, after: u64) {
        let mut name = [0; NAME_BYTES];
        name[..path.len()].copy_from_slice(path.as_bytes());
        self.0.write_all_at(&name, 40).unwrap();
        self.put(2, i64::from(error.raw_os_error()));
        self.put(3, i64::try_from(after).unwrap());
        self.put(4, 0);
        // Last: from here on it counts.
        self.put(1, fault as i64);
    }

    /// No more of it.
    pub fn end(&self) {
        self.put(1, 0);
    }

    /// How often it happened.
    pub fn happened(&self) -> i64 {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 32).unwrap();
        i64::from_ne_bytes(bytes)
    }

    /// The wall clock is ahead by so many seconds from now on, or behind.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.put(0, seconds);
    }

    fn put(&self, field: u64, value: i64) {
        self.0.write_all_at(&value.to_ne_bytes(), field * 8).unwrap();
    }
}

/// Has `daemon` be on a machine of its own: other copies of its log, run at the same time by other tests, are none of its
/// business, nor it of theirs.
pub fn on_its_own_machine(daemon: &mut Daemon) {
    let name = daemon.home().file_name().unwrap().to_owned();
    daemon.env("LD_PRELOAD", library());
    daemon.env("FAULTS_MACHINE", name);
}

/// Waits until `is_so`; a test that waits in vain fails with `what`.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn library() -> &'static Path {
    static LIBRARY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let (source, path) = (dir.path().join("faults.c"), dir.path().join("faults.so"));
        fs::write(&source, include_str!("faults.c")).unwrap();
        let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
        compiler
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&path, &source])
            .arg("-ldl");
        let status = compiler
            .status()
            .expect("a C compiler is needed, as for the daemon itself");
        assert!(status.success(), "{compiler:?}");
        (dir, path)
    });
    path
}

const NAME_BYTES: usize = 64;
const BYTES: usize = 40 + NAME_BYTES;
