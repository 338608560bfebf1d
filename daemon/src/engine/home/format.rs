//! The mark of a data directory: which format it has, and which software made it.
//!
//! A worked example of `DIR/format`, one line of ASCII ended by a line feed, mode 0600:
//!
//! ```text
//! chancery-data/v1 chancery 0.1.0
//! ```
//!
//! Format, a space, the software that wrote the mark. A directory without a mark has format 1: the first builds wrote none.
//!
//! M1  The mark is read before anything else in the directory is opened, and what this build does not know is left as it is.
//! M2  A later build raises the mark before it writes anything that this one would misread. So the mark covers the store's
//!     keyspaces and keys, the encoding of rows, and which files there are; what a file names itself, it names besides.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::base::disk::{Links, open_file, write_atomically};
use crate::base::format::{SOFTWARE, UnknownFormat};

/// Why a mark is not taken.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// Of a format that this build does not know.
    #[error(transparent)]
    Unknown(#[from] UnknownFormat),
    /// Not a mark.
    #[error(
        "`{}` does not say which format the directory has: put the file back from a copy, or, when you know that no \
         newer version of chancery ever used the directory, remove the file", .0.display()
    )]
    Damaged(PathBuf),
    /// The system's own reason.
    #[error("can't {action} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Makes sure that this build knows the format of `dir` (M1). Writes nothing.
pub fn check(dir: &Path) -> Result<(), MarkError> {
    read(dir).map(drop)
}

/// Marks a directory that has no mark yet.
pub(super) fn mark(dir: &Path) -> Result<(), MarkError> {
    if read(dir)? {
        return Ok(());
    }
    let path = dir.join(NAME);
    write_atomically(&path, format!("{FORMAT}v{VERSION} {SOFTWARE}\n").as_bytes())
        .map_err(|source| io_error("write", &path, source))
}

/// Whether there is a mark; one of another format is an error.
fn read(dir: &Path) -> Result<bool, MarkError> {
    let path = dir.join(NAME);
    let mut bytes = Vec::new();
    match open_file(&path, Links::Followed) {
        Ok(file) => file
            .take(BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|source| io_error("read", &path, source))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(io_error("read", &path, source)),
    };
    let (found, by) = parse(&bytes).ok_or(MarkError::Damaged(path))?;
    if found == VERSION {
        return Ok(true);
    }
    Err(UnknownFormat {
        what: format!("the data directory `{}`", dir.display()).into(),
        by: Some(by.to_owned()),
        ..UnknownFormat::new("", found, VERSION)
    }
    .into())
}

/// Format and software of a mark.
fn parse(bytes: &[u8]) -> Option<(u32, &str)> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (number, by) = line.strip_prefix(FORMAT)?.strip_prefix('v')?.split_once(' ')?;
    let version: u32 = number.parse().ok().filter(|version| *version > 0)?;
    // One format has one spelling; what is shown to an operator is one line of text.
    let plain = version.to_string() == number && !by.is_empty() && !by.contains(char::is_control);
    plain.then_some((version, by))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> MarkError {
    MarkError::Io {
        action,
        path: path.into(),
        source,
    }
}

/// The name of the mark's file.
const NAME: &str = "format";
/// Every version's mark begins so.
const FORMAT: &str = "chancery-data/";
/// The format that this build reads and writes.
const VERSION: u32 = 1;
/// Largest mark, bytes.
const BYTES_MAX: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str) -> (tempfile::TempDir, Result<(), MarkError>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), text).unwrap();
        let checked = check(folder.path());
        (folder, checked)
    }

    #[test]
    fn a_directory_is_marked_once_and_an_unmarked_one_is_of_the_first_format() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path()).unwrap();
        mark(folder.path()).unwrap();
        let written = std::fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert_eq!(written, format!("chancery-data/v1 {SOFTWARE}\n"));
        check(folder.path()).unwrap();

        // Who made it stays on record.
        let (folder, checked) = marked("chancery-data/v1 chancery 0.0.1\n");
        checked.unwrap();
        mark(folder.path()).unwrap();
        let kept = std::fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert_eq!(kept, "chancery-data/v1 chancery 0.0.1\n");
    }

    #[test]
    fn a_newer_format_is_refused_by_name_with_the_way_out() {
        let (folder, checked) = marked("chancery-data/v2 chancery 9.1.0\n");
        let text = checked.unwrap_err().to_string();
        assert_eq!(
            text,
            format!(
                "the data directory `{}` has format 2, and this build ({SOFTWARE}) knows format 1: \
                 it was written by chancery 9.1.0; use that version, or a newer one",
                folder.path().display()
            )
        );
        assert!(mark(folder.path()).is_err());
    }

    #[test]
    fn what_is_no_mark_is_not_taken_for_one() {
        for text in [
            "",
            "\n",
            "chancery-data/v1",
            "chancery-data/v1 \n",
            "chancery-data/v1 chancery 0.1.0",
            "chancery-data/v01 chancery 0.1.0\n",
            "chancery-data/v0 chancery 0.1.0\n",
            "chancery-data/v-1 chancery 0.1.0\n",
            "chancery-data/1 chancery 0.1.0\n",
            "chancery-data/v1 chancery\n0.1.0\n",
            "chancery-root-key/v1 file\n",
        ] {
            let (_folder, checked) = marked(text);
            assert!(matches!(checked, Err(MarkError::Damaged(_))), "{text:?}");
        }
    }
}
