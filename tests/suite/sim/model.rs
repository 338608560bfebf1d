//! The expectation model: what every call must come to, told from the changes in the log alone.
//!
//! It knows nothing of rows, revisions or read sets: two maps and the documented codes. Whatever the pipeline does,
//! the answer must be the one that this gives at the event's place in the order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chancery::base::{AliasName, Code, Digest, KeyId, KeySpec, RotationInterval, TagKey, Timestamp};
use chancery::engine::{KeyRef, Transition};
use chancery::event::{Change, Event};

use super::client::{Acknowledged, Asked, Cipher, Kind, Said, Who};
use super::rights::Rights;

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
    aliases: BTreeMap<AliasName, KeyId>,
    about: BTreeMap<KeyId, About>,
    rights: Arc<Rights>,
}

/// What else there is to a living key.
#[derive(Debug, Clone)]
struct About {
    is_counted: bool,
    versions: u64,
    newest: Timestamp,
    interval: Option<RotationInterval>,
    tags: BTreeMap<String, String>,
}

impl Model {
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
                    is_counted: created.spec == KeySpec::Sm4,
                    versions: 1,
                    newest: created.at,
                    interval: created.rotation,
                    tags: BTreeMap::new(),
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
            Change::AliasBound { alias, key, .. } => {
                self.aliases.insert(alias.clone(), *key).is_none().then_some(())
            }
            Change::AliasMoved { alias, key, .. } => {
                self.aliases.insert(alias.clone(), *key).is_some().then_some(())
            }
            Change::AliasUnbound { alias, .. } => self.aliases.remove(alias).map(drop),
            Change::RotationPolicySet { key, interval } => self
                .changeable(*key, |life| life == Life::Enabled)
                .map(|about| about.interval = *interval),
            Change::KeyRotated { at: now, key, .. } => self
                .changeable(*key, |life| life == Life::Enabled)
                .filter(|about| about.is_counted || about.is_due(*now))
                .map(|about| (about.versions, about.newest) = (about.versions + 1, *now)),
            Change::MessagesReserved { key, .. } => {
                self.about.get(key).filter(|about| about.is_counted).map(drop)
            }
            Change::KeysTagged { keys, tags } => keys.iter().try_for_each(|key| {
                let about = self.changeable(*key, |life| !life.is_pending())?;
                let pairs = tags
                    .iter()
                    .map(|tag| (tag.key.to_string(), tag.value.to_string()));
                about.tags.extend(pairs);
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

    /// Compares an answer with what it had to be.
    pub fn check(&self, acknowledged: &Acknowledged, ciphers: &[Cipher]) -> Result<(), String> {
        let Acknowledged { asked, outcome, .. } = acknowledged;
        // What users and sessions may do is compared event by event; what it comes to, is as for everybody else.
        if let (Who::Person(_), _) | (_, Kind::Deed(_)) = (asked.who, &asked.kind) {
            return self.is_the_one_named(acknowledged, ciphers);
        }
        let expected = self.expect(asked, ciphers);
        let matches = match (&expected, outcome) {
            (Ok(None), Ok(_)) => true,
            (Ok(Some(expected)), Ok(said)) => expected == said,
            // Long work that is overtaken again and again, and a vault that a fault has closed.
            (Ok(_), Err(Code::Unavailable)) => {
                let makes = matches!(asked.kind, Kind::Create | Kind::CreateWith(..));
                asked.is_long || makes || self.may_wait_for_a_version(&asked.kind)
            }
            (Err(expected), Err(code)) => expected == code || (*code == Code::Unavailable && asked.is_long),
            _ => false,
        };
        if matches {
            Ok(())
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
        let (Kind::Encrypt(KeyRef::Alias(alias), ..) | Kind::Generate(KeyRef::Alias(alias), _)) =
            &acknowledged.asked.kind
        else {
            return Ok(());
        };
        let Ok(Said::Blob(blob)) = &acknowledged.outcome else {
            return Ok(());
        };
        let cipher = ciphers.iter().find(|cipher| Digest::of(&cipher.blob) == *blob);
        if cipher.map(|cipher| &cipher.key) == self.aliases.get(alias) {
            Ok(())
        } else {
            Err(format!("law 3: {acknowledged:?} used another key than {alias}'s"))
        }
    }

    /// Encryption whose messages are counted may need a new version, or a block of messages, that others keep taking.
    fn may_wait_for_a_version(&self, kind: &Kind) -> bool {
        let key = match kind {
            Kind::Encrypt(key, ..) | Kind::Generate(key, _) | Kind::ReEncrypt(_, _, key, _) => key,
            _ => return false,
        };
        let key = self.resolve(key, || Ok(()));
        key.is_ok_and(|key| self.about.get(&key).is_some_and(|about| about.is_counted))
    }

    fn expect(&self, asked: &Asked, ciphers: &[Cipher]) -> Result<Option<Said>, Code> {
        let may = || match asked.who {
            Who::Signed | Who::Local => Ok(()),
            Who::Nobody | Who::Person(_) => Err(Code::NoPermission),
        };
        match &asked.kind {
            Kind::Create | Kind::CreateWith(..) => may().map(|()| None),
            Kind::Policy(key, _) => {
                self.life(*key)?;
                may()?;
                self.usable(*key).map(|()| Some(Said::Done))
            }
            Kind::Versions(key) => {
                let key = self.resolve(key, may)?;
                may()?;
                let about = self.about.get(&key).ok_or(Code::Internal)?;
                Ok(Some(Said::Total(about.versions)))
            }
            Kind::Tag(keys, _) | Kind::Untag(keys, _) => {
                let lives = keys
                    .iter()
                    .map(|key| self.life(*key))
                    .collect::<Result<Vec<_>, _>>()?;
                may()?;
                match lives.into_iter().any(Life::is_pending) {
                    true => Err(Code::KeyPendingDeletion),
                    false => Ok(Some(Said::Done)),
                }
            }
            Kind::ListTags(key) => {
                self.life(*key)?;
                may()?;
                let tags = self.about.get(key).map(|about| about.tags.clone());
                Ok(Some(Said::Tags(tags.unwrap_or_default().into_iter().collect())))
            }
            Kind::ReEncrypt(cipher, in_its_context, destination, _) => {
                let source = ciphers[*cipher].key;
                self.life(source)?;
                let destination = self.resolve(destination, may)?;
                may()?;
                self.usable(source)?;
                self.usable(destination)?;
                match in_its_context {
                    true => Ok(None),
                    false => Err(Code::InvalidParameter),
                }
            }
            Kind::Change(key, transition) => {
                let life = self.life(*key)?;
                may()?;
                match (transition, life) {
                    (Transition::CancelDeletion, Life::Pending(_)) => Ok(Some(Said::Done)),
                    (Transition::CancelDeletion, _) | (_, Life::Pending(_)) => Err(Code::StateForbidsChange),
                    _ => Ok(Some(Said::Done)),
                }
            }
            Kind::Bind(alias, key) => {
                let life = self.life(*key)?;
                may()?;
                if self.aliases.contains_key(alias) {
                    Err(Code::AliasTaken)
                } else if life.is_pending() {
                    Err(Code::StateForbidsChange)
                } else {
                    Ok(Some(Said::Done))
                }
            }
            Kind::Move(alias, key) => {
                self.target(alias, may)?;
                let life = self.life(*key)?;
                may()?;
                if life.is_pending() {
                    Err(Code::KeyPendingDeletion)
                } else {
                    Ok(Some(Said::Done))
                }
            }
            Kind::Unbind(alias) => self
                .target(alias, may)
                .and_then(|_| may())
                .map(|()| Some(Said::Done)),
            Kind::Encrypt(key, ..) | Kind::Generate(key, _) => {
                let key = self.resolve(key, may)?;
                may()?;
                self.usable(key).map(|()| None)
            }
            Kind::Decrypt(cipher, in_its_context) => {
                let Cipher { key, blob, .. } = &ciphers[*cipher];
                self.life(*key)?;
                may()?;
                self.usable(*key)?;
                if *in_its_context {
                    Ok(Some(Said::Blob(Digest::of(blob))))
                } else {
                    Err(Code::InvalidParameter)
                }
            }
            Kind::Describe(key) => {
                let life = self.life(self.resolve(key, may)?)?;
                may()?;
                Ok(Some(Said::State(life.as_str().to_owned())))
            }
            Kind::ListKeys => may().map(|()| Some(Said::Total(self.keys.len() as u64))),
            Kind::ListAliases => may().map(|()| Some(Said::Total(self.aliases.len() as u64))),
            Kind::Regions | Kind::Deed(_) => Ok(Some(Said::Done)),
            Kind::AcceptClock => may().map(|()| Some(Said::Done)),
            Kind::Invalid => Err(Code::MissingParameter),
        }
    }

    fn life(&self, key: KeyId) -> Result<Life, Code> {
        self.keys.get(&key).copied().ok_or(Code::KeyNotFound)
    }

    fn resolve(&self, key: &KeyRef, may: impl Fn() -> Result<(), Code>) -> Result<KeyId, Code> {
        match key {
            KeyRef::Id(key) => self.life(*key).map(|_| *key),
            KeyRef::Alias(alias) => self.target(alias, may),
            KeyRef::Arn(_) | KeyRef::Unknown => Err(Code::KeyNotFound),
        }
    }

    /// Names can be guessed: whoever may not act on them is not told whether they exist.
    fn target(&self, alias: &AliasName, may: impl Fn() -> Result<(), Code>) -> Result<KeyId, Code> {
        match self.aliases.get(alias) {
            Some(key) => Ok(*key),
            None => may().and(Err(Code::AliasNotFound)),
        }
    }

    fn usable(&self, key: KeyId) -> Result<(), Code> {
        match self.life(key)? {
            Life::Enabled => Ok(()),
            Life::Disabled => Err(Code::KeyDisabled),
            Life::Pending(_) => Err(Code::KeyPendingDeletion),
        }
    }
}

impl About {
    fn is_due(&self, now: Timestamp) -> bool {
        let due = |interval: RotationInterval| self.newest.plus_millis(interval.as_millis());
        self.interval.is_some_and(|interval| due(interval) <= now)
    }
}

impl Life {
    fn is_pending(self) -> bool {
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
