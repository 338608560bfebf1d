mod guards;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::base::context::EncryptionContext;
use crate::base::entropy::SystemEntropy;
use crate::base::memory_file::MemoryFile;
use crate::base::time::SystemClock;
use crate::base::{Answer, KeyId, KeySpec, RequestId};
use crate::domain::{KeyRef, Scope};
use crate::engine::admission::AdmissionLimits;
use crate::engine::boot::{Founding, Storage, World, found, resume};
use crate::engine::call::Work;
use crate::engine::cipher::Encrypt;
use crate::engine::{Actor, ActorKind, ChangeLifecycle, CreateKey, Origin, Transition};
use crate::ledger::EventStore;
use crate::ledger::memory_store::{FailMode, MemoryStore};

struct Bench {
    engine: Arc<Engine>,
    threads: Threads,
    store: Arc<MemoryStore>,
    failed: Arc<AtomicBool>,
}

fn world() -> World {
    World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

fn start() -> Bench {
    start_with(AdmissionLimits::default())
}

fn start_with(admission: AdmissionLimits) -> Bench {
    let store = Arc::new(MemoryStore::new());
    let storage = Storage {
        log: Arc::clone(&store) as Arc<dyn EventStore>,
        mirrors: [Box::new(MemoryFile::new()), Box::new(MemoryFile::new())],
        anchor: Box::new(MemoryFile::new()),
    };
    let founding = Founding {
        name: "test".into(),
        region: Region::parse("cn-hangzhou").unwrap(),
    };
    let root = crate::custody::RootKey::make(&SystemEntropy);
    let mut core = found(storage, root, &world(), &founding, &mut |_| Ok(())).unwrap();
    core.admission = admission;
    let failed = Arc::new(AtomicBool::new(false));
    let (engine, threads) = Engine::start(core, 1, {
        let failed = Arc::clone(&failed);
        move |_| failed.store(true, Ordering::SeqCst)
    })
    .unwrap();
    Bench {
        engine,
        threads,
        store,
        failed,
    }
}

impl Bench {
    fn call(&self, op: &'static str, kind: ActorKind, work: Work) -> Call {
        Call {
            rid: RequestId::make(&SystemEntropy),
            op,
            open: false,
            dry_run: false,
            lane: Lane::Short,
            actor: Actor {
                kind,
                ..Actor::root(self.engine.account(), None)
            },
            origin: Origin::internal(),
            scope: Scope {
                account: self.engine.account(),
                region: self.engine.region().clone(),
                at: self.engine.now(),
            },
            recorded: Recorded::default(),
            work,
        }
    }

    async fn ask(&self, op: &'static str, work: Work) -> Result<Answer, ApiError> {
        let call = self.call(op, ActorKind::Root, work);
        self.engine.submit(call).await.unwrap().reply.result
    }

    async fn make_key(&self) -> KeyId {
        let spec = KeySpec::Aes256;
        let create = CreateKey {
            spec,
            usage: spec.default_usage(),
            origin: crate::base::KeyOrigin::Kms,
            protection: crate::base::ProtectionLevel::Software,
            description: String::new(),
            tags: Vec::new(),
            rotation: None,
            client_token: None,
            quota: None,
        };
        self.ask("kms/CreateKey", Work::Command(Box::new(create)))
            .await
            .unwrap();
        let state = self.engine.tools().published.durable();
        state
            .state
            .keys_newest_first(self.engine.account(), self.engine.region())
            .next()
            .unwrap()
    }
}

fn encrypt(key: KeyId) -> Work {
    Work::Use(Box::new(Encrypt {
        key: KeyRef::Id(key),
        plaintext: SecretBytes::new(b"hello".to_vec()),
        context: EncryptionContext::default(),
    }))
}

fn transition(key: KeyId, transition: Transition) -> Work {
    let key = KeyRef::Id(key);
    Work::Command(Box::new(ChangeLifecycle { key, transition }))
}

#[tokio::test]
async fn a_disabled_key_refuses_and_an_enabled_one_works_again() {
    let bench = start();
    let key = bench.make_key().await;
    assert!(bench.ask("kms/Encrypt", encrypt(key)).await.is_ok());
    bench
        .ask("kms/DisableKey", transition(key, Transition::Disable))
        .await
        .unwrap();
    let refused = bench.ask("kms/Encrypt", encrypt(key)).await.unwrap_err();
    assert_eq!(refused.code, Code::KeyDisabled);
    bench
        .ask("kms/EnableKey", transition(key, Transition::Enable))
        .await
        .unwrap();
    assert!(bench.ask("kms/Encrypt", encrypt(key)).await.is_ok());
    bench.engine.close().await;
    bench.threads.join().unwrap();
    // Genesis, six calls, the sealed state.
    assert_eq!(bench.store.size().unwrap(), 8);
}

#[tokio::test]
async fn an_unmapped_peer_is_denied_and_the_denial_is_an_event() {
    let bench = start();
    let key = bench.make_key().await;
    let before = bench.store.size().unwrap();
    let call = bench.call("kms/Encrypt", ActorKind::Unmapped, encrypt(key));
    let denied = bench.engine.submit(call).await.unwrap();
    assert_eq!(denied.reply.result.unwrap_err().code, Code::NoPermission);
    assert_eq!(denied.receipt.seq().get(), before);
    assert_eq!(bench.store.size().unwrap(), before + 1);
}

/// Law 1: when the log can't be written, nobody is answered and the process is told to end.
#[tokio::test]
async fn a_failing_store_answers_nobody() {
    for mode in [FailMode::NotPersisted, FailMode::Persisted] {
        let bench = start();
        let key = bench.make_key().await;
        bench.store.fail_next(mode);
        let call = bench.call("kms/Encrypt", ActorKind::Root, encrypt(key));
        assert_eq!(bench.engine.submit(call).await.unwrap_err(), Code::Unavailable);
        let call = bench.call("kms/Encrypt", ActorKind::Root, encrypt(key));
        assert_eq!(bench.engine.submit(call).await.unwrap_err(), Code::Unavailable);
        assert!(bench.threads.writer.join().unwrap().is_err());
        assert!(bench.failed.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn many_callers_at_once_all_get_their_own_answers() {
    let bench = Arc::new(start());
    let key = bench.make_key().await;
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                let call = bench.call("kms/Encrypt", ActorKind::Root, encrypt(key));
                let rid = call.rid;
                let answered = bench.engine.submit(call).await.unwrap();
                assert_eq!(answered.reply.rid, rid);
                answered.receipt.seq()
            })
        })
        .collect();
    let mut seqs = std::collections::BTreeSet::new();
    for caller in callers {
        assert!(seqs.insert(caller.await.unwrap()));
    }
    assert_eq!(seqs.len(), 64);
}

#[test]
fn a_log_without_genesis_is_not_resumed() {
    let storage = Storage {
        log: Arc::new(MemoryStore::new()),
        mirrors: [Box::new(MemoryFile::new()), Box::new(MemoryFile::new())],
        anchor: Box::new(MemoryFile::new()),
    };
    let root = crate::custody::RootKey::make(&SystemEntropy);
    assert!(matches!(
        resume(storage, root, &world()),
        Err(crate::engine::boot::BootError::Incomplete("genesis"))
    ));
}
