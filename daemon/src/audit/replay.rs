//! Folds the log again and compares: with the stored rows byte for byte and their digest, or with the digest that a
//! running daemon claims. Believes the log as it is; whether it deserves that is `verify`'s.

use std::collections::BTreeSet;
use std::fmt;

use super::Progress;
use super::place::{Look, Place};
use super::problem::Problems;
use super::readable;
use super::source::{ClaimedDigest, LogSource, SourceError};
use crate::base::Digest;
use crate::event::RowKey;
use crate::projection::{State, StateDigest};

/// What the comparison came to.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Events folded.
    pub events: u64,
    /// Rows that they fold to.
    pub rows: u64,
    /// Whether rows were compared, or the digest alone.
    pub rows_compared: bool,
    /// The digest of the state that they fold to.
    pub digest: Digest,
    /// The digest that is stored or claimed; none when nothing usable is stored.
    pub claimed: Option<Digest>,
    /// The first rows that differ.
    pub first: Vec<Difference>,
    /// How many rows differ.
    pub different: u64,
    /// Whether the stored accumulator differs even where its 32 bytes are not looked at.
    pub digest_differs: bool,
    /// Entries that can't be folded; the comparison means nothing then.
    pub unreadable: Problems,
}

/// A row that differs. Says where, never what: rows hold sealed material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which row.
    pub row: RowKey,
    /// How.
    pub how: How,
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The log has it, the store has not.
    Missing,
    /// The store has it, the log has not.
    Extra,
    /// Both have it with other content.
    Altered,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::Missing => "is missing",
            How::Extra => "does not come from the log",
            How::Altered => "is not what the log says",
        };
        write!(f, "{} {how}", readable::row(&self.row))
    }
}

impl Replayed {
    /// Whether state and log agree.
    pub const fn is_equal(&self) -> bool {
        self.different == 0 && !self.digest_differs && self.unreadable.is_empty()
    }
}

/// The verdict, one line.
impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.unreadable.is_empty() {
            return write!(f, "DAMAGED at {}: nothing can be compared", self.unreadable);
        }
        if let Some(first) = self.first.first() {
            return match self.different - 1 {
                0 => write!(f, "DIFFERS: {first}"),
                1 => write!(f, "DIFFERS: {first} (and 1 more row)"),
                more => write!(f, "DIFFERS: {first} (and {more} more rows)"),
            };
        }
        if self.digest_differs {
            write!(
                f,
                "DIFFERS: the log folds to a state with digest {}, ",
                self.digest
            )?;
            return match self.claimed {
                Some(claimed) if claimed != self.digest => write!(f, "but {claimed} is claimed"),
                Some(_) => f.write_str("but the stored accumulator is another"),
                None => f.write_str("but no usable digest is stored"),
            };
        }
        write!(f, "equal: {} events fold to the state", self.events)?;
        if self.rows_compared {
            write!(f, ", all {} rows byte for byte", self.rows)?;
        }
        write!(f, ", digest {}", self.digest)
    }
}

/// Folds all of `source` and compares.
pub fn replay(source: &mut dyn LogSource, progress: Progress<'_>) -> Result<Replayed, SourceError> {
    let (state, unreadable) = fold(source, progress)?;
    if unreadable.is_empty() {
        return compare(source, &state);
    }
    Ok(Replayed {
        unreadable,
        ..Replayed::of(&state)
    })
}

/// Compares what the source shows of its state with the state that its log folds to.
pub(super) fn compare(source: &mut dyn LogSource, state: &State) -> Result<Replayed, SourceError> {
    let mut replayed = Replayed::of(state);
    match source.digest()? {
        ClaimedDigest::Short(claimed) => {
            replayed.digest_differs = claimed != replayed.digest;
            replayed.claimed = Some(claimed);
        }
        ClaimedDigest::Stored(stored) => {
            let stored = stored.and_then(|bytes| StateDigest::from_bytes(&bytes));
            replayed.digest_differs = stored.as_ref() != Some(state.digest());
            replayed.claimed = stored.map(|stored| stored.short());
        }
    }
    compare_rows(source, state, &mut replayed)?;
    Ok(replayed)
}

/// Folds every entry; stops at the first that is no event or is out of place.
fn fold(source: &mut dyn LogSource, progress: Progress<'_>) -> Result<(State, Problems), SourceError> {
    let size = source.size();
    fold_first(source, size, progress)
}

/// Folds the first `size` entries, as far as the log goes; stops at the first that is no event or is out of place.
pub fn fold_first(
    source: &mut dyn LogSource,
    size: u64,
    progress: Progress<'_>,
) -> Result<(State, Problems), SourceError> {
    let size = size.min(source.size());
    let (mut state, mut place, mut problems) = (State::default(), Place::default(), Problems::default());
    while place.next().get() < size && problems.is_empty() {
        let left = usize::try_from(size - place.next().get()).unwrap_or(usize::MAX);
        let page = source.entries(place.next(), PAGE_ENTRIES.min(left))?;
        if page.is_empty() {
            return Err(SourceError::Damaged("an entry is missing"));
        }
        for bytes in page {
            if !fold_entry(&bytes, &mut state, &mut place, &mut problems) {
                break;
            }
        }
        progress(place.next().get(), size);
    }
    Ok((state, problems))
}

/// Folds one entry; false when it is no event or out of place. One that changes nothing, as most of them, is not made an
/// event of: its outline is all that the state takes from it.
fn fold_entry(bytes: &[u8], state: &mut State, place: &mut Place, problems: &mut Problems) -> bool {
    let look = Look::at(bytes);
    let says = look.says.clone();
    let event = match says {
        Ok(says) if !says.changes => {
            place.judge(look, problems);
            if problems.is_empty() {
                state.pass_over(says.seq, says.time);
            }
            return problems.is_empty();
        }
        _ => place.take(bytes, problems),
    };
    if let Some(event) = event.filter(|_| problems.is_empty()) {
        state.apply(&event);
    }
    problems.is_empty()
}

fn compare_rows(
    source: &mut dyn LogSource,
    state: &State,
    replayed: &mut Replayed,
) -> Result<(), SourceError> {
    let mut wanted: BTreeSet<RowKey> = state.rows().map(|(row, _)| row).collect();
    replayed.rows = wanted.len() as u64;
    let mut last: Option<RowKey> = None;
    loop {
        let Some(page) = source.rows(last.as_ref(), PAGE_ROWS)? else {
            return Ok(());
        };
        replayed.rows_compared = true;
        let Some((end, _)) = page.last() else { break };
        last = Some(end.clone());
        for (row, stored) in page {
            let how = match (wanted.remove(&row), state.row(&row)) {
                (true, Some(folded)) if folded == stored => continue,
                (true, _) => How::Altered,
                // Two spellings of one address would be this as well.
                (false, _) => How::Extra,
            };
            replayed.differs(row, how);
        }
    }
    for row in wanted {
        replayed.differs(row, How::Missing);
    }
    Ok(())
}

impl Replayed {
    /// Nothing compared yet.
    fn of(state: &State) -> Self {
        Self {
            events: state.size(),
            rows: 0,
            rows_compared: false,
            digest: state.digest().short(),
            claimed: None,
            first: Vec::new(),
            different: 0,
            digest_differs: false,
            unreadable: Problems::default(),
        }
    }

    fn differs(&mut self, row: RowKey, how: How) {
        self.different += 1;
        if self.first.len() < KEPT {
            self.first.push(Difference { row, how });
        }
    }
}

const PAGE_ENTRIES: usize = 1_024;
const PAGE_ROWS: usize = 4_096;
/// Differing rows kept by name.
const KEPT: usize = 20;
