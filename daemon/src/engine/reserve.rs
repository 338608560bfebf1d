//! The disk: how much is left, and the piece of it that is kept for the day when nothing is.
//!
//! A full disk must not keep anybody from disabling a key or from being told no. Before it comes to that, what works
//! with keys or makes more of anything is answered 503; when even so the disk runs full, a file set aside for it is
//! removed, and what it leaves is for refusals, for what takes power away, and for the daemon's own doing.

use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::call::{Call, Work};
use super::prepare::Prepared;
use crate::base::disk::sync_parent;
use crate::base::{Code, limits};
use crate::event::ActorKind;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Enough.
    Plenty,
    /// Little: work with keys waits, an operator can still look and tidy up.
    Low,
    /// None but what was set aside.
    Full,
    /// Not even that.
    Exhausted,
}

impl Room {
    /// Its name, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plenty => "plenty",
            Self::Low => "low",
            Self::Full => "full",
            Self::Exhausted => "exhausted",
        }
    }
}

/// The thresholds, bytes of free space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReserveLimits {
    /// Below this, room is low.
    pub low: u64,
    /// Below this, the reserve is released.
    pub full: u64,
    /// Below this, with the reserve released, nothing more is taken.
    pub exhausted: u64,
    /// Size of the reserve; 0 for none.
    pub reserve: u64,
}

impl Default for ReserveLimits {
    fn default() -> Self {
        Self {
            low: limits::DISK_LOW_BYTES,
            full: limits::DISK_FULL_BYTES,
            exhausted: limits::DISK_EXHAUSTED_BYTES,
            reserve: limits::DISK_RESERVE_BYTES,
        }
    }
}

/// The file system that the data is on.
pub trait Disk: Debug + Send + Sync {
    /// Free bytes.
    fn free(&self) -> io::Result<u64>;

    /// Whether a reserve of so many bytes is there already.
    fn has_set_aside(&self, bytes: u64) -> bool;

    /// Takes bytes away from everybody, all or nothing.
    fn set_aside(&self, bytes: u64) -> io::Result<()>;

    /// Gives them back.
    fn release(&self) -> io::Result<()>;
}

/// The reserve. As long as no disk is given to it there is plenty of room.
#[derive(Debug, Default)]
pub struct Reserve {
    room: AtomicU8,
    watched: OnceLock<Mutex<Watched>>,
}

#[derive(Debug)]
struct Watched {
    disk: Box<dyn Disk>,
    limits: ReserveLimits,
    is_held: bool,
    /// The file system can't set space aside; said once.
    is_impossible: bool,
}

impl Reserve {
    /// Watches `disk` from now on. A second disk is not taken.
    pub fn watch(&self, disk: Box<dyn Disk>, limits: ReserveLimits) {
        let is_held = disk.has_set_aside(limits.reserve);
        let watched = Watched {
            disk,
            limits,
            is_held,
            is_impossible: limits.reserve == 0,
        };
        let _second = self.watched.set(Mutex::new(watched));
    }

    /// How much room there was at the last look.
    pub fn room(&self) -> Room {
        match self.room.load(Ordering::Relaxed) {
            0 => Room::Plenty,
            1 => Room::Low,
            2 => Room::Full,
            _ => Room::Exhausted,
        }
    }

    /// Bytes that are set aside now.
    pub fn held_bytes(&self) -> u64 {
        let watched = self.watched.get().map(|watched| watched.lock());
        watched.map_or(0, |watched| u64::from(watched.is_held) * watched.limits.reserve)
    }

    /// Looks at the disk; releases the reserve, or sets it aside again.
    pub fn look(&self) -> Room {
        let Some(watched) = self.watched.get() else {
            return Room::Plenty;
        };
        let before = self.room();
        // When the disk can't be asked, what it said last stands; a commit that fails ends the process anyway.
        let now = watched.lock().look(before).unwrap_or(before);
        if now != before {
            self.room.store(now as u8, Ordering::Relaxed);
            tell(now);
        }
        now
    }

    /// Whether a prepared call may become an event.
    pub fn pass(&self, call: &Call, prepared: &Prepared) -> Result<(), Code> {
        let room = self.room();
        if room == Room::Plenty || call.actor.kind == ActorKind::System {
            return Ok(());
        }
        let is_denial = matches!(&prepared.result, Err(error) if error.code == Code::NoPermission);
        let passes = match &call.work {
            _ if room == Room::Exhausted => false,
            _ if is_denial => true,
            Work::Command(command) => command.lessens(),
            Work::Query(query) => room == Room::Low && query.diagnoses(),
            Work::Use(_) | Work::Invalid(_) => false,
        };
        if passes { Ok(()) } else { Err(Code::Unavailable) }
    }
}

impl Watched {
    fn look(&mut self, before: Room) -> io::Result<Room> {
        let ReserveLimits {
            low,
            full,
            exhausted,
            reserve,
        } = self.limits;
        // Once there was too little, a little more than enough is needed: no wavering at the threshold.
        let margin = if before == Room::Plenty { 0 } else { low / 8 };
        let mut free = self.disk.free()?;
        if self.is_held && free < full {
            self.disk.release()?;
            self.is_held = false;
            free = self.disk.free()?;
        } else if !self.is_held && !self.is_impossible && free >= full + reserve + margin {
            match self.disk.set_aside(reserve) {
                Ok(()) => self.is_held = true,
                Err(error) => {
                    self.is_impossible = true;
                    tracing::warn!(%error, "no space can be set aside for a full disk");
                }
            }
            free = self.disk.free()?;
        }
        let has_reserve = self.is_held || self.is_impossible;
        Ok(if has_reserve && free >= low + margin {
            Room::Plenty
        } else if has_reserve && free >= full {
            Room::Low
        } else if free >= exhausted {
            Room::Full
        } else {
            Room::Exhausted
        })
    }
}

fn tell(room: Room) {
    match room {
        Room::Plenty => tracing::info!("there is enough room on the disk again"),
        Room::Low => {
            tracing::error!("the disk is nearly full: work with keys is refused until there is room again");
        }
        Room::Full => tracing::error!(
            "the disk is full: on what was set aside, nothing is done but to refuse, disable and delete"
        ),
        Room::Exhausted => tracing::error!("the disk is full, the reserve too: every call is refused"),
    }
}

/// The real one: a directory, and the file in it that takes the space.
#[derive(Debug)]
pub struct OsDisk {
    file: PathBuf,
}

impl OsDisk {
    /// The file system that `file` is on; nothing is made yet.
    pub const fn new(file: PathBuf) -> Self {
        Self { file }
    }
}

impl Disk for OsDisk {
    fn free(&self) -> io::Result<u64> {
        let dir = self.file.parent().ok_or(io::ErrorKind::NotFound)?;
        let stat = statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn has_set_aside(&self, bytes: u64) -> bool {
        // Blocks, not length: a hole takes no space from anybody.
        let there = self.file.metadata();
        there.is_ok_and(|meta| meta.len() >= bytes && meta.blocks().saturating_mul(512) >= bytes)
    }

    fn set_aside(&self, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.file)?;
        let taken = fallocate(&file, FallocateFlags::empty(), 0, bytes)
            .map_err(io::Error::from)
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_parent(&self.file));
        taken.inspect_err(|_| {
            // Half a reserve is none; what can't be removed either is found at the next start.
            let _left = std::fs::remove_file(&self.file);
        })
    }

    fn release(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_parent(&self.file),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;

    /// A disk whose free space is what the test says.
    #[derive(Debug, Default, Clone)]
    pub(in super::super) struct HandDisk(Arc<Mutex<(u64, u64)>>);

    impl HandDisk {
        pub(in super::super) fn set_free(&self, free: u64) {
            self.0.lock().0 = free;
        }

        pub(in super::super) fn set_aside_now(&self) -> u64 {
            self.0.lock().1
        }
    }

    impl Disk for HandDisk {
        fn free(&self) -> io::Result<u64> {
            Ok(self.0.lock().0)
        }

        fn has_set_aside(&self, bytes: u64) -> bool {
            self.0.lock().1 == bytes
        }

        fn set_aside(&self, bytes: u64) -> io::Result<()> {
            let mut disk = self.0.lock();
            disk.0 = disk.0.checked_sub(bytes).ok_or(io::ErrorKind::StorageFull)?;
            disk.1 = bytes;
            Ok(())
        }

        fn release(&self) -> io::Result<()> {
            let mut disk = self.0.lock();
            disk.0 += std::mem::take(&mut disk.1);
            Ok(())
        }
    }

    pub(in super::super) const LIMITS: ReserveLimits = ReserveLimits {
        low: 80,
        full: 20,
        exhausted: 5,
        reserve: 10,
    };

    #[test]
    fn the_reserve_is_released_when_the_disk_is_full_and_taken_back_when_it_is_not() {
        let (disk, reserve) = (HandDisk::default(), Reserve::default());
        disk.set_free(200);
        reserve.watch(Box::new(disk.clone()), LIMITS);
        // Free, what is made of it, and what is set aside then.
        for (free, room, set_aside) in [
            (200, Room::Plenty, 10),
            (80, Room::Plenty, 10),
            (79, Room::Low, 10),
            // Not at once: a little more than enough is needed.
            (89, Room::Low, 10),
            (90, Room::Plenty, 10),
            (20, Room::Low, 10),
            (19, Room::Full, 0),
            (29, Room::Full, 0),
            (5, Room::Full, 0),
            (4, Room::Exhausted, 0),
            (39, Room::Full, 0),
            (40, Room::Low, 10),
            (200, Room::Plenty, 10),
        ] {
            disk.set_free(free);
            assert_eq!(reserve.look(), room, "{free} free");
            assert_eq!(disk.set_aside_now(), set_aside, "{free} free");
            assert_eq!(reserve.held_bytes(), set_aside, "{free} free");
        }
    }

    #[test]
    fn a_start_on_a_full_disk_keeps_the_reserve_of_the_last_run_or_does_without() {
        let disk = HandDisk::default();
        disk.set_free(12);
        let without = Reserve::default();
        without.watch(Box::new(disk.clone()), LIMITS);
        assert_eq!(without.look(), Room::Full);

        disk.set_free(100);
        disk.set_aside(10).unwrap();
        disk.set_free(30);
        let again = Reserve::default();
        again.watch(Box::new(disk.clone()), LIMITS);
        assert_eq!(again.look(), Room::Low);
        assert_eq!(disk.set_aside_now(), 10);
    }

    #[test]
    fn the_real_reserve_takes_blocks_and_gives_them_back() {
        let dir = tempfile::tempdir().unwrap();
        let disk = OsDisk::new(dir.path().join("reserve"));
        assert!(disk.free().unwrap() > 0);
        assert!(!disk.has_set_aside(1 << 20));
        disk.set_aside(1 << 20).unwrap();
        assert!(disk.has_set_aside(1 << 20));
        assert!(!disk.has_set_aside(2 << 20));
        disk.release().unwrap();
        disk.release().unwrap();
        assert!(!disk.has_set_aside(1 << 20));
    }
}
