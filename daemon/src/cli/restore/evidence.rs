//! `--evidence PLACE`: what it is, and its log.

use std::path::{Path, PathBuf};

use super::{no_space, read_identities};
use crate::audit::{ExportSource, SourceError};
use crate::base::disk::is_out_of_space;
use crate::cli::backup::failed;
use crate::cli::exit::Failure;
use crate::cli::log::RunError;
use crate::engine::backup::{
    Backup, BackupError, BackupSource, Choice, Offered, Origin, Wreck, WreckError, depot,
};
use crate::engine::home::Layout;

/// A piece of evidence, open.
#[derive(Debug)]
pub(super) enum Opened {
    /// A data directory.
    Data(Wreck),
    /// What `log export` wrote.
    Export(PathBuf),
    /// Another backup of the same log.
    Backup(Box<Backup>),
}

impl Opened {
    /// Opens `place`; writes nothing in it.
    pub(super) fn open(place: &str, identity: &Path, backup: &Backup) -> Result<Self, Failure> {
        let path = Path::new(place);
        if path.join("store").is_dir() {
            return Wreck::take(path).map(Self::Data).map_err(|error| match error {
                // What a directory in use is answered everywhere.
                WreckError::InUse(_) => Failure::No(error.to_string()),
                WreckError::Unfinished(_) | WreckError::Format(_) => Failure::Usage(error.to_string()),
            });
        }
        if path.join("export").is_file() || path.join("unfinished").exists() {
            return Ok(Self::Export(path.to_owned()));
        }
        if path.join("vault-a").exists() || path.join("anchor").exists() {
            return Err(Failure::Usage(format!(
                "the evidence `{place}` has no directory `store`: nothing of its log is left to be read"
            )));
        }
        let choice = Choice {
            log: Some(backup.manifest.set.log),
            manifest: None,
        };
        let identities = read_identities(identity)?;
        let unusable = |error: BackupError| match error {
            BackupError::None(_) => Failure::Usage(format!(
                "the evidence `{place}` is no data directory and no export, and holds no backup of log {}",
                backup.manifest.set.log
            )),
            error => failed(&error),
        };
        let depot = depot::open(place, false).map_err(|error| unusable(error.into()))?;
        let newer = Backup::open(depot, identities, &choice).map_err(unusable)?;
        Ok(Self::Backup(Box::new(newer)))
    }

    /// Its log; `copy` is where a private copy may be made. Says on stderr what of it can't be read.
    pub(super) fn offer(&self, place: &str, copy: &Path, layout: &Layout) -> Result<Offered<'_>, Failure> {
        let unusable = |error: SourceError| Failure::from(RunError::from(error));
        let (origin, source): (_, Box<dyn crate::audit::LogSource>) = match self {
            Self::Data(wreck) => {
                let source = wreck.read(copy).map_err(|error| match is_out_of_space(&error) {
                    true => Failure::No(no_space(layout)),
                    false => unusable(error),
                })?;
                for fault in source.faults() {
                    eprintln!("evidence `{place}`: {fault}; what can be read of it is used");
                }
                (Origin::Machine, Box::new(source))
            }
            Self::Export(dir) => {
                let source = ExportSource::open(dir).map_err(SourceError::from);
                (Origin::Earlier, Box::new(source.map_err(unusable)?))
            }
            Self::Backup(backup) => (Origin::Earlier, Box::new(BackupSource::new(backup))),
        };
        Ok(Offered {
            name: place.to_owned(),
            origin,
            source,
        })
    }
}
