//! Which log is meant, and its opening.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::SourceArgs;
use crate::audit::{ExportSource, LiveSource, SourceError};
use crate::base::disk::{BlockFile, OsFile};
use crate::cli::exit::Failure;
use crate::cli::patience::Patience;
use crate::custody::VaultError;
use crate::engine::home::Layout;
use crate::engine::home::format::{self, MarkError};
use crate::ledger::{EventStore, FjallStore, StoreError};

/// Why the log can't be opened.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum FromError {
    #[error("there is no log in `{}`: it has no directory `store`", .0.display())]
    NoLog(PathBuf),
    #[error(
        "`{}` is in use by a running daemon: stop it, or ask it with --socket PATH (or --endpoint URL)", .0.display()
    )]
    InUse(PathBuf),
    #[error("`{}` belongs to uid {owner}, this process runs as uid {user}: run as its owner, or on a copy of your own", .dir.display())]
    NotOurs { dir: PathBuf, owner: u32, user: u32 },
    #[error("the restore into `{}` was not finished: run `chancery restore` with this --data DIR again", .0.display())]
    RestoreUnfinished(PathBuf),
    #[error("can't open `{}`: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{text}")]
    Target { code: u8, text: String },
    #[error(transparent)]
    Mark(#[from] MarkError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl FromError {
    pub(in crate::cli) const fn status(&self) -> u8 {
        match self {
            Self::Mark(_) | Self::Store(_) | Self::InUse(_) => 1,
            Self::Source(SourceError::Unreachable(_) | SourceError::Answer(_)) => 3,
            Self::Source(_) => 1,
            Self::Target { code, .. } => *code,
            _ => 2,
        }
    }
}

/// An open log.
#[derive(Debug)]
pub(in crate::cli) enum Chosen {
    /// Of a stopped daemon.
    Stopped(Stopped),
    /// Of a running one.
    Live(Box<LiveSource>),
    /// Written to files earlier.
    Exported(Box<ExportSource>),
}

impl Chosen {
    /// Opens the log that the arguments name, or else the environment, or else the default socket.
    pub(in crate::cli) fn open(args: &SourceArgs) -> Result<Self, FromError> {
        if let Some(dir) = &args.data {
            return Stopped::open(dir, args.anchor.as_deref()).map(Self::Stopped);
        }
        if let Some(dir) = &args.export {
            let source = ExportSource::open(dir).map_err(SourceError::from)?;
            return Ok(Self::Exported(Box::new(source)));
        }
        let unknown = |failure: Failure| {
            let (code, text) = failure.into_parts();
            FromError::Target { code, text }
        };
        let client = args.target.client().map_err(unknown)?;
        let place = args.target.place().map_err(unknown)?;
        let _patience = Patience::with(place.to_string());
        Ok(Self::Live(Box::new(LiveSource::connect(client)?)))
    }
}

/// The data directory of a stopped daemon: locked, its store open. Of its vault nothing is needed.
#[derive(Debug)]
pub(in crate::cli) struct Stopped {
    layout: Layout,
    store: FjallStore,
    /// Locked as long as it is open.
    _lock: File,
}

impl Stopped {
    pub(in crate::cli) fn open(dir: &Path, anchor: Option<&Path>) -> Result<Self, FromError> {
        let store = dir.join("store");
        // Opening a store creates one: an audit must not.
        if !store.is_dir() {
            return Err(FromError::NoLog(dir.into()));
        }
        // Opening a store writes in it: another user's files in the directory would lock its owner out.
        let owner = dir
            .metadata()
            .map_err(|error| FromError::Io {
                path: dir.into(),
                error,
            })?
            .uid();
        let user = rustix::process::geteuid().as_raw();
        if owner != user {
            return Err(FromError::NotOurs {
                dir: dir.into(),
                owner,
                user,
            });
        }
        let lock = lock(dir)?;
        let layout = Layout::new(dir, anchor.map(Path::to_owned));
        if layout.restoring().exists() {
            return Err(FromError::RestoreUnfinished(dir.into()));
        }
        format::check(dir)?;
        Ok(Self {
            layout,
            store: FjallStore::open(&store)?,
            _lock: lock,
        })
    }

    pub(in crate::cli) fn store(&self) -> &dyn EventStore {
        &self.store
    }

    /// The two mirrors of the vault, to be read alone.
    pub(in crate::cli) fn mirrors(&self) -> Result<[Box<dyn BlockFile>; 2], VaultError> {
        let [a, b] = self.layout.vault();
        let open = |path: &Path| -> Result<Box<dyn BlockFile>, VaultError> {
            let file = OsFile::open_read_only(path).map_err(|source| VaultError::Io {
                action: "open",
                source,
            })?;
            Ok(Box::new(file))
        };
        Ok([open(&a)?, open(&b)?])
    }

    /// The anchor's file; none when it is gone.
    pub(in crate::cli) fn anchor(&self) -> Result<Option<Box<dyn BlockFile>>, FromError> {
        match OsFile::open_read_only(self.layout.anchor()) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FromError::Io {
                path: self.layout.anchor().to_owned(),
                error,
            }),
        }
    }
}

/// Takes the directory's lock, the one that the daemon holds while it runs.
fn lock(dir: &Path) -> Result<File, FromError> {
    let path = dir.join("lock");
    let failed = |error| FromError::Io {
        path: path.clone(),
        error,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(FromError::InUse(dir.into())),
        Err(errno) => Err(failed(errno.into())),
    }
}
