//! `chancery log`: proves a log, compares the state with it, derives the state again, shows events, rotates its key.
//!
//! Reads the directory of a stopped daemon (`--data`) or an export (`--export`), or asks a running one (`--socket`,
//! `--endpoint`). The verdict is one line on stdout; details and progress go to stderr. Exit: 0 yes, 1 the answer is no,
//! 2 usage, 3 unreachable.

mod epoch;
mod export;
pub(super) mod from;
pub(super) mod progress;
mod verify;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exit::Failure;
use super::target::Target;
use crate::audit::show::{Form, show};
use crate::audit::{LogSource, Replayed, SourceError, StoreSource, rebuild, replay};
use crate::base::Seq;
use from::{Chosen, FromError};
use progress::Shown;

/// Prove the log, compare the state with it, derive the state again, show events
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: LogCommand,
}

/// What to do with a log.
#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Check the log: every place, signature and change, the checkpoints, the anchor, the stored state; decisions if asked.
    #[command(after_help = verify::HELP)]
    Verify(verify::Arguments),
    /// Fold the log again and compare the result with the stored state, or with the one a daemon claims.
    #[command(after_help = REPLAY_HELP)]
    Replay(SourceArgs),
    /// Verify the log of a stopped daemon, then derive its stored state from it again.
    #[command(after_help = REBUILD_HELP)]
    Rebuild(SourceArgs),
    /// Give the log another signing key; the one before it signs that, and is erased.
    #[command(after_help = epoch::ROTATE_HELP)]
    RotateKey(epoch::RotateArgs),
    /// Go on with a log whose end, or the proof of its length, is lost for good: begins an epoch that says so.
    #[command(after_help = epoch::ACCEPT_HELP)]
    AcceptLoss(epoch::AcceptArgs),
    /// Write the log as plain files, for other verifiers.
    #[command(after_help = export::HELP)]
    Export(export::Arguments),
    /// Show events: position, time, actor, operation, resources, outcome, request id.
    #[command(after_help = SHOW_HELP)]
    Show(ShowArgs),
}

/// Which log.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SourceArgs {
    /// Data directory of a stopped daemon
    #[arg(long, value_name = "DIR", conflicts_with_all = ["socket", "endpoint"])]
    pub(super) data: Option<PathBuf>,
    /// An export, as `chancery log export` wrote it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data", "socket", "endpoint"])]
    pub(super) export: Option<PathBuf>,
    /// The anchor, when it is not in the data directory
    #[arg(long, value_name = "PATH", requires = "data")]
    pub(super) anchor: Option<PathBuf>,
    /// A running daemon, when there is no --data
    #[command(flatten)]
    pub(super) target: Target,
}

/// `log show`.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ShowArgs {
    /// Which log.
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Position of the first event
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) from: u64,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Whole events, one line of JSON each
    #[arg(long)]
    pub(super) json: bool,
    /// One event whole, over many lines of JSON
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "limit", "json"])]
    pub(super) event: Option<u64>,
}

const REPLAY_HELP: &str = "\
Compares byte for byte with the rows of a stopped daemon, by digest with a running one. Believes the log as it is:
`chancery log verify` says whether it deserves that.

Examples:
  chancery log replay --data /var/lib/chancery
  chancery log replay --socket /run/chancery/chancery.sock";

const REBUILD_HELP: &str = "\
Refuses a log that does not verify. Also finishes a rebuild that was interrupted. The log is only read; key material in
the vault is not touched. Works on a stopped daemon alone: the state of a running one is in use.

Example:
  chancery log rebuild --data /var/lib/chancery";

const SHOW_HELP: &str = "\
In JSON, byte strings are hexadecimal, ids are UUIDs, times are unix milliseconds. Nothing is verified here.

Examples:
  chancery log show --data /var/lib/chancery --from 1000 --limit 20
  chancery log show --socket /run/chancery/chancery.sock --event 42
  chancery log show --data /var/lib/chancery --json | jq 'select(.op == \"kms/Decrypt\")'";

/// Does it.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match run_to(&arguments.command, &mut std::io::stdout(), &mut std::io::stderr()) {
        0 => Ok(()),
        code => Err(Failure::Said(code)),
    }
}

/// Does it, and returns the exit status.
fn run_to(command: &LogCommand, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let done = match command {
        LogCommand::Verify(args) => verify::run(args, out, err),
        LogCommand::Replay(source) => run_replay(source, out, err),
        LogCommand::Rebuild(source) => run_rebuild(source, out, err),
        LogCommand::RotateKey(args) => epoch::run_rotate(args, out),
        LogCommand::AcceptLoss(args) => epoch::run_accept_loss(args, out, err),
        LogCommand::Export(args) => export::run(args, out, err),
        LogCommand::Show(args) => run_show(args, out),
    };
    done.unwrap_or_else(|error| {
        complain(&error, err);
        error.status()
    })
}

/// Says what is wrong; the API's own words are JSON, and stay that.
fn complain(error: &RunError, err: &mut dyn Write) {
    // Nothing can be said to a closed stderr.
    let _unheard = match error.to_string() {
        json if json.starts_with('{') => writeln!(err, "{json}"),
        text => writeln!(err, "chancery: {text}"),
    };
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    From(#[from] FromError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("`--key {0}` is not the SHA-256 of a key: 64 hexadecimal digits")]
    Key(String),
    #[error("can't read `{}`: {error}", .path.display())]
    Since { path: PathBuf, error: std::io::Error },
    #[error("`{}` is {error}", .path.display())]
    NotVerified {
        path: PathBuf,
        error: crate::audit::verified::NotVerified,
    },
    #[error("can't write `{}`: {error}", .path.display())]
    Save { path: PathBuf, error: std::io::Error },
    #[error(
        "the state of a running daemon can't be rebuilt: stop it, then run `chancery log rebuild --data DIR`"
    )]
    RebuildLive,
    #[error("`{}` is in use by another chancery process: stop it, then run `chancery log rebuild` again", .0.display())]
    RebuildInUse(PathBuf),
    #[error("there is no event {0}: the log has {1} events, counted from 0")]
    NoEvent(u64, u64),
    #[error("{1}")]
    Failed(u8, String),
    #[error("can't write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl RunError {
    fn failed(failure: Failure) -> Self {
        let (code, text) = failure.into_parts();
        Self::Failed(code, text)
    }

    /// A store that can't be read is a no: nothing in it is proven.
    pub(super) const fn status(&self) -> u8 {
        match self {
            Self::From(error) => error.status(),
            Self::Failed(code, _) => *code,
            Self::Source(SourceError::Unreachable(_) | SourceError::Answer(_)) => 3,
            Self::Source(_)
            | Self::RebuildInUse(_)
            | Self::NoEvent(..)
            | Self::Output(_)
            | Self::Save { .. } => 1,
            Self::Key(_) | Self::RebuildLive | Self::Since { .. } | Self::NotVerified { .. } => 2,
        }
    }
}

fn run_replay(source: &SourceArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, RunError> {
    let replayed: Replayed = Chosen::open(source)?.with(|source| {
        let mut shown = Shown::start("folded");
        replay(source, &mut |done, all| shown.at(done, all))
    })??;
    for difference in &replayed.first {
        writeln!(err, "{difference}")?;
    }
    writeln!(out, "{replayed}")?;
    Ok(status(replayed.is_equal()))
}

fn run_rebuild(source: &SourceArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, RunError> {
    // Said before anybody is asked: a daemon that does not answer is not the reason.
    let stopped = match source.data.is_some().then(|| Chosen::open(source)) {
        Some(Err(FromError::InUse(dir))) => return Err(RunError::RebuildInUse(dir)),
        Some(opened) => opened?,
        None => return Err(RunError::RebuildLive),
    };
    let Chosen::Stopped(stopped) = stopped else {
        return Err(RunError::RebuildLive);
    };
    let mut shown = Shown::start("verified");
    let rebuilt = rebuild(stopped.store(), stopped.anchor()?, &mut |done, all| {
        shown.at(done, all);
    })?;
    drop(shown);
    verify::details(&rebuilt.report, err)?;
    writeln!(out, "{rebuilt}")?;
    Ok(status(rebuilt.rows.is_some()))
}

fn run_show(args: &ShowArgs, out: &mut dyn Write) -> Result<u8, RunError> {
    let form = match (args.event, args.json) {
        (Some(_), _) => Form::Pretty,
        (None, true) => Form::Json,
        (None, false) => Form::Line,
    };
    let (from, limit) = match args.event {
        Some(event) => (event, 1),
        None => (args.from, args.limit.unwrap_or(u64::MAX)),
    };
    let (shown, size, written) = Chosen::open(&args.source)?.with(|source| {
        let mut written = Ok(());
        let mut emit = |line: &str| {
            written = writeln!(out, "{line}");
            written.is_ok()
        };
        let shown = show(source, Seq::new(from), limit, form, &mut emit);
        (shown, source.size(), written)
    })?;
    let shown = shown?;
    match written {
        // The reader has seen enough (`| head`).
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(0),
        other => other?,
    }
    match args.event {
        Some(event) if shown == 0 => Err(RunError::NoEvent(event, size)),
        _ => Ok(0),
    }
}

const fn status(yes: bool) -> u8 {
    if yes { 0 } else { 1 }
}

/// What other commands on logs say of it.
impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let text = error.to_string();
        match error.status() {
            2 => Self::Usage(text),
            3 => Self::Unreachable(text),
            _ => Self::No(text),
        }
    }
}

impl Chosen {
    /// Hands the source over, whichever it is.
    pub(super) fn with<T>(self, work: impl FnOnce(&mut dyn LogSource) -> T) -> Result<T, RunError> {
        match self {
            Self::Stopped(stopped) => {
                let anchor = stopped.anchor()?;
                let mut source = StoreSource::new(stopped.store())?.with_anchor(anchor);
                Ok(work(&mut source))
            }
            Self::Live(mut source) => Ok(work(&mut *source)),
            Self::Exported(mut source) => Ok(work(&mut *source)),
        }
    }
}
