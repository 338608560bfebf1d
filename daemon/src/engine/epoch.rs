//! Epochs: a log that can't prove that it is all there goes on under another key and another origin (law 8).
//!
//! Order: the event that begins the epoch, then whatever belongs to it, then the anchor.
//!
//! A crash before the event leaves everything as it was. After it the log says what was accepted and why, and the anchor is
//! still gone, or still says that events are missing: the daemon does not start, and the loss is accepted once more, which
//! begins another epoch. Nothing is finished silently: a log cut back to the beginning of an epoch, its anchor taken away,
//! would look the same. What one acceptance has named needs no second confirmation.

use super::boot::{BootError, Found, Lost, Storage, Unlocked, World};
use super::evidence::{Evidence, UNKNOWN_SIGNER};
use super::offline::{Offline, OfflineError};
use super::writer::SEAL_STATE;
use crate::base::{Seq, limits};
use crate::custody::RootKey;
use crate::custody::vault::VaultError;
use crate::domain::log_key::BeginEpoch;
use crate::event::codec::decode_event;
use crate::event::{Change, EpochCause, EpochSigner};
use crate::ledger::{EventStore, SignedEntry};
use crate::projection::State;

/// The operation that begins an epoch.
pub const BEGIN_EPOCH: &str = "chancery/BeginEpoch";

/// Why a loss is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The anchor agrees with the log.
    #[error(
        "there is nothing to accept: the log of {0} events reaches its anchor, so nothing is known to be missing (that the \
         log key is lost, if a start says so, is accepted with `--lost-log-key`)"
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
        "the anchor does not say how many events are missing: leave `--missing` away, and say in the reason what else you know"
    )]
    Uncounted,
    /// The log key is lost as well, and nothing that is missing explains that.
    #[error(
        "{0}: the log key was in it, and no missing event explains that. Is this an old vault? Put `vault-a` or `vault-b` back \
         from a newer copy first: one of them is enough. When the key is lost for good, say so with `--lost-log-key`"
    )]
    LogKey(VaultError),
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
    let unlocked = Found::look(storage)?.unlock(&root, world, Lost::Refused)?;
    begin_on(unlocked, world, why)
}

fn begin_on(unlocked: Unlocked, world: &World, why: &Why<'_>) -> Result<Offline, OfflineError> {
    let signer = if unlocked.lacks_key() {
        EpochSigner::Itself
    } else {
        EpochSigner::Before
    };
    let offline = Offline::new(unlocked.rise(world)?);
    let begin = BeginEpoch {
        cause: why.cause,
        reason: why.reason.to_owned(),
        leaf: offline.leaf(),
        signer,
        anchored: why.anchored,
    };
    // A crash before this line leaves all as it was.
    offline.begin_epoch(begin) // commit point
}

/// What the operator says that he knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Confirmed {
    /// How many events the anchor says are missing.
    pub missing: Option<u64>,
    /// That the log key is lost.
    pub lost_log_key: bool,
    /// That a damaged journal is cut: what was behind the damage is missing, even where the anchor does not know of it yet.
    pub cut: bool,
}

/// Accepts that the end of the log, the proof of its length, or its key is lost: begins an epoch with a new anchor.
pub fn accept_loss(
    storage: Storage,
    root: &RootKey,
    world: &World,
    reason: &str,
    confirmed: Confirmed,
) -> Result<State, AcceptError> {
    let (unlocked, anchored) = weigh_loss(storage, root, world, confirmed)?;
    let why = Why {
        cause: EpochCause::LossAccepted,
        reason,
        anchored,
    };
    let offline = begin_on(unlocked, world, &why)?;
    // A crash here leaves the acceptance recorded, and the anchor as it was.
    Ok(offline.close()?)
}

/// Whether `accept_loss` would accept this loss. Writes nothing.
pub fn may_accept_loss(
    storage: Storage,
    root: &RootKey,
    world: &World,
    confirmed: Confirmed,
) -> Result<(), AcceptError> {
    weigh_loss(storage, root, world, confirmed).map(drop)
}

/// What is lost, if the operator has confirmed all of it: the log for the epoch to begin on, and how many events its anchor
/// says there were, if more than there are.
///
/// The epoch is signed by the key before it, where there is one. An end with a rotation in it takes that key along, for the
/// rotation erased it: so where the anchor is signed by a key that came later, whoever confirms how many events are missing
/// confirms that too.
fn weigh_loss(
    storage: Storage,
    root: &RootKey,
    world: &World,
    confirmed: Confirmed,
) -> Result<(Unlocked, Option<u64>), AcceptError> {
    let found = Found::look(storage)?;
    let size = found.head.size;
    let missing = confirmed.missing;
    let mut is_key_lost = confirmed.lost_log_key;
    let evidence = found.evidence()?;
    let is_whole = matches!(evidence, Evidence::Agrees(_));
    let anchored = match evidence {
        Evidence::Agrees(_) if confirmed.cut && missing.is_none() => None,
        // Nothing else is lost, so the key has to be: that is looked at below.
        Evidence::Agrees(_) if is_key_lost && missing.is_none() => None,
        Evidence::Agrees(_) if confirmed.cut => return Err(AcceptError::Uncounted),
        Evidence::Agrees(_) => return Err(AcceptError::Nothing(size)),
        Evidence::Longer { anchored, is_known } => {
            if missing != Some(anchored - size) && !is_accepted(&*found.log, size, anchored)? {
                return Err(AcceptError::Missing {
                    found: size,
                    anchored,
                    signer: if is_known { "" } else { UNKNOWN_SIGNER },
                });
            }
            is_key_lost |= !is_known;
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
    let lost = if is_key_lost {
        Lost::Accepted
    } else {
        Lost::Refused
    };
    let unlocked = match found.unlock(root, world, lost) {
        Err(BootError::LogKeyLost(source)) => return Err(AcceptError::LogKey(source)),
        unlocked => unlocked?,
    };
    if is_whole && !confirmed.cut && !unlocked.lacks_key() {
        return Err(AcceptError::Nothing(size));
    }
    Ok((unlocked, anchored))
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
