//! The callers: they ask for random things and keep account of every answer they got.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery::base::{
    AccessKeyId, AccountId, AliasName, Answer, ApiError, Code, Digest, EncryptionContext, KeyId, KeyOrigin,
    KeySpec, KeyUsage, ProtectionLevel, Region, RequestId, SecretBytes, Seq, Timestamp, Value,
};
use chancery::engine::call::Query;
use chancery::engine::cipher::{Decrypt, Encrypt, GenerateDataKey};
use chancery::engine::query::account::DescribeRegions;
use chancery::engine::query::aliases::ListAliases;
use chancery::engine::query::keys::{DescribeKey, ListKeys};
use chancery::engine::query::page::Page;
use chancery::engine::{
    AcceptClock, Actor, ActorKind, Call, ChangeLifecycle, CreateAlias, CreateKey, DeleteAlias, KeyRef, Lane,
    Origin, Recorded, Reply, Scope, Transition, UpdateAlias, Work,
};
use chancery::ledger::Receipt;

use super::world::Dice;

/// What is asked for, in the terms of the expectation model.
#[derive(Debug, Clone)]
pub enum Kind {
    /// CreateKey.
    Create,
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
    /// GenerateDataKey, in the context of this number.
    Generate(KeyRef, u64),
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
}

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its request id.
    pub rid: RequestId,
    /// What for.
    pub kind: Kind,
    /// By whom.
    pub who: Who,
    /// Whether its work counts as long.
    pub is_long: bool,
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
    /// This ciphertext was made or opened.
    Blob(Digest),
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
    /// What is in it.
    pub plaintext: Vec<u8>,
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
            open: BTreeMap::new(),
            next_ticket: 0,
        }
    }

    /// Thinks of something to ask.
    pub fn think(&self, dice: &mut Dice) -> Kind {
        let Some(key) = self.some_key(dice) else {
            return Kind::Create;
        };
        match dice.below(40) {
            0..3 => Kind::Create,
            3..6 => Kind::Change(key, Transition::Disable),
            6..10 => Kind::Change(key, Transition::Enable),
            10 => Kind::Change(
                key,
                Transition::ScheduleDeletion {
                    days: 7 + dice.below(3),
                },
            ),
            11 => Kind::Change(key, Transition::CancelDeletion),
            12..14 => Kind::Bind(alias(dice), key),
            14..17 => Kind::Move(alias(dice), key),
            17 => Kind::Unbind(alias(dice)),
            18..25 => {
                let len = 1 + dice.below(64) as usize;
                Kind::Encrypt(self.some_ref(dice, key), dice.bytes(len), dice.below(4))
            }
            25..28 => Kind::Generate(self.some_ref(dice, key), dice.below(4)),
            28..34 => match dice.index(self.ciphers.len()) {
                Some(cipher) => Kind::Decrypt(cipher, !dice.once_in(5)),
                None => Kind::Generate(self.some_ref(dice, key), 0),
            },
            34..36 => Kind::Describe(self.some_ref(dice, key)),
            36 => Kind::ListKeys,
            37 => Kind::ListAliases,
            38 => Kind::Regions,
            _ => Kind::Invalid,
        }
    }

    /// Who may be asking for it: the root, as a rule.
    pub fn somebody(dice: &mut Dice) -> Who {
        match dice.below(16) {
            0 => Who::Nobody,
            1..8 => Who::Local,
            _ => Who::Signed,
        }
    }

    /// Makes the call, and remembers it under the ticket that its answer comes with.
    pub fn ask(&mut self, kind: Kind, who: Who, at: Timestamp, dice: &mut Dice) -> (Box<Call>, u64) {
        let asked = Asked {
            rid: RequestId::from_bytes(dice.bytes(16).try_into().unwrap()),
            kind,
            who,
            is_long: dice.once_in(8),
        };
        let (op, work) = self.work(&asked.kind);
        let actor = Actor {
            ak: (who == Who::Signed).then(|| self.access_key.clone()),
            kind: match who {
                Who::Signed | Who::Local => ActorKind::Root,
                Who::Nobody => ActorKind::Unmapped,
            },
            account: self.account,
        };
        let call = Call {
            dry_run: false,
            rid: asked.rid,
            op,
            open: matches!(asked.kind, Kind::Regions),
            lane: if asked.is_long { Lane::Long } else { Lane::Short },
            actor,
            origin: Origin {
                listener: "unix".into(),
                ..Origin::default()
            },
            scope: Scope {
                account: self.account,
                region: self.region.clone(),
                at,
            },
            recorded: Recorded::default(),
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
                .read(&asked.kind, answer)
                .ok_or_else(|| format!("{asked:?} got a wrong answer: {answer:?}"))?),
            Err(ApiError { code, .. }) => Err(*code),
        };
        self.acknowledged.push(Acknowledged {
            asked,
            seq: receipt.seq(),
            leaf: receipt.leaf(),
            outcome,
        });
        Ok(())
    }

    /// The process crashed: who still waits is never answered.
    pub fn hang_up(&mut self) {
        self.open.clear();
    }

    fn some_key(&self, dice: &mut Dice) -> Option<KeyId> {
        if dice.once_in(40) {
            return Some(KeyId::from_bytes([7; 16]));
        }
        // Mostly the newest keys: calls that meet on one key are the interesting ones.
        let newest = self.keys.len().saturating_sub(6);
        let from = if dice.once_in(4) { 0 } else { newest };
        let some = self.keys.get(from..)?;
        Some(some[dice.index(some.len())?])
    }

    fn some_ref(&self, dice: &mut Dice, key: KeyId) -> KeyRef {
        if dice.once_in(3) {
            KeyRef::Alias(alias(dice))
        } else {
            KeyRef::Id(key)
        }
    }

    fn work(&self, kind: &Kind) -> (&'static str, Work) {
        let id = |key: &KeyId| KeyRef::Id(*key);
        match kind {
            Kind::Create => (
                "kms/CreateKey",
                Work::Command(Box::new(CreateKey {
                    spec: KeySpec::Aes256,
                    usage: KeyUsage::EncryptDecrypt,
                    origin: KeyOrigin::Kms,
                    protection: ProtectionLevel::Software,
                    description: String::new(),
                    tags: Vec::new(),
                    rotation: None,
                    client_token: None,
                    quota: None,
                })),
            ),
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
            Kind::Generate(key, number) => (
                "kms/GenerateDataKey",
                Work::Use(Box::new(GenerateDataKey {
                    key: key.clone(),
                    bytes: 32,
                    context: context(*number),
                    with_plaintext: true,
                })),
            ),
            Kind::Decrypt(cipher, in_its_context) => {
                let Cipher {
                    blob,
                    context: made_in,
                    ..
                } = &self.ciphers[*cipher];
                let number = if *in_its_context { *made_in } else { made_in + 1 };
                let decrypt = Decrypt::new(blob.clone(), context(number)).unwrap();
                ("kms/Decrypt", Work::Use(Box::new(decrypt)))
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
            Kind::Invalid => ("kms/CreateKey", Work::Invalid(ApiError::missing("KeySpec"))),
        }
    }

    fn read(&mut self, kind: &Kind, answer: &Answer) -> Option<Said> {
        let said = match kind {
            Kind::Create => {
                let key = KeyId::parse(metadata(answer)?.get("KeyId")?.as_text()?)?;
                self.keys.push(key);
                Said::Made(key)
            }
            Kind::Describe(_) => Said::State(metadata(answer)?.get("KeyState")?.as_text()?.to_owned()),
            Kind::ListKeys | Kind::ListAliases => match answer.get("TotalCount")? {
                Value::Number(total) => Said::Total(*total),
                _ => return None,
            },
            Kind::Encrypt(_, plaintext, context) => self.read_cipher(answer, plaintext.clone(), *context)?,
            Kind::Generate(_, context) => self.read_cipher(answer, plaintext(answer)?, *context)?,
            Kind::Decrypt(cipher, _) => {
                let cipher = &self.ciphers[*cipher];
                if plaintext(answer)? != cipher.plaintext {
                    return None;
                }
                Said::Blob(Digest::of(&cipher.blob))
            }
            _ => Said::Done,
        };
        Some(said)
    }

    fn read_cipher(&mut self, answer: &Answer, plaintext: Vec<u8>, context: u64) -> Option<Said> {
        let blob = STANDARD.decode(answer.get("CiphertextBlob")?.as_text()?).ok()?;
        let key = KeyId::parse(answer.get("KeyId")?.as_text()?)?;
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

fn query(op: &'static str, query: impl Query + 'static) -> (&'static str, Work) {
    (op, Work::Query(Box::new(query)))
}

fn metadata(answer: &Answer) -> Option<&Answer> {
    match answer.get("KeyMetadata")? {
        Value::Object(metadata) => Some(metadata),
        _ => None,
    }
}

fn plaintext(answer: &Answer) -> Option<Vec<u8>> {
    match answer.get("Plaintext")? {
        // EXPOSE: a test's own plaintext, compared with what was encrypted.
        Value::Secret(text) => STANDARD.decode(text.expose()).ok(),
        _ => None,
    }
}

/// Few names, so that calls meet on them.
fn alias(dice: &mut Dice) -> AliasName {
    let name: &&str = dice.pick(&["alias/a", "alias/b", "alias/c"]);
    AliasName::parse(name).unwrap()
}

fn context(number: u64) -> EncryptionContext {
    match number {
        0 => EncryptionContext::empty(),
        n => EncryptionContext::parse(&format!(r#"{{"tenant":"{n}"}}"#)).unwrap(),
    }
}
