//! Restoring: the log of a backup becomes the log of a data directory, proves itself there, and goes on in a new epoch.
//!
//! Order: the entries into the store; their verification, from the store; the rows that they fold to; the vault, proven by
//! its root key and by what the rows need; the new epoch; what newer evidence takes away. The directory is marked throughout
//! (`home::restoring`): a crash at any point leaves one that nobody takes for a log, and a restore begins anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::check::Slots;
use super::evidence::{Known, follow};
use super::read::{Backup, BackupError, BackupSource};
use crate::audit::{LogSource, Progress, Report, SourceError, StoreSource, verify};
use crate::base::{Answer, ApiError, Arn, KeyId, LogId, Seq, SlotRef, limits};
use crate::custody::{RootKey, VaultImage};
use crate::domain::Command;
use crate::domain::reapply::{self, ReapplyEvidence};
use crate::domain::system::RecordErasure;
use crate::engine::boot::{self, BootError, World};
use crate::engine::home::{Home, HomeError};
use crate::engine::housekeeping::Housekeeper;
use crate::engine::prepare::prepare;
use crate::engine::reanchor;
use crate::engine::tools::Tools;
use crate::engine::writer::{Input, Step, Writer};
use crate::event::codec::decode_event;
use crate::event::{Change, Element, InternalKeyPurpose, Recorded};
use crate::ledger::{AnchorFile, Entry, EventStore, Group, Head, LogKey, SignedEntry, StoreError, Tree};
use crate::projection::State;

/// What is to be restored, and how.
#[derive(Debug)]
pub struct Order<'a> {
    /// Only so many events of the backup; those after them count as evidence. All when none.
    pub at: Option<u64>,
    /// The root key, twice: it is consumed where it is used.
    pub roots: [RootKey; 2],
    /// Newer evidence, each with its name.
    pub evidence: Vec<(String, Box<dyn LogSource + 'a>)>,
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
    /// Changes that evidence made.
    pub reapplied: usize,
    /// Keys that had a pending deletion and are disabled now, for want of evidence.
    pub undecided: Vec<KeyId>,
    /// What evidence shows altered, and what was left as it was.
    pub altered: BTreeSet<String>,
    /// Each piece of evidence: its name, how many events it added, and why no more.
    pub evidence: Vec<(String, u64, Option<String>)>,
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
    /// The log, once restored, does not start.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The log does not prove itself.
    #[error("{0}")]
    NotVerified(Box<Report>),
    /// There are fewer events than asked for.
    #[error("the backup has {0} events: --at can't be more, nor 0")]
    NoSuchSize(u64),
    /// The vault lacks what the log needs.
    #[error("the vault lacks slot {0} (and {1} more) that the log refers to: the backup is damaged")]
    SlotsMissing(SlotRef, usize),
    /// The log key was erased before the vault was copied.
    #[error(
        "the log key of event {0} is not in the vault any more: it was replaced before the backup was finished. \
         Choose another backup, or a later --at"
    )]
    LogKeyGone(u64),
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
    /// The log did not take an event that the restore makes.
    #[error("the restored log does not take `{op}`: {why}")]
    NotTaken {
        /// The operation.
        op: &'static str,
        /// Why.
        why: ApiError,
    },
}

impl From<SourceError> for RestoreError {
    fn from(error: SourceError) -> Self {
        Self::Backup(error.into())
    }
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        Self::Boot(error.into())
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
    let known = gather(backup, state, &head, order.evidence, size < all)?;
    home.put_vault(image.bytes())?;
    let [first, second] = order.roots;
    reanchor::replace_lost(home.restored_storage()?, first)?;
    let core = boot::resume(home.restored_storage()?, second, order.world)?;
    let mut going = Going {
        writer: core.writer,
        tools: core.tools,
        anchor: core.anchor,
        log_key: core.log_key,
        keeper: Housekeeper::new(core.account, core.region, core.watch),
        store: &*store,
        world: order.world,
    };
    let mut restored = Restored {
        log: backup.manifest.set.log,
        events: size,
        origin: going.writer.chain().origin().to_owned(),
        reapplied: 0,
        undecided: Vec::new(),
        altered: BTreeSet::new(),
        evidence: Vec::new(),
        damaged: slots.damaged.len(),
    };
    going.take_away(&known, &slots, &mut restored)?;
    going.end()?;
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
    // Without it the new epoch can't be signed for by the one before.
    match state.internal_key(InternalKeyPurpose::LogSigning) {
        Some(row) if !slots.erased.contains(&row.slot) => Ok(slots),
        _ => Err(RestoreError::LogKeyGone(state.size().saturating_sub(1))),
    }
}

/// All evidence, followed as far as it is to be believed.
#[derive(Debug)]
struct Evidence {
    known: Vec<(String, Known)>,
    is_offered: bool,
}

fn gather(
    backup: &Backup,
    state: &State,
    head: &Head,
    offered: Vec<(String, Box<dyn LogSource + '_>)>,
    is_cut: bool,
) -> Result<Evidence, RestoreError> {
    let mut evidence = Evidence {
        known: Vec::new(),
        is_offered: !offered.is_empty(),
    };
    let mut add = |name: String, source: &mut dyn LogSource| {
        let known = follow(state, head, source)?;
        match &known.stopped {
            Some(why) if known.events == 0 => Err(RestoreError::Evidence {
                name,
                why: why.clone(),
            }),
            _ => {
                evidence.known.push((name, known));
                Ok(())
            }
        }
    };
    if is_cut {
        // What the backup itself says after the place that was asked for.
        add(backup.name(), &mut BackupSource::new(backup))?;
    }
    for (name, mut source) in offered {
        add(name, &mut *source)?;
    }
    Ok(evidence)
}

/// The restored log, going on.
#[derive(Debug)]
struct Going<'a> {
    writer: Writer,
    tools: Arc<Tools>,
    anchor: AnchorFile,
    log_key: LogKey,
    keeper: Housekeeper,
    store: &'a dyn EventStore,
    world: &'a World,
}

impl Going<'_> {
    /// Records what was taken away after the backup, and what nobody can know.
    fn take_away(
        &mut self,
        evidence: &Evidence,
        slots: &Slots,
        restored: &mut Restored,
    ) -> Result<(), RestoreError> {
        let at = self.tools.now();
        let mut taken = Taken::from(self.writer.state().clone());
        for (name, known) in &evidence.known {
            let altered = reapply::altered(&taken.state, &known.state);
            restored
                .altered
                .extend(altered.iter().map(|arn: &Arn| arn.as_str().to_owned()));
            taken.add(reapply::taken_away(&taken.state, &known.state, at));
            restored
                .evidence
                .push((name.clone(), known.events, known.stopped.clone()));
        }
        taken.add(reapply::erased(&taken.state, &slots.erased));
        restored.reapplied = taken.changes.len();
        self.reapply(&taken.changes, "newer evidence")?;
        if !evidence.is_offered {
            let changes = reapply::undecided(self.writer.state());
            restored.undecided = disabled(&changes);
            self.reapply(
                &changes,
                "no newer evidence: whether these deletions were carried out is not known",
            )?;
        }
        self.erase()
    }

    fn reapply(&mut self, changes: &[Change], why: &str) -> Result<(), RestoreError> {
        // Pairs of changes of one key may be parted: each is lawful after the one before it all the same.
        for changes in changes.chunks(limits::RESTORE_CHANGES_MAX) {
            let mut recorded = Recorded::default();
            recorded.insert("Changes", Element::Number(changes.len() as u64));
            recorded.insert("Why", Element::text(why));
            let command = ReapplyEvidence {
                changes: changes.to_vec(),
            };
            self.record("chancery/ReapplyEvidence", recorded, command)?;
        }
        Ok(())
    }

    /// Overwrites every slot that is owed it (law 5): a copy that was put back holds what was destroyed.
    fn erase(&mut self) -> Result<(), RestoreError> {
        let owed: Vec<SlotRef> = self.writer.state().erasures().collect();
        for slots in owed.chunks(ERASURES_AT_ONCE) {
            self.tools.vault.erase(slots).map_err(BootError::from)?;
            let mut recorded = Recorded::default();
            recorded.insert("Slots", Element::Number(slots.len() as u64));
            let command = RecordErasure {
                slots: slots.to_vec(),
            };
            self.record("chancery/EraseMaterial", recorded, command)?;
        }
        Ok(())
    }

    /// One event of the daemon's own.
    fn record(
        &mut self,
        op: &'static str,
        recorded: Recorded,
        command: impl Command + 'static,
    ) -> Result<Answer, RestoreError> {
        let tools = &self.tools;
        let call = Box::new(self.keeper.call(op, recorded, command, tools));
        let input = Input {
            prepared: prepare(&call, self.writer.state(), tools),
            call,
            round: limits::RERUNS_MAX,
            ticket: (),
        };
        let step = self.writer.step(vec![input], self.world.clock.now(), tools);
        let answers = self.settle(step)?;
        let answer = answers.into_iter().next().unwrap_or(Ok(Answer::new()));
        answer.map_err(|why| RestoreError::NotTaken { op, why })
    }

    fn settle(&self, step: Step<()>) -> Result<Vec<Result<Answer, ApiError>>, RestoreError> {
        let state = self.writer.state();
        self.tools.published.apply(state.clone());
        let receipts = crate::ledger::commit(self.store, &step.group)?; // law 1
        self.tools.published.persist(state.clone(), step.group.head);
        let opened = step.replies.into_iter().zip(receipts);
        Ok(opened
            .map(|(((), sealed), receipt)| sealed.open(receipt).0.result)
            .collect())
    }

    /// Seals the state, and says in the anchor that this is the end.
    fn end(mut self) -> Result<(), RestoreError> {
        let last = self.writer.close(self.world.clock.now());
        self.settle(last)?;
        let anchor = boot::anchor_at(self.writer.chain(), true);
        let written = self.anchor.write(&anchor, &self.log_key);
        Ok(written.map_err(BootError::from)?)
    }
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

fn disabled(changes: &[Change]) -> Vec<KeyId> {
    let keys = changes.iter().filter_map(|change| match change {
        Change::KeyDisabled { key } => Some(*key),
        _ => None,
    });
    keys.collect()
}

/// Slots in one event of erasures; each takes some ten bytes.
const ERASURES_AT_ONCE: usize = 1_000;
