//! A core driven by hand over memory, a log that can be lied into, and a source that can be tampered with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::source::{ClaimedDigest, Claims, Kept, LogSource, Rows, SourceError, StoreSource};
use crate::audit::{Report, verify};
use crate::base::context::EncryptionContext;
use crate::base::disk::BlockFile;
use crate::base::entropy::SystemEntropy;
use crate::base::memory_file::MemoryFile;
use crate::base::time::Clock;
use crate::base::{
    AliasName, ApiError, KeyId, KeySpec, LogId, Region, RequestId, SecretBytes, Seq, Timestamp,
};
use crate::crypto::pool::Lane;
use crate::domain::KeyRef;
use crate::domain::alias::CreateAlias;
use crate::domain::key::CreateKey;
use crate::domain::lifecycle::{ChangeLifecycle, DestroyKey, Transition};
use crate::engine::boot::{Core, Founding, Storage, World, found};
use crate::engine::call::{Call, Work};
use crate::engine::cipher::Encrypt;
use crate::engine::prepare::prepare;
use crate::engine::query::account::DescribeRegions;
use crate::engine::writer::{Input, Step};
use crate::event::codec::decode_event;
use crate::event::{Actor, ActorKind, Event, Origin, Recorded, RowKey};
use crate::ledger::store::{RowWrite, load_tree};
use crate::ledger::{Chain, EventStore, Group, LogKey, MemoryStore, SignedAnchor, SignedEntry, commit};
use crate::projection::State;

#[derive(Debug, Default)]
pub struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn monotonic_millis(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub struct Bench {
    pub core: Core,
    pub store: Arc<MemoryStore>,
    pub anchor: MemoryFile,
    pub clock: Arc<HandClock>,
}

impl Bench {
    pub fn new() -> Self {
        let (store, anchor) = (Arc::new(MemoryStore::new()), MemoryFile::new());
        let clock = Arc::new(HandClock::default());
        clock.0.store(1_800_000_000_000, Ordering::SeqCst);
        let world = World {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy),
        };
        let storage = Storage {
            log: Arc::clone(&store) as Arc<dyn EventStore>,
            mirrors: [Box::new(MemoryFile::new()), Box::new(MemoryFile::new())],
            anchor: Box::new(anchor.clone()),
        };
        let founding = Founding {
            name: "test".into(),
            region: Region::parse("cn-hangzhou").unwrap(),
        };
        let core = found(storage, root(), &world, &founding, &mut |_| Ok(())).unwrap();
        Self {
            core,
            store,
            anchor,
            clock,
        }
    }

    pub fn pass_millis(&self, millis: u64) {
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn call(&self, op: &'static str, kind: ActorKind, work: Work) -> Call {
        Call {
            rid: RequestId::make(&SystemEntropy),
            op,
            open: op == "kms/DescribeRegions",
            dry_run: false,
            lane: Lane::Short,
            actor: Actor {
                kind,
                ..Actor::root(self.core.account, None)
            },
            origin: Origin::internal(),
            scope: crate::domain::Scope {
                account: self.core.account,
                region: self.core.region.clone(),
                at: self.core.tools.now(),
            },
            recorded: Recorded::default(),
            work,
        }
    }

    pub fn run_as(&mut self, op: &'static str, kind: ActorKind, work: Work) -> Result<(), ApiError> {
        let call = self.call(op, kind, work);
        self.run_call(call)
    }

    pub fn run_with(
        &mut self,
        op: &'static str,
        actor: Actor,
        recorded: Recorded,
        work: Work,
    ) -> Result<(), ApiError> {
        let call = Call {
            actor,
            recorded,
            ..self.call(op, ActorKind::Root, work)
        };
        self.run_call(call)
    }

    pub fn run_call(&mut self, mut call: Call) -> Result<(), ApiError> {
        self.pass_millis(7);
        call.scope.at = self.core.tools.now();
        let call = Box::new(call);
        let prepared = prepare(&call, self.core.writer.state(), &self.core.tools);
        let input = Input {
            call,
            prepared,
            round: 0,
            ticket: (),
        };
        let now = self.clock.now();
        let step = self.core.writer.step(vec![input], now, &self.core.tools);
        self.settle(step).unwrap()
    }

    pub fn run(&mut self, op: &'static str, work: Work) {
        self.run_as(op, ActorKind::Root, work).unwrap();
    }

    /// Seals the state, keeps a checkpoint, writes the anchor.
    pub fn close(&mut self) {
        let step = self.core.writer.close::<()>(self.clock.now());
        self.settle(step);
        let anchor = crate::engine::boot::anchor_at(self.core.writer.chain(), true);
        self.core.anchor.write(&anchor, &self.core.log_key).unwrap();
    }

    fn settle(&self, step: Step<()>) -> Option<Result<(), ApiError>> {
        assert!(step.reruns.is_empty());
        let receipts = commit(&*self.store, &step.group).unwrap();
        let state = self.core.writer.state().clone();
        self.core.tools.published.apply(state.clone());
        self.core.tools.published.persist(state, step.group.head);
        let (((), sealed), receipt) = step.replies.into_iter().zip(receipts).next()?;
        Some(sealed.open(receipt).0.result.map(drop))
    }

    pub fn make_key(&mut self) -> KeyId {
        let spec = KeySpec::Aes256;
        let create = CreateKey {
            spec,
            usage: spec.default_usage(),
            origin: crate::base::KeyOrigin::Kms,
            protection: crate::base::ProtectionLevel::Software,
            description: "a key".into(),
            tags: Vec::new(),
            rotation: None,
            client_token: None,
            quota: None,
        };
        self.run("kms/CreateKey", Work::Command(Box::new(create)));
        let state = self.core.writer.state();
        let mut newest = state.keys_newest_first(self.core.account, &self.core.region);
        newest.next().unwrap()
    }

    pub fn encrypt(&mut self, key: KeyId) {
        self.run("kms/Encrypt", encrypt(key));
    }

    pub fn regions(&mut self) {
        let regions = vec![self.core.region.clone()];
        self.run(
            "kms/DescribeRegions",
            Work::Query(Box::new(DescribeRegions { regions })),
        );
    }

    /// A little of everything: keys used, disabled, destroyed, aliases, a denial, a failure.
    pub fn busy() -> (Self, KeyId) {
        let mut bench = Self::new();
        let (kept, gone) = (bench.make_key(), bench.make_key());
        for (name, key) in [("alias/kept", kept), ("alias/gone", gone)] {
            let alias = AliasName::parse(name).unwrap();
            let create = CreateAlias {
                alias,
                key: KeyRef::Id(key),
                quota: None,
            };
            bench.run("kms/CreateAlias", Work::Command(Box::new(create)));
        }
        bench.encrypt(kept);
        bench.run("kms/DisableKey", transition(kept, Transition::Disable));
        bench.run("kms/DisableKey", transition(kept, Transition::Disable));
        bench
            .run_as("kms/Encrypt", ActorKind::Root, encrypt(kept))
            .unwrap_err();
        bench.run("kms/EnableKey", transition(kept, Transition::Enable));
        bench
            .run_as("kms/Encrypt", ActorKind::Unmapped, encrypt(kept))
            .unwrap_err();
        bench.run(
            "kms/ScheduleKeyDeletion",
            transition(gone, Transition::ScheduleDeletion { days: 7 }),
        );
        bench.regions();
        bench.pass_millis(8 * 24 * 3_600_000);
        let destroy = Work::Command(Box::new(DestroyKey { key: gone }));
        bench
            .run_as("chancery/DestroyKey", ActorKind::System, destroy)
            .unwrap();
        bench.encrypt(kept);
        bench.regions();
        bench.close();
        (bench, kept)
    }

    pub fn source(&self) -> StoreSource<'_> {
        StoreSource::new(&*self.store)
            .unwrap()
            .with_anchor(self.anchor_file())
    }

    pub fn anchor_file(&self) -> Option<Box<dyn BlockFile>> {
        Some(Box::new(self.anchor.clone()))
    }

    pub fn store_head(&self) -> crate::ledger::Head {
        self.store.head().unwrap().unwrap()
    }

    pub fn tampered(&self) -> Tampered {
        Tampered::of(self)
    }

    pub fn entries(&self) -> Vec<Vec<u8>> {
        let all = self.store.entries(Seq::GENESIS, usize::MAX, usize::MAX).unwrap();
        all.into_iter().map(|(_, bytes)| bytes).collect()
    }

    pub fn events(&self) -> Vec<Event> {
        self.entries().iter().map(|bytes| event(bytes)).collect()
    }

    /// The last event of `op`, whose position does not matter.
    pub fn last_of(&self, op: &str) -> Event {
        let mut events = self.events();
        events.retain(|event| event.op == op);
        events.pop().unwrap()
    }

    /// Appends events with the log's own key, whatever they say; returns their positions. The rows follow, as a lying
    /// daemon would have it.
    pub fn lie(&self, events: Vec<Event>) -> Vec<Seq> {
        let size = self.store.size().unwrap();
        let tree = load_tree(&*self.store, size).unwrap();
        let head = self.store.head().unwrap().unwrap();
        let chain = self.core.writer.chain();
        let mut state = State::default();
        for event in self.events() {
            state.apply(&event);
        }
        let key = stolen(&self.core);
        let mut lying = Chain::resume(chain.log(), chain.origin().into(), key, head, tree);
        let mut rows = Vec::new();
        let entries: Vec<_> = events
            .into_iter()
            .map(|mut event| {
                let time = event.time;
                let entry = lying.enroll(&mut event, time).unwrap();
                rows.extend(state.apply(&event).into_iter().map(|written| RowWrite {
                    key: written.row,
                    value: written.value,
                }));
                entry
            })
            .collect();
        let seqs = entries.iter().map(|entry| entry.seq).collect();
        let group = Group {
            entries,
            rows,
            tiles: lying.take_full_tiles(),
            checkpoint: None,
            digest: Some(state.digest().to_bytes()),
            head: *lying.head(),
        };
        let _receipts = commit(&*self.store, &group).unwrap();
        seqs
    }
}

/// The root key of every bench.
pub fn root() -> crate::custody::RootKey {
    crate::custody::RootKey::from_secret(SecretBytes::new(vec![9; 32])).unwrap()
}

/// The log key, as a thief would have it: unsealed from the vault.
pub fn stolen(core: &Core) -> LogKey {
    use crate::custody::Owner;
    use crate::event::InternalKeyPurpose::LogSigning;

    let row = core.writer.state().internal_key(LogSigning).unwrap().clone();
    let key = core.tools.vault.key(row.slot).unwrap();
    let owner = Owner::Internal(LogSigning.as_str());
    LogKey::from_seed(&key.open(&owner, row.sealed.as_slice()).unwrap()).unwrap()
}

pub fn event(bytes: &[u8]) -> Event {
    decode_event(SignedEntry::parse(bytes).unwrap().payload).unwrap()
}

pub fn encrypt(key: KeyId) -> Work {
    Work::Use(Box::new(Encrypt {
        key: KeyRef::Id(key),
        plaintext: SecretBytes::new(b"hello".to_vec()),
        context: EncryptionContext::default(),
    }))
}

pub fn transition(key: KeyId, transition: Transition) -> Work {
    let key = KeyRef::Id(key);
    Work::Command(Box::new(ChangeLifecycle { key, transition }))
}

pub fn check(source: &mut dyn LogSource) -> Report {
    verify(source, &mut |_, _| ()).unwrap()
}

/// A copy of all that a source says, open to changes.
#[derive(Debug)]
pub struct Tampered {
    pub entries: Vec<Vec<u8>>,
    pub kept: Vec<Kept>,
    pub claims: Claims,
    pub anchor: Option<SignedAnchor>,
    pub rows: Vec<(RowKey, Vec<u8>)>,
    pub digest: ClaimedDigest,
}

impl Tampered {
    fn of(bench: &Bench) -> Self {
        let mut source = bench.source();
        let chain = bench.core.writer.chain();
        Self {
            entries: bench.entries(),
            kept: source.checkpoints().unwrap(),
            claims: source.claims().unwrap(),
            anchor: source.anchor(chain.log()).unwrap().unwrap(),
            rows: source.rows(None, usize::MAX).unwrap().unwrap(),
            digest: source.digest().unwrap(),
        }
    }

    pub fn check(&mut self) -> Report {
        check(self)
    }
}

impl LogSource for Tampered {
    fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn entries(&mut self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, SourceError> {
        let from = usize::try_from(from.get()).unwrap();
        Ok(self.entries.iter().skip(from).take(limit).cloned().collect())
    }

    fn checkpoints(&mut self) -> Result<Vec<Kept>, SourceError> {
        Ok(self.kept.clone())
    }

    fn claims(&mut self) -> Result<Claims, SourceError> {
        Ok(self.claims.clone())
    }

    fn tile(&mut self, _: u8, _: u64) -> Result<Option<Option<Vec<u8>>>, SourceError> {
        Ok(None)
    }

    fn anchor(&mut self, _: LogId) -> Result<Option<Option<SignedAnchor>>, SourceError> {
        Ok(Some(self.anchor.clone()))
    }

    fn rows(&mut self, from: Option<&RowKey>, limit: usize) -> Result<Option<Rows>, SourceError> {
        let rows = self
            .rows
            .iter()
            .filter(|(row, _)| from.is_none_or(|from| row > from));
        Ok(Some(rows.take(limit).cloned().collect()))
    }

    fn digest(&mut self) -> Result<ClaimedDigest, SourceError> {
        Ok(self.digest.clone())
    }
}
