//! Small fixed files written in place (vault mirrors, anchor), behind a trait so that the simulation can tear them.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

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

/// A real file, mode 0600.
#[derive(Debug)]
pub struct OsFile(File);

impl OsFile {
    /// Opens or creates the file at `path`; a created file's directory entry is synced too.
    pub fn open(path: &Path) -> io::Result<Self> {
        let existed = path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        if !existed {
            sync_parent(path)?;
        }
        Ok(Self(file))
    }

    /// Opens an existing file for reading alone.
    pub fn open_read_only(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }
}

impl BlockFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|m| m.len())
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
