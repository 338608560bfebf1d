//! The directory itself: ours, private, and nothing else's (H1, H3).

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::{HomeError, io_error};
use crate::base::disk::sync_parent;

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
    if !dir.join("lock").exists() && !is_empty(dir)? {
        return Err(HomeError::Foreign(dir.into()));
    }
    // Only now: the mode of somebody else's directory is none of our business.
    if meta.mode() & 0o077 != 0 {
        let private = std::fs::set_permissions(dir, Permissions::from_mode(0o700));
        private.map_err(io_error("make private", dir))?;
    }
    Ok(())
}

/// Whether a directory holds nothing; what a new file system brings along does not count.
fn is_empty(dir: &Path) -> Result<bool, HomeError> {
    let entries = dir.read_dir().map_err(io_error("read", dir))?;
    Ok(entries.flatten().all(|entry| entry.file_name() == "lost+found"))
}
