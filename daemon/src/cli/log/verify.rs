//! `chancery log verify`: how closely, from where on, and what a yes leaves open.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::from::Chosen;
use super::progress::Shown;
use super::{RunError, SourceArgs, status};
use crate::audit::{Asked, Depth, Report, Verified, verify_as};
use crate::base::Digest;
use crate::base::disk::write_atomically;

/// `log verify`.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct Arguments {
    /// Which log.
    #[command(flatten)]
    source: SourceArgs,
    /// Check places, chain, tree, checkpoints and anchor alone: no signatures of entries, no state
    #[arg(long)]
    chain: bool,
    /// Decide every operation again as well, with the policies in force there
    #[arg(long, conflicts_with = "chain")]
    decisions: bool,
    /// The log key that you expect: SHA-256 of its first public key, as an earlier run showed it; once more for each key that
    /// the log went on with after the one before it was lost
    #[arg(long, value_name = "SHA256")]
    key: Vec<String>,
    /// Go on from what --save kept, or from a signed checkpoint: prove that the log extends it, check only what is new
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// Keep how far the log verified; may be the file of --since
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

pub(super) const HELP: &str = "\
What a yes means: nothing was altered, left out or reordered, every entry is signed by the key in the first one or by one
that followed it, what each changed was lawful in the state just before it, the log reaches its anchor, and the stored state
is what it folds to.
--decisions proves besides that each operation was decided as policies and rules decide it there; --chain proves less, and
fast. What was not proven stands on stderr, a line `not proven: ...` each.
That the first key is the right one only you can know: note the fingerprint that is shown and give it with --key the next time.
A key that was lost vouches for no other: an epoch that began so is not proven to be the same log's, and with --key or --since
the verdict is DIFFERS, until you give the first key and its key, each with a --key.
Rotations of the key and epochs are told on stderr; an epoch that you do not know of is a question to whoever began it.
A running daemon shows its newest checkpoints and no anchor; stop it to check those as well.

--since FILE reads all entries again and shows that they have the root in FILE, so they are the same; how closely they were
checked then is in FILE too, and nothing more is believed of them. Keep FILE where the log's machine can't write it.

Examples:
  chancery log verify --data /var/lib/chancery
  chancery log verify --socket /run/chancery/chancery.sock --key 5f0c...e1
  chancery log verify --data /var/lib/chancery --decisions --since proven.txt --save proven.txt";

pub(super) fn run(args: &Arguments, out: &mut dyn Write, err: &mut dyn Write) -> Result<u8, RunError> {
    let is_fingerprint =
        |key: &&String| key.len() == 64 && key.bytes().all(|digit| digit.is_ascii_hexdigit());
    if let Some(key) = args.key.iter().find(|key| !is_fingerprint(key)) {
        return Err(RunError::Key(key.clone()));
    }
    let asked = Asked {
        depth: match (args.chain, args.decisions) {
            (true, _) => Depth::Chain,
            (_, true) => Depth::Decisions,
            _ => Depth::Signatures,
        },
        state: !args.chain,
        key_is_named: !args.key.is_empty(),
        since: read_since(args, err)?,
    };
    let report = Chosen::open(&args.source)?.with(|source| {
        let mut shown = Shown::start("verified");
        verify_as(source, &asked, &mut |done, all| shown.at(done, all))
    })??;
    details(&report, err)?;
    if let Some(differs) = unexpected(&args.key, asked.since.is_some(), &report) {
        writeln!(out, "DIFFERS: the log verifies, but {differs}")?;
        return Ok(1);
    }
    if let Some(path) = args.save.as_ref().filter(|_| report.is_verified()) {
        save(path, &report, err)?;
    }
    writeln!(out, "{report}")?;
    Ok(status(report.is_verified()))
}

/// Which key of a log that proved itself is not one that is known: the first one, when any was named, or one that no key
/// before it vouches for, when any was named or the log is `followed` from an earlier verification. Anybody can begin such an
/// epoch after the last verified event, so what was verified before does not vouch for it either.
fn unexpected(named: &[String], followed: bool, report: &Report) -> Option<String> {
    let is_named = |key: &Digest| {
        let key = key.to_string();
        named.iter().any(|named| named.eq_ignore_ascii_case(&key))
    };
    if !report.problems.is_empty() || (named.is_empty() && !followed) {
        return None;
    }
    if let Some(found) = report.key.filter(|key| !named.is_empty() && !is_named(key)) {
        return Some(format!("with the key {found}, not the one expected"));
    }
    let alone = report.alone().find(|turn| !is_named(&turn.key))?;
    Some(format!(
        "from event {} on with the key {}, which no key before it vouches for, and which is not one of those expected: when \
         you know it, give it with --key, and the first one too",
        alone.seq, alone.key
    ))
}

/// What is wrong, or else who the log is and what a yes leaves open.
pub(super) fn details(report: &Report, err: &mut dyn Write) -> io::Result<()> {
    if !report.problems.is_empty() {
        for problem in report.problems.first() {
            writeln!(err, "{problem}")?;
        }
        let more = report.problems.count() - report.problems.first().len() as u64;
        return match more {
            0 => Ok(()),
            more => writeln!(err, "... and {more} more"),
        };
    }
    let key = report.key.as_ref().map_or_else(String::new, Digest::to_string);
    writeln!(err, "log key (SHA-256): {key}")?;
    for turn in &report.turns {
        writeln!(err, "{turn}")?;
    }
    writeln!(err, "checkpoint origin: {}", report.origin)?;
    writeln!(err, "tree root:         {}", report.root)?;
    if report.depth > Depth::Chain {
        writeln!(err, "state digest:      {}", report.state.digest().short())?;
    }
    for difference in report.differences() {
        writeln!(err, "{difference}")?;
    }
    for unproven in &report.unproven {
        writeln!(err, "not proven: {unproven}")?;
    }
    Ok(())
}

/// Keeps what may be gone on from.
fn save(path: &Path, report: &Report, err: &mut dyn Write) -> Result<(), RunError> {
    let Some(verified) = report.verified() else {
        let earlier = report.earlier;
        writeln!(
            err,
            "`{}` is not written: nobody is known to have verified the first {earlier} events",
            path.display()
        )?;
        return Ok(());
    };
    let text = verified.to_string();
    write_atomically(path, text.as_bytes()).map_err(|error| RunError::Save {
        path: path.to_owned(),
        error,
    })
}

/// What an earlier run kept. That the file of both --since and --save is not there yet makes it the first run.
fn read_since(args: &Arguments, err: &mut dyn Write) -> Result<Option<Verified>, RunError> {
    let Some(path) = &args.since else {
        return Ok(None);
    };
    let text = match read_text(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && args.save.as_ref() == Some(path) => {
            writeln!(err, "no `{}` yet: from the beginning", path.display())?;
            return Ok(None);
        }
        other => other.map_err(|error| RunError::Since {
            path: path.clone(),
            error,
        })?,
    };
    let verified = Verified::parse(&text).map_err(|error| RunError::NotVerified {
        path: path.clone(),
        error,
    })?;
    Ok(Some(verified))
}

/// The text of a file, as much of it as could be one that is meant here.
fn read_text(path: &Path) -> io::Result<String> {
    use std::io::Read as _;

    let mut text = String::new();
    File::open(path)?.take(READ_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// More than any such file has, bytes.
const READ_MAX: u64 = 1 << 18;
