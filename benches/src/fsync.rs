//! The cost of raw durability: without it beside them, figures of a durable server say nothing.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Returns the median time of appending 600 bytes (a typical event) and fdatasync, on the filesystem of `directory`.
/// Takes at most about one second.
pub fn p50(directory: &Path) -> Result<Duration> {
    let path = directory.join(format!("fsync-{}", std::process::id()));
    let file = OpenOptions::new().create_new(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot create {}", path.display()))?;
    let measured = sample(file);
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    let mut times = measured.context("cannot append and sync")?;
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .copied()
        .context("no fsync was measured")
}

/// Refuses a filesystem in memory: fdatasync costs nothing there, and every durable figure would be fiction.
pub fn refuse_memory(directory: &Path) -> Result<()> {
    let kind =
        rustix::fs::statfs(directory).with_context(|| format!("cannot stat {}", directory.display()))?;
    if kind.f_type == TMPFS_MAGIC {
        bail!(
            "{} is in memory (tmpfs): name a directory on a disk with --scratch",
            directory.display()
        );
    }
    Ok(())
}

fn sample(mut file: File) -> std::io::Result<Vec<Duration>> {
    let event = [0xa5; EVENT_BYTES];
    let begin = Instant::now();
    let mut times = Vec::with_capacity(SAMPLES_MAX);
    while times.len() < SAMPLES_MAX && begin.elapsed() < TIME_MAX {
        let start = Instant::now();
        file.write_all(&event)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

const EVENT_BYTES: usize = 600;
const SAMPLES_MAX: usize = 200;
const TIME_MAX: Duration = Duration::from_secs(1);
/// `TMPFS_MAGIC` of statfs(2).
const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_leaves_no_file_behind() {
        let directory = std::env::temp_dir().join(format!("chancery-fsync-test-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let measured = p50(&directory);
        let left = std::fs::read_dir(&directory).unwrap().count();
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(measured.unwrap() > Duration::ZERO);
        assert_eq!(left, 0);
    }
}
