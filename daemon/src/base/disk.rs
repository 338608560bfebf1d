//! Small fixed files written in place (vault mirrors, anchor), behind a trait so that the simulation can tear them.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// A file of fixed-size sectors, read and written in place. Writes reach the medium at `sync`.
pub trait BlockFile: Send + Sync + Debug {
    /// Reads exactly `buffer.len()` bytes at `offset`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, growing the file when it ends earlier.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes every earlier write durable. After an error the file's state is unknown (law 1: fail closed).
    fn sync(&self) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes yet.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A real file, mode 0600. One that is not there is empty until the first write makes it.
#[derive(Debug)]
pub struct OsFile {
    path: PathBuf,
    file: OnceLock<File>,
}

impl OsFile {
    /// Opens the file at `path`, if there is one. Makes none: whoever only looks leaves the directory as it is.
    pub fn open(path: &Path) -> io::Result<Self> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Ok(Self::of(path, Some(only_a_file(Ok(file))?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::of(path, None)),
            Err(error) => Err(error),
        }
    }

    /// Opens an existing file for reading alone; never anything else than a file.
    pub fn open_read_only(path: &Path) -> io::Result<Self> {
        open_file(path, Links::Followed).map(Self::from)
    }

    fn of(path: &Path, file: Option<File>) -> Self {
        Self {
            path: path.to_owned(),
            file: file.map_or_else(OnceLock::new, OnceLock::from),
        }
    }

    /// The file, made if there is none; a made file's directory entry is synced too.
    fn made(&self) -> io::Result<&File> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        let file = only_a_file(Ok(file))?;
        sync_parent(&self.path)?;
        // Two that make it at once have the same file.
        Ok(self.file.get_or_init(|| file))
    }
}

/// A file that is open already.
impl From<File> for OsFile {
    fn from(file: File) -> Self {
        // The path is for making a file.
        Self::of(Path::new(""), Some(file))
    }
}

impl BlockFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self.file.get() {
            Some(file) => file.read_exact_at(buffer, offset),
            None if buffer.is_empty() => Ok(()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.made()?.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.get().map_or(Ok(()), File::sync_data)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.get().map_or(Ok(0), |file| Ok(file.metadata()?.len()))
    }
}

/// Whether a link in the place of a file is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Yes: the path is an operator's own.
    Followed,
    /// No: the file is one of a tree that somebody else may have written.
    Refused,
}

/// Opens a file for reading, and nothing but a file: a pipe or a terminal in its place would have us wait for ever.
pub fn open_file(path: &Path, links: Links) -> io::Result<File> {
    let follow = match links {
        Links::Followed => OFlags::empty(),
        Links::Refused => OFlags::NOFOLLOW,
    };
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | follow;
    let file = rustix::fs::open(path, flags, Mode::empty());
    only_a_file(file.map(File::from))
}

/// Opens the file `name` below `root` for reading. `root` is an operator's own path; no part of `name` may be a link, for who
/// wrote the tree must not choose what is read elsewhere.
pub fn open_below(root: &Path, name: &Path) -> io::Result<File> {
    let through = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(root, through, Mode::empty())?;
    let mut parts = name.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(part) = part else {
            return Err(no_file());
        };
        if parts.peek().is_none() {
            let flags =
                OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
            return only_a_file(rustix::fs::openat(&at, part, flags, Mode::empty()).map(File::from));
        }
        at = match rustix::fs::openat(&at, part, through | OFlags::NOFOLLOW, Mode::empty()) {
            // A link, or no directory.
            Err(Errno::LOOP | Errno::NOTDIR) => return Err(no_file()),
            other => other?,
        };
    }
    Err(no_file())
}

/// Whether an error of `open_file` or `open_below` says that something is there which is no file.
pub fn is_no_file(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NoFile>())
}

fn only_a_file(opened: Result<File, Errno>) -> io::Result<File> {
    let file = match opened {
        // A link, or a socket.
        Err(Errno::LOOP | Errno::NXIO) => return Err(no_file()),
        other => other?,
    };
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(no_file()),
    }
}

/// Something is there, and it is no file.
#[derive(Debug, thiserror::Error)]
#[error("it is not a regular file")]
struct NoFile;

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, NoFile)
}

/// Whether it is for want of space that something failed; `error` and its causes are looked at.
pub fn is_out_of_space(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        let is_full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if io.is_some_and(|error| is_full(error.kind())) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Writes a small file whole or not at all: a temporary beside it, synced, renamed over it, the directory synced.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;

    // Beside it, under a name that is nobody else's; one left over from a crash is replaced.
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}{TEMPORARY}", std::process::id()));
    let temporary = path.with_file_name(name);
    let _stale = std::fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        // A crash before this line leaves the old file and a temporary that the next write replaces.
        .and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        // On a full disk it is the space that somebody needs.
        let _kept = std::fs::remove_file(&temporary);
        return Err(error);
    }
    sync_parent(path)
}

/// Whether a file is named as the temporary of a write.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

/// How the name of a temporary ends.
const TEMPORARY: &str = ".chancery-tmp";

/// Makes a created, renamed or removed directory entry durable.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_refused_without_waiting_and_links_only_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("tree/sub")).unwrap();
        std::fs::write(at("tree/sub/file"), b"x").unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("tree/sub/pipe"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        std::os::unix::fs::symlink(at("tree/sub/file"), at("tree/sub/link")).unwrap();
        std::os::unix::fs::symlink("loop", at("tree/sub/loop")).unwrap();
        std::os::unix::fs::symlink(at("tree/sub"), at("tree/other")).unwrap();

        assert!(open_below(&at("tree"), "sub/file".as_ref()).is_ok());
        for name in [
            "sub/pipe",
            "sub/link",
            "sub/loop",
            "sub",
            "other/file",
            "../tree/sub/file",
            "sub/file/x",
        ] {
            let error = open_below(&at("tree"), name.as_ref()).unwrap_err();
            assert!(is_no_file(&error), "{name}: {error}");
        }
        let missing = open_below(&at("tree"), "sub/none".as_ref()).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);

        assert!(open_file(&at("tree/sub/link"), Links::Followed).is_ok());
        for (name, links) in [
            ("link", Links::Refused),
            ("pipe", Links::Followed),
            ("pipe", Links::Refused),
        ] {
            assert!(is_no_file(
                &open_file(&at("tree/sub").join(name), links).unwrap_err()
            ));
        }
    }

    #[test]
    fn a_write_that_fails_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        // A directory can't be replaced by a file.
        std::fs::create_dir(dir.path().join("taken")).unwrap();
        write_atomically(&dir.path().join("taken"), b"x").unwrap_err();
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("a layer")]
    struct Layer(#[source] io::Error);

    #[test]
    fn a_full_disk_is_told_through_every_layer() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(is_out_of_space(&full));
        assert!(is_out_of_space(&Layer(full)));
        assert!(!is_out_of_space(&io::Error::from(io::ErrorKind::NotFound)));
    }
}
