//! What the anchor says about the log at hand (law 8): whether all is there that was acknowledged.

use super::boot::BootError;
use crate::base::{Seq, limits};
use crate::ledger::anchor::{Anchor, AnchorError, AnchorFile};
use crate::ledger::{EventStore, KeySchedule, leaf_hash};

/// What the anchor says.
#[derive(Debug)]
pub(super) enum Evidence {
    /// It names an event of this log; none when the founding was cut short between genesis and the first anchor.
    Agrees(Option<Anchor>),
    /// The log had so many events, which is more than it has.
    Longer {
        /// How many.
        anchored: u64,
        /// Whether a key of this log signed it. If not, it was a key that the missing end of the log brought, or nobody.
        is_known: bool,
    },
    /// The log had another event as its last one then.
    Another {
        /// How many events it had.
        anchored: u64,
    },
    /// It is gone, or blank.
    Gone,
    /// It can't be read, or nobody knows who wrote it.
    Unusable(AnchorError),
}

/// Compares a log of `size` events with its anchor.
pub(super) fn weigh(
    store: &dyn EventStore,
    size: u64,
    file: &AnchorFile,
    keys: &KeySchedule,
) -> Result<Evidence, BootError> {
    let newest = match file.newest() {
        Ok(Some(newest)) => newest,
        // Only a crash between genesis and the first anchor leaves none.
        Ok(None) if size == 1 => return Ok(Evidence::Agrees(None)),
        Ok(None) => return Ok(Evidence::Gone),
        // Not lost: it may be read another time, or by another build.
        Err(error @ (AnchorError::Io(_) | AnchorError::Format(_))) => return Err(error.into()),
        Err(error) => return Ok(Evidence::Unusable(error)),
    };
    let claimed = newest.claims().size;
    if claimed > size {
        return Ok(Evidence::Longer {
            anchored: claimed,
            is_known: keys.periods().any(|period| newest.is_signed_by(&period.public)),
        });
    }
    let Some(anchor) = newest.verify(keys) else {
        return Ok(Evidence::Unusable(AnchorError::Unsigned { claimed }));
    };
    let found = match claimed.checked_sub(1) {
        Some(last) => store.entries(Seq::new(last), 1, limits::ENTRY_BYTES_MAX)?,
        None => Vec::new(),
    };
    let leaf = found.first().map(|(_, entry)| leaf_hash(entry));
    Ok(if leaf == Some(anchor.leaf) {
        Evidence::Agrees(Some(anchor))
    } else {
        Evidence::Another { anchored: claimed }
    })
}

impl Evidence {
    /// The anchor of a log of `found` events that may go on: whatever speaks against it refuses the start, with the way out.
    pub(super) fn admit(self, found: u64) -> Result<Option<Anchor>, BootError> {
        #[cfg(feature = "canary-bugs")]
        if crate::base::CanaryBug::AnchorUnchecked.is_planted() {
            return Ok(None);
        }
        match self {
            Self::Agrees(anchor) => Ok(anchor),
            Self::Longer { anchored, is_known } => Err(BootError::Shortened {
                found,
                anchored,
                signer: if is_known { "" } else { UNKNOWN_SIGNER },
            }),
            Self::Another { anchored } => Err(BootError::Altered { found, anchored }),
            Self::Gone => Err(BootError::AnchorGone { found }),
            Self::Unusable(error) => Err(error.into()),
        }
    }
}

/// A rotation whose event is lost looks like this, and so does a forgery.
pub(super) const UNKNOWN_SIGNER: &str = " (it is signed by a log key that came later, or by none)";
