//! Which log is meant, and its opening.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use chancery_client::blocking::Client;
use chancery_client::{ClientError, Credentials};
use rustix::fs::FlockOperation;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::SourceArgs;
use crate::audit::{LiveSource, SourceError};
use crate::base::disk::{BlockFile, OsFile};
use crate::ledger::{EventStore, FjallStore, StoreError};

/// Why the log can't be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum FromError {
    #[error("name a log: --data DIR of a stopped daemon, --socket PATH or --endpoint URL of a running one")]
    Nothing,
    #[error("there is no log in `{}`: it has no directory `store`", .0.display())]
    NoLog(PathBuf),
    #[error(
        "`{}` is in use by a running daemon: stop it, or ask it with --socket PATH (or --endpoint URL)", .0.display()
    )]
    InUse(PathBuf),
    #[error("can't open `{}`: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("`{}` is not an access key file: a JSON object with AccessKeyId and AccessKeySecret", .0.display())]
    AccessKeyFile(PathBuf),
    #[error(
        "--endpoint needs an access key: --access-key-file FILE, or ALIBABA_CLOUD_ACCESS_KEY_ID and \
         ALIBABA_CLOUD_ACCESS_KEY_SECRET"
    )]
    NoAccessKey,
    #[error(transparent)]
    Client(ClientError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl FromError {
    pub(super) const fn status(&self) -> u8 {
        match self {
            Self::Store(_) => 1,
            Self::Source(SourceError::Unreachable(_) | SourceError::Answer(_)) => 3,
            Self::Source(_) => 1,
            Self::Client(ClientError::InvalidEndpoint { .. }) => 2,
            Self::Client(_) => 3,
            _ => 2,
        }
    }
}

/// An open log.
#[derive(Debug)]
pub(super) enum Chosen {
    /// Of a stopped daemon.
    Stopped(Stopped),
    /// Of a running one.
    Live(Box<LiveSource>),
}

impl Chosen {
    /// Opens the log that the arguments name, or else the environment.
    pub(super) fn open(args: &SourceArgs) -> Result<Self, FromError> {
        Self::open_in(args, &|name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    pub(super) fn open_in(
        args: &SourceArgs,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, FromError> {
        if let Some(dir) = &args.data {
            return Stopped::open(dir, args.anchor.as_deref()).map(Self::Stopped);
        }
        let client = match (&args.socket, &args.endpoint) {
            (Some(socket), _) => Client::unix(socket),
            (None, Some(endpoint)) => Client::http(endpoint, credentials(args, env)?),
            (None, None) => match (env("CHANCERY_SOCKET"), env("CHANCERY_ENDPOINT")) {
                (Some(socket), _) => Client::unix(socket),
                (None, Some(endpoint)) => Client::http(&endpoint, credentials(args, env)?),
                (None, None) => return Err(FromError::Nothing),
            },
        };
        let source = LiveSource::connect(client.map_err(FromError::Client)?)?;
        Ok(Self::Live(Box::new(source)))
    }
}

/// The data directory of a stopped daemon: locked, its store open. Of its vault nothing is needed.
#[derive(Debug)]
pub(super) struct Stopped {
    store: FjallStore,
    anchor: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Stopped {
    fn open(dir: &Path, anchor: Option<&Path>) -> Result<Self, FromError> {
        let store = dir.join("store");
        // Opening a store creates one: an audit must not.
        if !store.is_dir() {
            return Err(FromError::NoLog(dir.into()));
        }
        let lock = lock(dir)?;
        Ok(Self {
            store: FjallStore::open(&store)?,
            anchor: anchor.map_or_else(|| dir.join("anchor"), Path::to_owned),
            _lock: lock,
        })
    }

    pub(super) fn store(&self) -> &dyn EventStore {
        &self.store
    }

    /// The anchor's file; none when it is gone.
    pub(super) fn anchor(&self) -> Result<Option<Box<dyn BlockFile>>, FromError> {
        match OsFile::open_read_only(&self.anchor) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FromError::Io {
                path: self.anchor.clone(),
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

/// The access key file that a founding writes; the rest of it does not matter here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKeyFile<'a> {
    access_key_id: &'a str,
    access_key_secret: &'a str,
}

fn credentials(args: &SourceArgs, env: &dyn Fn(&str) -> Option<String>) -> Result<Credentials, FromError> {
    if let Some(path) = &args.access_key_file {
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| FromError::Io {
            path: path.clone(),
            error,
        })?);
        let file: AccessKeyFile<'_> =
            serde_json::from_str(&text).map_err(|_| FromError::AccessKeyFile(path.clone()))?;
        return Ok(Credentials::new(file.access_key_id, file.access_key_secret));
    }
    let id = env("ALIBABA_CLOUD_ACCESS_KEY_ID").ok_or(FromError::NoAccessKey)?;
    let secret = env("ALIBABA_CLOUD_ACCESS_KEY_SECRET").ok_or(FromError::NoAccessKey)?;
    let credentials = Credentials::new(id, secret);
    Ok(match env("ALIBABA_CLOUD_SECURITY_TOKEN") {
        Some(token) => credentials.with_security_token(token),
        None => credentials,
    })
}
