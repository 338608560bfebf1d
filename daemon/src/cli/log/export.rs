//! `chancery log export`: the log as plain files, for verifiers that are not this one.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::from::Chosen;
use super::progress::Shown;
use super::{RunError, SourceArgs};
use crate::audit::{LogSource, StoreSource, export};
use crate::base::disk::BlockFile;

/// `log export`.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Arguments {
    /// Directory to write to: empty, new, or an earlier export of the same log
    #[arg(long, value_name = "OUT")]
    to: PathBuf,
    /// Which log.
    #[command(flatten)]
    source: SourceArgs,
}

pub(super) const HELP: &str = "\
Writes entries, tree and checkpoints in the layout of C2SP tlog-tiles, and of a stopped daemon the anchor and the stored
state too. An earlier export of the same log is continued: only what is new is added. Nothing is signed here: events after
the newest checkpoint are covered by their own signatures and by the chain. daemon/formats/export.md has every byte.

An export holds what the log holds: who did what, and key material that is sealed. Secrets are not in it.

Examples:
  chancery log export --data /var/lib/chancery --to /mnt/audit/chancery
  chancery log export --socket /run/chancery/chancery.sock --to out
  chancery log verify --export out";

pub(super) fn run(args: &Arguments, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, RunError> {
    let mut shown = Shown::start("exported");
    let mut progress = |done, all| shown.at(done, all);
    let exported = match Chosen::open(&args.source)? {
        Chosen::Stopped(stopped) => {
            let anchor = stopped.anchor()?;
            let anchor: Option<&dyn BlockFile> = anchor.as_deref();
            let mut source = StoreSource::new(stopped.store())?;
            export(&mut source, anchor, &args.to, &mut progress)?
        }
        Chosen::Live(mut source) => {
            export(&mut *source as &mut dyn LogSource, None, &args.to, &mut progress)?
        }
        Chosen::Exported(mut source) => export(&mut *source, None, &args.to, &mut progress)?,
    };
    drop(shown);
    match exported.checkpoint {
        Some(size) if size == exported.events => {}
        Some(size) => writeln!(
            err,
            "the newest checkpoint is of {size} events: those after it are covered by their own signatures and the chain"
        )?,
        None => writeln!(
            err,
            "no checkpoint yet: events are covered by their own signatures and the chain"
        )?,
    }
    writeln!(out, "{exported}")?;
    Ok(0)
}
