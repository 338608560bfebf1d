//! A directory as a place for backups. An object is a file, mode 0600, that appears under its name when it is whole and
//! synced; its directories are made when they are needed. Nothing below the directory that is a link is followed.

use std::fs::DirBuilder;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::depot::{Depot, DepotError, Object};
use crate::base::disk::{is_no_file, is_temporary, open_below, sync_parent, write_atomically};
use crate::base::limits;

/// The directory.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// The directory at `path`; made (mode 0700) when it is missing and `create` says so.
    pub(super) fn open(path: &Path, create: bool) -> Result<Self, DepotError> {
        let unusable = |error: io::Error| DepotError::Place {
            place: path.display().to_string(),
            reason: error.to_string(),
        };
        if create {
            make_directory(path).map_err(unusable)?;
            sweep(path, 0);
        }
        if !path.metadata().map_err(unusable)?.is_dir() {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self(path.to_owned()))
    }

    fn walk(&self, below: &Path, name: &str, found: &mut Vec<Object>) -> Result<(), DepotError> {
        let entries = match below.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("list", &below.display().to_string(), &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed("list", &below.display().to_string(), &error))?;
            // What has another name than an object can have is none: temporary files, other people's.
            let Some(part) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if part.starts_with('.') {
                continue;
            }
            let name = format!("{name}{part}");
            // Links are not followed: a link out of the directory is no object of ours.
            let meta = entry
                .metadata()
                .map_err(|error| failed("look at", &name, &error))?;
            if meta.is_dir() && name.matches('/').count() < DEPTH_MAX {
                self.walk(&entry.path(), &format!("{name}/"), found)?;
            } else if meta.is_file() {
                if found.len() >= limits::BACKUP_OBJECTS_MAX {
                    return Err(DepotError::TooMany(limits::BACKUP_OBJECTS_MAX));
                }
                found.push(Object {
                    name,
                    bytes: meta.len(),
                });
            }
        }
        Ok(())
    }
}

impl Depot for Directory {
    fn list(&self, prefix: &str) -> Result<Vec<Object>, DepotError> {
        let mut found = Vec::new();
        let prefix = prefix.trim_end_matches('/');
        let name = if prefix.is_empty() {
            String::new()
        } else {
            format!("{prefix}/")
        };
        self.walk(&self.0.join(prefix), &name, &mut found)?;
        Ok(found)
    }

    fn get(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, DepotError> {
        let read = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => DepotError::Missing(name.to_owned()),
            _ if is_no_file(&error) => DepotError::NoFile(name.to_owned()),
            _ => failed("read", name, &error),
        };
        let file = open_below(&self.0, name.as_ref()).map_err(read)?;
        let bytes = file.metadata().map_err(read)?.len();
        if bytes > bytes_max {
            return Err(DepotError::TooLarge {
                name: name.to_owned(),
                bytes,
                max: bytes_max,
            });
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        // It may have grown since it was looked at.
        file.take(bytes_max).read_to_end(&mut content).map_err(read)?;
        Ok(content)
    }

    fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), DepotError> {
        let path = self.0.join(name);
        let put = || {
            if let Some(parent) = path.parent() {
                make_directory(parent)?;
            }
            write_atomically(&path, &bytes)
        };
        put().map_err(|error: io::Error| failed("write", name, &error))
    }
}

/// Removes what writes that were cut short have left, if it is old: no write takes a day. What can't be removed is in nobody's
/// way.
fn sweep(directory: &Path, depth: usize) {
    let Ok(entries) = directory.read_dir() else { return };
    for entry in entries.flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && depth < DEPTH_MAX {
            sweep(&entry.path(), depth + 1);
        } else if is_temporary(&entry.file_name().to_string_lossy()) && is_old(&entry) {
            let _kept = std::fs::remove_file(entry.path());
        }
    }
}

fn is_old(entry: &std::fs::DirEntry) -> bool {
    let made = entry.metadata().and_then(|meta| meta.modified());
    let age = made.ok().and_then(|made| made.elapsed().ok());
    age.is_some_and(|age| age.as_millis() > u128::from(limits::DAY_MILLIS))
}

/// Makes a directory and those above it, each entry synced: what is in it must not be lost with it.
fn make_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_parent(path),
    }
}

fn failed(action: &'static str, name: &str, error: &io::Error) -> DepotError {
    DepotError::Failed {
        action,
        name: name.to_owned(),
        reason: error.to_string(),
    }
}

/// Directories are looked into so deep: an object's name has three slashes.
const DEPTH_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn what_an_old_write_left_goes_and_what_a_running_one_writes_stays() {
        let place = tempfile::tempdir().unwrap();
        let below = place.path().join("log/keys/tails");
        std::fs::create_dir_all(&below).unwrap();
        let names = [".a.age.1.chancery-tmp", ".b.age.2.chancery-tmp", "c.age"];
        for name in names {
            std::fs::write(below.join(name), b"x").unwrap();
        }
        let old = SystemTime::now() - Duration::from_secs(2 * 86_400);
        for name in [names[0], names[2]] {
            let file = std::fs::File::options()
                .write(true)
                .open(below.join(name))
                .unwrap();
            file.set_modified(old).unwrap();
        }
        // Who only reads leaves everything as it is.
        Directory::open(place.path(), false).unwrap();
        assert_eq!(below.read_dir().unwrap().count(), 3);
        Directory::open(place.path(), true).unwrap();
        let left = |name: &str| below.join(name).exists();
        assert_eq!(names.map(left), [false, true, true]);
    }
}
