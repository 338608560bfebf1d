//! Writes an export, or goes on with one.
//!
//! Order: the mark `unfinished`; entries and tiles; rows, digest, anchor, checkpoints; all of it synced; then the title; then
//! the mark goes. A crash before the title leaves one that names less than there is, after it one that names all: the next
//! run does again what the title does not name.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::Progress;
use super::super::source::{ClaimedDigest, LogSource, SourceError};
use super::read::ExportSource;
use super::{
    ANCHOR, CHECKPOINT, CHECKPOINTS, DIGEST, ExportError, ROWS, ROWS_HEAD, TITLE, Title, UNFINISHED,
    open_tiles, tile_path,
};
use crate::base::disk::{BlockFile, write_atomically};
use crate::base::{Digest, LogId, Seq};
use crate::event::codec::decode_event;
use crate::event::{Change, RowKey};
use crate::ledger::SignedEntry;
use crate::ledger::tree::{TILE_HASHES, Tree, TreeError, leaf_hash};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Events in the export.
    pub events: u64,
    /// Those that were not in it before.
    pub added: u64,
    /// Size of the newest checkpoint, if there is one.
    pub checkpoint: Option<u64>,
    /// Rows, where the source showed them.
    pub rows: Option<u64>,
}

/// One line.
impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exported: {} events, {} of them new", self.events, self.added)?;
        match self.rows {
            Some(rows) => write!(f, ", {rows} rows"),
            None => Ok(()),
        }
    }
}

/// Exports `source` to `dir`, with the anchor's file where there is one. An older export of the same log is continued; one
/// of anything else is left as it is.
pub fn export(
    source: &mut dyn LogSource,
    anchor: Option<&dyn BlockFile>,
    dir: &Path,
    progress: Progress<'_>,
) -> Result<Exported, SourceError> {
    let log = identity(source)?;
    let before = take(dir)?;
    if let Some(before) = &before {
        same_log(source, before, log, dir)?;
    }
    write_atomically(&dir.join(UNFINISHED), b"").map_err(ExportError::io("write", dir))?;

    let mut notes = Vec::new();
    for kept in source.checkpoints()? {
        let size = kept.size.or_else(|| kept.note.lines().nth(1)?.parse().ok());
        let size = size.ok_or(SourceError::Damaged("a checkpoint does not name its size"))?;
        notes.push((size, kept.note));
    }
    notes.sort();
    let newest = notes.last().map(|(size, _)| *size);
    let mut writer = Writer::open(dir, before.as_ref())?;
    let size = source.size();
    while writer.tree.size() < size {
        let page = source.entries(Seq::new(writer.tree.size()), PAGE_ENTRIES)?;
        if page.is_empty() {
            return Err(SourceError::Damaged("an entry is missing"));
        }
        for entry in &page {
            writer.add(entry)?;
            // Whoever reads by the newest checkpoint asks for the partial tiles of its size.
            if newest == Some(writer.tree.size()) {
                writer.close()?;
            }
        }
        progress(writer.tree.size(), size);
    }
    writer.close()?;
    let head = writer.head;

    let rows = write_rows(source, dir)?;
    write_or_remove(&dir.join(DIGEST), digest(source)?.as_deref())?;
    write_or_remove(
        &dir.join(ANCHOR),
        anchor.map(anchor_bytes).transpose()?.as_deref(),
    )?;
    for (size, note) in &notes {
        write(&dir.join(CHECKPOINTS).join(size.to_string()), note.as_bytes())?;
    }
    if let Some((_, note)) = notes.last() {
        write(&dir.join(CHECKPOINT), note.as_bytes())?;
    }
    let folder = File::open(dir).map_err(ExportError::io("open", dir))?;
    rustix::fs::syncfs(&folder).map_err(|error| ExportError::io("sync", dir)(error.into()))?;
    let title = Title { log, size, head };
    // Commit point: from here on the export names all that is there.
    write_atomically(&dir.join(TITLE), title.to_text().as_bytes()).map_err(ExportError::io("write", dir))?;
    std::fs::remove_file(dir.join(UNFINISHED)).map_err(ExportError::io("clear up in", dir))?;
    Ok(Exported {
        events: size,
        added: size - before.map_or(0, |before| before.size),
        checkpoint: newest,
        rows,
    })
}

/// The log's id, from its first entry.
fn identity(source: &mut dyn LogSource) -> Result<LogId, SourceError> {
    let page = source.entries(Seq::GENESIS, 1)?;
    let entry = page.first().ok_or(SourceError::Empty)?;
    let begun = SignedEntry::parse(entry)
        .ok()
        .and_then(|entry| decode_event(entry.payload).ok())
        .and_then(|event| match event.chg.into_iter().next() {
            Some(Change::LogBegun(begun)) => Some(begun.log),
            _ => None,
        });
    begun.ok_or(SourceError::Damaged("the first event does not begin a log"))
}

/// Makes the directory, or finds what is in it.
fn take(dir: &Path) -> Result<Option<Title>, ExportError> {
    if !dir.exists() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(ExportError::io("create", dir))?;
        return Ok(None);
    }
    let title = ExportSource::read_title(dir)?;
    if title.is_none() && !dir.join(UNFINISHED).exists() {
        let mut entries = dir.read_dir().map_err(ExportError::io("read", dir))?;
        if entries.next().is_some() {
            return Err(ExportError::Foreign(dir.into()));
        }
    }
    Ok(title)
}

/// Whether an older export is of this log, and of the history that it has now.
fn same_log(source: &mut dyn LogSource, before: &Title, log: LogId, dir: &Path) -> Result<(), SourceError> {
    let other = |other: String| ExportError::OtherLog {
        path: dir.into(),
        other,
    };
    if before.log != log {
        return Err(other(format!("log {}, not of {log}", before.log)).into());
    }
    let last = match before.size <= source.size() {
        true => source.entries(Seq::new(before.size - 1), 1)?,
        false => Vec::new(),
    };
    match last.first() {
        None => Err(other(format!("the same log with {} events, which is more", before.size)).into()),
        Some(entry) if leaf_hash(entry) != before.head => {
            Err(other("another history of the same log".into()).into())
        }
        Some(_) => Ok(()),
    }
}

/// Entries on their way into bundles and tiles.
#[derive(Debug)]
struct Writer {
    dir: PathBuf,
    tree: Tree,
    /// The open bundle.
    bundle: Vec<u8>,
    head: Digest,
}

impl Writer {
    /// Goes on after the last full bundle of an older export. When its tiles do not make a tree, all is written again.
    fn open(dir: &Path, before: Option<&Title>) -> Result<Self, ExportError> {
        let full = before.map_or(0, |before| before.size - before.size % TILE_HASHES as u64);
        let source = ExportSource::unfinished(dir);
        let read = |level, index| source.hashes(level, index, TILE_HASHES);
        let tree = match Tree::restore(full, read, &[]) {
            Ok(tree) => tree,
            Err(TreeError::Unreadable(error)) => {
                return Err(ExportError::io("read", dir)(io::Error::other(error)));
            }
            Err(_) => Tree::new(),
        };
        Ok(Self {
            dir: dir.into(),
            tree,
            bundle: Vec::new(),
            head: before.map_or(Digest::ZERO, |before| before.head),
        })
    }

    fn add(&mut self, entry: &[u8]) -> Result<(), SourceError> {
        let len = u16::try_from(entry.len()).map_err(|_| SourceError::Damaged("an entry is too long"))?;
        self.bundle.extend_from_slice(&len.to_be_bytes());
        self.bundle.extend_from_slice(entry);
        self.head = leaf_hash(entry);
        let index = self.tree.size() / TILE_HASHES as u64;
        self.tree.append(self.head);
        for tile in self.tree.take_full_tiles() {
            self.put(&tile.level.to_string(), tile.index, TILE_HASHES, &tile.hashes)?;
        }
        if self.tree.size().is_multiple_of(TILE_HASHES as u64) {
            let bundle = std::mem::take(&mut self.bundle);
            self.put("entries", index, TILE_HASHES, &bundle)?;
        }
        Ok(())
    }

    /// Writes the partial tiles and the partial bundle of the size that has been reached.
    fn close(&self) -> Result<(), ExportError> {
        for (level, index, width) in open_tiles(self.tree.size()) {
            self.put(&level.to_string(), index, width, self.tree.open_tile(level))?;
            if level == 0 {
                self.put("entries", index, width, &self.bundle)?;
            }
        }
        Ok(())
    }

    fn put(&self, kind: &str, index: u64, width: usize, bytes: &[u8]) -> Result<(), ExportError> {
        write(&self.dir.join(tile_path(kind, index, width)), bytes)?;
        if width == TILE_HASHES {
            // Nobody needs a part of what is there as a whole.
            let mut parts = self.dir.join(tile_path(kind, index, width)).into_os_string();
            parts.push(".p");
            match std::fs::remove_dir_all(&parts) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ExportError::io("clear up", Path::new(&parts))(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Writes the rows, in order; removes those of before when the source shows none.
fn write_rows(source: &mut dyn LogSource, dir: &Path) -> Result<Option<u64>, SourceError> {
    let path = dir.join(ROWS);
    let Some(mut page) = source.rows(None, PAGE_ROWS)? else {
        write_or_remove(&path, None)?;
        return Ok(None);
    };
    let failed = |error| SourceError::from(ExportError::io("write", &path)(error));
    let mut file = BufWriter::new(create(&path)?);
    file.write_all(ROWS_HEAD).map_err(failed)?;
    let mut count = 0;
    while let Some((last, _)) = page.last() {
        let last: RowKey = last.clone();
        for (key, value) in &page {
            let key = key.to_stored();
            let lengths = (u16::try_from(key.len()), u32::try_from(value.len()));
            let (Ok(key_len), Ok(value_len)) = lengths else {
                return Err(SourceError::Damaged("a row is too long"));
            };
            let parts: [&[u8]; 4] = [&key_len.to_be_bytes(), &key, &value_len.to_be_bytes(), value];
            parts
                .into_iter()
                .try_for_each(|part| file.write_all(part))
                .map_err(failed)?;
            count += 1;
        }
        page = source.rows(Some(&last), PAGE_ROWS)?.unwrap_or_default();
    }
    file.flush().map_err(failed)?;
    Ok(Some(count))
}

fn digest(source: &mut dyn LogSource) -> Result<Option<Vec<u8>>, SourceError> {
    Ok(match source.digest()? {
        ClaimedDigest::Stored(stored) => stored,
        ClaimedDigest::Short(short) => Some(short.as_bytes().to_vec()),
    })
}

fn anchor_bytes(file: &dyn BlockFile) -> Result<Vec<u8>, SourceError> {
    let len = file.len().map_err(SourceError::Anchor)?.min(ANCHOR_BYTES_MAX);
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_at(&mut bytes, 0).map_err(SourceError::Anchor)?;
    Ok(bytes)
}

fn write_or_remove(path: &Path, bytes: Option<&[u8]>) -> Result<(), ExportError> {
    match bytes {
        Some(bytes) => write(path, bytes),
        None => match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ExportError::io("remove", path)(error))
            }
            _ => Ok(()),
        },
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    create(path)?
        .write_all(bytes)
        .map_err(ExportError::io("write", path))
}

/// A new file, its directories made, for its owner alone: events tell who did what, rows hold sealed material.
fn create(path: &Path) -> Result<File, ExportError> {
    if let Some(parent) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.map_err(ExportError::io("create", parent))?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(ExportError::io("write", path))
}

const PAGE_ENTRIES: usize = 2_048;
const PAGE_ROWS: usize = 4_096;
/// Length of the anchor's file, bytes.
const ANCHOR_BYTES_MAX: u64 = 1_024;
