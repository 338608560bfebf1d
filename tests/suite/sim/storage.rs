//! The media of a simulated machine, and the faults that are planned for them.
//!
//! A crash takes the process, not the media: what was synced stays, of the rest each sector stays or goes by the dice.

use std::io;
use std::sync::{Arc, Mutex};

use chancery::base::Seq;
use chancery::base::disk::BlockFile;
use chancery::base::memory_file::{Fate, MemoryFile};
use chancery::engine::boot;
use chancery::engine::reserve::{self, ReserveLimits};
use chancery::event::RowKey;
use chancery::ledger::{EventStore, FailMode, Group, Head, MemoryStore, StoreError};

use super::world::Dice;

/// One device with writes that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The store's commits.
    Store,
    /// Writes and syncs of the first mirror of the vault.
    MirrorA,
    /// Writes and syncs of the second one.
    MirrorB,
    /// Writes and syncs of the anchor.
    Anchor,
}

impl Device {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Store, Self::MirrorA, Self::MirrorB, Self::Anchor];
}

/// The media.
#[derive(Debug)]
pub struct Disk {
    store: CountingStore,
    mirrors: [MemoryFile; 2],
    anchor: MemoryFile,
    /// How much room the file system has.
    pub space: Space,
    planned: Mutex<Option<Planned>>,
}

/// A failure that was planned.
#[derive(Debug, Clone, Copy)]
struct Planned {
    device: Device,
    persisted: bool,
    /// The device's operation that it is for.
    at: usize,
}

/// The file system's free space, as the core asks for it: free bytes, and bytes set aside.
#[derive(Debug, Clone, Default)]
pub struct Space(Arc<Mutex<(u64, u64)>>);

impl Space {
    /// Sets how much is free.
    pub fn set_free(&self, free: u64) {
        self.0.lock().unwrap().0 = free;
    }

    /// How much is free, and how much set aside.
    pub fn left(&self) -> (u64, u64) {
        *self.0.lock().unwrap()
    }
}

impl reserve::Disk for Space {
    fn free(&self) -> io::Result<u64> {
        Ok(self.left().0)
    }

    fn has_set_aside(&self, bytes: u64) -> bool {
        self.left().1 == bytes
    }

    fn set_aside(&self, bytes: u64) -> io::Result<()> {
        let mut space = self.0.lock().unwrap();
        space.0 = space.0.checked_sub(bytes).ok_or(io::ErrorKind::StorageFull)?;
        space.1 = bytes;
        Ok(())
    }

    fn release(&self) -> io::Result<()> {
        let mut space = self.0.lock().unwrap();
        space.0 += std::mem::take(&mut space.1);
        Ok(())
    }
}

/// The thresholds of a simulated file system, and what it has when it has plenty.
pub const SPACE_LIMITS: ReserveLimits = ReserveLimits {
    low: 80,
    full: 20,
    exhausted: 5,
    reserve: 10,
};
/// See `SPACE_LIMITS`.
pub const PLENTY: u64 = 1_000;

impl Disk {
    /// Blank media.
    pub fn new() -> Self {
        Self::with_store(MemoryStore::new())
    }

    fn with_store(store: MemoryStore) -> Self {
        Self {
            store: CountingStore(
                Arc::new(Counting {
                    store: Mutex::new(Arc::new(store)),
                    plan: Mutex::new(Plan::default()),
                }),
                Reader::Onlooker,
            ),
            mirrors: Default::default(),
            anchor: MemoryFile::new(),
            space: Space(Arc::new(Mutex::new((PLENTY, 0)))),
            planned: Mutex::default(),
        }
    }

    /// The anchor as it is on the medium, for those who look.
    pub fn anchor_copy(&self) -> Box<dyn BlockFile> {
        let copy = MemoryFile::new();
        copy.write_at(&self.anchor.durable(), 0).unwrap();
        Box::new(copy)
    }

    /// The file of a device that is one.
    pub fn file(&self, device: Device) -> MemoryFile {
        let [a, b] = &self.mirrors;
        match device {
            Device::MirrorA => a.clone(),
            Device::MirrorB => b.clone(),
            Device::Store | Device::Anchor => self.anchor.clone(),
        }
    }

    /// Takes all room away, or gives it back: nothing can be added to anything.
    pub fn set_full(&self, is_full: bool) {
        self.store.0.plan.lock().unwrap().is_full = is_full;
        self.mirrors
            .iter()
            .chain([&self.anchor])
            .for_each(|file| file.set_full(is_full));
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.store.0.plan.lock().unwrap().is_full
    }

    /// Plans that a read of `device`, after `count` more, answers an error.
    pub fn fail_read_after(&self, device: Device, count: usize) {
        match device {
            Device::Store => self.store.0.plan.lock().unwrap().read_failure = Some(count),
            _ => self.file(device).fail_read_after(count),
        }
    }

    /// The device whose planned failure has come, and whether the write took effect all the same.
    pub fn failed(&self) -> Option<(Device, bool)> {
        let planned = (*self.planned.lock().unwrap())?;
        (self.operations(planned.device) > planned.at).then_some((planned.device, planned.persisted))
    }

    /// What the core is given.
    pub fn storage(&self) -> boot::Storage {
        let [a, b] = &self.mirrors;
        boot::Storage {
            log: Arc::new(CountingStore(Arc::clone(&self.store.0), Reader::Core)),
            mirrors: [Box::new(a.clone()), Box::new(b.clone())],
            anchor: Box::new(self.anchor.clone()),
        }
    }

    /// The store, for those who look.
    pub fn log(&self) -> &dyn EventStore {
        &self.store
    }

    /// Whether no log was ever founded here; asked without a read that could fail by plan.
    pub fn is_blank(&self) -> bool {
        self.store.store().head().is_ok_and(|head| head.is_none())
    }

    /// What is on the store's medium, to return to.
    pub fn store_contents(&self) -> chancery::ledger::memory_store::Contents {
        self.store.0.store.lock().unwrap().clone_contents()
    }

    /// Puts other contents on the store's medium: what an attacker or an old backup would.
    pub fn replace_store(&self, contents: chancery::ledger::memory_store::Contents) {
        *self.store.0.store.lock().unwrap() = Arc::new(MemoryStore::with_contents(contents));
    }

    /// The bytes on the media of the two mirrors.
    pub fn mirror_bytes(&self) -> [Vec<u8>; 2] {
        self.mirrors.each_ref().map(MemoryFile::durable)
    }

    /// Blank files in place of the mirrors and the anchor: what is done before a founding that was cut short is done again.
    pub fn clear_files(&mut self) {
        self.mirrors = Default::default();
        self.anchor = MemoryFile::new();
    }

    /// Plans that `device`, after `count` more writes, answers an error; `persisted`: the write takes effect all the same.
    pub fn fail_after(&self, device: Device, count: usize, persisted: bool) {
        *self.planned.lock().unwrap() = Some(Planned {
            device,
            persisted,
            at: self.operations(device) + count,
        });
        let [a, b] = &self.mirrors;
        match device {
            Device::Store => {
                let mode = if persisted {
                    FailMode::Persisted
                } else {
                    FailMode::NotPersisted
                };
                self.store.0.plan.lock().unwrap().failure = Some((count, mode));
            }
            Device::MirrorA => a.fail_after(count, persisted),
            Device::MirrorB => b.fail_after(count, persisted),
            Device::Anchor => self.anchor.fail_after(count, persisted),
        }
    }

    /// Writes asked of a device so far.
    pub fn operations(&self, device: Device) -> usize {
        let [a, b] = &self.mirrors;
        match device {
            Device::Store => self.store.0.plan.lock().unwrap().operations,
            Device::MirrorA => a.operations(),
            Device::MirrorB => b.operations(),
            Device::Anchor => self.anchor.operations(),
        }
    }

    /// The process ends, and the power with it: what was not synced is kept or lost sector by sector. Plans are off.
    /// Says what became of sectors: how many were kept, lost, torn, garbled.
    pub fn crash(&self, dice: &mut Dice) -> [u64; 4] {
        // All, nothing, some, or worse: the first two are what usually happens. Which ones does not follow their order.
        let odds = *dice.pick(&[0, 1, 2, 3]);
        let mut fates = [0; 4];
        for file in self.mirrors.iter().chain([&self.anchor]) {
            file.crash_with(|_| {
                let fate = match odds {
                    0 => Fate::Lost,
                    1 => Fate::Kept,
                    2 => *dice.pick(&[Fate::Kept, Fate::Lost]),
                    _ => *dice.pick(&[Fate::Kept, Fate::Lost, Fate::Torn, Fate::Garbled]),
                };
                fates[fate as usize] += 1;
                fate
            });
        }
        let mut store = self.store.0.store.lock().unwrap();
        *store = Arc::new(store.reopen());
        let mut plan = self.store.0.plan.lock().unwrap();
        (plan.failure, plan.read_failure) = (None, None);
        *self.planned.lock().unwrap() = None;
        fates
    }
}

/// A memory store that counts its commits and fails one by plan.
#[derive(Debug, Clone)]
struct CountingStore(Arc<Counting>, Reader);

/// Who reads: what is planned for the core does not befall those who only look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Core,
    Onlooker,
}

#[derive(Debug)]
struct Counting {
    store: Mutex<Arc<MemoryStore>>,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    operations: usize,
    failure: Option<(usize, FailMode)>,
    read_failure: Option<usize>,
    is_full: bool,
}

impl CountingStore {
    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0.store.lock().unwrap())
    }

    /// The store, for a read; or the failure that was planned for it.
    fn read(&self) -> Result<Arc<MemoryStore>, StoreError> {
        let mut plan = self.0.plan.lock().unwrap();
        match plan.read_failure.filter(|_| self.1 == Reader::Core) {
            Some(0) => {
                plan.read_failure = None;
                Err(StoreError::Unreadable("planned failure".into()))
            }
            Some(left) => {
                plan.read_failure = Some(left - 1);
                Ok(self.store())
            }
            None => Ok(self.store()),
        }
    }
}

impl EventStore for CountingStore {
    fn commit(&self, group: &Group) -> Result<(), StoreError> {
        let store = self.store();
        let mut plan = self.0.plan.lock().unwrap();
        plan.operations += 1;
        if plan.is_full {
            return Err(StoreError::Fatal(
                io::Error::from(io::ErrorKind::StorageFull).into(),
            ));
        }
        plan.failure = match plan.failure {
            Some((0, mode)) => {
                store.fail_next(mode);
                None
            }
            Some((left, mode)) => Some((left - 1, mode)),
            None => None,
        };
        store.commit(group)
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.read()?.size()
    }

    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.read()?.head()
    }

    fn entries(&self, from: Seq, limit: usize, bytes_max: usize) -> Result<Vec<(Seq, Vec<u8>)>, StoreError> {
        self.read()?.entries(from, limit, bytes_max)
    }

    fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read()?.tile(level, index)
    }

    fn checkpoints(&self) -> Result<Vec<(u64, String)>, StoreError> {
        self.read()?.checkpoints()
    }

    fn rows(&self, from: Option<&RowKey>, limit: usize) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError> {
        self.read()?.rows(from, limit)
    }

    fn digest(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.read()?.digest()
    }

    fn replace_rows(
        &self,
        rows: &mut dyn Iterator<Item = (RowKey, Vec<u8>)>,
        digest: &[u8],
    ) -> Result<(), StoreError> {
        self.store().replace_rows(rows, digest)
    }
}
