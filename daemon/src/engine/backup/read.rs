//! Reading a backup: which one, its manifest, and its entries as a log that can be verified.

use super::depot::{Depot, DepotError};
use super::make::log_of;
use super::manifest::Manifest;
use super::name::{BackupName, Set};
use super::seal::{Identities, SealError};
use crate::audit::source::{ClaimedDigest, Claims, Kept, Rows};
use crate::audit::{LogSource, SourceError};
use crate::base::{Digest, LogId, Seq, Timestamp, limits};
use crate::custody::{VaultError, VaultImage};
use crate::event::RowKey;
use crate::event::codec::decode_event;
use crate::ledger::{SignedAnchor, SignedEntry, bundle, leaf_hash};

/// Why there is no backup, or none to be had.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The place.
    #[error(transparent)]
    Depot(#[from] DepotError),
    /// The log.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The keys.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An object of the backup is not what it must be.
    #[error("`{name}`: {what}")]
    Object {
        /// Which.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// The log to be backed up is damaged.
    #[error("event {seq}: {what}; the log is not backed up. `chancery log verify` has the whole picture")]
    Log {
        /// Where.
        seq: Seq,
        /// What is wrong.
        what: &'static str,
    },
    /// The vault to be backed up lacks what the log refers to.
    #[error(
        "the vault lacks {0} of the slots that the log refers to: it was put back from before them. What would be backed up \
         could not be restored, so no backup was made, and the earlier ones stand. Put the newest copy of the vault back first"
    )]
    VaultLacks(u64),
    /// The vault to be backed up has not the log's own key.
    #[error(
        "the vault does not hold the log key that the log ends with: the two are not of the same time. What would be backed \
         up could not be restored, so no backup was made, and the earlier ones stand"
    )]
    NoLogKey,
    /// There is nothing.
    #[error("there is no whole backup{0}")]
    None(String),
    /// There are parts of one, deeper than they should be.
    #[error(
        "there is no backup in this place, but a part of one: name the directory (or prefix) that holds LOG-ID/KEYS/manifests, \
         one or two levels up"
    )]
    Below,
    /// There are backups of several logs.
    #[error("there are backups of several logs: choose one with --log ID\n{0}")]
    Several(String),
    /// The log is proven, and what is in the vault can't be.
    #[error(
        "the root key given is not the one that the vault in this backup is sealed under: give the one that the log had then. \
         The log in it is proven, and every slot is there"
    )]
    WrongRootKey,
    /// None of the keys opens any of them.
    #[error("no backup opens with the key given: the newest, `{0}`, is sealed to other keys, or damaged")]
    OtherKey(String),
}

/// Which of the backups in a place.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Of this log; needed when there are several.
    pub log: Option<LogId>,
    /// The one whose manifest has this name; otherwise the newest.
    pub manifest: Option<String>,
}

/// A backup, found and its manifest opened.
#[derive(Debug)]
pub struct Backup {
    depot: Box<dyn Depot>,
    identities: Identities,
    /// What belongs to it.
    pub manifest: Manifest,
    /// A newer one that the key does not open, if there is one.
    pub newer: Option<String>,
}

impl Backup {
    /// Finds the chosen backup in `depot` and opens its manifest.
    pub fn open(depot: Box<dyn Depot>, identities: Identities, choice: &Choice) -> Result<Self, BackupError> {
        let objects = depot.list("")?;
        let mut found: Vec<(Set, BackupName)> = objects
            .iter()
            .filter_map(|object| BackupName::parse(&object.name))
            .filter(|(set, _)| choice.log.is_none_or(|log| log == set.log))
            .collect();
        if let Some(wanted) = &choice.manifest {
            found.retain(|(set, name)| name.manifest(set).ends_with(wanted.as_str()));
        }
        let logs: std::collections::BTreeSet<LogId> = found.iter().map(|(set, _)| set.log).collect();
        if logs.len() > 1 {
            let list: Vec<String> = logs.iter().map(|log| format!("  {log}")).collect();
            return Err(BackupError::Several(list.join("\n")));
        }
        // Newest first; one made by another set of keys is passed over when the key does not open it.
        found.sort_by(|(_, a), (_, b)| b.cmp(a));
        let mut passed: Vec<(&Set, String)> = Vec::new();
        for (at, (set, name)) in found.iter().enumerate() {
            let object = name.manifest(set);
            // The newest is not to be used: whoever wants an earlier one says so.
            let wrong = |what: String| match found.get(at + 1) {
                Some((set, before)) if choice.manifest.is_none() => {
                    let before = before.manifest(set);
                    wrong(&object, format!("{what}. The one before it: --backup {before}"))
                }
                _ => wrong(&object, what),
            };
            let sealed = match depot.get(&object, limits::BACKUP_MANIFEST_BYTES_MAX) {
                Err(DepotError::NoFile(_)) => return Err(wrong("it is not a regular file".to_owned())),
                Err(error @ DepotError::TooLarge { .. }) => return Err(wrong(error.to_string())),
                other => other?,
            };
            let plain = match identities.open(&sealed, limits::BACKUP_MANIFEST_BYTES_MAX) {
                Err(SealError::OtherKey) => {
                    passed.push((set, object));
                    continue;
                }
                other => other.map_err(|error| wrong(error.to_string()))?,
            };
            let manifest = Manifest::parse(&plain, set, name).map_err(|what| wrong(what.into_owned()))?;
            // All of one set are sealed to the same keys: one that does not open beside one that does is damaged.
            if let Some((_, damaged)) = passed.iter().find(|(of, _)| *of == set) {
                let what = format!("{}. The one before it: --backup {object}", SealError::Damaged);
                return Err(self::wrong(damaged, what));
            }
            return Ok(Self {
                depot,
                identities,
                manifest,
                newer: passed.into_iter().next().map(|(_, object)| object),
            });
        }
        let newest = passed.into_iter().next().map(|(_, object)| object);
        Err(match (newest, &choice.manifest, choice.log) {
            (Some(newest), _, _) => BackupError::OtherKey(newest),
            (None, Some(name), _) => BackupError::None(format!(" named `{name}`")),
            (None, None, Some(log)) => BackupError::None(format!(" of log {log}")),
            (None, None, None) if objects.iter().any(|object| is_deep(&object.name)) => BackupError::Below,
            (None, None, None) => BackupError::None(String::new()),
        })
    }

    /// The name of its manifest.
    pub fn name(&self) -> String {
        self.manifest.name.manifest(&self.manifest.set)
    }

    /// The copy of the vault; its form and checksums are right.
    pub fn vault(&self) -> Result<VaultImage, BackupError> {
        let Manifest { set, name, vault, .. } = &self.manifest;
        let object = name.vault(set, &vault.0);
        let plain = self.object(&object, vault.1, &vault.0, limits::BACKUP_VAULT_BYTES_MAX)?;
        VaultImage::parse(plain, set.log).map_err(|error| wrong(&object, error.to_string()))
    }

    /// The entries of one part, in order.
    pub fn entries(&self, part: usize) -> Result<Vec<Vec<u8>>, BackupError> {
        let part = self
            .manifest
            .parts
            .get(part)
            .ok_or(SourceError::Damaged("an entry is missing"))?;
        let segment = &part.segment;
        let object = segment.object(&self.manifest.set, part.kind);
        let plain = self.object(
            &object,
            part.bytes,
            &segment.sha256,
            limits::BACKUP_SEGMENT_BYTES as u64,
        )?;
        let entries = bundle::split(&plain).map_err(|error| wrong(&object, error.to_string()))?;
        if entries.len() as u64 != segment.to.get() - segment.from.get() {
            return Err(wrong(
                &object,
                "it has another number of entries than its name says".into(),
            ));
        }
        if entries.last().map(|entry| leaf_hash(entry)) != Some(segment.leaf) {
            return Err(wrong(
                &object,
                "its last entry is another than its name says".into(),
            ));
        }
        if segment.to.get() == self.manifest.name.size
            && entries.last().and_then(|entry| time_of(entry)) != Some(self.manifest.time)
        {
            return Err(wrong(
                &self.name(),
                "its `Time` is not that of the last event".into(),
            ));
        }
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }

    fn object(
        &self,
        name: &str,
        bytes: u64,
        sha256: &Digest,
        plain_max: u64,
    ) -> Result<Vec<u8>, BackupError> {
        let sealed = self.depot.get(name, bytes).map_err(|error| match error {
            DepotError::TooLarge { bytes: found, .. } => {
                wrong(name, format!("it has {found} bytes and should have {bytes}"))
            }
            DepotError::Missing(_) => wrong(name, "it is missing".to_owned()),
            DepotError::NoFile(_) => wrong(name, "it is not a regular file".to_owned()),
            error => error.into(),
        })?;
        if sealed.len() as u64 != bytes {
            return Err(wrong(
                name,
                format!("it has {} bytes and should have {bytes}", sealed.len()),
            ));
        }
        let found = Digest::of(&sealed);
        if found != *sha256 {
            return Err(wrong(name, format!("it is damaged: its SHA-256 is {found}")));
        }
        let opened = self.identities.open(&sealed, plain_max);
        opened.map_err(|error| wrong(name, error.to_string()))
    }
}

/// Whether an object has a name that one has below a log's or a set's directory.
fn is_deep(name: &str) -> bool {
    name.ends_with(".age") && (name.starts_with("manifests/") || name.contains("/manifests/"))
}

/// The time of an event.
fn time_of(entry: &[u8]) -> Option<Timestamp> {
    let payload = SignedEntry::parse(entry).ok()?.payload;
    Some(decode_event(payload).ok()?.time)
}

fn wrong(name: &str, what: String) -> BackupError {
    BackupError::Object {
        name: name.to_owned(),
        what,
    }
}

/// A part that is not what it must be is one thing, a place that does not answer another.
fn unreadable(error: BackupError) -> SourceError {
    match error {
        BackupError::Depot(error) => SourceError::Unreachable(error.to_string()),
        error => SourceError::Part(error.to_string()),
    }
}

/// A backup's log, as an audit reads one. It shows no rows, no tiles and no anchor: a backup has none.
#[derive(Debug)]
pub struct BackupSource<'a> {
    backup: &'a Backup,
    /// The part that was read last.
    held: Option<(usize, Vec<Vec<u8>>)>,
}

impl<'a> BackupSource<'a> {
    /// The log of `backup`.
    pub const fn new(backup: &'a Backup) -> Self {
        Self { backup, held: None }
    }

    /// Whose log its first event begins: it must be the one that the backup is named after.
    pub fn check_identity(&mut self) -> Result<(), BackupError> {
        let set = &self.backup.manifest.set;
        if log_of(self)? == set.log {
            return Ok(());
        }
        Err(wrong(
            &self.backup.name(),
            "its entries are another log's".to_owned(),
        ))
    }
}

impl LogSource for BackupSource<'_> {
    fn size(&self) -> u64 {
        self.backup.manifest.name.size
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError> {
        let Some((at, part)) = self.backup.manifest.part_of(from) else {
            return Ok(Vec::new());
        };
        let first = part.segment.from.get();
        if self.held.as_ref().is_none_or(|(held, _)| *held != at) {
            // One at a time: the last one goes before the next one comes.
            self.held = None;
            let entries = self.backup.entries(at);
            self.held = Some((at, entries.map_err(unreadable)?));
        }
        let entries = self.held.iter().flat_map(|(_, entries)| entries);
        let skip = usize::try_from(from.get() - first).unwrap_or(usize::MAX);
        Ok(entries.skip(skip).take(limit).cloned().collect())
    }

    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError> {
        let note = self.backup.manifest.checkpoint.clone();
        Ok(note.map(|note| Kept { size: None, note }).into_iter().collect())
    }

    fn claims(&mut self) -> Result<Claims, SourceError> {
        Ok(Claims {
            log: Some(self.backup.manifest.set.log),
            head: Some(self.backup.manifest.name.leaf),
            ..Claims::default()
        })
    }

    fn tile(&mut self, _: u8, _: u64) -> Result<Option<Option<Vec<u8>>>, SourceError> {
        Ok(None)
    }

    fn anchor(&mut self, _: LogId) -> Result<Option<Option<SignedAnchor>>, SourceError> {
        Ok(None)
    }

    fn rows(&mut self, _: Option<&RowKey>, _: usize) -> Result<Option<Rows>, SourceError> {
        Ok(None)
    }

    fn digest(&mut self) -> Result<ClaimedDigest, SourceError> {
        Ok(ClaimedDigest::Stored(None))
    }
}
