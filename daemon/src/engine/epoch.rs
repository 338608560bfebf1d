//! Epochs: a log that can't prove that it is all there goes on under another key and another origin (law 8).
//!
//! Order: the event that begins the epoch, then whatever belongs to it, then the anchor.
//!
//! A crash before the event leaves everything as it was. After it the log says what was accepted and why, and the anchor is
//! still gone, or still says that events are missing: the daemon does not start, and the loss is accepted once more, which
//! begins another epoch. Nothing is finished silently: a log cut back to the beginning of an epoch, its anchor taken away,
//! would look the same. What one acceptance has named needs no second confirmation.

use super::boot::{BootError, Found, Storage, World};
use super::evidence::{Evidence, UNKNOWN_SIGNER};
use super::offline::{Offline, OfflineError};
use super::writer::SEAL_STATE;
use crate::base::{Seq, limits};
use crate::custody::RootKey;
use crate::domain::log_key::BeginEpoch;
use crate::event::codec::decode_event;
use crate::event::{Change, EpochCause};
use crate::ledger::{EventStore, SignedEntry};
use crate::projection::State;

/// The operation that begins an epoch.
pub const BEGIN_EPOCH: &str = "chancery/BeginEpoch";

/// Why a loss is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The anchor agrees with the log.
    #[error(
        "there is nothing to accept: the log of {0} events reaches its anchor, so nothing is known to be missing"
    )]
    Nothing(u64),
    /// Events are missing, and the operator has to say that he knows how many.
    #[error(
        "the log has {found} events, but its anchor was written when it had {anchored}{signer}: {missing} events that were \
         acknowledged are missing. Put them back if there is any way (the journal as it was found first is in \
         `store/journal-aside`; a backup also has them). When they are lost for good, say so with \
         `--missing {missing}`", missing = .anchored - .found
    )]
    Missing {
        /// Events in the store.
        found: u64,
        /// Events when the anchor was written.
        anchored: u64,
        /// Who signed it, when it is not a key of the log.
        signer: &'static str,
    },
    /// `--missing` was given, and nothing says how many are missing.
    #[error(
        "the anchor can't be read, so it does not say how many events are missing: leave `--missing` away, and say in the \
         reason what else you know"
    )]
    Uncounted,
    /// Anything else.
    #[error(transparent)]
    Offline(#[from] OfflineError),
}

impl From<BootError> for AcceptError {
    fn from(error: BootError) -> Self {
        Self::Offline(error.into())
    }
}

/// What an epoch is to say.
#[derive(Debug, Clone)]
pub struct Why<'a> {
    /// Its cause.
    pub cause: EpochCause,
    /// The operator's words; at most `limits::REASON_BYTES_MAX` bytes.
    pub reason: &'a str,
    /// How many events an anchor, or other evidence, says that the log had, if more than it has.
    pub anchored: Option<u64>,
}

/// Begins an epoch of the log in `storage`, whatever its anchor says, and gives the log for what belongs to the epoch: the
/// caller does that, then closes it, which writes the first anchor of the epoch. Until then no daemon starts on it, unless
/// its anchor agrees with it.
pub fn begin(storage: Storage, root: RootKey, world: &World, why: &Why<'_>) -> Result<Offline, OfflineError> {
    rise(Found::look(storage)?, root, world, why)
}

fn rise(found: Found, root: RootKey, world: &World, why: &Why<'_>) -> Result<Offline, OfflineError> {
    let offline = Offline::new(found.rise(root, world)?);
    let begin = BeginEpoch {
        cause: why.cause,
        reason: why.reason.to_owned(),
        leaf: offline.leaf(),
        anchored: why.anchored,
    };
    // A crash before this line leaves all as it was.
    offline.begin_epoch(begin) // commit point
}

/// Accepts that the end of the log, or the proof of its length, is lost: begins an epoch with a new anchor. `missing` is the
/// operator's confirmation of how many events the anchor says are missing.
pub fn accept_loss(
    storage: Storage,
    root: RootKey,
    world: &World,
    reason: &str,
    missing: Option<u64>,
) -> Result<State, AcceptError> {
    let found = Found::look(storage)?;
    let size = found.head.size;
    let anchored = match found.evidence()? {
        Evidence::Agrees(_) => return Err(AcceptError::Nothing(size)),
        Evidence::Longer { anchored, is_known } => {
            if missing != Some(anchored - size) && !is_accepted(&*found.log, size, anchored)? {
                return Err(AcceptError::Missing {
                    found: size,
                    anchored,
                    signer: if is_known { "" } else { UNKNOWN_SIGNER },
                });
            }
            Some(anchored)
        }
        // Not a shortened past but another one: how much of it is missing nobody can count.
        Evidence::Another { anchored } => {
            return Err(BootError::Altered {
                found: size,
                anchored,
            }
            .into());
        }
        Evidence::Gone | Evidence::Unusable(_) if missing.is_some() => return Err(AcceptError::Uncounted),
        Evidence::Gone | Evidence::Unusable(_) => None,
    };
    let why = Why {
        cause: EpochCause::LossAccepted,
        reason,
        anchored,
    };
    let offline = rise(found, root, world, &why)?;
    // A crash here leaves the acceptance recorded, and the anchor as it was.
    Ok(offline.close()?)
}

/// Whether a log of `size` events ends with an acceptance of all that `anchored` says: nothing came after it but the seal of
/// an orderly end, so only its anchor was not written any more.
fn is_accepted(store: &dyn EventStore, size: u64, anchored: u64) -> Result<bool, BootError> {
    let last = Seq::new(size.saturating_sub(2));
    let tail = store.entries(last, 2, 2 * limits::ENTRY_BYTES_MAX)?;
    let event = |entry: &Vec<u8>| decode_event(SignedEntry::parse(entry).ok()?.payload).ok();
    let mut changes = tail.iter().rev().filter_map(|(_, entry)| event(entry));
    let newest = changes
        .next()
        .filter(|event| event.op != SEAL_STATE)
        .or_else(|| changes.next());
    Ok(newest.is_some_and(|event| {
        event.chg.iter().any(|change| match change {
            Change::EpochBegun(begun) => begun.anchored.is_some_and(|said| said >= anchored),
            _ => false,
        })
    }))
}

#[cfg(test)]
mod tests;
