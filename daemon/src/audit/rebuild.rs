//! Derives the stored rows from the log again, after the log has proven itself.

use std::fmt;

use super::Progress;
use super::source::{SourceError, StoreSource};
use super::verify::{Report, verify};
use crate::base::disk::BlockFile;
use crate::ledger::EventStore;

/// What a rebuild came to.
#[derive(Debug)]
pub struct Rebuilt {
    /// The verification before it.
    pub report: Report,
    /// Rows written; none when the log did not verify, and nothing was touched.
    pub rows: Option<u64>,
}

/// The verdict, one line.
impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows {
            Some(rows) => write!(
                f,
                "rebuilt: {rows} rows from {} events, digest {}",
                self.report.events,
                self.report.state.digest().short()
            ),
            None => write!(f, "{}; the stored state is left as it is", self.report),
        }
    }
}

/// Verifies the log in `store` and, if it proves itself, replaces all rows by what it folds to. Also what ends a rebuild
/// that was interrupted. The store must be nobody else's: its directory is locked by the caller.
pub fn rebuild(
    store: &dyn EventStore,
    anchor: Option<Box<dyn BlockFile>>,
    progress: Progress<'_>,
) -> Result<Rebuilt, SourceError> {
    let mut source = StoreSource::new(store)?.with_anchor(anchor);
    let report = verify(&mut source, progress)?;
    if !report.is_verified() {
        // A state derived from a log that contradicts itself would hide the contradiction (law 8).
        return Ok(Rebuilt { report, rows: None });
    }
    let mut count = 0;
    let mut rows = report.state.rows().inspect(|_| count += 1);
    // A crash inside is noticed by the store: it answers RebuildUnfinished until this has run again.
    store.replace_rows(&mut rows, &report.state.digest().to_bytes())?; // commit point: the new rows count
    drop(rows);
    Ok(Rebuilt {
        report,
        rows: Some(count),
    })
}
