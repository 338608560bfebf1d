//! `chancery backup`: the log and the vault, sealed to the operator's key, into a directory or a bucket.

use std::path::{Path, PathBuf};

use super::exit::{Failure, say};
use super::log::SourceArgs;
use super::log::from::Chosen;
use super::log::progress::Shown;
use super::process;
use super::target::Target;
use crate::audit::{LogSource, SourceError, StoreSource, fold_first};
use crate::base::time::{Clock, SystemClock};
use crate::custody::VaultImage;
use crate::engine::backup::{
    BackupError, DepotError, Draft, Made, Recipients, copy_vault, depot, refuse_incomplete,
};
use crate::engine::boot::load_state;
use crate::ledger::EventStore;
use crate::projection::State;

/// Back up a daemon, running or stopped: its log and its vault, sealed to a key of yours
///
/// Only what is not there yet is written. Never in it: the root key, an access key, the anchor.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Where to: a directory, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// The public key to seal it to, as `age-keygen` shows it; may be repeated, each one opens it
    #[arg(long = "recipient", value_name = "AGE1...", required = true)]
    recipients: Vec<String>,
    /// Data directory of a stopped daemon
    #[arg(long, value_name = "DIR", conflicts_with_all = ["socket", "endpoint"])]
    data: Option<PathBuf>,
    /// A running daemon, when there is no --data; you must be root of its first account
    #[command(flatten)]
    target: Target,
}

const HELP: &str = "\
What it takes to come back: this backup, the secret half of the age key, and the root key. Keep the three in three places; the
root key is in no backup. The daemon needs only the public half, so who takes over its machine can't read old backups.

  age-keygen -o backup.key                    once, elsewhere than on this machine; it shows `age1...`
  chancery backup --to /mnt/backup --recipient age1...
  chancery restore --check --from /mnt/backup --identity backup.key --root-key root.key
  chancery restore --from /mnt/backup --identity backup.key --root-key root.key --data /var/lib/chancery

To a bucket: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; AWS_ENDPOINT_URL for MinIO, OSS and others
(OSS also wants AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true).
  chancery backup --to s3://bucket/chancery --recipient age1...

The place keeps LOG-ID/KEYS/{segments,tails,vaults,manifests}. `segments` are shared by all backups and are never to be
deleted; the others belong to one backup each and may expire. Nothing here ever deletes.";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::harden()?;
    let recipients = arguments.recipients.iter().map(String::as_str);
    let recipients = Recipients::parse(recipients).map_err(|error| Failure::Usage(error.to_string()))?;
    refuse_inside(&arguments.to)?;
    let source = SourceArgs {
        data: arguments.data.clone(),
        target: arguments.target.clone(),
        ..SourceArgs::default()
    };
    let chosen = Chosen::open(&source).map_err(|error| Failure::from(super::log::RunError::from(error)))?;
    let depot = depot::open(&arguments.to, true).map_err(|error| failed(&error.into()))?;
    let mut shown = Shown::start("backed up");
    let mut progress = |done, all| shown.at(done, all);
    let draft = |log: &mut dyn LogSource, progress| Draft::of_log(log, &*depot, &recipients, progress);
    let made = match chosen {
        Chosen::Live(mut log) => draft(&mut *log, &mut progress).and_then(|draft| {
            let vault = copy_vault(&log, draft.log())?;
            draft.finish(&vault, SystemClock.now())
        }),
        Chosen::Stopped(stopped) => StoreSource::new(stopped.store())
            .map_err(BackupError::from)
            .and_then(|mut log| draft(&mut log, &mut progress))
            .and_then(|draft| {
                let vault = VaultImage::of_mirrors(&stopped.mirrors()?, draft.log())?;
                refuse_incomplete(&state_of(stopped.store())?, &vault)?;
                draft.finish(&vault, SystemClock.now())
            }),
        // No argument names one: an export has no vault.
        Chosen::Exported(_) => return Err(Failure::Usage("an export can't be backed up".into())),
    };
    drop(shown);
    let made = made.map_err(|error| failed(&error))?;
    say(&told(&made, &arguments.to))
}

/// What the log of a stopped daemon comes to: as its rows have it, or, where they can't be read, folded again.
fn state_of(store: &dyn EventStore) -> Result<State, BackupError> {
    if let Ok(state) = load_state(store) {
        return Ok(state);
    }
    let mut source = StoreSource::new(store)?;
    let size = source.size();
    Ok(fold_first(&mut source, size, &mut |_, _| ())?.0)
}

/// A place for backups that lies in a data directory is lost with it.
fn refuse_inside(to: &str) -> Result<(), Failure> {
    if to.contains("://") {
        return Ok(());
    }
    let whole = std::path::absolute(to).unwrap_or_else(|_| to.into());
    // What is not there yet will be made below the first one that is.
    let there = whole.ancestors().find_map(|path| path.canonicalize().ok());
    let is_data = |path: &&Path| path.join("store").is_dir() && path.join("vault-a").exists();
    match there.as_deref().and_then(|path| path.ancestors().find(is_data)) {
        Some(data) => Err(Failure::Usage(format!(
            "`{to}` is in the data directory `{}`, and would be lost with it: name another place",
            data.display()
        ))),
        None => Ok(()),
    }
}

fn told(made: &Made, to: &str) -> String {
    format!(
        "backed up: {} events of log {}, {} new segments ({} were there), {} bytes to {to}/{}",
        made.events,
        made.log,
        made.new_segments,
        made.kept_segments,
        made.new_bytes,
        made.manifest,
        to = to.trim_end_matches('/'),
    )
}

/// What can't be reached is told from what is refused or damaged.
pub(super) fn failed(error: &BackupError) -> Failure {
    let text = error.to_string();
    match error {
        BackupError::Source(SourceError::Unreachable(_) | SourceError::Answer(_)) => {
            Failure::Unreachable(text)
        }
        BackupError::Depot(DepotError::Place { .. }) => Failure::Usage(text),
        _ => Failure::No(text),
    }
}
