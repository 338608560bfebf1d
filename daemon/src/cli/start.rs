//! From a data directory and a root key to a core: what `serve` and `init` share.

use std::path::PathBuf;
use std::sync::Arc;

use super::exit::Failure;
use super::passphrase;
use super::paths::Surroundings;
use crate::base::Region;
use crate::base::entropy::SystemEntropy;
use crate::base::time::SystemClock;
use crate::custody::root::{self, RootError};
use crate::custody::{Provider, RootKey};
use crate::engine::boot::{Core, Founding, World};
use crate::engine::home::{Home, Layout};
use crate::engine::twin::Claim;

/// Where the data and its root key are.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArguments {
    /// The data directory [default: $XDG_STATE_HOME/chancery; for root /var/lib/chancery]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// The anchor, which proves the log's length; best on another disk [default: DIR/anchor]
    #[arg(long, value_name = "PATH")]
    pub(super) anchor: Option<PathBuf>,
    /// The root key file [default: $XDG_CONFIG_HOME/chancery/root.key; for root /etc/chancery/root.key; DIR.root-key beside a --data DIR]
    #[arg(long, value_name = "PATH")]
    pub(super) root_key: Option<PathBuf>,
    /// The passphrase of the root key, if it has one [default: ask at the terminal]
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
}

/// The regions.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct RegionArguments {
    /// A region to serve; may be repeated, the first one is the default [default: the log's own, cn-hangzhou for a new one]
    #[arg(long = "region", value_name = "REGION", value_parser = region)]
    pub(super) regions: Vec<Region>,
}

impl DataArguments {
    /// Where everything is.
    pub(super) fn layout(&self) -> Result<Layout, Failure> {
        let dir = match &self.data {
            Some(dir) => dir.clone(),
            None => Surroundings::of_process().data()?,
        };
        // Shown to people who may read it elsewhere: whole paths.
        Ok(Layout::new(
            whole(dir)?,
            self.anchor.clone().map(whole).transpose()?,
        ))
    }

    /// Where the root key is.
    pub(super) fn root_key(&self) -> Result<PathBuf, Failure> {
        whole(match &self.root_key {
            Some(path) => path.clone(),
            None => Surroundings::of_process().root_key(self.data.as_deref())?,
        })
    }

    /// Loads the root key of a log that exists.
    pub(super) fn load_root_key(&self) -> Result<(RootKey, Provider), Failure> {
        let path = self.root_key()?;
        let ask = || passphrase::ask(self.passphrase_file.as_ref());
        match root::load(&path, &ask) {
            Err(RootError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Err(Failure::No(format!(
                    "there is no root key at `{}`: this log was sealed with one. Give its place with --root-key PATH, or \
                     restore it from its backup; a new one can't open this data",
                    path.display()
                )))
            }
            loaded => Ok(loaded?),
        }
    }

    /// Loads the root key, or makes one for a log that is only about to be.
    fn root_key_for(&self, home: &Home) -> Result<(RootKey, Provider), Failure> {
        if !home.is_new() {
            return self.load_root_key();
        }
        let ask = || passphrase::ask(self.passphrase_file.as_ref());
        Ok(root::load_or_create(&self.root_key()?, &SystemEntropy, &ask)?)
    }
}

/// A core, and what its making was.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) core: Core,
    /// Ours as long as it lives.
    pub(super) claim: Claim,
    pub(super) provider: Provider,
    pub(super) root_key: PathBuf,
}

/// Founds the log of `home`, or finds it again.
pub(super) fn start(
    home: &Home,
    data: &DataArguments,
    regions: &RegionArguments,
) -> Result<Started, Failure> {
    let root_key = data.root_key()?;
    let (root, provider) = data.root_key_for(home)?;
    let world = World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let founding = Founding {
        name: "chancery".to_owned(),
        region: match regions.regions.first() {
            Some(region) => region.clone(),
            None => region(DEFAULT_REGION)?,
        },
    };
    // Of a log that is there already before anything is written: a copy must not touch what it can't serve.
    let claim = (!home.is_new()).then(|| home.claim()).transpose()?;
    let core = home.boot(root, &world, &founding)?;
    let claim = claim.map_or_else(|| home.claim(), Ok)?;
    Ok(Started {
        core,
        claim,
        provider,
        root_key,
    })
}

/// What a founding made, for its operator.
pub(super) fn founded(started: &Started, layout: &Layout) -> String {
    let Started {
        core,
        provider,
        root_key,
        ..
    } = started;
    let log = core.writer.state().log().map(|log| log.id.to_string());
    format!(
        "a new log was founded in {dir}
  log              {log}
  account          {account}, home region {region}
  root access key  {access_key}
                   the only copy: move it to a safe place, programs sign their calls with it
  root key         {root_key} ({provider})
                   keep a copy away from the data: without it nothing here can ever be decrypted",
        dir = layout.dir().display(),
        log = log.unwrap_or_default(),
        account = core.account,
        region = core.region,
        access_key = layout.root_access_key().display(),
        root_key = root_key.display(),
    )
}

fn whole(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path)
        .map_err(|error| Failure::Usage(format!("`{}` is not a path: {error}", path.display())))
}

/// Parses a region for clap and for us.
fn region(text: &str) -> Result<Region, RegionError> {
    Region::parse(text).ok_or(RegionError)
}

/// Not a region.
#[derive(Debug, thiserror::Error)]
#[error("a region has 1 to 64 of a-z, 0-9 and -")]
struct RegionError;

impl From<RegionError> for Failure {
    fn from(error: RegionError) -> Self {
        Self::Usage(error.to_string())
    }
}

const DEFAULT_REGION: &str = "cn-hangzhou";
