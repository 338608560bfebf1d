//! An export as the source of an audit. Its files are anybody's: each is read within its limits.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::super::source::{ClaimedDigest, Claims, Kept, LogSource, Rows, SourceError, read_anchor};
use super::{
    ANCHOR, CHECKPOINT, CHECKPOINTS, DIGEST, ExportError, ROWS, ROWS_HEAD, TITLE, Title, UNFINISHED,
    open_tiles, tile_path,
};
use crate::base::disk::{OsFile, is_no_file, open_below};
use crate::base::{Digest, LogId, Seq, limits};
use crate::event::RowKey;
use crate::ledger::tree::{TILE_BYTES, TILE_HASHES, tile_root};
use crate::ledger::{SignedAnchor, leaf_hash};

/// An export in a directory.
#[derive(Debug)]
pub struct ExportSource {
    dir: PathBuf,
    title: Title,
    rows: Option<RowFile>,
}

/// A file of rows, read from front to back.
#[derive(Debug)]
struct RowFile {
    file: BufReader<File>,
    last: Option<RowKey>,
}

impl ExportSource {
    /// Opens the export in `dir`; one that was cut short is refused.
    pub fn open(dir: &Path) -> Result<Self, ExportError> {
        let title = Self::read_title(dir)?.ok_or_else(|| ExportError::None(dir.into()))?;
        if dir.join(UNFINISHED).exists() {
            return Err(ExportError::Unfinished(dir.into()));
        }
        Ok(Self {
            dir: dir.into(),
            title,
            rows: None,
        })
    }

    /// The files in `dir`, whatever their title says.
    pub(super) fn unfinished(dir: &Path) -> Self {
        let title = Title {
            log: LogId::from_bytes([0; 16]),
            size: 0,
            head: Digest::ZERO,
        };
        Self {
            dir: dir.into(),
            title,
            rows: None,
        }
    }

    /// The title of the export in `dir`, finished or not; none when there is none.
    pub(super) fn read_title(dir: &Path) -> Result<Option<Title>, ExportError> {
        let path = dir.join(TITLE);
        let Some(bytes) = small_file(dir, TITLE.as_ref(), SMALL_BYTES_MAX)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| ExportError::malformed(&path, "it is not the title of an export"))?;
        Title::parse(&path, &text).map(Some)
    }

    /// The entries of one bundle.
    pub(super) fn bundle(&self, index: u64) -> Result<Vec<Vec<u8>>, ExportError> {
        let width = self.width(0, index);
        let name = tile_path("entries", index, width);
        let path = self.dir.join(&name);
        let most = width * (2 + limits::ENTRY_BYTES_MAX);
        let bytes = small_file(&self.dir, &name, most as u64)?
            .ok_or_else(|| ExportError::malformed(&path, "a bundle of entries of the export is missing"))?;
        let mut rest = bytes.as_slice();
        let mut entries = Vec::with_capacity(width);
        while let Some((len, after)) = rest.split_first_chunk::<2>() {
            let len = usize::from(u16::from_be_bytes(*len));
            let (entry, after) = after
                .split_at_checked(len)
                .ok_or_else(|| ExportError::malformed(&path, "an entry of the export is cut"))?;
            entries.push(entry.to_vec());
            rest = after;
        }
        if rest.is_empty() && entries.len() == width {
            Ok(entries)
        } else {
            Err(ExportError::malformed(
                &path,
                "a bundle of the export holds another number of entries",
            ))
        }
    }

    /// The hashes of one tile, full or partial; none when there is no such file.
    pub(super) fn hashes(&self, level: u8, index: u64, width: usize) -> Result<Option<Vec<u8>>, ExportError> {
        let name = tile_path(&level.to_string(), index, width);
        small_file(&self.dir, &name, TILE_BYTES as u64)
    }

    /// How many hashes the tile has at the export's size.
    fn width(&self, level: u8, index: u64) -> usize {
        let hashes = self.title.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let left = hashes.saturating_sub(index.saturating_mul(TILE_HASHES as u64));
        usize::try_from(left).unwrap_or(usize::MAX).min(TILE_HASHES)
    }

    /// The partial tiles of the export's size are made of what they stand for: nobody asks for them later.
    fn check_open_tiles(&self) -> Result<(), SourceError> {
        for (level, index, width) in open_tiles(self.title.size) {
            let wanted = match level.checked_sub(1) {
                None => self
                    .bundle(index)
                    .map_err(damaged)?
                    .iter()
                    .flat_map(|entry| *leaf_hash(entry).as_bytes())
                    .collect::<Vec<u8>>(),
                Some(below) => {
                    let mut roots = Vec::with_capacity(width * 32);
                    let first = index * TILE_HASHES as u64;
                    for child in first..first + width as u64 {
                        let tile = self.hashes(below, child, TILE_HASHES).map_err(damaged)?;
                        let root = tile.and_then(|tile| tile_root(&tile));
                        roots.extend_from_slice(root.ok_or(TILES)?.as_bytes());
                    }
                    roots
                }
            };
            if self.hashes(level, index, width).map_err(damaged)? != Some(wanted) {
                return Err(TILES);
            }
        }
        Ok(())
    }
}

impl LogSource for ExportSource {
    fn size(&self) -> u64 {
        self.title.size
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError> {
        if from.get() >= self.title.size || limit == 0 {
            return Ok(Vec::new());
        }
        let bundle = self.bundle(from.get() / TILE_HASHES as u64).map_err(damaged)?;
        let skip = usize::try_from(from.get() % TILE_HASHES as u64).unwrap_or(0);
        Ok(bundle.into_iter().skip(skip).take(limit).collect())
    }

    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError> {
        let mut kept = Vec::new();
        if let Some(note) = small_file(&self.dir, CHECKPOINT.as_ref(), SMALL_BYTES_MAX).map_err(damaged)? {
            kept.push(Kept {
                size: None,
                note: text(note)?,
            });
        }
        let folder = self.dir.join(CHECKPOINTS);
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(kept),
            Err(error) => return Err(damaged(ExportError::io("read", &folder)(error))),
        };
        for entry in entries {
            let entry = entry.map_err(|error| damaged(ExportError::io("read", &folder)(error)))?;
            let name = entry.file_name();
            let size = name.to_str().and_then(|name| name.parse().ok());
            let note = small_file(&self.dir, &Path::new(CHECKPOINTS).join(&name), SMALL_BYTES_MAX);
            let note = note.map_err(damaged)?;
            kept.push(Kept {
                size: Some(size.ok_or(SourceError::Damaged(
                    "a checkpoint of the export has no size for a name",
                ))?),
                note: text(note.unwrap_or_default())?,
            });
        }
        Ok(kept)
    }

    fn claims(&mut self) -> Result<Claims, SourceError> {
        self.check_open_tiles()?;
        Ok(Claims {
            log: Some(self.title.log),
            head: Some(self.title.head),
            ..Claims::default()
        })
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<Option<Option<Vec<u8>>>, SourceError> {
        Ok(Some(self.hashes(level, index, TILE_HASHES).map_err(damaged)?))
    }

    fn anchor(&mut self, log: LogId) -> Result<Option<Option<SignedAnchor>>, SourceError> {
        match open_below(&self.dir, ANCHOR.as_ref()) {
            Ok(file) => read_anchor(Box::new(OsFile::from(file)), log).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SourceError::Anchor(error)),
        }
    }

    fn rows(&mut self, from: Option<&RowKey>, limit: usize) -> Result<Option<Rows>, SourceError> {
        if from.is_none() || self.rows.as_ref().is_none_or(|rows| rows.last.as_ref() != from) {
            self.rows = match RowFile::open(&self.dir).map_err(damaged)? {
                Some(rows) => Some(rows),
                None => return Ok(None),
            };
        }
        let Some(file) = &mut self.rows else {
            return Ok(None);
        };
        let mut rows = Vec::new();
        while rows.len() < limit {
            let Some((key, value)) = file.next()? else { break };
            // Not where the last page ended: what is before it was asked for already.
            if from.is_none_or(|from| key > *from) {
                rows.push((key, value));
            }
        }
        Ok(Some(rows))
    }

    fn digest(&mut self) -> Result<ClaimedDigest, SourceError> {
        let bytes = small_file(&self.dir, DIGEST.as_ref(), SMALL_BYTES_MAX).map_err(damaged)?;
        // A running daemon told the short one.
        Ok(match bytes.as_deref().map(Digest::try_from) {
            Some(Ok(short)) => ClaimedDigest::Short(short),
            _ => ClaimedDigest::Stored(bytes),
        })
    }
}

impl RowFile {
    fn open(dir: &Path) -> Result<Option<Self>, ExportError> {
        let Some(file) = part(dir, ROWS.as_ref())? else {
            return Ok(None);
        };
        let path = &dir.join(ROWS);
        let mut file = BufReader::new(file);
        let mut head = [0; ROWS_HEAD.len()];
        match file.read_exact(&mut head) {
            Ok(()) if head == ROWS_HEAD => Ok(Some(Self { file, last: None })),
            _ => Err(ExportError::malformed(
                path,
                "the rows of the export are not of format 1",
            )),
        }
    }

    /// The next row; none at the end of the file.
    fn next(&mut self) -> Result<Option<(RowKey, Vec<u8>)>, SourceError> {
        let mut len = [0; 2];
        match self.file.read(&mut len[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(_) => return Err(CUT),
        }
        let [_, low] = &mut len;
        self.file.read_exact(std::slice::from_mut(low)).map_err(|_| CUT)?;
        let key = self.take(u16::from_be_bytes(len).into())?;
        let mut len = [0; 4];
        self.file.read_exact(&mut len).map_err(|_| CUT)?;
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        if len > limits::ROW_BYTES_MAX {
            return Err(SourceError::Damaged(
                "a row of the export is longer than a row may be",
            ));
        }
        let value = self.take(len)?;
        let key = RowKey::from_stored(&key).ok_or(SourceError::Damaged("a row of an unknown table"))?;
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            return Err(SourceError::Damaged("the rows of the export are not in order"));
        }
        self.last = Some(key.clone());
        Ok(Some((key, value)))
    }

    fn take(&mut self, len: usize) -> Result<Vec<u8>, SourceError> {
        let mut bytes = vec![0; len];
        self.file.read_exact(&mut bytes).map_err(|_| CUT)?;
        Ok(bytes)
    }
}

/// A file of the export; none when it is not there. Nothing else than a file, and none that a link leads to.
fn part(dir: &Path, name: &Path) -> Result<Option<File>, ExportError> {
    match open_below(dir, name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if is_no_file(&error) => Err(ExportError::malformed(
            &dir.join(name),
            "a part of the export is not a regular file",
        )),
        Err(error) => Err(ExportError::io("read", &dir.join(name))(error)),
    }
}

/// A file of at most `most` bytes; none when it is not there.
fn small_file(dir: &Path, name: &Path, most: u64) -> Result<Option<Vec<u8>>, ExportError> {
    let Some(file) = part(dir, name)? else {
        return Ok(None);
    };
    let path = &dir.join(name);
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(ExportError::io("read", path))?;
    if bytes.len() as u64 > most {
        return Err(ExportError::malformed(
            path,
            "a file of the export is longer than it may be",
        ));
    }
    Ok(Some(bytes))
}

fn text(note: Vec<u8>) -> Result<String, SourceError> {
    String::from_utf8(note).map_err(|_| SourceError::Damaged("a checkpoint of the export is not text"))
}

/// What can be read and is not what it should be is damage, and a verdict; what can't be read is no verdict.
fn damaged(error: ExportError) -> SourceError {
    match error {
        ExportError::Malformed { what, .. } => SourceError::Damaged(what),
        ExportError::Format(unknown) => SourceError::Format(unknown),
        other => SourceError::Export(other),
    }
}

const CUT: SourceError = SourceError::Damaged("the rows of the export are cut");
const TILES: SourceError = SourceError::Damaged("a partial tile of the export is not that of the entries");
/// Largest title, checkpoint or digest, bytes.
const SMALL_BYTES_MAX: u64 = 1 << 16;
