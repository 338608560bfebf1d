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
