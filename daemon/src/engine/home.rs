//! The data directory: one log, its state, its vault, and who may use them.
//!
//! ```text
//! DIR/lock                   held (flock) by the process that uses the directory; says which one
//! DIR/format                 the mark: which format the directory has
//! DIR/founding               present from the first step of a founding until its last
//! DIR/restoring              present from the first step of a restore until its last
//! DIR/evidence/              private copies of evidence, only during a restore
//! DIR/store/                 the log, its tree, the rows (fjall)
//! DIR/store-copy/            only while `accept-loss --cut-journal` looks at what a cut would leave
//! DIR/vault-a, DIR/vault-b   the two mirrors of the vault
//! DIR/anchor                 the anchor, unless the operator keeps it elsewhere
//! DIR/reserve                space set aside for a full disk
//! DIR/root-access-key.json   the first access key, until its owner moves it away
//! ```
//!
//! H1  At most one process uses a directory, and it is its owner's alone (mode 0700).
//! H2  A log is founded only where there is none. An empty store beside a vault or an anchor is a loss, not a new
//!     beginning (law 8), unless `founding` says that the founding itself was cut short.
//! H3  A directory that holds anything else is never taken over.
//!
//! Never: keeps the root key, which belongs elsewhere.

pub mod format;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directory::{is_known, take_directory, take_file};

use super::boot::{self, BootError, Core, Founding, RootAccessKey, Storage, World};
use super::epoch::AcceptError;
use super::offline::OfflineError;
use super::reserve::{OsDisk, ReserveLimits};
use crate::base::LogId;
use crate::base::disk::{BlockFile, Links, OsFile, open_file, sync_parent, write_atomically};
use crate::custody::RootKey;
use crate::ledger::{EventStore, FjallStore, StoreError};

/// Where everything is in a data directory.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
    anchor: PathBuf,
}

impl Layout {
    /// The layout of `dir`; `anchor` names the anchor's place when it is another.
    pub fn new(dir: impl Into<PathBuf>, anchor: Option<PathBuf>) -> Self {
        let dir = dir.into();
        let anchor = anchor.unwrap_or_else(|| dir.join("anchor"));
        Self { dir, anchor }
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// The two mirrors of the vault.
    pub fn vault(&self) -> [PathBuf; 2] {
        [self.dir.join("vault-a"), self.dir.join("vault-b")]
    }

    /// The anchor.
    pub fn anchor(&self) -> &Path {
        &self.anchor
    }

    /// The first access key.
    pub fn root_access_key(&self) -> PathBuf {
        self.dir.join("root-access-key.json")
    }

    /// The space set aside for a full disk.
    pub fn reserve(&self) -> PathBuf {
        self.dir.join("reserve")
    }

    /// A copy of the store, while what a cut would leave of it is looked at.
    fn store_copy(&self) -> PathBuf {
        self.dir.join("store-copy")
    }

    fn lock(&self) -> PathBuf {
        self.dir.join("lock")
    }

    fn founding(&self) -> PathBuf {
        self.dir.join("founding")
    }

    /// Present while a restore is not finished: what is here then is no log to be used.
    pub fn restoring(&self) -> PathBuf {
        self.dir.join("restoring")
    }

    /// Where a restore keeps private copies of evidence until it ends.
    pub fn evidence(&self) -> PathBuf {
        self.dir.join("evidence")
    }
}

/// Why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Another process has it.
    #[error("`{}` is in use by another chancery process{}: stop it first, or name another --data directory", .dir.display(), by_pid(.pid))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other process, if it said so.
        pid: Option<u32>,
    },
    /// It holds something else.
    #[error("`{}` is not empty and not a chancery data directory: name an empty or a new one", .0.display())]
    Foreign(PathBuf),
    /// There is no log in it.
    #[error("there is no log in `{}`: `chancery init` or `chancery serve` founds one", .0.display())]
    NoLog(PathBuf),
    /// It belongs to another user.
    #[error("`{}` belongs to uid {owner}, this process runs as uid {user}: run as its owner, or chown it", .dir.display())]
    NotOurs {
        /// The directory.
        dir: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// A copy of it is in use.
    #[error(
        "a copy of the log in `{}` is being served on this machine{}: this directory was copied or restored from that one, or \
         that one from this. Two of them would sign two different pasts of log {log}. Stop the other one first",
        .dir.display(), by_pid(.pid)
    )]
    Twin {
        /// The directory.
        dir: PathBuf,
        /// The log.
        log: LogId,
        /// The other process, if it can be told.
        pid: Option<u32>,
    },
    /// The store is empty, and something beside it says that it was not always so.
    #[error(
        "the store in `{}` is empty, but `{}` was written for a log: the log is missing. Put `store` back (a mount that \
         is not there? a copy?), or `chancery restore` a backup into another directory; to give the log up and found another one, name another --data directory",
        .dir.display(), .witness.display()
    )]
    LogMissing {
        /// The directory.
        dir: PathBuf,
        /// What says so.
        witness: PathBuf,
    },
    /// The system's own reason.
    #[error("can't {action} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A restore was cut short.
    #[error(
        "the restore into `{}` was not finished: run `chancery restore` with this --data DIR again; it begins anew", .0.display()
    )]
    RestoreUnfinished(PathBuf),
    /// A restore was asked for where something is.
    #[error("`{}` is not empty: a log is restored into an empty or a new directory alone", .0.display())]
    NotEmpty(PathBuf),
    /// Its format.
    #[error(transparent)]
    Mark(#[from] format::MarkError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log refuses to be believed, or to be begun.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// What is done to a stopped daemon's log.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// A loss that is not accepted.
    #[error(transparent)]
    Accept(#[from] AcceptError),
}

/// A data directory in this process's hands, its store open.
#[derive(Debug)]
pub struct Home {
    layout: Layout,
    /// Locked as long as it is open.
    _lock: File,
    store: Arc<FjallStore>,
    is_new: bool,
    /// Whether a restore made the directory.
    is_made: bool,
}

impl Home {
    /// Takes the directory, creating it if there is none, and opens its store.
    pub fn open(layout: Layout) -> Result<Self, HomeError> {
        take_directory(layout.dir())?;
        Self::open_taken(layout)
    }

    /// Takes a directory that must hold a log already.
    pub fn open_existing(layout: Layout) -> Result<Self, HomeError> {
        if !layout.lock().exists() && !is_known(layout.dir()) {
            return Err(HomeError::NoLog(layout.dir));
        }
        take_directory(layout.dir())?;
        let home = Self::open_taken(layout)?;
        if home.is_new {
            return Err(HomeError::NoLog(home.layout.dir));
        }
        Ok(home)
    }

    fn open_taken(layout: Layout) -> Result<Self, HomeError> {
        let lock = lock::take(&layout)?;
        if layout.restoring().exists() {
            return Err(HomeError::RestoreUnfinished(layout.dir));
        }
        // Before the store is opened: opening writes in it. A crash in between leaves a mark beside nothing, which is true.
        format::mark(layout.dir())?;
        let [a, b] = layout.vault();
        for file in [a, b, layout.root_access_key()] {
            take_file(&file)?;
        }
        let store = Arc::new(open_store(&layout)?);
        let is_new = store.size()? == 0;
        if is_new {
            refuse_loss(&layout)?;
        }
        Ok(Self {
            layout,
            _lock: lock,
            store,
            is_new,
            is_made: false,
        })
    }

    /// Whether there is no log yet.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Where everything is.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The store.
    pub const fn store(&self) -> &Arc<FjallStore> {
        &self.store
    }

    /// Founds the log, or finds it again.
    pub fn boot(&self, root: RootKey, world: &World, founding: &Founding) -> Result<Core, HomeError> {
        let core = if self.is_new {
            self.found(root, world, founding)?
        } else {
            boot::resume(self.storage()?, root, world)?
        };
        // The log agrees with its anchor: the copy of the journals has nothing more to tell.
        self.store
            .discard_aside()
            .map_err(io_error("clear up in", &self.layout.store()))?;
        // A founding that was cut short after genesis ends here too.
        remove_if_there(&self.layout.founding())?;
        Ok(core)
    }

    /// Has `core` watch the disk from its start on.
    pub fn watch_disk(&self, core: &Core, limits: ReserveLimits) {
        let disk = Box::new(OsDisk::new(self.layout.reserve()));
        core.tools.reserve.watch(disk, limits);
    }

    fn found(&self, root: RootKey, world: &World, founding: &Founding) -> Result<Core, HomeError> {
        // A crash after this line is a founding cut short, until genesis is in the store: the next start begins anew.
        let mark = self.layout.founding();
        write_atomically(&mark, b"").map_err(io_error("write", &mark))?;
        for mirror in self.layout.vault() {
            remove_if_there(&mirror)?;
        }
        let file = self.layout.root_access_key();
        let mut hand_over = |key: &RootAccessKey| write_atomically(&file, access_key::json(key).as_bytes());
        Ok(boot::found(
            self.storage()?,
            root,
            world,
            founding,
            &mut hand_over,
        )?)
    }

    fn storage(&self) -> Result<Storage, HomeError> {
        let [a, b] = self.layout.vault();
        Ok(Storage {
            log: Arc::clone(&self.store) as Arc<dyn EventStore>,
            mirrors: [block_file(&a)?, block_file(&b)?],
            anchor: block_file(self.layout.anchor())?,
        })
    }
}

/// Opens the store, or makes one. A crash while it was being made leaves one that does not open: with the founding marked
/// and no vault yet, nothing can have been in it, and it is made anew.
fn open_store(layout: &Layout) -> Result<FjallStore, HomeError> {
    let path = layout.store();
    if !path.exists() && !layout.vault().iter().any(|mirror| mirror.exists()) && is_blank(layout.anchor())? {
        let mark = layout.founding();
        write_atomically(&mark, b"").map_err(io_error("write", &mark))?;
    }
    let opened = FjallStore::open(&path);
    if opened.is_err() && layout.founding().exists() && !layout.vault().iter().any(|mirror| mirror.exists()) {
        std::fs::remove_dir_all(&path).map_err(io_error("make anew", &path))?;
        return Ok(FjallStore::open(&path)?);
    }
    Ok(opened?)
}

/// H2: what is only ever written for a log with events in it.
fn refuse_loss(layout: &Layout) -> Result<(), HomeError> {
    let missing = |witness: &Path| HomeError::LogMissing {
        dir: layout.dir().into(),
        witness: witness.into(),
    };
    // The anchor is written after genesis is durable, by a founding too: `founding` excuses the vault alone.
    if !is_blank(layout.anchor())? {
        return Err(missing(layout.anchor()));
    }
    let cut_short = layout.founding().exists();
    let [a, b] = layout.vault();
    match [a, b, layout.root_access_key()]
        .iter()
        .find(|witness| witness.exists())
    {
        Some(witness) if !cut_short => Err(missing(witness)),
        _ => Ok(()),
    }
}

/// Whether there is no such file, or nothing but zeroes in it.
fn is_blank(path: &Path) -> Result<bool, HomeError> {
    let mut bytes = Vec::new();
    match open_file(path, Links::Followed) {
        Ok(file) => file
            .take(ANCHOR_BYTES_READ)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", path))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(io_error("read", path)(error)),
    };
    Ok(bytes.iter().all(|byte| *byte == 0))
}

fn block_file(path: &Path) -> Result<Box<dyn BlockFile>, HomeError> {
    let file = OsFile::open(path).map_err(io_error("open", path))?;
    Ok(Box::new(file))
}

fn remove_if_there(path: &Path) -> Result<(), HomeError> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_parent(path).map_err(io_error("remove", path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("remove", path)(error)),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError::Io { action, path, source }
}

fn by_pid(pid: &Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(" (pid {pid})"))
}

/// More than an anchor has.
const ANCHOR_BYTES_READ: u64 = 4_096;

mod access_key;
mod directory;
mod lock;
mod offline;
mod restoring;

pub use offline::Rehearsal;

#[cfg(test)]
mod tests;
