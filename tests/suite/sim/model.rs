//! The expectation model: what every call must come to, told from the changes in the log alone.
//!
//! It knows nothing of rows, revisions or read sets: two maps and the documented codes. Whatever the pipeline does,
//! the answer must be the one that this gives at the event's place in the order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chancery::base::{
    AccountId, AliasName, Code, Digest, KeyId, KeySpec, KeyVersionId, RotationInterval, TagKey, Timestamp,
};
use chancery::engine::{KeyRef, Transition};
use chancery::event::{Actor, Change, Effect, Event, Recorded};

use super::client::{Acknowledged, Asked, Cipher, Client, Kind, Said};
use super::rights::{GONE, Rights, pairs, said};
use super::wire::Flat;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Usable.
    Enabled,
    /// Not usable.
    Disabled,
    /// Not usable, and gone at this time.
    Pending(Timestamp),
}

/// All that callers can see of the state.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The living keys.
    pub keys: BTreeMap<KeyId, Life>,
    /// The keys that are gone for ever.
    pub destroyed: BTreeSet<KeyId>,
    /// The aliases of each account.
    pub aliases: BTreeMap<(AccountId, AliasName), KeyId>,
    /// What else there is to living keys.
    pub about: BTreeMap<KeyId, About>,
    /// Who may do what.
    pub rights: Arc<Rights>,
    /// What was made with which client token: whose token, what was asked for with it, the key, and when.
    tokens: BTreeMap<Token, (Recorded, KeyId, Timestamp)>,
}

/// A client token and whose it is.
type Token = (AccountId, Option<[u8; 8]>, String);

/// What else there is to a living key.
#[derive(Debug, Clone)]
pub struct About {
    /// Its account.
    pub account: AccountId,
    is_counted: bool,
    /// Its versions, oldest first.
    pub versions: Vec<KeyVersionId>,
    newest: Timestamp,
    interval: Option<RotationInterval>,
    /// Whether it is protected against deletion.
    pub is_protected: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Model {
    /// Notes what was made with a client token, if the event is about that.
    pub fn note(&mut self, event: &Event) {
        let made = event.chg.iter().find_map(|change| match change {
            Change::KeyCreated(created) => Some(created.key),
            _ => None,
        });
        if let (Some(key), Some(token)) = (made, said(&event.req, "ClientToken")) {
            let token = owned(&event.actor, token);
            self.tokens.insert(token, (event.req.clone(), key, event.dec.at));
        }
    }

    /// What a call with a client token gives: the key it made within the last day, or a new one.
    pub fn made_before(&self, event: &Event) -> Result<Option<KeyId>, Code> {
        let token = said(&event.req, "ClientToken").map(|token| owned(&event.actor, token));
        match token.and_then(|token| self.tokens.get(&token)) {
            Some((_, _, at)) if at.plus_millis(DAY) <= event.dec.at => Ok(None),
            Some((asked, key, _)) if *asked == event.req => {
                self.life(*key, event.actor.account).map(|_| Some(*key))
            }
            Some(_) => Err(Code::TokenOfAnotherRequest),
            None => Ok(None),
        }
    }

    /// Follows one change of an event admitted at `at`. An impossible one is told.
    pub fn follow(&mut self, change: &Change, at: Timestamp) -> Result<(), String> {
        let impossible = || format!("{change:?} is impossible");
        if Rights::concern(change) {
            Arc::make_mut(&mut self.rights).follow(change);
        }
        match change {
            Change::KeyCreated(created) => {
                let is_new = self.keys.insert(created.key, Life::Enabled).is_none();
                let about = About {
                    account: created.account,
                    is_counted: created.spec == KeySpec::Sm4,
                    versions: vec![created.version.id],
                    newest: created.at,
                    interval: created.rotation,
                    is_protected: false,
                    tags: pairs(&created.tags).collect(),
                };
                self.about.insert(created.key, about);
                (is_new && !self.destroyed.contains(&created.key)).then_some(())
            }
            Change::KeyEnabled { key } => self.turn(*key, Life::Enabled, |life| life == Life::Disabled),
            Change::KeyDisabled { key } => self.turn(*key, Life::Disabled, |life| life == Life::Enabled),
            Change::KeyDeletionScheduled { key, delete_at } => {
                self.turn(*key, Life::Pending(*delete_at), |life| !life.is_pending())
            }
            Change::KeyDeletionCancelled { key } => self.turn(*key, Life::Enabled, Life::is_pending),
            Change::KeyDestroyed { key } => {
                self.aliases.retain(|_, target| target != key);
                self.destroyed.insert(*key);
                self.about.remove(key);
                self.keys
                    .remove(key)
                    .filter(|life| matches!(life, Life::Pending(due) if *due <= at))
                    .map(drop)
            }
            Change::AliasBound {
                alias, key, account, ..
            } => {
                let name = (*account, alias.clone());
                self.aliases.insert(name, *key).is_none().then_some(())
            }
            Change::AliasMoved {
                alias, key, account, ..
            } => {
                let name = (*account, alias.clone());
                self.aliases.insert(name, *key).is_some().then_some(())
            }
            Change::AliasUnbound { alias, account, .. } => {
                self.aliases.remove(&(*account, alias.clone())).map(drop)
            }
            Change::DeletionProtectionSet { key, enabled, .. } => self
                .changeable(*key, |life| !life.is_pending())
                .map(|about| about.is_protected = *enabled),
            Change::KeyDescribed { key, .. } | Change::KeyPolicySet { key, .. } => {
                self.changeable(*key, |life| !life.is_pending()).map(drop)
            }
            Change::RotationPolicySet { key, interval } => self
                .changeable(*key, |life| life == Life::Enabled)
                .map(|about| about.interval = *interval),
            Change::KeyRotated {
                at: now,
                key,
                version,
            } => self
                .changeable(*key, |life| life == Life::Enabled)
                .filter(|about| about.is_counted || about.is_due(*now))
                .map(|about| {
                    about.versions.push(version.id);
                    about.newest = *now;
                }),
            Change::MessagesReserved { key, .. } => {
                self.about.get(key).filter(|about| about.is_counted).map(drop)
            }
            Change::KeysTagged { keys, tags } => keys.iter().try_for_each(|key| {
                let about = self.changeable(*key, |life| !life.is_pending())?;
                about.tags.extend(pairs(tags));
                Some(())
            }),
            Change::KeysUntagged { keys, names } => keys.iter().try_for_each(|key| {
                let about = self.changeable(*key, |life| !life.is_pending())?;
                let goes = |name: &str| {
                    let is_named = |names: &Vec<TagKey>| names.iter().any(|other| other.as_str() == name);
                    names.as_ref().is_none_or(is_named)
                };
                about.tags.retain(|name, _| !goes(name));
                Some(())
            }),
            _ => Some(()),
        }
        .ok_or_else(impossible)
    }

    fn changeable(&mut self, key: KeyId, allowed: impl Fn(Life) -> bool) -> Option<&mut About> {
        self.keys.get(&key).filter(|life| allowed(**life))?;
        self.about.get_mut(&key)
    }

    fn turn(&mut self, key: KeyId, to: Life, allowed: impl Fn(Life) -> bool) -> Option<()> {
        let life = self.keys.get_mut(&key)?;
        let was = std::mem::replace(life, to);
        allowed(was).then_some(())
    }

    /// Compares an answer with what it had to be. Whether its caller had the right, `check_rights` compares; here counts
    /// what the event says of that.
    pub fn check(&self, acknowledged: &Acknowledged, event: &Event, client: &Client) -> Result<(), String> {
        let ciphers = &client.ciphers;
        let Acknowledged { asked, outcome, .. } = acknowledged;
        let effect = event.dec.effect;
        let may = || match effect {
            Effect::Deny => Err(Code::NoPermission),
            Effect::Allow | Effect::None => Ok(()),
        };
        if effect == Effect::None && !self.rights.is_good(&event.actor, event.dec.at) {
            // Gone, or called something else by now.
            let turned_away =
                matches!(outcome, Err(code) if GONE.contains(code) || *code == Code::Unavailable);
            return match turned_away {
                true => Ok(()),
                false => Err(format!("{acknowledged:?} of somebody who is not good there")),
            };
        }
        let expected = match &asked.wire {
            Some(wire) => self.expect_wire(wire, event, client, &may).map(Expected::Has),
            None => self.expect(asked, ciphers, &may).map(|said| match said {
                Some(said) => Expected::Said(said),
                None => Expected::Anything,
            }),
        };
        let matches = match (&expected, outcome) {
            (Ok(Expected::Anything), Ok(_)) => effect == Effect::Allow,
            (Ok(Expected::Said(expected)), Ok(said)) => effect == Effect::Allow && expected == said,
            (Ok(Expected::Has(expected)), Ok(Said::Flat(said))) => {
                let has = |(path, value): (&String, &String)| said.get(path) == Some(value);
                effect == Effect::Allow && expected.iter().all(has)
            }
            // Long work that is overtaken again and again, and a vault that a fault has closed.
            (Ok(_), Err(Code::Unavailable)) => {
                asked.is_long || asked.needs_a_slot() || self.may_wait_for_a_version(asked)
            }
            // A read of the log that failed.
            (_, Err(Code::Internal)) => asked.reads_the_log(),
            (Err(expected), Err(code)) => {
                let waits = asked.is_long || asked.needs_a_slot();
                expected == code || (*code == Code::Unavailable && waits)
            }
            _ => false,
        };
        if matches {
            self.is_the_one_named(acknowledged, ciphers)
        } else {
            Err(format!("{acknowledged:?} should have been {expected:?}"))
        }
    }

    /// Compares what an event says of its caller's rights with what they are here.
    pub fn check_rights(&self, event: &Event) -> Result<(), String> {
        let tags = |key| self.about.get(&key).map(|about: &About| &about.tags);
        self.rights.check(event, tags)
    }

    /// What was encrypted under an alias was encrypted under the key that it stands for here.
    fn is_the_one_named(&self, acknowledged: &Acknowledged, ciphers: &[Cipher]) -> Result<(), String> {
        let (Kind::Encrypt(KeyRef::Alias(alias), ..) | Kind::Generate(KeyRef::Alias(alias), ..)) =
            &acknowledged.asked.kind
        else {
            return Ok(());
        };
        let Ok(Said::Blob(blob)) = &acknowledged.outcome else {
            return Ok(());
        };
        let cipher = ciphers.iter().find(|cipher| Digest::of(&cipher.blob) == *blob);
        let name = (acknowledged.asked.account, alias.clone());
        if cipher.map(|cipher| &cipher.key) == self.aliases.get(&name) {
            Ok(())
        } else {
            Err(format!("law 3: {acknowledged:?} used another key than {alias}'s"))
        }
    }

    /// Encryption whose messages are counted may need a new version, or a block of messages, that others keep taking.
    fn may_wait_for_a_version(&self, asked: &Asked) -> bool {
        let key = match &asked.kind {
            Kind::Encrypt(key, ..) | Kind::Generate(key, ..) | Kind::ReEncrypt(_, _, key, _) => key,
            _ => return false,
        };
        let key = self.resolve(key, asked.account, &|| Ok(()));
        key.is_ok_and(|key| self.about.get(&key).is_some_and(|about| about.is_counted))
    }

    fn expect(&self, asked: &Asked, ciphers: &[Cipher], may: May<'_>) -> Result<Option<Said>, Code> {
        let account = asked.account;
        match &asked.kind {
            Kind::Create | Kind::CreateWith(..) => may().map(|()| None),
            Kind::Policy(key, _) => {
                self.life(*key, account)?;
                may()?;
                self.usable(*key, account).map(|()| Some(Said::Done))
            }
            Kind::Versions(key) => {
                let key = self.resolve(key, account, may)?;
                may()?;
                let about = self.about.get(&key).ok_or(Code::Internal)?;
                Ok(Some(Said::Total(about.versions.len() as u64)))
            }
            Kind::Tag(keys, _) | Kind::Untag(keys, _) => {
                let lives = keys
                    .iter()
                    .map(|key| self.life(*key, account))
                    .collect::<Result<Vec<_>, _>>()?;
                may()?;
                match lives.into_iter().any(Life::is_pending) {
                    true => Err(Code::KeyPendingDeletion),
                    false => Ok(Some(Said::Done)),
                }
            }
            Kind::ListTags(key) => {
                self.life(*key, account)?;
                may()?;
                let tags = self.about.get(key).map(|about| about.tags.clone());
                Ok(Some(Said::Tags(tags.unwrap_or_default().into_iter().collect())))
            }
            Kind::ReEncrypt(cipher, in_its_context, destination, _) => {
                let source = ciphers[*cipher].key;
                self.life(source, account)?;
                let destination = self.resolve(destination, account, may)?;
                may()?;
                self.usable(source, account)?;
                self.usable(destination, account)?;
                match in_its_context {
                    true => Ok(None),
                    false => Err(Code::InvalidParameter),
                }
            }
            Kind::Change(key, transition) => {
                let life = self.life(*key, account)?;
                may()?;
                let is_protected = self.about.get(key).is_some_and(|about| about.is_protected);
                match (transition, life) {
                    (Transition::ScheduleDeletion { .. }, _) if is_protected => Err(Code::StateForbidsChange),
                    (Transition::CancelDeletion, Life::Pending(_)) => Ok(Some(Said::Done)),
                    (Transition::CancelDeletion, _) | (_, Life::Pending(_)) => Err(Code::StateForbidsChange),
                    _ => Ok(Some(Said::Done)),
                }
            }
            Kind::Bind(alias, key) => {
                let life = self.life(*key, account)?;
                may()?;
                if self.aliases.contains_key(&(account, alias.clone())) {
                    Err(Code::AliasTaken)
                } else if life.is_pending() {
                    Err(Code::StateForbidsChange)
                } else {
                    Ok(Some(Said::Done))
                }
            }
            Kind::Move(alias, key) => {
                self.target(alias, account, may)?;
                let life = self.life(*key, account)?;
                may()?;
                if life.is_pending() {
                    Err(Code::KeyPendingDeletion)
                } else {
                    Ok(Some(Said::Done))
                }
            }
            Kind::Unbind(alias) => self
                .target(alias, account, may)
                .and_then(|_| may())
                .map(|()| Some(Said::Done)),
            Kind::Encrypt(key, ..) | Kind::Generate(key, ..) => {
                let key = self.resolve(key, account, may)?;
                may()?;
                self.usable(key, account).map(|()| None)
            }
            Kind::Decrypt(cipher, in_its_context) => {
                let Cipher { key, blob, .. } = &ciphers[*cipher];
                self.life(*key, account)?;
                may()?;
                self.usable(*key, account)?;
                if *in_its_context {
                    Ok(Some(Said::Blob(Digest::of(blob))))
                } else {
                    Err(Code::InvalidParameter)
                }
            }
            Kind::Describe(key) => {
                let life = self.life(self.resolve(key, account, may)?, account)?;
                may()?;
                Ok(Some(Said::State(life.as_str().to_owned())))
            }
            Kind::ListKeys => {
                may()?;
                let own = self.about.values().filter(|about| about.account == account);
                Ok(Some(Said::Total(own.count() as u64)))
            }
            Kind::ListAliases => {
                may()?;
                let own = self.aliases.keys().filter(|(of, _)| *of == account);
                Ok(Some(Said::Total(own.count() as u64)))
            }
            Kind::Regions => Ok(Some(Said::Done)),
            // By name: `expect_wire`.
            Kind::Deed(_) | Kind::Wire(_) => Err(Code::Internal),
            Kind::AcceptClock => may().map(|()| Some(Said::Done)),
            Kind::Invalid => Err(Code::MissingParameter),
        }
    }

    /// Where a key of this account stands.
    pub fn life(&self, key: KeyId, account: AccountId) -> Result<Life, Code> {
        let is_own = self.about.get(&key).is_some_and(|about| about.account == account);
        let life = self.keys.get(&key).filter(|_| is_own);
        life.copied().ok_or(Code::KeyNotFound)
    }

    /// The key that a caller of this account names.
    pub fn resolve(&self, key: &KeyRef, account: AccountId, may: May<'_>) -> Result<KeyId, Code> {
        match key {
            KeyRef::Id(key) => self.life(*key, account).map(|_| *key),
            KeyRef::Alias(alias) => self.target(alias, account, may),
            KeyRef::Arn(_) | KeyRef::Unknown => Err(Code::KeyNotFound),
        }
    }

    /// Names can be guessed: whoever may not act on them is not told whether they exist.
    fn target(&self, alias: &AliasName, account: AccountId, may: May<'_>) -> Result<KeyId, Code> {
        match self.aliases.get(&(account, alias.clone())) {
            Some(key) => Ok(*key),
            None => may().and(Err(Code::AliasNotFound)),
        }
    }

    /// Whether a key can be used.
    pub fn usable(&self, key: KeyId, account: AccountId) -> Result<(), Code> {
        match self.life(key, account)? {
            Life::Enabled => Ok(()),
            Life::Disabled => Err(Code::KeyDisabled),
            Life::Pending(_) => Err(Code::KeyPendingDeletion),
        }
    }
}

/// Whether the caller has the right.
pub type May<'a> = &'a dyn Fn() -> Result<(), Code>;

/// What an answer has to be.
#[derive(Debug)]
enum Expected {
    /// A success, whatever it says.
    Anything,
    /// This.
    Said(Said),
    /// A success that says at least this.
    Has(Flat),
}

fn owned(actor: &Actor, token: &str) -> Token {
    (
        actor.account,
        actor.id.map(|id| id.to_be_bytes()),
        token.to_owned(),
    )
}

const DAY: u64 = 24 * 60 * 60 * 1_000;

impl About {
    fn is_due(&self, now: Timestamp) -> bool {
        let due = |interval: RotationInterval| self.newest.plus_millis(interval.as_millis());
        self.interval.is_some_and(|interval| due(interval) <= now)
    }
}

impl Life {
    /// Whether it is on its way out.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Pending(_))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Pending(_) => "PendingDeletion",
        }
    }
}
