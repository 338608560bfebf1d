//! A log export as evidence: entry bundles of C2SP tlog-tiles under a title (`formats/export.md`).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::audit::source::{ClaimedDigest, Claims, Kept, Rows};
use crate::audit::{LogSource, SourceError};
use crate::base::{Digest, LogId, Seq, limits};
use crate::event::RowKey;
use crate::ledger::tree::TILE_HASHES;
use crate::ledger::{SignedAnchor, bundle};

/// An export. It shows its entries alone: what else is in it proves nothing that they don't.
#[derive(Debug)]
pub struct ExportSource {
    dir: PathBuf,
    log: LogId,
    size: u64,
    head: Digest,
}

impl ExportSource {
    /// Whether `dir` looks like one.
    pub fn is_one(dir: &Path) -> bool {
        dir.join("export").is_file() || dir.join("unfinished").exists()
    }

    /// Opens the export in `dir`.
    pub fn open(dir: &Path) -> Result<Self, SourceError> {
        if dir.join("unfinished").exists() {
            return Err(part(dir, "the export was not finished"));
        }
        let title = read(&dir.join("export"), TITLE_BYTES_MAX).map_err(|error| unreadable(dir, &error))?;
        Self::parse(dir, &title).ok_or_else(|| part(dir, "its title is not that of an export, version 1"))
    }

    fn parse(dir: &Path, title: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(title).ok()?;
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let mut line = |word: &str| lines.next()?.strip_prefix(word);
        if !line("chancery-export/v1")?.is_empty() {
            return None;
        }
        let (log, size, head) = (line("log ")?, line("size ")?, line("head ")?);
        Some(Self {
            dir: dir.to_owned(),
            log: LogId::parse(log)?,
            size: size
                .parse()
                .ok()
                .filter(|number: &u64| number.to_string() == size)?,
            head: Digest::parse(head)?,
        })
    }

    /// The file with the entries of one tile: full, or as many as the size leaves.
    fn bundle_of(&self, tile: u64) -> PathBuf {
        let place = self.dir.join("tile/entries").join(grouped(tile));
        match self.size.saturating_sub(tile * WIDTH) {
            whole if whole >= WIDTH => place,
            part => {
                let mut name = place.into_os_string();
                name.push(".p");
                PathBuf::from(name).join(part.to_string())
            }
        }
    }
}

impl LogSource for ExportSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError> {
        if from.get() >= self.size {
            return Ok(Vec::new());
        }
        let path = self.bundle_of(from.get() / WIDTH);
        let bytes = read(&path, BUNDLE_BYTES_MAX).map_err(|error| unreadable(&path, &error))?;
        let entries = bundle::split(&bytes).map_err(|error| part(&path, &error.to_string()))?;
        let skip = usize::try_from(from.get() % WIDTH).unwrap_or(usize::MAX);
        let left = usize::try_from(self.size - from.get()).unwrap_or(usize::MAX);
        let page = entries.into_iter().skip(skip).take(limit.min(left));
        Ok(page.map(<[u8]>::to_vec).collect())
    }

    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError> {
        Ok(Vec::new())
    }

    fn claims(&mut self) -> Result<Claims, SourceError> {
        Ok(Claims {
            log: Some(self.log),
            head: Some(self.head),
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

/// A tile's number in groups of three digits, all but the last behind an `x`.
fn grouped(tile: u64) -> String {
    let mut name = format!("{:03}", tile % 1_000);
    let mut rest = tile / 1_000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1_000);
        rest /= 1_000;
    }
    name
}

/// Reads a file of at most so many bytes.
fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is larger than it may be",
        ));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> SourceError {
    part(path, &error.to_string())
}

fn part(path: &Path, what: &str) -> SourceError {
    SourceError::Part(format!("`{}`: {what}", path.display()))
}

/// Entries in a full bundle.
const WIDTH: u64 = TILE_HASHES as u64;
const TITLE_BYTES_MAX: u64 = 4_096;
/// Largest bundle, bytes: 256 of the largest entries, each behind its length.
const BUNDLE_BYTES_MAX: u64 = WIDTH * (limits::ENTRY_BYTES_MAX as u64 + 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_named_as_c2sp_has_it() {
        for (tile, name) in [
            (0, "000"),
            (999, "999"),
            (1_000, "x001/000"),
            (1_234_067, "x001/x234/067"),
        ] {
            assert_eq!(grouped(tile), name);
        }
    }

    #[test]
    fn a_title_is_read_strictly() {
        let title = format!(
            "chancery-export/v1\nlog {}\nsize 4\nhead {}\n",
            LogId::from_bytes([0x11; 16]),
            Digest::of(b"leaf")
        );
        let read = |text: &str| ExportSource::parse(Path::new("x"), text.as_bytes());
        assert_eq!(read(&title).unwrap().size, 4);
        for altered in [
            title.replace("v1", "v2"),
            title.replace("size 4", "size 04"),
            title.replace("size 4", "size -4"),
            title.replace("head ", "heads "),
            title.trim_end().to_owned(),
            String::new(),
        ] {
            assert!(read(&altered).is_none(), "{altered}");
        }
    }

    #[test]
    fn entries_come_from_full_and_partial_bundles() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("tile/entries");
        std::fs::create_dir_all(place.join("001.p")).unwrap();
        let bundle_of = |range: std::ops::Range<u16>| {
            let mut bytes = Vec::new();
            range.for_each(|n| bundle::push(&mut bytes, &n.to_be_bytes()).unwrap());
            bytes
        };
        std::fs::write(place.join("000"), bundle_of(0..256)).unwrap();
        std::fs::write(place.join("001.p/2"), bundle_of(256..258)).unwrap();
        let title = format!(
            "chancery-export/v1\nlog {}\nsize 258\nhead {}\n",
            LogId::from_bytes([0x11; 16]),
            Digest::of(b"leaf")
        );
        std::fs::write(dir.path().join("export"), title).unwrap();
        let mut source = ExportSource::open(dir.path()).unwrap();
        let mut all = Vec::new();
        while (all.len() as u64) < source.size() {
            let page = source.entries(Seq::new(all.len() as u64), 100).unwrap();
            assert!(!page.is_empty());
            all.extend(page);
        }
        assert_eq!(
            all,
            (0..258_u16).map(|n| n.to_be_bytes().to_vec()).collect::<Vec<_>>()
        );
        std::fs::remove_file(place.join("000")).unwrap();
        assert!(matches!(
            source.entries(Seq::new(3), 1),
            Err(SourceError::Part(_))
        ));
        std::fs::write(dir.path().join("unfinished"), "").unwrap();
        assert!(ExportSource::open(dir.path()).is_err());
    }
}
