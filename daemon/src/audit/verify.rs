//! The whole log in one pass: each entry in its place, signed, lawful; the tree as the checkpoints, tiles and anchor
//! say; the stored state as the log folds to.
//!
//! I1  A pass looks as closely as it was asked to, and its report says what that leaves unproven.
//! I2  What was verified earlier is not believed of the log at hand but of a root: that the first entries hash to that
//!     root is computed from all their bytes. Then they are the same entries, and only folded.

mod genesis;
mod pass;
mod report;

pub use report::{Report, Stored};

use std::fmt;

use self::pass::Pass;
use super::Progress;
use super::problem::{Fault, Problems};
use super::replay;
use super::source::{Kept, LogSource, SourceError};
use super::unproven::Unproven;
use super::verified::Verified;
use super::workers::Workers;
use crate::base::Seq;

/// How closely a log is looked at. Each looks at all that the ones before it look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// Places, chain, tree, tiles, checkpoints, anchor.
    Chain,
    /// Every signature, and what each event says: its form, its changes, all of law 3 but decisions.
    #[default]
    Signatures,
    /// Every decision as well.
    Decisions,
}

impl Depth {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Signatures => "signatures",
            Self::Decisions => "decisions",
        }
    }

    /// The inverse of `as_str`.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Chain, Self::Signatures, Self::Decisions];
        all.into_iter().find(|depth| depth.as_str() == name)
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "chain and tree",
            Self::Signatures => "chain, tree, signatures, changes",
            Self::Decisions => "chain, tree, signatures, changes, decisions",
        })
    }
}

/// What a verification is to look at.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// How closely.
    pub depth: Depth,
    /// Whether to compare the stored state with what the log folds to. Not at the depth `Chain`, which folds nothing.
    pub state: bool,
    /// Whether somebody has named the key that the log must begin with. Comparing it is left to him.
    pub key_is_named: bool,
    /// What was verified before.
    pub since: Option<Verified>,
}

/// Verifies all of `source` as closely as can be, but for the stored state. An error means that it could not be read; what
/// is wrong with it stands in the report.
pub fn verify(source: &mut dyn LogSource, progress: Progress<'_>) -> Result<Report, SourceError> {
    let asked = Asked {
        depth: Depth::Decisions,
        ..Asked::default()
    };
    verify_as(source, &asked, progress)
}

/// Verifies `source` as it was asked for.
pub fn verify_as(
    source: &mut dyn LogSource,
    asked: &Asked,
    progress: Progress<'_>,
) -> Result<Report, SourceError> {
    let mut report = Report::new(asked.depth);
    let last = Seq::new(source.size().saturating_sub(1));
    let claims = absorb(source.claims(), last, &mut report.problems)?.unwrap_or_default();
    let Some(genesis) = genesis::read(source, &claims, &mut report)? else {
        return Ok(report);
    };
    if let Some(since) = &asked.since {
        genesis.compare(since, &mut report.problems);
    }
    let kept = checkpoints(source, asked.since.as_ref(), &mut report)?;
    let anchor = absorb(source.anchor(genesis.log), last, &mut report.problems)?.flatten();
    // Only a crash between genesis and the first anchor leaves none.
    if anchor == Some(None) && source.size() > 1 {
        report.problems.add(last, Fault::AnchorMissing);
    }
    if anchor.is_none() {
        report.unproven.push(Unproven::Anchor);
    }
    let log = genesis.log;
    let mut pass = Pass::new(report, genesis, kept, anchor.flatten(), asked);
    std::thread::scope(|scope| {
        let mut workers = Workers::start(scope, log);
        pass.run(source, &mut workers, progress)?;
        for seq in workers.finish() {
            pass.wrong(seq, Fault::Signature);
        }
        Ok::<(), SourceError>(())
    })?;
    let mut report = pass.conclude(&claims);
    if !asked.key_is_named {
        let alone = report.alone().map(|turn| Unproven::Alone {
            seq: turn.seq,
            key: turn.key,
        });
        let alone: Vec<_> = alone.collect();
        report.unproven.extend(alone);
    }
    if asked.state && asked.depth > Depth::Chain && report.problems.is_empty() {
        report.stored = Some(stored(source, &report)?);
    }
    if !asked.key_is_named && asked.since.as_ref().is_none_or(|since| since.key.is_none()) {
        report.unproven.push(Unproven::Key);
    }
    if let Some(Stored::Compared(replayed)) = &report.stored
        && !replayed.rows_compared
    {
        report.unproven.push(Unproven::Rows);
    }
    Ok(report)
}

/// The stored state beside what the log folds to. A state that can't be read is no reason to have no verdict on the log.
fn stored(source: &mut dyn LogSource, report: &Report) -> Result<Stored, SourceError> {
    match replay::compare(source, &report.state) {
        Ok(replayed) => Ok(Stored::Compared(replayed)),
        Err(error @ (SourceError::Damaged(_) | SourceError::RebuildUnfinished)) => {
            Ok(Stored::Unusable(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// Turns damage that a source reports by itself into a problem of the last event; other errors stay errors.
fn absorb<T>(
    result: Result<T, SourceError>,
    last: Seq,
    problems: &mut Problems,
) -> Result<Option<T>, SourceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::Damaged(what)) => {
            problems.add(last, Fault::Store(what));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The notes of all kept checkpoints, and of the one that was verified before, in the order of the sizes they stand for.
fn checkpoints(
    source: &mut dyn LogSource,
    since: Option<&Verified>,
    report: &mut Report,
) -> Result<Vec<Kept>, SourceError> {
    let last = Seq::new(source.size().saturating_sub(1));
    let mut all = absorb(source.checkpoints(), last, &mut report.problems)?.unwrap_or_default();
    if let Some(since) = since
        && let Some(note) = &since.note
    {
        let (size, note) = (Some(since.size), note.clone());
        let kept = Kept { size, note };
        if !all.contains(&kept) {
            all.push(kept);
        }
    }
    all.sort_by_key(Kept::claimed_size);
    Ok(all)
}
