//! `chancery log rotate-key` and `accept-loss`: another signing key, and another epoch.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use serde_json::Value as Json;

use super::RunError;
use super::progress::Shown;
use super::verify::details;
use crate::api::table::CHANCERY;
use crate::audit::unproven::Unproven;
use crate::audit::{StoreSource, verify};
use crate::base::Value;
use crate::base::entropy::SystemEntropy;
use crate::base::limits;
use crate::base::time::SystemClock;
use crate::cli::action::call;
use crate::cli::exit::Failure;
use crate::cli::process;
use crate::cli::start::DataArguments;
use crate::cli::target::Target;
use crate::engine::boot::World;
use crate::engine::epoch::Confirmed;
use crate::engine::home::{Home, Rehearsal};
use crate::ledger::EventStore;

/// `log rotate-key`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    #[command(flatten)]
    data: DataArguments,
    /// A running daemon, when there is no --data
    #[command(flatten)]
    target: Target,
}

/// `log accept-loss`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AcceptArgs {
    /// Why, for those who read the log later
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// How many acknowledged events are missing; asked for when the anchor says so
    #[arg(long, value_name = "N")]
    missing: Option<u64>,
    /// Say that the log key is lost: that neither vault file, and no copy of one, holds it
    #[arg(long)]
    lost_log_key: bool,
    /// Cut a damaged journal off where it can't be read, once --missing says how many events that costs; the whole of it is
    /// kept in `store/journal-aside` until the next start: copy it from there
    #[arg(long)]
    cut_journal: bool,
    #[command(flatten)]
    data: DataArguments,
}

pub(super) const ROTATE_HELP: &str = "\
Asks a running daemon, as the root of its first account, or rotates the key of a stopped one (--data). The event that brings
the new key is signed by the old one and holds the new one's own signature; from the next event on the new one signs. Then
the old one is erased. `log verify` follows the change by itself: --key still names the first key.

Examples:
  chancery log rotate-key --socket /run/chancery/chancery.sock
  chancery log rotate-key --data /var/lib/chancery";

pub(super) const ACCEPT_HELP: &str = "\
The daemon must be stopped. The whole log is verified first. When the anchor says that events are missing, this tells how
many, and goes on only when you say so with --missing: put them back if there is any way. A log that reaches its anchor has
lost nothing, and is left as it is.
The log goes on in a new epoch: with another key, another checkpoint origin, and an event that says where it had ended and
why. Whoever followed the old one notices.
That event is signed by the key before it and proves the new one. Where that key is lost too, because the missing events
brought another and it was erased, or with --lost-log-key because the vault is an old one, the new key signs it itself, and
`log verify` asks its readers for that key as well: note the fingerprint that `log verify` shows then.

Examples:
  chancery log accept-loss --data /var/lib/chancery --reason 'the disk of the anchor died'
  chancery log accept-loss --data /var/lib/chancery --cut-journal --reason 'no copy of the journal'    counts what that costs
  chancery log accept-loss --data /var/lib/chancery --missing 12 --reason 'restored from the array as of 04:00'";

/// Rotates the key of a stopped daemon's log, or asks a running one to.
pub(super) fn run_rotate(args: &RotateArgs, out: &mut dyn Write) -> Result<u8, RunError> {
    let answer = if args.data.data.is_some() {
        rotate_stopped(&args.data)
    } else {
        call(&args.target, &CHANCERY, "RotateLogKey", &[]).map(|answer| answer.to_string())
    };
    writeln!(out, "{}", answer.map_err(RunError::failed)?)?;
    Ok(0)
}

fn rotate_stopped(data: &DataArguments) -> Result<String, Failure> {
    process::harden()?;
    let home = Home::open_existing(data.layout()?)?;
    let (root, _) = data.load_root_key()?;
    let answer = home.rotate_log_key(root, &world())?;
    Ok(format!("{:#}", Json::Object(answer.iter().map(field).collect())))
}

/// A field as a running daemon would show it.
fn field((name, value): (&'static str, &Value)) -> (String, Json) {
    let value = match value {
        Value::Number(number) => Json::from(*number),
        other => Json::from(other.as_text()),
    };
    (name.to_owned(), value)
}

/// Only a log that proves itself whole as far as it goes begins another epoch.
pub(super) fn run_accept_loss(
    args: &AcceptArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, RunError> {
    let confirmed = Confirmed {
        missing: args.missing,
        lost_log_key: args.lost_log_key,
        cut: false,
    };
    let opened = || {
        process::harden()?;
        let root = args.data.load_root_key()?.0;
        let home = match args.cut_journal {
            true => Opened::Cut(Home::rehearse_cut(args.data.layout()?)?),
            false => Opened::AsItIs(Home::open_existing(args.data.layout()?)?),
        };
        Ok((home, root))
    };
    let (opened, root) = opened().map_err(RunError::failed)?;
    let mut shown = Shown::start("verified");
    let mut report = verify(&mut StoreSource::new(opened.store())?, &mut |done, all| {
        shown.at(done, all)
    })?;
    drop(shown);
    // The anchor is weighed below, by what it says.
    report.unproven.retain(|unproven| *unproven != Unproven::Anchor);
    details(&report, err)?;
    if !report.is_verified() {
        writeln!(out, "{report}")?;
        return Ok(1);
    }
    let accepted = match opened {
        Opened::AsItIs(home) => home.accept_loss(&root, &world(), &args.reason, confirmed),
        Opened::Cut(rehearsal) => rehearsal.accept_loss(&root, &world(), &args.reason, confirmed),
    };
    let state = accepted.map_err(|error| RunError::failed(error.into()))?;
    let origin = state.log().map_or("", |log| &log.origin);
    writeln!(
        out,
        "accepted: the log of {} events goes on as {origin}",
        report.events
    )?;
    Ok(0)
}

/// The log that is verified first.
enum Opened {
    /// The whole of what is there.
    AsItIs(Home),
    /// What would be left of it.
    Cut(Rehearsal),
}

impl Opened {
    fn store(&self) -> &dyn EventStore {
        match self {
            Self::AsItIs(home) => &**home.store(),
            Self::Cut(rehearsal) => &**rehearsal.store(),
        }
    }
}

fn world() -> World {
    World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

/// A reason for clap: it stands in an event, and in one line of those who read it.
fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.len() > limits::REASON_BYTES_MAX {
        return Err(format!("say why, in 1 to {} bytes", limits::REASON_BYTES_MAX));
    }
    Ok(text.to_owned())
}
