//! `chancery restore`: proves a backup, or makes a data directory of it.

mod evidence;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use evidence::Opened;

use super::backup::failed;
use super::exit::{Failure, say};
use super::log::progress::Shown;
use super::process;
use super::start::DataArguments;
use crate::audit::SourceError;
use crate::base::disk::is_out_of_space;
use crate::base::entropy::SystemEntropy;
use crate::base::time::SystemClock;
use crate::base::{LogId, limits};
use crate::custody::RootKey;
use crate::engine::backup::{
    Backup, BackupError, Choice, Identities, Order, RestoreError, Restored, check, depot, restore,
};
use crate::engine::boot::World;
use crate::engine::home::{Home, Layout};

/// Prove a backup, or make a new data directory of it
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Where from: a directory, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// The secret half of the age key, as `age-keygen -o FILE` wrote it
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Only prove that it could be restored whole; writes nothing
    #[arg(long, conflicts_with_all = ["at", "evidence", "reason"])]
    check: bool,
    /// Restore only the first SIZE events, not fewer than up to the last replacement of the log key; what the rest destroys or
    /// revokes stays destroyed and revoked
    #[arg(long, value_name = "SIZE")]
    at: Option<u64>,
    /// Newer evidence of the same log: the lost machine's data directory, a log export or a backup. It is read as far as it
    /// can be, and never written; what it shows destroyed or revoked stays so. May be repeated
    #[arg(long, value_name = "PLACE")]
    evidence: Vec<String>,
    /// Why, for those who read the log later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// The log, when there are backups of several
    #[arg(long, value_name = "ID", value_parser = log_id)]
    log: Option<LogId>,
    /// The backup whose manifest has this name [default: the newest]
    #[arg(long, value_name = "NAME")]
    backup: Option<String>,
    #[command(flatten)]
    data: DataArguments,
}

const HELP: &str = "\
Examples:
  chancery restore --check --from /mnt/backup --identity backup.key --root-key root.key
  chancery restore --from /mnt/backup --identity backup.key --root-key root.key --data /var/lib/chancery
  chancery restore ... --evidence /mnt/old-disk/chancery        the lost machine's data, as far as it can be read

--check decrypts all of it and proves the log as `chancery log verify` does, and that every slot of the vault is there that
the log refers to; with --root-key also that each opens. Last line: the verdict.

A restore verifies the same, derives the state from the log, and begins a new epoch: whoever knows a longer log sees that this
one was restored. Keys, access keys, users and attachments that --evidence shows destroyed or revoked stay so. Keys that waited for
their deletion are disabled and their deletion is cancelled, for nobody knows whether it was carried out, unless --evidence shows
how the log ended: the lost machine's own directory, with newer events and all that its anchor knows of. Things made after the
backup are gone. The directory must be new or empty; a restore that fails leaves nothing, one that was cut short begins anew.

--at can't go back behind the last replacement of the log key: the refusal names the least SIZE.

Afterwards: stop the lost daemon for good, put the root key where `chancery serve` looks for it (/etc/chancery/root.key for root,
DIR.root-key beside --data DIR), and start.";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::harden()?;
    let backup = open(&arguments.from, arguments)?;
    if let Some(newer) = &backup.newer {
        eprintln!("chancery: there is a newer backup that is sealed to other keys: {newer}");
    }
    eprintln!("backup: {}", backup.name());
    if arguments.check {
        run_check(arguments, &backup)
    } else {
        run_restore(arguments, &backup)
    }
}

fn run_restore(arguments: &Arguments, backup: &Backup) -> Result<(), Failure> {
    // Everything that may be wrong with the arguments, before anything is written.
    let layout = arguments.data.layout()?;
    let root = arguments.data.load_root_key()?.0;
    if arguments.reason.len() > limits::REASON_BYTES_MAX {
        return Err(Failure::Usage(format!(
            "--reason has at most {} bytes",
            limits::REASON_BYTES_MAX
        )));
    }
    let all = backup.manifest.name.size;
    if arguments.at.is_some_and(|at| at == 0 || at > all) {
        return Err(refused(&RestoreError::NoSuchSize(all), &layout));
    }
    let mut opened = Vec::with_capacity(arguments.evidence.len());
    for place in &arguments.evidence {
        let piece = Opened::open(place, &arguments.identity, backup)?;
        opened.push((place.as_str(), piece));
    }
    let home = Home::begin_restore(layout.clone()).map_err(|error| refused(&error.into(), &layout))?;
    let restored = match fill(&home, root, arguments, backup, &opened) {
        Ok(restored) => restored,
        Err(failure) => {
            // What can't be cleared away is marked: the same restore, run again, does it.
            let _marked = home.abandon_restore();
            return Err(failure);
        }
    };
    details(&restored);
    say(&format!(
        "restored: {} events of log {} in {}; the new epoch is {}",
        restored.events,
        restored.log,
        home.layout().dir().display(),
        restored.origin
    ))
}

/// The restore itself, into a directory that is marked; ends with its mark gone.
fn fill(
    home: &Home,
    root: RootKey,
    arguments: &Arguments,
    backup: &Backup,
    opened: &[(&str, Opened)],
) -> Result<Restored, Failure> {
    let world = World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let mut evidence = Vec::with_capacity(opened.len());
    for (number, (place, opened)) in opened.iter().enumerate() {
        let copy = home.layout().evidence().join(number.to_string());
        evidence.push(opened.offer(place, &copy, home.layout())?);
    }
    let order = Order {
        at: arguments.at,
        root,
        evidence,
        reason: arguments.reason.clone(),
        world: &world,
    };
    let mut shown = Shown::start("restored");
    let restored = restore(home, backup, order, &mut |done, all| shown.at(done, all));
    drop(shown);
    let restored = restored.map_err(|error| refused(&error, home.layout()))?;
    home.end_restore()
        .map_err(|error| refused(&error.into(), home.layout()))?;
    Ok(restored)
}

/// What the operator should know and look at.
fn details(restored: &Restored) {
    for piece in &restored.evidence {
        eprintln!("{piece}");
    }
    if restored.reapplied > 0 {
        eprintln!(
            "taken away again, as newer evidence shows: {} changes",
            restored.reapplied
        );
    }
    if restored.cancelled > 0 {
        eprintln!(
            "cancelled again, as newer evidence shows: the deletion of {} keys",
            restored.cancelled
        );
    }
    if !restored.undecided.is_empty() && !restored.evidence.is_empty() {
        eprintln!("the evidence does not show how the log ended, so no deletion is left pending");
    }
    for key in &restored.undecided {
        eprintln!("key {key} waited for its deletion: it is disabled now, and the deletion is cancelled");
    }
    for arn in &restored.altered {
        eprintln!(
            "{arn} was altered after the backup and is as it was before: look whether it allows too much"
        );
    }
    if restored.damaged > 0 {
        eprintln!(
            "{} slots of the vault were lost before the backup was made: what they hold can't be used",
            restored.damaged
        );
    }
}

fn refused(error: &RestoreError, layout: &Layout) -> Failure {
    if is_out_of_space(error) {
        return Failure::No(no_space(layout));
    }
    match error {
        RestoreError::Backup(error) => failed(error),
        RestoreError::NoSuchSize(_) => Failure::Usage(error.to_string()),
        _ => Failure::No(error.to_string()),
    }
}

/// A full disk is no damage.
fn no_space(layout: &Layout) -> String {
    format!(
        "there is no space left for `{}`: make room and run the same restore again",
        layout.dir().display()
    )
}

fn open(place: &str, arguments: &Arguments) -> Result<Backup, Failure> {
    let identities = read_identities(&arguments.identity)?;
    let depot = depot::open(place, false).map_err(|error| failed(&error.into()))?;
    let choice = Choice {
        log: arguments.log,
        manifest: arguments.backup.clone(),
    };
    Backup::open(depot, identities, &choice).map_err(|error| failed(&error))
}

fn run_check(arguments: &Arguments, backup: &Backup) -> Result<(), Failure> {
    let root = if arguments.data.root_key.is_some() || arguments.data.data.is_some() {
        Some(arguments.data.load_root_key()?.0)
    } else {
        None
    };
    let mut shown = Shown::start("proven");
    let checked = check(backup, root, &mut |done, all| shown.at(done, all));
    drop(shown);
    let checked = match checked {
        Ok(checked) => checked,
        Err(error @ (BackupError::Object { .. } | BackupError::Source(SourceError::Part(_)))) => {
            say(&format!("DAMAGED: {error}"))?;
            return Err(Failure::Said(1));
        }
        Err(error) => return Err(failed(&error)),
    };
    for problem in checked.report.problems.first() {
        eprintln!("{problem}");
    }
    // The verdict names the first.
    for what in checked.unopened.iter().skip(1) {
        eprintln!("{what}");
    }
    if !checked.slots.damaged.is_empty() {
        eprintln!(
            "{} slots of the vault were lost before the backup was made: what they hold can't be used",
            checked.slots.damaged.len()
        );
    }
    say(&checked.to_string())?;
    if checked.is_proven() {
        Ok(())
    } else {
        Err(Failure::Said(1))
    }
}

fn read_identities(path: &Path) -> Result<Identities, Failure> {
    let unusable = |why: String| Failure::Usage(format!("`{}` can't be used: {why}", path.display()));
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| unusable(error.to_string()))?);
    Identities::parse(&bytes).map_err(|error| unusable(error.to_string()))
}

/// Parses a log id for clap.
fn log_id(text: &str) -> Result<LogId, NotALog> {
    LogId::parse(text).ok_or(NotALog)
}

/// Not a log id.
#[derive(Debug, thiserror::Error)]
#[error("a log id is a UUID in lower case")]
struct NotALog;
