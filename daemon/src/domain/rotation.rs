//! Rotation: policies by the owner, new versions by the daemon, and the number of messages a version may encrypt
//! (wire contract, section 7.3).

use super::key_ref::{find, usable};
use super::{Command, Decided, Facts, KeyRef, Needs, Refusal, Scope, Unresolved};
use crate::base::{Arn, KeyId, KeySpec, KeyUsage, KeyVersionId, RotationInterval};
use crate::event::{Change, Element, Recorded};
use crate::projection::{Key, Reader, State};

/// Turns automatic rotation on or off.
#[derive(Debug)]
pub struct UpdateRotationPolicy {
    /// Which key; only ids reach here.
    pub key: KeyRef,
    /// How often; none for not any more.
    pub interval: Option<RotationInterval>,
}

impl Command for UpdateRotationPolicy {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(self.key.resolve(scope, reader)?.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = self
            .key
            .resolve(scope, &Reader::new(state))
            .map_err(|unresolved| unresolved.refusal)?;
        rotatable(&key)?;
        usable(&key, key.usage)?;
        if key.rotation == self.interval {
            return Ok(Decided::nothing());
        }
        Ok(Decided::change(Change::RotationPolicySet {
            key: key.id,
            interval: self.interval,
        }))
    }
}

/// Gives a key a new primary version; asked for by the daemon alone, because a rotation is due or a version is used up.
#[derive(Debug)]
pub struct RotateKey {
    /// Which key.
    pub key: KeyId,
    /// Its algorithm.
    pub spec: KeySpec,
    /// The version that is to be followed. When another is primary by now, the work is done.
    pub follows: KeyVersionId,
    /// Why.
    pub reason: RotationReason,
}

/// Why the daemon gives a key a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationReason {
    /// Its owner's policy says so: then it must be due, also by the policy that there is by now.
    Due,
    /// Its version has encrypted as many messages as it should.
    UsedUp,
}

impl Command for RotateKey {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(find(self.key, scope, reader)?.id)])
    }

    fn needs(&self) -> Needs {
        Needs::NewVersion(self.key, self.spec)
    }

    fn decide(&self, scope: &Scope, state: &State, facts: &Facts) -> Result<Decided, Refusal> {
        let key = find(self.key, scope, &Reader::new(state))?;
        rotatable(&key)?;
        usable(&key, KeyUsage::EncryptDecrypt)?;
        if key.primary().is_none_or(|primary| primary.id != self.follows) {
            return Ok(Decided::nothing());
        }
        let is_due = || key.next_rotation().is_some_and(|due| due <= scope.at);
        if self.reason == RotationReason::Due && !is_due() {
            return Err(Refusal::NotDue);
        }
        let Facts::NewVersion(version) = facts else {
            return Err(Refusal::NoSlot);
        };
        let mut recorded = Recorded::default();
        recorded.insert("KeyVersionId", Element::text(&version.id.to_string()));
        Ok(Decided {
            recorded,
            ..Decided::change(Change::KeyRotated {
                at: scope.at,
                key: key.id,
                version: version.clone(),
            })
        })
    }
}

/// Sets aside messages for a version whose messages are counted; asked for by the daemon alone.
#[derive(Debug)]
pub struct ReserveMessages {
    /// Which key.
    pub key: KeyId,
    /// Which version.
    pub version: KeyVersionId,
    /// What was set aside before. When it is more by now, the work is done.
    pub after: u64,
    /// How many more.
    pub block: u64,
    /// How many in all at the most.
    pub most: u64,
}

impl Command for ReserveMessages {
    fn resources(&self, scope: &Scope, reader: &Reader<'_>) -> Result<Vec<Arn>, Unresolved> {
        Ok(vec![scope.key_arn(find(self.key, scope, reader)?.id)])
    }

    fn decide(&self, scope: &Scope, state: &State, _: &Facts) -> Result<Decided, Refusal> {
        let key = find(self.key, scope, &Reader::new(state))?;
        let version = key.version(self.version).ok_or(Refusal::KeyVersionNotFound)?;
        if version.reserved > self.after {
            return Ok(Decided::nothing());
        }
        let upto = (version.reserved + self.block).min(self.most);
        if upto <= version.reserved {
            return Err(Refusal::VersionUsedUp);
        }
        Ok(Decided::change(Change::MessagesReserved {
            key: key.id,
            upto,
            version: version.id,
        }))
    }
}

fn rotatable(key: &Key) -> Result<(), Refusal> {
    if !key.spec.has_primary_version() {
        return Err(Refusal::WrongUsage);
    }
    if key.is_rotatable() {
        Ok(())
    } else {
        Err(Refusal::OriginForbids)
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::{AT, When, created, given, key, version};
    use super::*;
    use crate::base::limits;

    const DAYS: fn(u64) -> u64 = |days| days * limits::DAY_MILLIS;

    fn rotate(reason: RotationReason) -> RotateKey {
        RotateKey {
            key: key(1),
            spec: KeySpec::Aes256,
            follows: version(1).id,
            reason,
        }
    }

    /// A key made so long before `AT`, with this policy.
    fn aged(days: u64, interval: &str) -> Vec<Change> {
        let Change::KeyCreated(mut made) = created(1) else {
            unreachable!()
        };
        made.at = AT.minus_millis(DAYS(days));
        made.rotation = RotationInterval::parse(interval);
        vec![Change::KeyCreated(made)]
    }

    #[test]
    fn a_rotation_by_policy_must_be_due_by_the_policy_of_its_place_in_the_order() {
        let due = rotate(RotationReason::Due);
        assert!(given(aged(7, "7d")).when(&due).is_ok());
        assert_eq!(given(aged(6, "7d")).when(&due), Err(Refusal::NotDue));
        for interval in [None, RotationInterval::parse("365d")] {
            let policy = Change::RotationPolicySet {
                key: key(1),
                interval,
            };
            let overtaken = given(aged(7, "7d").into_iter().chain([policy]));
            assert_eq!(overtaken.when(&due), Err(Refusal::NotDue), "{interval:?}");
        }
    }

    #[test]
    fn a_version_that_is_used_up_is_followed_whatever_the_policy_and_once() {
        let used_up = rotate(RotationReason::UsedUp);
        let state = given(aged(0, "365d"));
        let changes = state.when(&used_up).unwrap();
        assert!(matches!(changes.as_slice(), [Change::KeyRotated { .. }]));
        let rotated = given(aged(0, "365d").into_iter().chain(changes));
        assert_eq!(rotated.when(&used_up), Ok(vec![]), "another is primary by now");
    }

    #[test]
    fn a_key_that_is_not_enabled_is_not_rotated() {
        for reason in [RotationReason::Due, RotationReason::UsedUp] {
            let disabled = given(
                aged(7, "7d")
                    .into_iter()
                    .chain([Change::KeyDisabled { key: key(1) }]),
            );
            assert_eq!(disabled.when(&rotate(reason)), Err(Refusal::Disabled));
        }
    }

    #[test]
    fn messages_are_set_aside_in_blocks_up_to_the_limit() {
        let reserve = |after| ReserveMessages {
            key: key(1),
            version: version(1).id,
            after,
            block: 3,
            most: 8,
        };
        let reserved = |upto| Change::MessagesReserved {
            key: key(1),
            upto,
            version: version(1).id,
        };
        let mut facts = vec![created(1)];
        for (after, upto) in [(0, 3), (3, 6), (6, 8)] {
            assert_eq!(
                given(facts.clone()).when(&reserve(after)),
                Ok(vec![reserved(upto)])
            );
            facts.push(reserved(upto));
        }
        let full = given(facts);
        assert_eq!(full.when(&reserve(8)), Err(Refusal::VersionUsedUp));
        assert_eq!(
            full.when(&reserve(6)),
            Ok(vec![]),
            "done by another call meanwhile"
        );
    }
}
