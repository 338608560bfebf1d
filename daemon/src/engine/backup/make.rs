//! Making a backup: what is not there yet is read from the log, sealed and written; then the vault; then the manifest.

use std::collections::BTreeMap;

use super::depot::Depot;
use super::manifest::{Manifest, Part};
use super::name::{BackupName, Kind, SegmentName, Set};
use super::read::BackupError;
use super::seal::Recipients;
use crate::audit::{LogSource, Progress};
use crate::base::{Digest, LogId, Seq, Timestamp, limits};
use crate::custody::VaultImage;
use crate::event::codec::decode_event;
use crate::event::{Change, Event};
use crate::ledger::{SignedEntry, bundle, leaf_hash};

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Of which log.
    pub log: LogId,
    /// How many events it has.
    pub events: u64,
    /// Segments that were written now, the tail included.
    pub new_segments: u64,
    /// Segments that were there already.
    pub kept_segments: u64,
    /// Bytes written, sealed.
    pub new_bytes: u64,
    /// The name of its manifest.
    pub manifest: String,
}

/// A backup under way: the log is in it up to some size; the vault is missing. A crash at any point leaves objects that no
/// manifest names; the next backup uses what of them is a full segment.
#[derive(Debug)]
pub struct Draft<'a> {
    depot: &'a dyn Depot,
    recipients: &'a Recipients,
    set: Set,
    checkpoint: Option<String>,
    parts: Vec<Part>,
    kept_segments: u64,
    new_segments: u64,
    new_bytes: u64,
    // The end of what of the log is in it.
    next: Seq,
    prev: Digest,
    leaf: Digest,
    time: Timestamp,
}

impl<'a> Draft<'a> {
    /// Copies the log in `source` up to its size, as far as it is not there yet.
    pub fn of_log(
        source: &mut dyn LogSource,
        depot: &'a dyn Depot,
        recipients: &'a Recipients,
        progress: Progress<'_>,
    ) -> Result<Self, BackupError> {
        let mut draft = Self {
            depot,
            recipients,
            set: Set {
                log: log_of(source)?,
                keys: recipients.name().to_owned(),
            },
            checkpoint: newest_checkpoint(source)?,
            parts: Vec::new(),
            kept_segments: 0,
            new_segments: 0,
            new_bytes: 0,
            next: Seq::GENESIS,
            prev: Digest::ZERO,
            leaf: Digest::ZERO,
            time: Timestamp::default(),
        };
        draft.keep_what_is_there(source)?;
        draft.kept_segments = draft.parts.len() as u64;
        draft.copy_entries(source, progress)?;
        if source.claims()?.head.is_some_and(|head| head != draft.leaf) {
            return Err(draft.broken("the last entry is not the head"));
        }
        Ok(draft)
    }

    /// Whose log it is.
    pub const fn log(&self) -> LogId {
        self.set.log
    }

    /// Adds the vault, copied after the log (B3): a slot that an event refers to is filled before that event is durable. Then
    /// the backup is there.
    pub fn finish(mut self, vault: &VaultImage, now: Timestamp) -> Result<Made, BackupError> {
        let name = BackupName {
            made: now,
            size: self.next.get(),
            leaf: self.leaf,
        };
        let sealed = self.recipients.seal(vault.bytes())?;
        let vault = (Digest::of(&sealed), sealed.len() as u64);
        self.put(name.vault(&self.set, &vault.0), sealed)?;
        let manifest = Manifest {
            set: self.set.clone(),
            name,
            time: self.time,
            checkpoint: self.checkpoint.take(),
            parts: std::mem::take(&mut self.parts),
            vault,
        };
        let object = manifest.name.manifest(&self.set);
        let sealed = self.recipients.seal(&manifest.encode())?;
        // Commit point (B1): before this line there is no backup, after it a whole one.
        self.put(object.clone(), sealed)?;
        Ok(Made {
            log: self.set.log,
            events: manifest.name.size,
            new_segments: self.new_segments,
            kept_segments: self.kept_segments,
            new_bytes: self.new_bytes,
            manifest: object,
        })
    }

    /// Takes the full segments that are there and are this log's, as far as they follow each other from the first event on.
    fn keep_what_is_there(&mut self, source: &mut dyn LogSource) -> Result<(), BackupError> {
        let mut there: BTreeMap<Seq, Vec<Part>> = BTreeMap::new();
        for object in self.depot.list(&self.set.directory(Kind::Segment))? {
            if let Some(segment) = SegmentName::parse(&self.set, Kind::Segment, &object.name) {
                there.entry(segment.from).or_default().push(Part {
                    kind: Kind::Segment,
                    segment,
                    bytes: object.bytes,
                });
            }
        }
        while let Some(candidates) = there.remove(&self.next) {
            // Of a twin of this log, or of a future that was lost, there may be segments that are not ours.
            let mut ours = None;
            for part in candidates {
                if self.is_ours(source, &part)? {
                    ours = Some(part);
                    break;
                }
            }
            let Some(part) = ours else { break };
            self.next = part.segment.to;
            self.parts.push(part);
        }
        Ok(())
    }

    /// Whether the log has that leaf there. The leaf vouches for all before it: each entry names its predecessor's digest.
    fn is_ours(&mut self, source: &mut dyn LogSource, part: &Part) -> Result<bool, BackupError> {
        let last = part.segment.to.get() - 1;
        if last >= source.size() || part.bytes > limits::BACKUP_SEGMENT_OBJECT_BYTES_MAX {
            return Ok(false);
        }
        let page = source.entries(Seq::new(last), 1)?;
        let Some(entry) = page.first().filter(|entry| leaf_hash(entry) == part.segment.leaf) else {
            return Ok(false);
        };
        let (payload, event) = read(entry).ok_or_else(|| self.broken("it is not an entry"))?;
        (self.prev, self.leaf, self.time) = (payload, part.segment.leaf, event.time);
        Ok(true)
    }

    fn copy_entries(
        &mut self,
        source: &mut dyn LogSource,
        progress: Progress<'_>,
    ) -> Result<(), BackupError> {
        let size = source.size();
        let mut from = self.next;
        let mut open = Vec::new();
        while self.next.get() < size {
            let page = source.entries(self.next, PAGE_ENTRIES)?;
            if page.is_empty() {
                return Err(self.broken("it is missing"));
            }
            for entry in page {
                let fits = open.len() + 2 + entry.len() <= limits::BACKUP_SEGMENT_BYTES;
                if self.next.get() - from.get() == limits::BACKUP_SEGMENT_ENTRIES || !fits {
                    self.write(Kind::Segment, from, &std::mem::take(&mut open))?;
                    from = self.next;
                }
                self.take(&entry)?;
                bundle::push(&mut open, &entry).ok_or_else(|| self.broken("it is too long"))?;
            }
            progress(self.next.get(), size);
        }
        match self.next.get() - from.get() {
            0 => Ok(()),
            limits::BACKUP_SEGMENT_ENTRIES => self.write(Kind::Segment, from, &open),
            _ => self.write(Kind::Tail, from, &open),
        }
    }

    /// Notes the next entry, which must follow the one before it: what does not is no backup to rely on.
    fn take(&mut self, entry: &[u8]) -> Result<(), BackupError> {
        let (payload, event) = read(entry).ok_or_else(|| self.broken("it is not an entry"))?;
        if event.seq != self.next || event.prev != self.prev {
            return Err(self.broken("it does not follow the one before it"));
        }
        (self.prev, self.leaf, self.time) = (payload, leaf_hash(entry), event.time);
        self.next = self.next.next();
        Ok(())
    }

    fn write(&mut self, kind: Kind, from: Seq, entries: &[u8]) -> Result<(), BackupError> {
        let sealed = self.recipients.seal(entries)?;
        let segment = SegmentName {
            from,
            to: self.next,
            leaf: self.leaf,
            sha256: Digest::of(&sealed),
        };
        let bytes = sealed.len() as u64;
        self.put(segment.object(&self.set, kind), sealed)?;
        self.new_segments += 1;
        self.parts.push(Part { kind, segment, bytes });
        Ok(())
    }

    fn put(&mut self, name: String, bytes: Vec<u8>) -> Result<(), BackupError> {
        self.new_bytes += bytes.len() as u64;
        Ok(self.depot.put(&name, bytes)?)
    }

    const fn broken(&self, what: &'static str) -> BackupError {
        BackupError::Log { seq: self.next, what }
    }
}

/// The payload's digest, and the event.
fn read(entry: &[u8]) -> Option<(Digest, Event)> {
    let payload = SignedEntry::parse(entry).ok()?.payload;
    Some((Digest::of(payload), decode_event(payload).ok()?))
}

/// Whose log it is: its first event says so.
pub(super) fn log_of(source: &mut dyn LogSource) -> Result<LogId, BackupError> {
    let page = source.entries(Seq::GENESIS, 1)?;
    let genesis = page.first().and_then(|entry| read(entry));
    match genesis.as_ref().and_then(|(_, event)| event.chg.first()) {
        Some(Change::LogBegun(begun)) => Ok(begun.log),
        _ => Err(BackupError::Log {
            seq: Seq::GENESIS,
            what: "it does not begin a log",
        }),
    }
}

/// The newest note of at most the size that is backed up. Unverified here: whoever restores it verifies it.
fn newest_checkpoint(source: &mut dyn LogSource) -> Result<Option<String>, BackupError> {
    let size = source.size();
    let size_of = |note: &str| note.lines().nth(1)?.parse::<u64>().ok();
    let notes = source.checkpoints()?.into_iter();
    let notes = notes.filter_map(|kept| Some((size_of(&kept.note)?, kept.note)));
    let newest = notes.filter(|(at, _)| *at <= size).max_by_key(|(at, _)| *at);
    Ok(newest.map(|(_, note)| note))
}

/// Entries asked for at once.
const PAGE_ENTRIES: usize = 2_048;
