//! A log as a busy daemon leaves it: mostly Encrypt, by the account's root and by a user under a policy, some queries,
//! and one command in a hundred calls.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use chancery::base::context::EncryptionContext;
use chancery::base::{
    AliasName, ApiError, KeyId, KeyOrigin, KeySpec, PolicyName, ProtectionLevel, RequestId, SecretBytes,
    UserName,
};
use chancery::domain::Command;
use chancery::engine::boot::{Core, World, anchor_at};
use chancery::engine::cipher::Encrypt;
use chancery::engine::prepare::prepare;
use chancery::engine::query::keys::DescribeKey;
use chancery::engine::writer::{Input, Step};
use chancery::engine::{
    Actor, AttachPolicy, Call, CreateAccessKey, CreateAlias, CreateKey, CreatePolicy, CreateUser, DescribeAs,
    Element, HolderName, KeyOwner, KeyRef, Lane, Origin, PolicyRef, Recorded, Scope, UpdateAlias, Work,
};
use chancery::ledger::{EventStore, commit};

/// Makes a log of about `events` events in `dir`, closed as a daemon closes it. Returns how many it has.
pub fn make(dir: &Path, events: u64) -> Result<u64> {
    let home = super::open(dir)?;
    let core = super::boot(&home, dir)?;
    let store: Arc<dyn EventStore> = home.store().clone();
    let mut maker = Maker {
        root: Actor::root(core.account, None),
        user: Actor::root(core.account, None),
        world: super::world(),
        keys: Vec::new(),
        core,
        store,
    };
    maker.furnish()?;
    let mut nth = 0;
    while maker.core.writer.state().size() < events {
        let calls: Vec<Call> = (nth..nth + GROUP).filter_map(|nth| maker.nth(nth)).collect();
        ensure!(!calls.is_empty(), "there is no key");
        nth += GROUP;
        maker.run(calls)?;
        if nth.is_multiple_of(GROUP * 200) {
            eprintln!("{} events", maker.core.writer.state().size());
        }
    }
    maker.close()
}

struct Maker {
    core: Core,
    store: Arc<dyn EventStore>,
    world: World,
    keys: Vec<KeyId>,
    root: Actor,
    user: Actor,
}

impl Maker {
    /// Keys with aliases, and a user who may work with them.
    fn furnish(&mut self) -> Result<()> {
        for nth in 0..KEYS {
            let spec = KeySpec::Aes256;
            self.command(
                "kms/CreateKey",
                CreateKey {
                    spec,
                    usage: spec.default_usage(),
                    origin: KeyOrigin::Kms,
                    protection: ProtectionLevel::Software,
                    description: format!("key {nth}"),
                    tags: Vec::new(),
                    rotation: None,
                    client_token: None,
                    quota: None,
                },
            )?;
            self.core.tools.refill()?;
        }
        let (account, region) = (self.core.account, self.core.region.clone());
        self.keys = self
            .core
            .writer
            .state()
            .keys_newest_first(account, &region)
            .collect();
        for (nth, key) in self.keys.clone().into_iter().enumerate() {
            let (alias, key) = (alias(nth)?, KeyRef::Id(key));
            let quota = None;
            self.command("kms/CreateAlias", CreateAlias { alias, key, quota })?;
        }
        let name = UserName::parse("worker").map_err(|_| anyhow!("no user name"))?;
        self.command(
            "ram/CreateUser",
            CreateUser {
                name: name.clone(),
                display: None,
                mobile: String::new(),
                email: String::new(),
                comments: String::new(),
            },
        )?;
        let policy = PolicyName::parse("work").map_err(|_| anyhow!("no policy name"))?;
        self.command(
            "ram/CreatePolicy",
            CreatePolicy {
                name: policy.clone(),
                document: POLICY.into(),
                description: String::new(),
                tags: Vec::new(),
            },
        )?;
        let (holder, policy) = (HolderName::User(name.clone()), PolicyRef::Custom(policy));
        self.command("ram/AttachPolicyToUser", AttachPolicy { holder, policy })?;
        let owner = KeyOwner::Named(name.clone());
        self.command("ram/CreateAccessKey", CreateAccessKey { owner })?;
        let state = self.core.writer.state();
        let row = state.user_named(account, &name).context("no user")?;
        let access_key = state.access_keys_of(account, Some(row.id)).next();
        let access_key = access_key.context("no access key")?.id.clone();
        self.user = Actor::user(account, row.id, name, Some(access_key));
        Ok(())
    }

    /// The nth call.
    fn nth(&self, nth: u64) -> Option<Call> {
        let at = usize::try_from(nth.wrapping_mul(SPREAD) >> 33).ok()? % self.keys.len().max(1);
        let key = *self.keys.get(at)?;
        let id = KeyRef::Id(key);
        let mut recorded = Recorded::default();
        recorded.insert("KeyId", Element::text(&key.to_string()));
        let actor = if nth.is_multiple_of(2) {
            &self.user
        } else {
            &self.root
        };
        let (op, actor, work) = match nth % 100 {
            33 => {
                let description = format!("edited by call {nth}");
                (
                    "kms/UpdateKeyDescription",
                    &self.root,
                    command(DescribeAs { key: id, description }),
                )
            }
            66 => {
                let alias = alias(usize::try_from(nth / 100).ok()? % KEYS).ok()?;
                (
                    "kms/UpdateAlias",
                    &self.root,
                    command(UpdateAlias { alias, key: id }),
                )
            }
            10 | 50 | 90 => (
                "kms/DescribeKey",
                actor,
                Work::Query(Box::new(DescribeKey { key: id })),
            ),
            _ => {
                recorded.insert("Plaintext", Element::Number(PLAINTEXT_BYTES as u64));
                let encrypt = Encrypt {
                    key: id,
                    plaintext: SecretBytes::new(vec![7; PLAINTEXT_BYTES]),
                    context: EncryptionContext::default(),
                };
                ("kms/Encrypt", actor, Work::Use(Box::new(encrypt)))
            }
        };
        // A nonce's keyed hash stands anywhere in 64 bits.
        let nonce = nth.wrapping_mul(SPREAD);
        Some(self.call(op, actor.clone(), recorded, work, Some(nonce)))
    }

    fn call(
        &self,
        op: &'static str,
        actor: Actor,
        recorded: Recorded,
        work: Work,
        nonce: Option<u64>,
    ) -> Call {
        Call {
            rid: RequestId::make(&*self.world.entropy),
            op,
            open: false,
            dry_run: false,
            lane: Lane::Short,
            origin: Origin {
                ip: actor.ak.as_ref().map(|_| "127.0.0.1".into()),
                agent: Some("AlibabaCloud (linux; x86_64) Python/3.12 Core/1.0".into()),
                nonce: nonce.filter(|_| actor.ak.is_some()),
                listener: if actor.ak.is_some() { "tcp" } else { "unix" }.into(),
                ..Origin::default()
            },
            scope: Scope {
                account: self.core.account,
                region: self.core.region.clone(),
                at: self.core.tools.now(),
            },
            actor,
            recorded,
            work,
        }
    }

    fn command(&mut self, op: &'static str, what: impl Command + 'static) -> Result<()> {
        let call = self.call(op, self.root.clone(), Recorded::default(), command(what), None);
        self.run(vec![call])
    }

    /// Prepares and runs calls until each has its event; none may fail.
    fn run(&mut self, calls: Vec<Call>) -> Result<()> {
        let mut waiting: Vec<(Box<Call>, u8)> = calls.into_iter().map(|call| (Box::new(call), 0)).collect();
        while !waiting.is_empty() {
            let mut inputs = Vec::with_capacity(waiting.len());
            for (call, round) in waiting {
                let prepared = prepare(&call, self.core.writer.state(), &self.core.tools);
                inputs.push(Input {
                    call,
                    prepared,
                    round,
                    ticket: (),
                });
            }
            let step = self
                .core
                .writer
                .step(inputs, self.world.clock.now(), &self.core.tools);
            waiting = self.settle(step)?;
        }
        Ok(())
    }

    /// Makes a step durable; returns what is to run again.
    fn settle(&self, step: Step<()>) -> Result<Vec<(Box<Call>, u8)>> {
        let receipts = commit(&*self.store, &step.group)?;
        let state = self.core.writer.state().clone();
        self.core.tools.published.apply(state.clone());
        self.core.tools.published.persist(state, step.group.head);
        for (((), sealed), receipt) in step.replies.into_iter().zip(receipts) {
            let (reply, _) = sealed.open(receipt);
            reply
                .result
                .map(drop)
                .map_err(|error: ApiError| anyhow!("a call failed: {error:?}"))?;
        }
        Ok(step
            .reruns
            .into_iter()
            .map(|rerun| (rerun.call, rerun.round))
            .collect())
    }

    /// Seals the state, keeps a checkpoint, writes the anchor.
    fn close(mut self) -> Result<u64> {
        let step = self.core.writer.close(self.world.clock.now());
        self.settle(step)?;
        let anchor = anchor_at(self.core.writer.chain(), true);
        self.core.anchor.write(&anchor, &self.core.log_key)?;
        Ok(self.core.writer.state().size())
    }
}

fn command(what: impl Command + 'static) -> Work {
    Work::Command(Box::new(what))
}

fn alias(nth: usize) -> Result<AliasName> {
    AliasName::parse(&format!("alias/bench-{nth}")).context("no alias")
}

/// Keys, each with an alias.
const KEYS: usize = 100;
/// 2^64 divided by the golden ratio: multiples of it spread evenly.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Calls in one group.
const GROUP: u64 = 500;
const PLAINTEXT_BYTES: usize = 1_024;
const POLICY: &str = r#"{"Version":"1","Statement":[
    {"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:DescribeKey"],"Resource":"*"},
    {"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"kms:tag/team":"other"}}}]}"#;
