//! What the ledger asks of a store, and what every store checks.

use std::fmt::Debug;
use std::path::PathBuf;

use super::chain::{Entry, Head};
use super::cose::SignedEntry;
use super::tree::{Tile, Tree, TreeError, leaf_hash, open_len};
use crate::base::disk::is_out_of_space;
use crate::base::{Digest, Seq, Timestamp};
use crate::event::RowKey;

/// What becomes durable together (I7).
#[derive(Debug)]
pub struct Group {
    /// New entries, in order, continuing the log.
    pub entries: Vec<Entry>,
    /// Changed rows of the projected state. Of one key, the last write counts.
    pub rows: Vec<RowWrite>,
    /// Tiles that these entries filled.
    pub tiles: Vec<Tile>,
    /// A signed checkpoint to keep: size and note.
    pub checkpoint: Option<(u64, String)>,
    /// The accumulator of the state digest after this group; opaque here.
    pub digest: Option<Vec<u8>>,
    /// The head after this group.
    pub head: Head,
}

/// A write to one row; none deletes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWrite {
    /// Which row.
    pub key: RowKey,
    /// Its new content.
    pub value: Option<Vec<u8>>,
}

impl Group {
    /// Checks that the entries are consecutive and that the head is theirs (I1). A group that fails was put together wrongly.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let consecutive = self
            .entries
            .iter()
            .zip(self.entries.iter().skip(1))
            .all(|(a, b)| a.seq.next() == b.seq);
        let head_agrees = self.entries.last().is_none_or(|last| {
            (self.head.size, self.head.leaf, self.head.prev)
                == (last.seq.next().get(), last.leaf, last.payload_digest)
        });
        if consecutive && head_agrees {
            Ok(())
        } else {
            Err(StoreError::OutOfOrder)
        }
    }

    /// Checks that the group continues a store of `size` entries (I1).
    pub(super) fn check_continues(&self, size: u64) -> Result<(), StoreError> {
        self.check()?;
        let start = self.head.size.checked_sub(self.entries.len() as u64);
        if start == Some(size) {
            Ok(())
        } else {
            Err(StoreError::OutOfOrder)
        }
    }
}

/// Durable storage of one log and the state folded from it. One writer.
pub trait EventStore: Send + Sync + Debug {
    /// Makes a group durable: one atomic batch, one fsync. On return it survives power loss.
    /// Readers see it only after that. Any error is final: see `StoreError`.
    fn commit(&self, group: &Group) -> Result<(), StoreError>;

    /// Number of entries.
    fn size(&self) -> Result<u64, StoreError>;

    /// The stored head, checked against the last entry; none in an empty store.
    fn head(&self) -> Result<Option<Head>, StoreError>;

    /// Entries from position `from` on, in order: at most `limit`, and no more than fit `bytes_max`
    /// (but one at least, when there is one and `limit` is not 0). A gap is `StoreError::Damaged`.
    fn entries(&self, from: Seq, limit: usize, bytes_max: usize) -> Result<Vec<(Seq, Vec<u8>)>, StoreError>;

    /// A full tile.
    fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The kept checkpoints, by size.
    fn checkpoints(&self) -> Result<Vec<(u64, String)>, StoreError>;

    /// The last `limit` kept checkpoints, the newest first. A long log has thousands, and a start needs one.
    fn newest_checkpoints(&self, limit: usize) -> Result<Vec<(u64, String)>, StoreError> {
        let mut all = self.checkpoints()?;
        all.reverse();
        all.truncate(limit);
        Ok(all)
    }

    /// Rows after `from` (exclusive; from the first when none), in key order, at most `limit`.
    fn rows(&self, from: Option<&RowKey>, limit: usize) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError>;

    /// The newest accumulator of the state digest.
    fn digest(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces all rows and the digest (`log rebuild`). A crash in between is noticed: until it is done again,
    /// `rows`, `digest` and `commit` answer `StoreError::RebuildUnfinished`.
    fn replace_rows(
        &self,
        rows: &mut dyn Iterator<Item = (RowKey, Vec<u8>)>,
        digest: &[u8],
    ) -> Result<(), StoreError>;
}

/// Why the store did not do what was asked. After an error of `commit` the disk's state is unknown and the process
/// must end; nothing here is ever retried.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A write or an fsync failed, or one failed before.
    #[error("the store failed to write and must not be used further: {0}")]
    Fatal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store could not be opened.
    #[error(
        "the store in `{}` is damaged and can't be opened: {source}. Put `store` back whole from a copy of the \
         directory. With a backup alone, `chancery restore` it into a new directory and give this one as --evidence. Its \
         journals as they were found are in its `journal-aside`", .dir.display()
    )]
    Unopened {
        /// Where it is.
        dir: PathBuf,
        /// The embedded store's reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A journal is damaged before its end; nothing was changed.
    #[error(
        "the journal `{}` is damaged at byte {at}: {whole_after} whole groups of events follow, which were acknowledged. \
         Nothing was changed. Put the file, or the whole `store`, back from a copy of the directory. With a backup, `chancery \
         restore` it into a new directory and give this one as --evidence. When there is none, \
         `chancery log accept-loss --data DIR --cut-journal --reason TEXT` goes on with what is before the damage", .journal.display()
    )]
    JournalDamaged {
        /// The file.
        journal: PathBuf,
        /// The first byte that belongs to no whole group.
        at: u64,
        /// How many whole groups come after it.
        whole_after: u64,
    },
    /// Something is missing in the store's directory, or does not belong there; nothing was changed.
    #[error("`{}` {what}. Nothing was changed. What is missing can be put back from a copy of `store`; with a \
         backup alone, `chancery restore` it into a new directory and give this one as --evidence", .path.display())]
    Misshapen {
        /// What it is about.
        path: PathBuf,
        /// What is the matter with it.
        what: &'static str,
    },
    /// The store could not be read.
    #[error(
        "the store can't be read: {0}. If the disk is sound, put `store` back whole from a copy of the directory, or `chancery \
         restore` a backup into a new one"
    )]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is stored contradicts itself.
    #[error(
        "the store is damaged: {0}. Put `store` back whole from a copy of the directory, or `chancery restore` a backup into a new one"
    )]
    Damaged(&'static str),
    /// The group does not continue the log: a fault of the writer, and nothing was written.
    #[error("the group does not continue the log")]
    OutOfOrder,
    /// A rebuild of the rows was interrupted; `chancery log rebuild` does it again.
    #[error("a rebuild of the state was interrupted; run `chancery log rebuild`")]
    RebuildUnfinished,
}

impl StoreError {
    /// Whether the disk is full, as an error of its own.
    pub fn out_of_space(&self) -> Option<std::io::Error> {
        is_out_of_space(self).then(|| std::io::ErrorKind::StorageFull.into())
    }

    /// A failed write.
    pub(super) fn fatal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Fatal(error.into())
    }

    /// A failed read.
    pub(super) fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreadable(error.into())
    }
}

/// The tree of the first `size` entries, from full tiles and the entries after the last full level-0 tile.
pub fn load_tree(store: &dyn EventStore, size: u64) -> Result<Tree, TreeError> {
    let unreadable = |error: StoreError| TreeError::Unreadable(error.into());
    let wanted = open_len(size, 0);
    let mut leaves: Vec<Digest> = Vec::with_capacity(wanted);
    while leaves.len() < wanted {
        let from = Seq::new(size - (wanted - leaves.len()) as u64);
        let page = store
            .entries(from, wanted - leaves.len(), TAIL_PAGE_BYTES)
            .map_err(unreadable)?;
        if page.is_empty() {
            break;
        }
        leaves.extend(page.iter().map(|(_, entry)| leaf_hash(entry)));
    }
    Tree::restore(size, |level, index| store.tile(level, index), &leaves)
}

/// Checks a stored head against the last stored entry, the same facts that were checked before they were written.
pub(super) fn check_head(head: Option<Head>, last: Option<(Seq, &[u8])>) -> Result<Option<Head>, StoreError> {
    let (head, (seq, entry)) = match (head, last) {
        (None, None) => return Ok(None),
        (Some(head), Some(last)) => (head, last),
        (None, Some(_)) => return Err(StoreError::Damaged("entries without a head")),
        (Some(_), None) => return Err(StoreError::Damaged("a head without entries")),
    };
    let parsed = SignedEntry::parse(entry).map_err(|_| StoreError::Damaged("the last entry is malformed"))?;
    let stored = (seq.next().get(), leaf_hash(entry), Digest::of(parsed.payload));
    if stored == (head.size, head.leaf, head.prev) {
        Ok(Some(head))
    } else {
        Err(StoreError::Damaged("the head is not that of the last entry"))
    }
}

/// A page of entries under construction.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) entries: Vec<(Seq, Vec<u8>)>,
    next: Seq,
    limit: usize,
    bytes_left: usize,
}

impl Page {
    pub(super) const fn new(from: Seq, limit: usize, bytes_max: usize) -> Self {
        Self {
            entries: Vec::new(),
            next: from,
            limit,
            bytes_left: bytes_max,
        }
    }

    /// Adds an entry; false when the page is full without it.
    pub(super) fn push(&mut self, seq: u64, entry: &[u8]) -> Result<bool, StoreError> {
        if self.entries.len() >= self.limit || (entry.len() > self.bytes_left && !self.entries.is_empty()) {
            return Ok(false);
        }
        if seq != self.next.get() {
            return Err(StoreError::Damaged("an entry is missing"));
        }
        self.entries.push((self.next, entry.to_vec()));
        self.next = self.next.next();
        self.bytes_left = self.bytes_left.saturating_sub(entry.len());
        Ok(true)
    }
}

/// Encodes a head: version (1 byte), size, prev, leaf, time; numbers big-endian. 81 bytes.
pub(super) fn encode_head(head: &Head) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES);
    bytes.push(HEAD_VERSION);
    bytes.extend_from_slice(&head.size.to_be_bytes());
    bytes.extend_from_slice(head.prev.as_bytes());
    bytes.extend_from_slice(head.leaf.as_bytes());
    bytes.extend_from_slice(&head.time.as_millis().to_be_bytes());
    bytes
}

/// The inverse of `encode_head`.
pub(super) fn decode_head(bytes: &[u8]) -> Option<Head> {
    let rest = bytes.strip_prefix(&[HEAD_VERSION])?;
    let (size, rest) = rest.split_first_chunk::<8>()?;
    let (prev, rest) = rest.split_first_chunk::<32>()?;
    let (leaf, rest) = rest.split_first_chunk::<32>()?;
    let time: &[u8; 8] = rest.try_into().ok()?;
    Some(Head {
        size: u64::from_be_bytes(*size),
        prev: Digest::from(*prev),
        leaf: Digest::from(*leaf),
        time: Timestamp::from_millis(u64::from_be_bytes(*time)),
    })
}

const HEAD_VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 8 + 32 + 32 + 8;
/// Bytes of entries read at once when a tree is loaded.
const TAIL_PAGE_BYTES: usize = 4 << 20;
