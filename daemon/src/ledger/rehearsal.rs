//! A copy of a store with a damaged journal, cut there: what would be left is looked at before anything is cut.
//!
//! Tables are never written again, so the copy shares them; all else is copied. What the embedded store makes of the copy,
//! and deletes in it, is the copy's alone.

use std::fs;
use std::io;
use std::path::Path;

/// Copies the store in `dir` to `copy`, which is not there yet; without the journals aside. Large only by its journals.
pub(super) fn copy(dir: &Path, copy: &Path) -> io::Result<()> {
    fs::create_dir(copy)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (kind, from, to) = (entry.file_type()?, entry.path(), copy.join(entry.file_name()));
        let is_table = dir.file_name().is_some_and(|name| name == TABLES);
        if kind.is_dir() && entry.file_name() != super::aside::ASIDE {
            self::copy(&from, &to)?;
        } else if kind.is_file() && !(is_table && fs::hard_link(&from, &to).is_ok()) {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

const TABLES: &str = "tables";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_shared_and_everything_else_is_copied() {
        use std::os::unix::fs::MetadataExt as _;

        let dir = tempfile::TempDir::new().unwrap();
        let (from, to) = (dir.path().join("store"), dir.path().join("copy"));
        fs::create_dir_all(from.join("keyspaces/1/tables")).unwrap();
        fs::create_dir(from.join("journal-aside")).unwrap();
        for name in [
            "0.jnl",
            "keyspaces/1/current",
            "keyspaces/1/tables/7",
            "journal-aside/0.jnl",
        ] {
            fs::write(from.join(name), name).unwrap();
        }
        copy(&from, &to).unwrap();
        let inode = |path: &Path| path.metadata().unwrap().ino();
        for (name, is_shared) in [
            ("0.jnl", false),
            ("keyspaces/1/current", false),
            ("keyspaces/1/tables/7", true),
        ] {
            assert_eq!(fs::read_to_string(to.join(name)).unwrap(), name);
            assert_eq!(
                inode(&from.join(name)) == inode(&to.join(name)),
                is_shared,
                "{name}"
            );
        }
        assert!(!to.join("journal-aside").exists());
    }
}
