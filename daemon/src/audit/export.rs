//! An export: a log as plain files, to be looked at elsewhere (daemon/formats/export.md).
//!
//! ```text
//! OUT/export                     which log, how many events: written last, so what it names is all there
//! OUT/checkpoint                 the newest kept checkpoint (C2SP tlog-tiles)
//! OUT/checkpoints/<size>         every kept checkpoint that the source showed
//! OUT/tile/<L>/<N>[.p/<W>]       hashes of the tree (C2SP tlog-tiles)
//! OUT/tile/entries/<N>[.p/<W>]   entries, each behind its length (u16, big-endian)
//! OUT/anchor                     the anchor's 1,024 bytes, where the source has it
//! OUT/rows, OUT/digest           the stored rows and their digest, where the source shows them
//! OUT/unfinished                 only while an export is being written
//! ```
//!
//! X1  `export` names a size; all entries and tiles up to it are there before it is replaced.
//! X2  What is full never changes: a longer export of the same log only adds full tiles and replaces partial ones.
//! X3  Nothing is signed here: what the log did not sign, an export does not prove.
//!
//! `read` is the source for an audit, `write` makes one.

mod read;
mod write;

use std::path::{Path, PathBuf};

use crate::base::{Digest, LogId, UnknownFormat};
use crate::ledger::tree::{TILE_HASHES, open_len};

pub use read::ExportSource;
pub use write::{Exported, export};

/// Why there is no export, or none that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is none.
    #[error("`{}` holds no export: it has no file `export`", .0.display())]
    None(PathBuf),
    /// It was cut short.
    #[error("the export in `{}` is unfinished: run `chancery log export` again", .0.display())]
    Unfinished(PathBuf),
    /// A file is not what it should be.
    #[error("`{}` is not what it should be: {what}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Of a format that this build does not know.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// Something else is there.
    #[error("`{}` is not empty and holds no export: name an empty or a new directory", .0.display())]
    Foreign(PathBuf),
    /// An export of something else is there.
    #[error("`{}` holds an export of {other}: it is left as it is; name another directory", .path.display())]
    OtherLog {
        /// The directory.
        path: PathBuf,
        /// Of what.
        other: String,
    },
    /// The system's own reason.
    #[error("can't {action} `{}`: {error}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
}

impl ExportError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { action, path, error }
    }

    fn malformed(path: &Path, what: &'static str) -> Self {
        Self::Malformed {
            path: path.into(),
            what,
        }
    }
}

/// What the file `export` says. Four lines of ASCII, each ended by a line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Title {
    log: LogId,
    size: u64,
    /// Leaf hash of the last entry.
    head: Digest,
}

impl Title {
    fn to_text(&self) -> String {
        let Self { log, size, head } = self;
        format!("{FORMAT}v{VERSION}\nlog {log}\nsize {size}\nhead {head}\n")
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ExportError> {
        let malformed = || ExportError::malformed(path, "it is not the title of an export");
        let (first, rest) = text.split_once('\n').ok_or_else(malformed)?;
        let number = first.strip_prefix(FORMAT).and_then(|rest| rest.strip_prefix('v'));
        let found: u32 = number
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(malformed)?;
        if found != VERSION {
            return Err(UnknownFormat::new("the export", found, VERSION).into());
        }
        let mut lines = rest.split('\n');
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let title = (|| {
            Some(Self {
                log: LogId::parse(field("log")?)?,
                size: field("size")?.parse().ok()?,
                head: Digest::parse(field("head")?)?,
            })
        })();
        // What does not print the same is not one.
        title
            .filter(|title| title.to_text() == text && title.size > 0)
            .ok_or_else(malformed)
    }
}

/// The path of a tile below `tile/`: `N` in groups of three digits, all but the last marked with an `x`.
fn tile_path(kind: &str, index: u64, width: usize) -> PathBuf {
    let mut groups = vec![format!("{:03}", index % 1_000)];
    let mut rest = index / 1_000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1_000));
        rest /= 1_000;
    }
    groups.reverse();
    let mut name = groups.join("/");
    if width < TILE_HASHES {
        name.push_str(&format!(".p/{width}"));
    }
    Path::new("tile").join(kind).join(name)
}

/// The tiles that a tree of `size` leaves has open: level, index, hashes.
fn open_tiles(size: u64) -> impl Iterator<Item = (u8, u64, usize)> {
    (0..LEVELS).filter_map(move |level| {
        let index = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        let open = open_len(size, level);
        (open > 0).then_some((level, index, open))
    })
}

/// 256^8 leaves are more than a u64 counts.
const LEVELS: u8 = 8;
/// Every version's title begins so.
const FORMAT: &str = "chancery-export/";
/// The format that this build reads and writes.
const VERSION: u32 = 1;
/// The title.
const TITLE: &str = "export";
/// The mark of an export under way.
const UNFINISHED: &str = "unfinished";
/// Where the newest checkpoint is.
const CHECKPOINT: &str = "checkpoint";
/// Where all are.
const CHECKPOINTS: &str = "checkpoints";
/// The anchor.
const ANCHOR: &str = "anchor";
/// The rows.
const ROWS: &str = "rows";
/// Their digest.
const DIGEST: &str = "digest";
/// What begins the file of rows: format and version.
const ROWS_HEAD: &[u8] = b"chancery-rows/v1\n";
