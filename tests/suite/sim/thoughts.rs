//! What callers think of: random requests, mostly about few things, so that they meet.

use chancery::base::{AliasName, KeyId, KeySpec, RotationInterval, Tag, TagKey, TagValue};
use chancery::engine::{KeyRef, Transition};

use super::client::{Client, Kind, Who};
use super::deeds::Deed;
use super::world::Dice;

impl Client {
    /// Thinks of something to ask.
    pub fn think(&self, dice: &mut Dice) -> Kind {
        let Some(key) = self.some_key(dice) else {
            return Kind::Create;
        };
        match dice.below(90) {
            0..2 => Kind::Create,
            2 => Kind::CreateWith(
                *dice.pick(&[KeySpec::Aes256, KeySpec::Sm4, KeySpec::Sm4]),
                interval(dice),
            ),
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
            25..28 => {
                let with_plaintext = !dice.once_in(3);
                Kind::Generate(self.some_ref(dice, key), dice.below(4), with_plaintext)
            }
            28..34 => match dice.index(self.ciphers.len()) {
                Some(cipher) => Kind::Decrypt(cipher, !dice.once_in(5)),
                None => Kind::Generate(self.some_ref(dice, key), 0, true),
            },
            34..36 => Kind::Describe(self.some_ref(dice, key)),
            36 => Kind::ListKeys,
            37 => Kind::ListAliases,
            38 => Kind::Regions,
            40..42 => Kind::Policy(key, interval(dice)),
            42..44 => Kind::Versions(self.some_ref(dice, key)),
            44..47 => Kind::Tag(self.some_keys(dice, key), tag(dice)),
            47 => Kind::Untag(self.some_keys(dice, key), dice.once_in(2).then(|| tag(dice).key)),
            48..50 => Kind::ListTags(key),
            50..54 => match dice.index(self.ciphers.len()) {
                Some(cipher) => {
                    let in_its_context = !dice.once_in(5);
                    Kind::ReEncrypt(cipher, in_its_context, self.some_ref(dice, key), dice.below(4))
                }
                None => Kind::Generate(self.some_ref(dice, key), 0, true),
            },
            54..72 => self.think_of_rights(dice, key),
            72.. => self.think_of_any(dice),
            _ => Kind::Invalid,
        }
    }

    /// Who may be asking for it: the root, as a rule; roles are not for it.
    pub fn somebody(&self, kind: &Kind, dice: &mut Dice) -> Who {
        let person = self.some_person(dice);
        match (dice.below(16), person, kind) {
            (0, ..) => Who::Nobody,
            (1..5, Some(person), _) | (_, Some(person), Kind::Deed(Deed::Assume(..))) => person,
            (_, Some(person), Kind::Wire(wire)) if wire.row.op == "sts/AssumeRole" => person,
            (1..8, ..) => Who::Local,
            _ => Who::Signed,
        }
    }

    pub fn some_key(&self, dice: &mut Dice) -> Option<KeyId> {
        if dice.once_in(40) {
            return Some(KeyId::from_bytes([7; 16]));
        }
        // Mostly the newest keys: calls that meet on one key are the interesting ones.
        let newest = self.keys.len().saturating_sub(6);
        let from = if dice.once_in(4) { 0 } else { newest };
        let some = self.keys.get(from..)?;
        Some(some[dice.index(some.len())?])
    }

    /// One key, or two, which may be the same.
    fn some_keys(&self, dice: &mut Dice, key: KeyId) -> Vec<KeyId> {
        let other = self.some_key(dice).filter(|_| dice.once_in(2));
        std::iter::once(key).chain(other).collect()
    }

    fn some_ref(&self, dice: &mut Dice, key: KeyId) -> KeyRef {
        if dice.once_in(3) {
            KeyRef::Alias(alias(dice))
        } else {
            KeyRef::Id(key)
        }
    }
}

/// Few names, so that calls meet on them.
fn alias(dice: &mut Dice) -> AliasName {
    let name: &&str = dice.pick(&["alias/a", "alias/b", "alias/c"]);
    AliasName::parse(name).unwrap()
}

/// Short ones, so that many fall due, and none at all.
fn interval(dice: &mut Dice) -> Option<RotationInterval> {
    let text: &&str = dice.pick(&["7d", "8d", "30d", "never"]);
    RotationInterval::parse(text)
}

/// Few names and values, so that tags are replaced.
fn tag(dice: &mut Dice) -> Tag {
    Tag {
        key: TagKey::parse(dice.pick::<&str>(&["a", "b", "c"])).unwrap(),
        value: TagValue::parse(dice.pick::<&str>(&["", "1", "2"])).unwrap(),
    }
}
