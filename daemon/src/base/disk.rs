//! Small fixed files written in place (vault mirrors, anchor), behind a trait so that the simulation can tear them.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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
            Ok(file) => Ok(Self::of(path, Some(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::of(path, None)),
            Err(error) => Err(error),
        }
    }

    /// Opens an existing file for reading alone.
    pub fn open_read_only(path: &Path) -> io::Result<Self> {
        Ok(Self::of(path, Some(File::open(path)?)))
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
        sync_parent(&self.path)?;
        // Two that make it at once have the same file.
        Ok(self.file.get_or_init(|| file))
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

/// Writes a small file whole or not at all: a temporary beside it, synced, renamed over it, the directory synced.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;

    // Beside it, under a name that is nobody else's; one left over from a crash is replaced.
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.chancery-tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let _stale = std::fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A crash before this line leaves the old file and a temporary that the next write replaces.
    std::fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Makes a created, renamed or removed directory entry durable.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
