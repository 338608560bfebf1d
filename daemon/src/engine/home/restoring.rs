//! A directory while a log is restored into it: marked from the first step to the last, and refused by everybody else.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::directory::take_directory;
use super::{Home, HomeError, Layout, block_file, format, io_error, is_blank, lock, remove_if_there};
use crate::base::disk::{sync_parent, write_atomically};
use crate::ledger::{EventStore, FjallStore};

impl Home {
    /// Takes an empty or a new directory for a restore, or one in which a restore was cut short: what that has left is
    /// removed, for it never was a log.
    pub fn begin_restore(layout: Layout) -> Result<Self, HomeError> {
        let (dir, mark) = (layout.dir().to_owned(), layout.restoring());
        let is_made = !dir.exists();
        take_directory(&dir)?;
        let lock = lock::take(&layout)?;
        let again = mark.exists();
        if !again && !is_vacant(&layout)? {
            return Err(HomeError::NotEmpty(dir));
        }
        // Elsewhere, it may be the anchor of another log; one that an earlier try wrote is named in the mark.
        if !(is_blank(layout.anchor())? || again && is_ours(&layout)?) {
            return Err(HomeError::NotEmpty(layout.anchor().to_owned()));
        }
        // From here to `end_restore` a crash leaves the mark, and everybody but another restore refuses the directory.
        let begun = begin(&layout, &lock, again);
        let store = match begun {
            Ok(store) => Arc::new(store),
            Err(error) => {
                // What can't be cleared away is marked.
                let _marked = clear(&layout, &lock, is_made);
                return Err(error);
            }
        };
        Ok(Self {
            layout,
            _lock: lock,
            store,
            is_new: true,
            is_made,
        })
    }

    /// Gives up: nothing is left of what the restore made. A crash in between leaves a marked directory.
    pub fn abandon_restore(self) -> Result<(), HomeError> {
        let Self {
            layout,
            _lock: lock,
            store,
            is_made,
            ..
        } = self;
        drop(store);
        clear(&layout, &lock, is_made)
    }

    /// Writes both mirrors of the vault, each synced.
    pub fn put_vault(&self, bytes: &[u8]) -> Result<(), HomeError> {
        for path in self.layout.vault() {
            let file = block_file(&path)?;
            file.write_at(bytes, 0)
                .and_then(|()| file.sync())
                .map_err(io_error("write", &path))?;
        }
        Ok(())
    }

    /// Ends a restore: from here on the directory is a log like any other.
    pub fn end_restore(&self) -> Result<(), HomeError> {
        let copies = self.layout.evidence();
        if copies.exists() {
            std::fs::remove_dir_all(&copies).map_err(io_error("remove", &copies))?;
        }
        self.store
            .discard_aside()
            .map_err(io_error("clear up in", &self.layout.store()))?;
        remove_if_there(&self.layout.restoring()) // commit point
    }

    /// The store as a trait object.
    pub fn event_store(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.store) as Arc<dyn EventStore>
    }
}

fn begin(layout: &Layout, lock: &File, again: bool) -> Result<FjallStore, HomeError> {
    let mark = layout.restoring();
    write_atomically(&mark, anchor_name(layout).as_bytes()).map_err(io_error("write", &mark))?;
    if again {
        empty(layout, lock)?;
    }
    format::mark(layout.dir())?;
    Ok(FjallStore::open(&layout.store())?)
}

/// Removes all of a restore, its mark last, and the directory if the restore made it.
fn clear(layout: &Layout, lock: &File, is_made: bool) -> Result<(), HomeError> {
    empty(layout, lock)?;
    remove_if_there(&layout.restoring())?;
    remove_if_there(&layout.lock())?;
    match is_made {
        true => std::fs::remove_dir(layout.dir()).map_err(io_error("remove", layout.dir())),
        false => Ok(()),
    }
}

/// Whether there is nothing but the lock, which is this process's.
fn is_vacant(layout: &Layout) -> Result<bool, HomeError> {
    let dir = layout.dir();
    let entries = dir.read_dir().map_err(io_error("read", dir))?;
    let mut names = entries.flatten().map(|entry| entry.file_name());
    Ok(names.all(|name| name == "lock" || name == "lost+found"))
}

/// Whether the mark says that the anchor is this restore's.
fn is_ours(layout: &Layout) -> Result<bool, HomeError> {
    let mark = layout.restoring();
    let named = std::fs::read_to_string(&mark).map_err(io_error("read", &mark))?;
    Ok(named == anchor_name(layout))
}

fn anchor_name(layout: &Layout) -> String {
    layout.anchor().display().to_string()
}

/// Removes all but the lock and the mark.
fn empty(layout: &Layout, _held: &File) -> Result<(), HomeError> {
    let dir = layout.dir();
    for entry in dir.read_dir().map_err(io_error("read", dir))? {
        let path = entry.map_err(io_error("read", dir))?.path();
        let keep = [layout.lock(), layout.restoring()];
        if keep.contains(&path) || path.file_name().is_some_and(|name| name == "lost+found") {
            continue;
        }
        remove(&path).map_err(io_error("remove", &path))?;
    }
    remove_if_there(layout.anchor())?;
    sync_parent(&layout.lock()).map_err(io_error("clear up in", dir))
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    }
}
