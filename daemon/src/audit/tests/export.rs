//! Exports: what is written is what the log is, a longer log adds to it, and no byte of it can change unnoticed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::bench::Bench;
use crate::audit::export::{ExportError, ExportSource, Exported, export};
use crate::audit::{SourceError, replay, verify};

fn write(bench: &Bench, dir: &Path) -> Result<Exported, SourceError> {
    export(&mut bench.source(), Some(&bench.anchor), dir, &mut |_, _| ())
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read(&path).unwrap();
                files.insert(path.strip_prefix(dir).unwrap().to_owned(), content);
            }
        }
    }
    files
}

/// Whether both passes say yes.
fn is_sound(dir: &Path) -> bool {
    let open = || ExportSource::open(dir);
    let (Ok(mut first), Ok(mut second)) = (open(), open()) else {
        return false;
    };
    let quiet = &mut |_, _| ();
    verify(&mut first, quiet).is_ok_and(|report| report.is_verified())
        && replay(&mut second, quiet).is_ok_and(|replayed| replayed.is_equal())
}

#[test]
fn an_export_is_the_log_and_a_longer_log_adds_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (grown, fresh) = (folder.path().join("grown"), folder.path().join("fresh"));
    let mut bench = Bench::busy().0;
    // Short of a tile, over the first, past the second; at the last a checkpoint that is not the end.
    let mut exported = 0;
    for more in [1, 300, 256] {
        (0..more).for_each(|_| bench.regions());
        if more == 256 {
            bench.close();
            bench.regions();
        }
        let before = files(&grown.join("tile/0"));
        let done = write(&bench, &grown).unwrap();
        assert_eq!(done.events - exported, done.added);
        exported = done.events;
        let after = files(&grown.join("tile/0"));
        let full = |name: &PathBuf| name.components().count() == 1;
        assert!(
            before
                .iter()
                .filter(|(name, _)| full(name))
                .all(|(name, tile)| after[name] == *tile)
        );
        assert!(is_sound(&grown));
    }
    let sizes = (exported / 256, exported % 256);
    assert!(sizes.0 == 2 && sizes.1 > 1, "{sizes:?}");
    write(&bench, &fresh).unwrap();
    let mut grown_files = files(&grown);
    // Parts of a tile that is still open stay: somebody may hold a checkpoint of that size.
    let fresh_files = files(&fresh);
    grown_files.retain(|name, _| fresh_files.contains_key(name));
    assert_eq!(grown_files, fresh_files);

    let report = verify(&mut ExportSource::open(&grown).unwrap(), &mut |_, _| ()).unwrap();
    let source = super::check(&mut bench.source());
    assert_eq!(
        (report.root, report.head, report.events),
        (source.root, source.head, source.events)
    );
}

// Method: one byte of each file at a time, at the front, in the middle, at the end, and the file cut and gone.
#[test]
fn no_file_of_an_export_can_change_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("out");
    let mut bench = Bench::busy().0;
    (0..260).for_each(|_| bench.regions());
    bench.close();
    write(&bench, &dir).unwrap();
    assert!(is_sound(&dir));
    for (name, content) in files(&dir) {
        let path = dir.join(&name);
        for at in [0, content.len() / 2 - 1, content.len() - 1] {
            let mut changed = content.clone();
            changed[at] ^= 1;
            if name == Path::new("anchor") {
                // Either sector alone still says how long the log was.
                changed[(at + 512) % 1_024] ^= 1;
            }
            std::fs::write(&path, changed).unwrap();
            assert!(!is_sound(&dir), "byte {at} of {}", name.display());
        }
        std::fs::write(&path, &content[..content.len() / 2 - 1]).unwrap();
        assert!(!is_sound(&dir), "{} cut", name.display());
        std::fs::write(&path, &content).unwrap();
        assert!(is_sound(&dir), "{}", name.display());
    }
}

#[test]
fn what_is_there_already_is_never_overwritten_by_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("out");
    let (bench, other) = (Bench::busy().0, Bench::busy().0);
    write(&bench, &dir).unwrap();
    let before = files(&dir);
    let error = write(&other, &dir).unwrap_err();
    assert!(
        matches!(error, SourceError::Export(ExportError::OtherLog { .. })),
        "{error}"
    );
    // A longer export of the same log: this source is older than it.
    let mut shorter = bench.tampered();
    shorter.entries.pop();
    shorter.anchor = None;
    let error = export(&mut shorter, None, &dir, &mut |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("which is more"), "{error}");
    assert_eq!(files(&dir), before);

    let foreign = folder.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("letter"), "dear").unwrap();
    let error = write(&bench, &foreign).unwrap_err();
    assert!(
        matches!(error, SourceError::Export(ExportError::Foreign(_))),
        "{error}"
    );

    // One that was cut short says so, and is finished by doing it again.
    std::fs::write(dir.join("unfinished"), "").unwrap();
    assert!(matches!(
        ExportSource::open(&dir),
        Err(ExportError::Unfinished(_))
    ));
    write(&bench, &dir).unwrap();
    assert!(is_sound(&dir));
    std::fs::write(dir.join("export"), "chancery-export/v2\nanything\n").unwrap();
    assert!(matches!(ExportSource::open(&dir), Err(ExportError::Format(unknown)) if unknown.found == 2));
}

/// A pipe would have a reader wait for ever, a link would have it read something else.
#[test]
fn what_is_no_file_is_no_part_of_an_export() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let (bench, _) = Bench::busy();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    write(&bench, &out).unwrap();
    assert!(is_sound(&out));
    for name in files(&out).into_keys() {
        let (path, aside) = (out.join(&name), dir.path().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(!is_sound(&out), "a pipe for {}", name.display());
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&aside, &path).unwrap();
        assert!(!is_sound(&out), "a link for {}", name.display());
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&aside, &path).unwrap();
    }
    let stray = out.join("checkpoints/3");
    mknodat(CWD, &stray, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert!(!is_sound(&out), "a pipe among the checkpoints");
    std::fs::remove_file(&stray).unwrap();
    assert!(is_sound(&out));
}
