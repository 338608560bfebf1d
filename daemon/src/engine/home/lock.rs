//! The lock of a data directory (H1).

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::FlockOperation;

use super::{HomeError, Layout, io_error};

/// Takes the lock, and says in it who has it.
pub(super) fn take(layout: &Layout) -> Result<File, HomeError> {
    let path = layout.lock();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            // Only a help to the reader: without it the message is still right.
            let _unknown = file.take(32).read_to_string(&mut text);
            return Err(HomeError::InUse {
                dir: layout.dir().into(),
                pid: text.trim().parse().ok(),
            });
        }
        Err(errno) => return Err(io_error("lock", &path)(errno.into())),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io_error("write", &path))?;
    Ok(file)
}
