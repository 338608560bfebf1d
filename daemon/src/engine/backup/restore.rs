//! Restoring: the log of a backup becomes the log of a data directory, proves itself there, and goes on in a new epoch.
//!
//! Order: the entries into the store; their verification, from the store; the rows that they fold to; the vault, proven by
//! its root key and by what the rows need; the new epoch; what newer evidence takes away. The directory is marked throughout
//! (`home::restoring`): a crash at any point leaves one that nobody takes for a log, and a restore begins anew.

use std::collections::BTreeSet;

use super::check::Slots;
use super::evidence::{Known, Offered, Origin, Piece, Reach, follow};
use super::read::{Backup, BackupError, BackupSource};
use crate::audit::{LogSource, Progress, Report, SourceError, StoreSource, verify};
use crate::base::{Arn, KeyId, LogId, Seq, SlotRef, limits};
use crate::custody::{RootKey, VaultImage};
use crate::domain::reapply::{self, ReapplyEvidence};
use crate::engine::boot::World;
use crate::engine::epoch::Why;
use crate::engine::home::{Home, HomeError};
use crate::engine::offline::{Offline, OfflineError};
use crate::event::codec::decode_event;
use crate::event::{Change, Element, EpochCause, InternalKeyPurpose, Recorded};
use crate::ledger::{Entry, EventStore, Group, Head, SignedEntry, StoreError, Tree};
use crate::projection::State;

/// What is to be restored, and how.
#[derive(Debug)]
pub struct Order<'a> {
    /// Only so many events of the backup; those after them count as evidence. All when none.
    pub at: Option<u64>,
    /// The root key.
    pub root: RootKey,
    /// Newer evidence.
    pub evidence: Vec<Offered<'a>>,
    /// Why, for those who read the log later.
    pub reason: String,
    /// Time and randomness.
    pub world: &'a World,
}

/// What a restore came to.
#[derive(Debug)]
pub struct Restored {
    /// Whose log it is.
    pub log: LogId,
    /// Events of the backup.
    pub events: u64,
    /// The origin of the new epoch's checkpoints.
    pub origin: String,
    /// Changes by which evidence took something away.
    pub reapplied: usize,
    /// Deletions that evidence shows cancelled.
    pub cancelled: usize,
    /// Keys that had a pending deletion and are disabled now, for want of evidence that shows how the log ended.
    pub undecided: Vec<KeyId>,
    /// What evidence shows altered, and what was left as it was.
    pub altered: BTreeSet<String>,
    /// What each piece of evidence came to.
    pub evidence: Vec<Piece>,
    /// Slots that the daemon had lost before the backup was made.
    pub damaged: usize,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log does not prove itself.
    #[error("{0}")]
    NotVerified(Box<Report>),
    /// There are fewer events than asked for.
    #[error("the backup has {0} events: --at can't be more, nor 0")]
    NoSuchSize(u64),
    /// The vault lacks what the log needs.
    #[error("the vault lacks slot {0} (and {1} more) that the log refers to: the backup is damaged")]
    SlotsMissing(SlotRef, usize),
    /// The log key was replaced, and erased, before the vault was copied.
    #[error("the log key of event {last} is not in the vault any more: {}", other_size(*.least))]
    LogKeyGone {
        /// The last event that was to be restored.
        last: u64,
        /// The fewest events that can be, where there is such a number.
        least: Option<u64>,
    },
    /// A piece of evidence says nothing about this log.
    #[error(
        "the evidence `{name}` proves nothing about this log: {why}. To restore without it, leave it out"
    )]
    Evidence {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
    /// The restored log does not go on.
    #[error(transparent)]
    Offline(#[from] OfflineError),
}

impl From<SourceError> for RestoreError {
    fn from(error: SourceError) -> Self {
        Self::Backup(error.into())
    }
}

/// Restores `backup` into `home`, which `Home::begin_restore` took.
pub fn restore(
    home: &Home,
    backup: &Backup,
    order: Order<'_>,
    progress: Progress<'_>,
) -> Result<Restored, RestoreError> {
    let all = backup.manifest.name.size;
    let size = order.at.unwrap_or(all);
    if size == 0 || size > all {
        return Err(RestoreError::NoSuchSize(all));
    }
    BackupSource::new(backup).check_identity()?;
    let store = home.event_store();
    let head = copy_entries(backup, size, &*store, progress)?;
    let report = verify(&mut StoreSource::new(&*store)?, progress)?;
    if !report.is_verified() {
        return Err(RestoreError::NotVerified(Box::new(report)));
    }
    let state = &report.state;
    store.replace_rows(&mut state.rows(), &state.digest().to_bytes())?;

    let image = backup.vault()?;
    let slots = needed_slots(state, &image)?;
    if !has_log_key(state, &slots) {
        return Err(RestoreError::LogKeyGone {
            last: size - 1,
            least: least_size(backup, size)?,
        });
    }
    let known = gather(backup, state, &head, order.evidence, size < all)?;
    home.put_vault(image.bytes())?;
    let why = Why {
        cause: EpochCause::Restored,
        reason: &order.reason,
        anchored: known.longest.filter(|longest| *longest > size),
    };
    let mut log = home.begin_epoch(order.root, order.world, &why)?;
    let mut restored = Restored {
        log: backup.manifest.set.log,
        events: size,
        origin: log
            .state()
            .log()
            .map(|log| log.origin.clone())
            .unwrap_or_default(),
        reapplied: 0,
        cancelled: 0,
        undecided: Vec::new(),
        altered: BTreeSet::new(),
        evidence: Vec::new(),
        damaged: slots.damaged.len(),
    };
    take_away(&mut log, &known, &slots, &mut restored)?;
    log.close()?;
    Ok(restored)
}

/// Puts the first `size` entries into the store, a part of the backup at a time. No rows yet: they come from the whole.
fn copy_entries(
    backup: &Backup,
    size: u64,
    store: &dyn EventStore,
    progress: Progress<'_>,
) -> Result<Head, RestoreError> {
    let mut tree = Tree::new();
    let mut head = Head::EMPTY;
    for part in 0..backup.manifest.parts.len() {
        if head.size == size {
            break;
        }
        let mut entries = Vec::new();
        for bytes in backup.entries(part)? {
            if head.size == size {
                break;
            }
            let seq = Seq::new(head.size);
            let malformed = |what| BackupError::Log { seq, what };
            let time = SignedEntry::parse(&bytes)
                .ok()
                .and_then(|entry| decode_event(entry.payload).ok())
                .ok_or_else(|| malformed("it is not an event"))?
                .time;
            let entry = Entry::adopt(seq, bytes).map_err(|_| malformed("it is not an entry"))?;
            tree.append(entry.leaf);
            head = Head {
                size: seq.next().get(),
                prev: entry.payload_digest,
                leaf: entry.leaf,
                time,
            };
            entries.push(entry);
        }
        let group = Group {
            entries,
            rows: Vec::new(),
            tiles: tree.take_full_tiles(),
            checkpoint: kept_checkpoint(backup, &head, size),
            digest: None,
            head,
        };
        // One fsync a part. A crash leaves a shorter log in a directory that is marked unfinished.
        let _receipts = crate::ledger::commit(store, &group)?;
        progress(head.size, size);
    }
    Ok(head)
}

/// The backup's newest checkpoint, with the last entries, unless the log ends before it. The verification checks it.
fn kept_checkpoint(backup: &Backup, head: &Head, size: u64) -> Option<(u64, String)> {
    let note = backup.manifest.checkpoint.as_ref()?;
    let at: u64 = note.lines().nth(1)?.parse().ok()?;
    (head.size == size && at <= size).then(|| (at, note.clone()))
}

/// What of the vault the state needs; refuses what can't be restored whole.
fn needed_slots(state: &State, image: &VaultImage) -> Result<Slots, RestoreError> {
    let slots = Slots::of(state, image);
    if let Some(first) = slots.missing.first() {
        return Err(RestoreError::SlotsMissing(*first, slots.missing.len() - 1));
    }
    Ok(slots)
}

/// Whether the log's own key is there: without it the new epoch can't be signed for by the one before.
fn has_log_key(state: &State, slots: &Slots) -> bool {
    let row = state.internal_key(InternalKeyPurpose::LogSigning);
    row.is_some_and(|row| !slots.erased.contains(&row.slot))
}

/// The fewest events of the backup whose log key is in its vault: those up to the last one after `size` that brought a key.
fn least_size(backup: &Backup, size: u64) -> Result<Option<u64>, RestoreError> {
    let mut source = BackupSource::new(backup);
    let mut least = None;
    let mut next = size;
    loop {
        let page = source.entries(Seq::new(next), PAGE_ENTRIES)?;
        if page.is_empty() {
            return Ok(least);
        }
        for entry in page {
            next += 1;
            let event = SignedEntry::parse(&entry).ok();
            let event = event.and_then(|entry| decode_event(entry.payload).ok());
            let mut changes = event.iter().flat_map(|event| &event.chg);
            if changes.any(|change| matches!(change, Change::LogKeyRotated(_) | Change::EpochBegun(_))) {
                least = Some(next);
            }
        }
    }
}

fn other_size(least: Option<u64>) -> String {
    match least {
        Some(least) => format!(
            "it was replaced later, and then erased. From this backup --at can be {least} or more; for fewer events \
             choose a backup that was made before"
        ),
        None => "it was replaced before the backup was finished. Choose another backup".to_owned(),
    }
}

/// All evidence, followed as far as it is to be believed.
#[derive(Debug)]
struct Evidence {
    known: Vec<Known>,
    /// How many events the log had once, as it shows.
    longest: Option<u64>,
}

impl Evidence {
    /// Whether it shows how the log ended: what it does not show did not happen.
    fn is_whole(&self) -> bool {
        let whole = self.known.iter().map(|known| &known.piece);
        let mut whole = whole.filter(|piece| piece.reach == Reach::Whole);
        whole.any(|piece| Some(piece.size) == self.longest)
    }
}

fn gather(
    backup: &Backup,
    state: &State,
    head: &Head,
    offered: Vec<Offered<'_>>,
    is_cut: bool,
) -> Result<Evidence, RestoreError> {
    let mut evidence = Evidence {
        known: Vec::new(),
        longest: None,
    };
    let rest = is_cut.then(|| Offered {
        // What the backup itself says after the place that was asked for.
        name: backup.name(),
        origin: Origin::Earlier,
        source: Box::new(BackupSource::new(backup)),
    });
    for piece in rest.into_iter().chain(offered) {
        let known = follow(state, head, piece)?;
        match &known.piece.stopped {
            Some(why) if known.piece.events == 0 => {
                return Err(RestoreError::Evidence {
                    name: known.piece.name.clone(),
                    why: why.clone(),
                });
            }
            _ => {
                evidence.longest = evidence.longest.max(Some(known.piece.known_size()));
                evidence.known.push(known);
            }
        }
    }
    Ok(evidence)
}

/// Records what was taken away after the backup, and what nobody can know; then overwrites what is destroyed.
fn take_away(
    log: &mut Offline,
    evidence: &Evidence,
    slots: &Slots,
    restored: &mut Restored,
) -> Result<(), RestoreError> {
    let at = log.now();
    let mut taken = Taken::from(log.state().clone());
    for known in &evidence.known {
        let altered = reapply::altered(&taken.state, &known.state);
        let altered = altered.iter().map(|arn: &Arn| arn.as_str().to_owned());
        restored.altered.extend(altered);
        taken.add(reapply::taken_away(&taken.state, &known.state, at));
        restored.evidence.push(known.piece.clone());
    }
    taken.add(reapply::erased(&taken.state, &slots.erased));
    let gives = |change: &&Change| matches!(change, Change::KeyDeletionCancelled { .. });
    restored.cancelled = taken.changes.iter().filter(gives).count();
    restored.reapplied = taken.changes.len() - restored.cancelled;
    record(log, &taken.changes, "newer evidence")?;
    if !evidence.is_whole() {
        let changes = reapply::undecided(log.state());
        restored.undecided = disabled(&changes);
        record(
            log,
            &changes,
            "no evidence of how the log ended: whether these deletions were carried out is not known",
        )?;
    }
    // A copy that was put back holds what was destroyed before (law 5).
    Ok(log.erase_all()?)
}

fn record(log: &mut Offline, changes: &[Change], why: &str) -> Result<(), RestoreError> {
    // Pairs of changes of one key may be parted: each is lawful after the one before it all the same.
    for changes in changes.chunks(limits::RESTORE_CHANGES_MAX) {
        let mut recorded = Recorded::default();
        recorded.insert("Changes", Element::Number(changes.len() as u64));
        recorded.insert("Why", Element::text(why));
        let command = ReapplyEvidence {
            changes: changes.to_vec(),
        };
        log.perform("chancery/ReapplyEvidence", recorded, command)?;
    }
    Ok(())
}

/// Changes, and the state that they leave.
#[derive(Debug)]
struct Taken {
    state: State,
    changes: Vec<Change>,
}

impl From<State> for Taken {
    fn from(state: State) -> Self {
        Self {
            state,
            changes: Vec::new(),
        }
    }
}

impl Taken {
    fn add(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.state = self.state.with_change(&change, Seq::new(self.state.size()));
            self.changes.push(change);
        }
    }
}

/// Entries asked for at once.
const PAGE_ENTRIES: usize = 1_024;

fn disabled(changes: &[Change]) -> Vec<KeyId> {
    let keys = changes.iter().filter_map(|change| match change {
        Change::KeyDisabled { key } => Some(*key),
        _ => None,
    });
    keys.collect()
}
