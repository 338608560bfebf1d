//! The media of a simulated machine, and the faults that are planned for them.
//!
//! A crash takes the process, not the media: what was synced stays, of the rest each sector stays or goes by the dice.

use std::sync::{Arc, Mutex};

use chancery::base::Seq;
use chancery::base::memory_file::MemoryFile;
use chancery::engine::boot;
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
}

impl Disk {
    /// Blank media.
    pub fn new() -> Self {
        Self::with_store(MemoryStore::new())
    }

    fn with_store(store: MemoryStore) -> Self {
        Self {
            store: CountingStore(Arc::new(Counting {
                store: Mutex::new(Arc::new(store)),
                plan: Mutex::new(Plan::default()),
            })),
            mirrors: Default::default(),
            anchor: MemoryFile::new(),
        }
    }

    /// What the core is given.
    pub fn storage(&self) -> boot::Storage {
        let [a, b] = &self.mirrors;
        boot::Storage {
            log: Arc::new(self.store.clone()),
            mirrors: [Box::new(a.clone()), Box::new(b.clone())],
            anchor: Box::new(self.anchor.clone()),
        }
    }

    /// The store, for those who look.
    pub fn log(&self) -> &dyn EventStore {
        &self.store
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
    pub fn crash(&self, dice: &mut Dice) {
        // All, nothing, or some: the first two are what usually happens.
        let odds = *dice.pick(&[0, 1, 2]);
        for file in self.mirrors.iter().chain([&self.anchor]) {
            file.crash(|_| odds == 1 || (odds == 2 && dice.once_in(2)));
        }
        let mut store = self.store.0.store.lock().unwrap();
        *store = Arc::new(store.reopen());
        self.store.0.plan.lock().unwrap().failure = None;
    }
}

/// A memory store that counts its commits and fails one by plan.
#[derive(Debug, Clone)]
struct CountingStore(Arc<Counting>);

#[derive(Debug)]
struct Counting {
    store: Mutex<Arc<MemoryStore>>,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    operations: usize,
    failure: Option<(usize, FailMode)>,
}

impl CountingStore {
    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0.store.lock().unwrap())
    }
}

impl EventStore for CountingStore {
    fn commit(&self, group: &Group) -> Result<(), StoreError> {
        let store = self.store();
        let mut plan = self.0.plan.lock().unwrap();
        plan.operations += 1;
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
        self.store().size()
    }

    fn head(&self) -> Result<Option<Head>, StoreError> {
        self.store().head()
    }

    fn entries(&self, from: Seq, limit: usize, bytes_max: usize) -> Result<Vec<(Seq, Vec<u8>)>, StoreError> {
        self.store().entries(from, limit, bytes_max)
    }

    fn tile(&self, level: u8, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.store().tile(level, index)
    }

    fn checkpoints(&self) -> Result<Vec<(u64, String)>, StoreError> {
        self.store().checkpoints()
    }

    fn rows(&self, from: Option<&RowKey>, limit: usize) -> Result<Vec<(RowKey, Vec<u8>)>, StoreError> {
        self.store().rows(from, limit)
    }

    fn digest(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.store().digest()
    }

    fn replace_rows(
        &self,
        rows: &mut dyn Iterator<Item = (RowKey, Vec<u8>)>,
        digest: &[u8],
    ) -> Result<(), StoreError> {
        self.store().replace_rows(rows, digest)
    }
}
