//! Why a log that was found is not believed, each with the way out (law 8).

use crate::base::{Digest, Seq, UnknownFormat};
use crate::custody::vault::VaultError;
use crate::ledger::anchor::AnchorError;
use crate::ledger::key::KeyError;
use crate::ledger::store::StoreError;
use crate::ledger::tree::TreeError;
use crate::projection::LoadError;

/// Why there is no core.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rows.
    #[error(
        "the stored state can't be read: {0}; run `chancery log rebuild` to derive it from the log again"
    )]
    Rows(#[source] LoadError),
    /// The digest of the rows is not the stored one.
    #[error(
        "the stored state is not the one that was sealed: its digest is {found}, sealed was {sealed}; \
         run `chancery log verify`, then `chancery log rebuild` to derive the state from the log again"
    )]
    Digest {
        /// Computed from the rows.
        found: Digest,
        /// Stored or logged.
        sealed: Digest,
    },
    /// The rows lack something that every log has.
    #[error("the stored state has no {0}; run `chancery log rebuild` to derive it from the log again")]
    Incomplete(&'static str),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A key of the daemon's own can't be unsealed.
    #[error("the daemon's own key for {0} can't be unsealed: the vault and the log do not belong together")]
    InternalKey(&'static str),
    /// The vault does not hold the log key.
    #[error(
        "{0}, and the log key was in it: without it the log can't go on. Nothing was changed. Is this an old vault? Put \
         `vault-a` or `vault-b` back from a newer copy, or from a backup that was made since: one of them is enough. When the \
         key is lost for good, `chancery log accept-loss --data DIR --lost-log-key --reason TEXT` begins an epoch with a key \
         that no other vouches for, and records that"
    )]
    LogKeyLost(#[source] VaultError),
    /// The log key is not the one in the log.
    #[error("the log key is not usable: {0}")]
    LogKey(#[from] KeyError),
    /// The sealed log key is not the one whose public half the log names.
    #[error("the sealed log key is not the log's: the vault and the log do not belong together")]
    OtherLogKey,
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The tail of the log does not prove itself.
    #[error(
        "event {seq} does not follow from the one before it ({what}); run `chancery log verify` for the whole picture"
    )]
    Tail {
        /// Where.
        seq: Seq,
        /// What is wrong.
        what: &'static str,
    },
    /// The anchor itself.
    #[error(
        "the anchor can't be used: {0}. Put it back from where it was kept, or, when it is lost for good, \
         `chancery log accept-loss --data DIR --reason TEXT` gives the log a new one and records that"
    )]
    Anchor(#[source] AnchorError),
    /// Something is of a format that this build does not know.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// A file.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The log ends before its anchor.
    #[error(
        "the log has {found} events, but its anchor was written when it had {anchored}{signer}: events that were \
         acknowledged are missing. The log is left as it is. Put the missing part back: the journal as it was found first is \
         in `store/journal-aside`, and once it is repaired its files go back to `store`; or put back the whole `store` from a \
         copy or a backup that has them. When they are lost for good, \
         `chancery log accept-loss --data DIR --missing {} --reason TEXT` goes on without them, and records that",
         .anchored.saturating_sub(*.found)
    )]
    Shortened {
        /// Events in the store.
        found: u64,
        /// Events when the anchor was written.
        anchored: u64,
        /// Who signed it, when it is no key of the log.
        signer: &'static str,
    },
    /// The log has another past than its anchor says.
    #[error(
        "the log has {found} events, and another one stands where it ended when its anchor was written, with {anchored}: \
         this is not the log that was served last. Put the right `store` back, or this one's own anchor. The log is left as \
         it is"
    )]
    Altered {
        /// Events in the store.
        found: u64,
        /// Events when the anchor was written.
        anchored: u64,
    },
    /// The anchor is gone.
    #[error(
        "the anchor is gone or blank. Was this log served with --anchor PATH? Then name it again. The log has {found} \
         events; without an anchor nobody can tell whether that is all that were acknowledged, so it is not served. \
         `chancery log verify --data DIR` checks what is there; put the anchor back from where it was kept, or, when it is lost for good, \
         `chancery log accept-loss --data DIR --reason TEXT` gives the log a new one and records that"
    )]
    AnchorGone {
        /// Events in the store.
        found: u64,
    },
    /// The root access key could not be handed over.
    #[error("the root access key file can't be written: {0}")]
    AccessKeyFile(std::io::Error),
}
