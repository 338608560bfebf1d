//! A running engine behind its front, with a clock of its own and memory for media.

use std::sync::Arc;

use chancery::api::table::Quotas;
use chancery::api::{About, Front, Listener, Peer, Settings, WireRequest};
use chancery::audit::{StoreSource, replay, verify};
use chancery::base::{ApiError, Region, RequestId, Seq, Timestamp};
use chancery::engine::boot::{self, Core, Founding};
use chancery::engine::service::Threads;
use chancery::engine::tools::MessageLimits;
use chancery::engine::{Actor, Call, Engine, Lane, Origin, Recorded, Scope, Work};
use chancery::event::Event;
use chancery::event::codec::decode_event;
use chancery::ledger::SignedEntry;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::sim::storage::Disk;
use crate::sim::world::World;

/// Milliseconds of a day.
pub const DAY: u64 = 24 * 60 * 60 * 1_000;

/// The account's root at the socket.
const ROOT: Peer = Peer {
    listener: Listener::Unix,
    ip: None,
    uid: Some(1_000),
    pid: None,
};

/// Somebody at the socket who is nobody here.
const STRANGER: Peer = Peer {
    uid: Some(1_001),
    ..ROOT
};

/// What a bench is started with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given {
    /// How many messages counted versions encrypt.
    pub messages: MessageLimits,
    /// How many of what an account may have.
    pub quotas: Quotas,
}

/// The bench.
pub struct Bench {
    runtime: Runtime,
    given: Given,
    world: World,
    disk: Disk,
    engine: Arc<Engine>,
    threads: Threads,
    front: Front,
}

/// Code and status of a refusal.
pub type Refused = (String, u64);

/// What a call came to.
pub type Answer = Result<Value, Refused>;

/// A refusal as tests write it.
pub fn refused<T>(code: &str, status: u64) -> Result<T, Refused> {
    Err((code.to_owned(), status))
}

impl Bench {
    /// A new log, with defaults.
    pub fn start() -> Self {
        Self::start_with(Given::default())
    }

    /// A new log.
    pub fn start_with(given: Given) -> Self {
        let (world, disk) = (World::steady(7), Disk::new());
        let founding = Founding {
            name: "bench".into(),
            region: region("cn-hangzhou"),
        };
        let core = boot::found(
            disk.storage(),
            World::root_key(),
            &world.given,
            &founding,
            &mut |_| Ok(()),
        )
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (engine, threads, front) = run(core, given);
        Self {
            runtime,
            given,
            world,
            disk,
            engine,
            threads,
            front,
        }
    }

    /// The daemon stops, and starts again on what it left.
    pub fn restart(self) -> Self {
        self.runtime.block_on(self.engine.close());
        drop((self.front, self.engine));
        self.threads.join().unwrap();
        let core = boot::resume(self.disk.storage(), World::root_key(), &self.world.given).unwrap();
        let (engine, threads, front) = run(core, self.given);
        Self {
            engine,
            threads,
            front,
            ..self
        }
    }

    /// One operation, asked for by the account's root.
    pub fn ask(&self, action: &str, params: &[(&str, &str)]) -> Answer {
        self.ask_as(&ROOT, action, params)
    }

    /// One operation, asked for by somebody whom nothing is allowed.
    pub fn ask_as_stranger(&self, action: &str, params: &[(&str, &str)]) -> Answer {
        self.ask_as(&STRANGER, action, params)
    }

    fn ask_as(&self, peer: &Peer, action: &str, params: &[(&str, &str)]) -> Answer {
        let common = [("Action", action), ("Version", "2016-01-20")];
        let form = chancery_client::sign::form(&[&common[..], params].concat()).to_string();
        let request = WireRequest {
            method: "POST",
            path: "/",
            query: None,
            content_type: Some("application/x-www-form-urlencoded"),
            headers: &hyper::HeaderMap::new(),
            body: form.as_bytes(),
        };
        let about = About {
            peer,
            user_agent: None,
            host: None,
        };
        let response = self.runtime.block_on(self.front.handle(request, &about));
        let status = u64::from(response.status());
        let body: Value = serde_json::from_slice(&response.into_body()).unwrap();
        match status {
            200 => Ok(body),
            _ => Err((body["Code"].as_str().unwrap().to_owned(), status)),
        }
    }

    /// Something that the front offers nobody yet.
    pub fn submit(&self, op: &'static str, work: Work) -> Result<chancery::base::Answer, ApiError> {
        let call = Call {
            rid: RequestId::make(&*self.world.given.entropy),
            op,
            open: false,
            dry_run: false,
            lane: Lane::Short,
            actor: Actor::root(self.engine.account(), None),
            origin: Origin::internal(),
            scope: Scope {
                account: self.engine.account(),
                region: self.engine.region().clone(),
                at: self.engine.now(),
            },
            recorded: Recorded::default(),
            work,
        };
        let answered = self.runtime.block_on(self.engine.submit(call)).unwrap();
        answered.reply.result
    }

    /// A new key's id.
    pub fn key(&self, params: &[(&str, &str)]) -> String {
        text(&self.ask("CreateKey", params).unwrap()["KeyMetadata"]["KeyId"])
    }

    /// What DescribeKey shows of a key.
    pub fn metadata(&self, key: &str) -> Value {
        self.ask("DescribeKey", &[("KeyId", key)]).unwrap()["KeyMetadata"].clone()
    }

    /// Encrypts `aGVsbG8=`: the blob, and the version that made it.
    pub fn encrypt(&self, key: &str) -> Result<(String, String), Refused> {
        let made = self.ask("Encrypt", &[("KeyId", key), ("Plaintext", "aGVsbG8=")])?;
        Ok((text(&made["CiphertextBlob"]), text(&made["KeyVersionId"])))
    }

    /// The version that opens a blob of `encrypt`.
    pub fn decrypt(&self, blob: &str) -> Result<String, Refused> {
        let opened = self.ask("Decrypt", &[("CiphertextBlob", blob)])?;
        assert_eq!(opened["Plaintext"], "aGVsbG8=");
        Ok(text(&opened["KeyVersionId"]))
    }

    /// The versions of a key, newest first.
    pub fn versions(&self, key: &str) -> Vec<String> {
        let listed = self.ask("ListKeyVersions", &[("KeyId", key), ("PageSize", "100")]);
        let versions = &listed.unwrap()["KeyVersions"]["KeyVersion"];
        let ids = versions.as_array().unwrap().iter();
        ids.map(|version| text(&version["KeyVersionId"])).collect()
    }

    /// Lets time pass, milliseconds. Both clocks agree about it.
    pub fn pass(&self, millis: u64) {
        self.world.clock.pass(millis);
    }

    /// Now, as the wire shows it.
    pub fn now(&self) -> String {
        self.world.given.clock.now().to_string()
    }

    /// So many milliseconds from now, as the wire shows it.
    pub fn after(&self, millis: u64) -> String {
        let at: Timestamp = self.world.given.clock.now().plus_millis(millis);
        at.to_string()
    }

    /// One round of housekeeping.
    pub fn keep_house(&self) {
        self.runtime.block_on(self.engine.keep_house());
    }

    /// The events of one operation, oldest first.
    pub fn events(&self, op: &str) -> Vec<Event> {
        let entries = self.disk.log().entries(Seq::GENESIS, usize::MAX, usize::MAX);
        let events = entries.unwrap().into_iter().map(|(_, bytes)| {
            let entry = SignedEntry::parse(&bytes).unwrap();
            decode_event(entry.payload).unwrap()
        });
        events.filter(|event| event.op == op).collect()
    }

    /// `chancery log verify` and `chancery log replay` have nothing to say against the log.
    pub fn audit(&self) {
        let mut source = StoreSource::new(self.disk.log()).unwrap();
        let report = verify(&mut source, &mut |_, _| ()).unwrap();
        assert!(report.is_verified(), "{report}");
        let replayed = replay(&mut source, &mut |_, _| ()).unwrap();
        assert!(replayed.is_equal(), "{replayed:?}");
    }
}

fn run(mut core: Core, given: Given) -> (Arc<Engine>, Threads, Front) {
    Arc::get_mut(&mut core.tools).unwrap().message_limits = given.messages;
    let (engine, threads) = Engine::start(core, 1, |error| panic!("{error}")).unwrap();
    let settings = Settings {
        nonces: chancery::api::nonce::NonceLimits::default(),
        regions: vec![region("cn-hangzhou"), region("cn-beijing")],
        root_uid: Some(1_000),
        local_principals: Default::default(),
        quotas: given.quotas,
    };
    let front = Front::new(Arc::clone(&engine), settings).unwrap();
    (engine, threads, front)
}

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

/// A string of an answer.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}
