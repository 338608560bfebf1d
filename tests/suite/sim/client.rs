//! The callers: they ask for random things and keep account of every answer they got.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery::base::{
    AccessKeyId, AccountId, AliasName, Answer, ApiError, Code, Digest, EncryptionContext, KeyId, KeyOrigin,
    KeySpec, KeyUsage, ProtectionLevel, Region, RequestId, RotationInterval, SecretBytes, Seq, Tag, TagKey,
    Timestamp, Value,
};
use chancery::crypto::blob::Blob;
use chancery::domain::Command;
use chancery::engine::call::Query;
use chancery::engine::cipher::{Decrypt, Encrypt, GenerateDataKey, ReEncrypt};
use chancery::engine::query::account::DescribeRegions;
use chancery::engine::query::aliases::ListAliases;
use chancery::engine::query::keys::{DescribeKey, ListKeys};
use chancery::engine::query::page::Page;
use chancery::engine::query::tags::ListResourceTags;
use chancery::engine::query::versions::ListKeyVersions;
use chancery::engine::{
    AcceptClock, Actor, Call, ChangeLifecycle, CreateAlias, CreateKey, DeleteAlias, KeyRef, Lane, Origin,
    Recorded, Reply, Scope, TagKeys, Transition, UntagKeys, UpdateAlias, UpdateRotationPolicy, Work,
};
use chancery::ledger::Receipt;

use super::deeds::{Deed, Person};
use super::wire::{Flat, Wire};
use super::world::Dice;

/// What is asked for, in the terms of the expectation model.
#[derive(Debug, Clone)]
pub enum Kind {
    /// CreateKey.
    Create,
    /// CreateKey, of this algorithm and to be rotated so often.
    CreateWith(KeySpec, Option<RotationInterval>),
    /// UpdateRotationPolicy.
    Policy(KeyId, Option<RotationInterval>),
    /// ListKeyVersions.
    Versions(KeyRef),
    /// TagResources.
    Tag(Vec<KeyId>, Tag),
    /// UntagResources; of all tags when none is named.
    Untag(Vec<KeyId>, Option<TagKey>),
    /// ListResourceTags.
    ListTags(KeyId),
    /// ReEncrypt, of the blob of this number, in its own context or another, to this key and context.
    ReEncrypt(usize, bool, KeyRef, u64),
    /// EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion.
    Change(KeyId, Transition),
    /// CreateAlias.
    Bind(AliasName, KeyId),
    /// UpdateAlias.
    Move(AliasName, KeyId),
    /// DeleteAlias.
    Unbind(AliasName),
    /// Encrypt, of this plaintext in the context of this number.
    Encrypt(KeyRef, Vec<u8>, u64),
    /// GenerateDataKey, in the context of this number; with its plaintext or without.
    Generate(KeyRef, u64, bool),
    /// Decrypt, of the blob of this number; in its own context or in another.
    Decrypt(usize, bool),
    /// DescribeKey.
    Describe(KeyRef),
    /// ListKeys.
    ListKeys,
    /// ListAliases.
    ListAliases,
    /// DescribeRegions.
    Regions,
    /// AcceptClock.
    AcceptClock,
    /// Wrong parameters.
    Invalid,
    /// A change of who may do what.
    Deed(Deed),
    /// Any operation, by name.
    Wire(Wire),
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The account's root, by access key.
    Signed,
    /// The account's root, over the socket.
    Local,
    /// A peer that nothing maps to a principal.
    Nobody,
    /// The user or the session with the access key of this number.
    Person(usize),
}

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its request id.
    pub rid: RequestId,
    /// What for.
    pub kind: Kind,
    /// The same by name, where it is asked for so.
    pub wire: Option<Wire>,
    /// In which account.
    pub account: AccountId,
    /// Whether its work counts as long.
    pub is_long: bool,
}

impl Asked {
    /// Whether something is made that needs a slot of the vault.
    pub fn needs_a_slot(&self) -> bool {
        let op = self.wire.as_ref().map_or("", |wire| wire.row.op);
        let makes = [
            "kms/CreateKey",
            "chancery/CreateAccount",
            "chancery/RotateLogKey",
            "chancery/RotateRootKey",
            "ram/CreateAccessKey",
        ];
        matches!(self.kind, Kind::Create | Kind::CreateWith(..)) || makes.contains(&op)
    }
}

impl Asked {
    /// Whether the log itself is read for it, which can fail.
    pub fn reads_the_log(&self) -> bool {
        let op = self.wire.as_ref().map_or("", |wire| wire.row.op);
        let reads = [
            "chancery/GetLogEntries",
            "chancery/GetLogStatus",
            "ram/DecodeDiagnosticMessage",
            "ram/GetAccessKeyLastUsed",
        ];
        reads.contains(&op)
    }
}

/// What an answer said, as far as the log or the model can be asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Done.
    Done,
    /// This key was made.
    Made(KeyId),
    /// The key is in this state.
    State(String),
    /// There are so many.
    Total(u64),
    /// The key has these tags.
    Tags(Vec<(String, String)>),
    /// This ciphertext was made or opened.
    Blob(Digest),
    /// All this, by paths.
    Flat(Flat),
}

/// An answer that was given. It must be true for ever.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// The call.
    pub asked: Asked,
    /// Its position, by the receipt.
    pub seq: Seq,
    /// Its leaf, by the receipt.
    pub leaf: Digest,
    /// What was answered.
    pub outcome: Result<Said, Code>,
}

/// A ciphertext somebody relies on.
#[derive(Debug, Clone)]
pub struct Cipher {
    /// The blob.
    pub blob: Vec<u8>,
    /// Its key, by the answer.
    pub key: KeyId,
    /// What is in it, if somebody was told.
    pub plaintext: Option<Vec<u8>>,
    /// The number of its context.
    pub context: u64,
}

/// All callers together.
#[derive(Debug)]
pub struct Client {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The root's access key.
    pub access_key: AccessKeyId,
    /// Every answer given so far.
    pub acknowledged: Vec<Acknowledged>,
    /// Every ciphertext given out.
    pub ciphers: Vec<Cipher>,
    /// Every key that an answer named.
    pub keys: Vec<KeyId>,
    /// Everybody whom an answer gave an access key.
    pub people: Vec<Person>,
    /// The first account, and every other that an answer named.
    pub accounts: Vec<AccountId>,
    /// Messages that came with denials, and in which account.
    pub diagnoses: BTreeMap<String, AccountId>,
    open: BTreeMap<u64, Asked>,
    next_ticket: u64,
}

impl Client {
    /// Callers of an account.
    pub fn new(account: AccountId, region: Region, access_key: AccessKeyId) -> Self {
        Self {
            account,
            region,
            access_key,
            acknowledged: Vec::new(),
            ciphers: Vec::new(),
            keys: Vec::new(),
            people: Vec::new(),
            accounts: vec![account],
            diagnoses: BTreeMap::new(),
            open: BTreeMap::new(),
            next_ticket: 0,
        }
    }

    /// Makes the call, and remembers it under the ticket that its answer comes with.
    pub fn ask(&mut self, kind: Kind, actor: Actor, at: Timestamp, dice: &mut Dice) -> (Box<Call>, u64) {
        let wire = match &kind {
            Kind::Deed(deed) => Some(deed.wire(actor.account)),
            Kind::Wire(wire) => Some(wire.clone()),
            _ => None,
        };
        let asked = Asked {
            rid: RequestId::from_bytes(dice.bytes(16).try_into().unwrap()),
            kind,
            account: actor.account,
            is_long: dice.once_in(8) || wire.as_ref().is_some_and(|wire| wire.row.lane == Lane::Long),
            wire,
        };
        let scope = Scope {
            account: actor.account,
            region: self.region.clone(),
            at,
        };
        let (op, (work, recorded)) = match &asked.wire {
            Some(wire) => (wire.row.op, wire.work(&actor, &scope)),
            None => {
                let (op, work) = self.work(&asked.kind);
                (op, (work, Recorded::default()))
            }
        };
        let call = Call {
            dry_run: asked.wire.as_ref().is_some_and(Wire::is_rehearsal),
            rid: asked.rid,
            op,
            open: asked
                .wire
                .as_ref()
                .map_or(op == "kms/DescribeRegions", |wire| wire.row.open),
            lane: if asked.is_long { Lane::Long } else { Lane::Short },
            actor,
            origin: Origin {
                listener: "unix".into(),
                ..Origin::default()
            },
            scope,
            recorded,
            work,
        };
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.open.insert(ticket, asked);
        (Box::new(call), ticket)
    }

    /// Takes an answer, and checks what can be checked of it alone.
    pub fn take(&mut self, ticket: u64, reply: &Reply, receipt: &Receipt) -> Result<(), String> {
        let asked = self.open.remove(&ticket).ok_or("an answer to nobody's call")?;
        if reply.rid != asked.rid {
            return Err(format!("{asked:?} got the answer of {}", reply.rid));
        }
        let outcome = match &reply.result {
            Ok(answer) => Ok(self
                .read(&asked, answer)
                .ok_or_else(|| format!("{asked:?} got a wrong answer: {answer:?}"))?),
            Err(ApiError { code, denied, .. }) => {
                let message = denied.as_ref().and_then(|denied| denied.diagnosis.as_ref());
                let message = message.map(|message| (message.to_string(), asked.account));
                self.diagnoses.extend(message);
                Err(*code)
            }
        };
        self.acknowledged.push(Acknowledged {
            asked,
            seq: receipt.seq(),
            leaf: receipt.leaf(),
            outcome,
        });
        Ok(())
    }

    /// The call was turned away before it became anybody's event.
    pub fn turn_away(&mut self, ticket: u64) {
        self.open.remove(&ticket);
    }

    /// The process crashed: who still waits is never answered.
    pub fn hang_up(&mut self) {
        self.open.clear();
    }

    fn work(&self, kind: &Kind) -> (&'static str, Work) {
        let id = |key: &KeyId| KeyRef::Id(*key);
        match kind {
            Kind::Create => create(KeySpec::Aes256, None),
            Kind::CreateWith(spec, rotation) => create(*spec, *rotation),
            Kind::Policy(key, interval) => {
                let (key, interval) = (id(key), *interval);
                command("kms/UpdateRotationPolicy", UpdateRotationPolicy { key, interval })
            }
            Kind::Versions(key) => query(
                "kms/ListKeyVersions",
                ListKeyVersions {
                    key: key.clone(),
                    page: Page::default(),
                },
            ),
            Kind::Tag(keys, tag) => {
                let (keys, tags) = (keys.iter().map(id).collect(), vec![tag.clone()]);
                command("kms/TagResources", TagKeys { keys, tags })
            }
            Kind::Untag(keys, name) => {
                let (keys, names) = (keys.iter().map(id).collect(), name.clone().map(|name| vec![name]));
                command("kms/UntagResources", UntagKeys { keys, names })
            }
            Kind::ListTags(key) => query("kms/ListResourceTags", ListResourceTags { key: id(key) }),
            Kind::ReEncrypt(cipher, in_its_context, destination, number) => {
                let (blob, from) = self.source(*cipher, *in_its_context);
                let work = ReEncrypt::new(blob, from, destination.clone(), context(*number)).unwrap();
                ("kms/ReEncrypt", Work::Use(Box::new(work)))
            }
            Kind::Change(key, transition) => (
                match transition {
                    Transition::Enable => "kms/EnableKey",
                    Transition::Disable => "kms/DisableKey",
                    Transition::ScheduleDeletion { .. } => "kms/ScheduleKeyDeletion",
                    Transition::CancelDeletion => "kms/CancelKeyDeletion",
                },
                Work::Command(Box::new(ChangeLifecycle {
                    key: id(key),
                    transition: *transition,
                })),
            ),
            Kind::Bind(alias, key) => (
                "kms/CreateAlias",
                Work::Command(Box::new(CreateAlias {
                    alias: alias.clone(),
                    key: id(key),
                    quota: None,
                })),
            ),
            Kind::Move(alias, key) => (
                "kms/UpdateAlias",
                Work::Command(Box::new(UpdateAlias {
                    alias: alias.clone(),
                    key: id(key),
                })),
            ),
            Kind::Unbind(alias) => (
                "kms/DeleteAlias",
                Work::Command(Box::new(DeleteAlias { alias: alias.clone() })),
            ),
            Kind::Encrypt(key, plaintext, number) => (
                "kms/Encrypt",
                Work::Use(Box::new(Encrypt {
                    key: key.clone(),
                    plaintext: SecretBytes::new(plaintext.clone()),
                    context: context(*number),
                })),
            ),
            Kind::Generate(key, number, with_plaintext) => (
                match with_plaintext {
                    true => "kms/GenerateDataKey",
                    false => "kms/GenerateDataKeyWithoutPlaintext",
                },
                Work::Use(Box::new(GenerateDataKey {
                    key: key.clone(),
                    bytes: 32,
                    context: context(*number),
                    with_plaintext: *with_plaintext,
                })),
            ),
            Kind::Decrypt(cipher, in_its_context) => {
                let (blob, context) = self.source(*cipher, *in_its_context);
                (
                    "kms/Decrypt",
                    Work::Use(Box::new(Decrypt::new(blob, context).unwrap())),
                )
            }
            Kind::Describe(key) => query("kms/DescribeKey", DescribeKey { key: key.clone() }),
            Kind::ListKeys => query(
                "kms/ListKeys",
                ListKeys {
                    page: Page::default(),
                    filters: Default::default(),
                },
            ),
            Kind::ListAliases => query(
                "kms/ListAliases",
                ListAliases {
                    page: Page::default(),
                },
            ),
            Kind::Regions => query(
                "kms/DescribeRegions",
                DescribeRegions {
                    regions: vec![self.region.clone()],
                },
            ),
            Kind::AcceptClock => ("chancery/AcceptClock", Work::Command(Box::new(AcceptClock))),
            Kind::Invalid | Kind::Deed(_) | Kind::Wire(_) => {
                ("kms/CreateKey", Work::Invalid(ApiError::missing("KeySpec")))
            }
        }
    }

    /// A blob, and its own context or another.
    fn source(&self, cipher: usize, in_its_context: bool) -> (Vec<u8>, EncryptionContext) {
        let cipher = &self.ciphers[cipher];
        let number = cipher.context + u64::from(!in_its_context);
        (cipher.blob.clone(), context(number))
    }

    fn read(&mut self, asked: &Asked, answer: &Answer) -> Option<Said> {
        let said = match &asked.kind {
            Kind::Create | Kind::CreateWith(..) => {
                let key = KeyId::parse(metadata(answer)?.get("KeyId")?.as_text()?)?;
                self.keys.push(key);
                Said::Made(key)
            }
            Kind::Describe(_) => Said::State(metadata(answer)?.get("KeyState")?.as_text()?.to_owned()),
            Kind::ListKeys | Kind::ListAliases | Kind::Versions(_) => match answer.get("TotalCount")? {
                Value::Number(total) => Said::Total(*total),
                _ => return None,
            },
            Kind::Encrypt(_, plaintext, context) => {
                self.read_cipher(answer, Some(plaintext.clone()), *context)?
            }
            Kind::Generate(_, context, with_plaintext) => {
                let plaintext = plaintext(answer);
                if plaintext.is_some() != *with_plaintext {
                    return None;
                }
                self.read_cipher(answer, plaintext, *context)?
            }
            Kind::ReEncrypt(cipher, _, _, context) => {
                let Cipher { key, plaintext, .. } = &self.ciphers[*cipher];
                // The answer names the source.
                if KeyId::parse(answer.get("KeyId")?.as_text()?)? != *key {
                    return None;
                }
                self.read_cipher(answer, plaintext.clone(), *context)?
            }
            Kind::ListTags(_) => Said::Tags(tags(answer)?),
            Kind::Deed(_) | Kind::Wire(_) => self.meet(answer, asked)?,
            Kind::Decrypt(cipher, _) => {
                let cipher = &mut self.ciphers[*cipher];
                let opened = plaintext(answer)?;
                if *cipher.plaintext.get_or_insert_with(|| opened.clone()) != opened {
                    return None;
                }
                Said::Blob(Digest::of(&cipher.blob))
            }
            _ => Said::Done,
        };
        Some(said)
    }

    fn read_cipher(&mut self, answer: &Answer, plaintext: Option<Vec<u8>>, context: u64) -> Option<Said> {
        let blob = STANDARD.decode(answer.get("CiphertextBlob")?.as_text()?).ok()?;
        let key = Blob::parse(&blob).ok()?.key();
        let said = Said::Blob(Digest::of(&blob));
        self.ciphers.push(Cipher {
            blob,
            key,
            plaintext,
            context,
        });
        Some(said)
    }
}

fn create(spec: KeySpec, rotation: Option<RotationInterval>) -> (&'static str, Work) {
    let create = CreateKey {
        spec,
        usage: KeyUsage::EncryptDecrypt,
        origin: KeyOrigin::Kms,
        protection: ProtectionLevel::Software,
        description: String::new(),
        tags: Vec::new(),
        rotation,
        client_token: None,
        quota: None,
    };
    command("kms/CreateKey", create)
}

fn command(op: &'static str, command: impl Command + 'static) -> (&'static str, Work) {
    (op, Work::Command(Box::new(command)))
}

fn query(op: &'static str, query: impl Query + 'static) -> (&'static str, Work) {
    (op, Work::Query(Box::new(query)))
}

fn metadata(answer: &Answer) -> Option<&Answer> {
    match answer.get("KeyMetadata")? {
        Value::Object(metadata) => Some(metadata),
        _ => None,
    }
}

fn tags(answer: &Answer) -> Option<Vec<(String, String)>> {
    let Value::List { values, .. } = answer.get("Tags")? else {
        return None;
    };
    let pair = |value: &Value| match value {
        Value::Object(tag) => {
            let text = |name| tag.get(name).and_then(Value::as_text).map(str::to_owned);
            Some((text("TagKey")?, text("TagValue")?))
        }
        _ => None,
    };
    values.iter().map(pair).collect()
}

fn plaintext(answer: &Answer) -> Option<Vec<u8>> {
    match answer.get("Plaintext")? {
        // EXPOSE: a test's own plaintext, compared with what was encrypted.
        Value::Secret(text) => STANDARD.decode(text.expose()).ok(),
        _ => None,
    }
}

fn context(number: u64) -> EncryptionContext {
    match number {
        0 => EncryptionContext::empty(),
        n => EncryptionContext::parse(&format!(r#"{{"tenant":"{n}"}}"#)).unwrap(),
    }
}
