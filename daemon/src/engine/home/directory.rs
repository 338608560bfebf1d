//! The directory itself: ours, private, and nothing else's (H1, H3).

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::{HomeError, io_error};
use crate::base::disk::sync_parent;
use crate::custody::vault;

/// Creates the directory, or makes sure that it is ours, private, and nothing else's.
pub(super) fn take_directory(dir: &Path) -> Result<(), HomeError> {
    let meta = match dir.metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(io_error("create", dir))?;
            sync_parent(dir).map_err(io_error("create", dir))?;
            dir.metadata().map_err(io_error("look at", dir))?
        }
        Err(error) => return Err(io_error("look at", dir)(error)),
    };
    if !meta.is_dir() {
        return Err(io_error("use", dir)(io::ErrorKind::NotADirectory.into()));
    }
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user {
        return Err(HomeError::NotOurs {
            dir: dir.into(),
            owner: meta.uid(),
            user,
        });
    }
    let is_used = dir.join("lock").exists() || is_known(dir);
    if !is_used && !is_empty(dir)? {
        return Err(HomeError::Foreign(dir.into()));
    }
    // Only now: the mode of somebody else's directory is none of our business.
    make_private(dir, meta.mode(), 0o700, is_used)
}

/// Makes sure that nobody else may read or change `file`, if it is there and an ordinary file of ours.
pub(super) fn take_file(file: &Path) -> Result<(), HomeError> {
    match file.symlink_metadata() {
        Ok(meta) if meta.is_file() && meta.uid() == rustix::process::geteuid().as_raw() => {
            make_private(file, meta.mode(), 0o600, true)
        }
        _ => Ok(()),
    }
}

fn make_private(path: &Path, mode: u32, private: u32, is_used: bool) -> Result<(), HomeError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    if is_used {
        tracing::warn!(
            path = %path.display(),
            mode = %format_args!("{:04o}", mode & 0o7777),
            "it was open to other users, and is private again: whether somebody read or changed anything can't be told from \
             it; `chancery log verify --data DIR` checks the log"
        );
    }
    std::fs::set_permissions(path, Permissions::from_mode(private)).map_err(io_error("make private", path))
}

/// Whether a directory without a lock is a data directory all the same: what was put back by hand, or lost its small files.
/// A vault, an anchor and a mark say in their first bytes what they are.
pub(super) fn is_known(dir: &Path) -> bool {
    let begins = |name: &str, magic: &[u8]| {
        let mut head = [0; 16];
        let Some(head) = head.get_mut(..magic.len()) else {
            return false;
        };
        let path = dir.join(name);
        path.symlink_metadata().is_ok_and(|meta| meta.is_file())
            && File::open(path).is_ok_and(|mut file| file.read_exact(head).is_ok())
            && head == magic
    };
    begins("vault-a", vault::MAGIC)
        || begins("vault-b", vault::MAGIC)
        || begins("anchor", b"chanchor")
        || begins("format", b"chancery-data/")
}

/// Whether a directory holds nothing; what a new file system brings along does not count.
fn is_empty(dir: &Path) -> Result<bool, HomeError> {
    let entries = dir.read_dir().map_err(io_error("read", dir))?;
    Ok(entries.flatten().all(|entry| entry.file_name() == "lost+found"))
}
