//! What work is done with: the vault behind the key room, fresh slots, entropy, the clock.

use std::sync::Arc;

use crate::base::entropy::Entropy;
use crate::base::time::Clock;
use crate::base::{
    AccountId, Code, GroupId, KeyId, KeySpec, RoleId, SecretBytes, SlotRef, Timestamp, UserId, limits,
};
use crate::crypto::KeyRoom;
use crate::custody::vault::VaultError;
use crate::custody::{FreeSlots, Vault};
use crate::domain::{Facts, MadeAccessKey, MadeLogKey, Needs, Refusal};
use crate::event::{InternalKeyPurpose, KeyVersionAdded};
use crate::ledger::EventStore;
use crate::policy::Library;

use super::access_keys;
use super::boot::unseal_internal;
use super::figures::Figures;
use super::last_used::LastUsed;
use super::log_key;
use super::published::Published;
use super::reserve::{Reserve, Room};
use super::temporary::Temporary;

/// How many messages a counted version encrypts before something happens.
#[derive(Debug, Clone, Copy)]
pub struct MessageLimits {
    /// So many are set aside at once.
    pub block: u64,
    /// From so many on, a rotatable key gets a new version.
    pub rotate: u64,
    /// So many and no more.
    pub most: u64,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self {
            block: limits::MESSAGES_BLOCK,
            rotate: limits::MESSAGES_ROTATE,
            most: limits::MESSAGES_MAX,
        }
    }
}

/// The tools, made once at boot.
#[derive(Debug)]
pub struct Tools {
    /// Where key material is used.
    pub room: KeyRoom,
    /// Where slots are.
    pub vault: Arc<Vault>,
    /// How many messages a counted version encrypts.
    pub message_limits: MessageLimits,
    /// The keys behind temporary credentials.
    pub temporary: Temporary,
    /// Compiled policies.
    pub library: Library,
    /// Slots provided ahead.
    pub free: FreeSlots,
    /// Where the log is, for those who read it.
    pub log: Arc<dyn EventStore>,
    /// The states that readers may see.
    pub published: Arc<Published>,
    /// When access keys were last used.
    pub last_used: LastUsed,
    /// What is measured.
    pub figures: Arc<Figures>,
    /// How much room the disk has.
    pub reserve: Reserve,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Tools {
    /// Makes what a command admitted at `at` needs. Slot ready and synced first, then the event.
    pub fn make(&self, needs: Needs, at: Timestamp) -> Result<Facts, Refusal> {
        match needs {
            Needs::Nothing => Ok(Facts::Nothing),
            Needs::NewKey(spec) => {
                let key = KeyId::make(&*self.entropy);
                self.make_version(key, spec)
                    .map(|version| Facts::NewKey(key, version))
            }
            Needs::NewVersion(key, spec) => self.make_version(key, spec).map(Facts::NewVersion),
            Needs::NewAccount => {
                let account = AccountId::make(&*self.entropy);
                self.make_access_key(false)
                    .map(|made| Facts::NewAccount(account, made))
            }
            Needs::NewAccessKey { of_user } => self.make_access_key(of_user).map(Facts::NewAccessKey),
            Needs::NewLogKey => self.make_log_key().map(Facts::NewLogKey),
            Needs::NewUser => Ok(Facts::NewUser(UserId::make(&*self.entropy))),
            Needs::NewGroup => Ok(Facts::NewGroup(GroupId::make(&*self.entropy))),
            Needs::NewRole => Ok(Facts::NewRole(RoleId::make(&*self.entropy))),
            Needs::NewSession { seconds } => {
                let expires = at.plus_millis(seconds.saturating_mul(1_000));
                Ok(Facts::NewSession(self.temporary.make(expires, &*self.entropy)))
            }
        }
    }

    fn make_version(&self, key: KeyId, spec: KeySpec) -> Result<KeyVersionAdded, Refusal> {
        let slot = self.take_slot()?;
        self.room.make_version(key, spec, slot).map_err(|error| {
            tracing::error!(%error, %slot, "no material could be made");
            Refusal::NoSlot
        })
    }

    fn make_access_key(&self, of_user: bool) -> Result<MadeAccessKey, Refusal> {
        let slot = self.take_slot()?;
        access_keys::make(&self.vault, slot, of_user, &*self.entropy).map_err(|error| {
            tracing::error!(%error, %slot, "no access key could be made");
            self.free.give_back([slot]);
            Refusal::NoSlot
        })
    }

    fn make_log_key(&self) -> Result<MadeLogKey, Refusal> {
        let slot = self.take_slot()?;
        log_key::make(&self.vault, slot, &*self.entropy).map_err(|error| {
            tracing::error!(%error, %slot, "no log key could be made");
            self.free.give_back([slot]);
            Refusal::NoSlot
        })
    }

    fn take_slot(&self) -> Result<SlotRef, Refusal> {
        if let Some(slot) = self.free.take(1).and_then(|slots| slots.first().copied()) {
            return Ok(slot);
        }
        // A burst has used up the stock faster than housekeeping refills it.
        self.refill().map_err(|error| {
            tracing::error!(%error, "the vault provides no slots");
            Refusal::NoSlot
        })?;
        self.free
            .take(1)
            .and_then(|slots| slots.first().copied())
            .ok_or(Refusal::NoSlot)
    }

    /// Admission time: the clock's, and never behind the log.
    pub fn now(&self) -> Timestamp {
        self.clock.now().max(self.published.applied().time())
    }

    /// Provides slots ahead when few are left.
    pub fn refill(&self) -> Result<(), VaultError> {
        // Read once: others take and give back meanwhile.
        let left = self.free.len();
        if left < limits::FREE_SLOTS_LOW && self.reserve.room() < Room::Full {
            let wanted = limits::FREE_SLOTS_TARGET.saturating_sub(left);
            self.free.give_back(self.vault.provide(wanted, &*self.entropy)?);
        }
        Ok(())
    }

    /// A key of the daemon's own, unsealed; it is zeroized when its user drops it.
    pub(super) fn internal_key(&self, purpose: InternalKeyPurpose) -> Result<SecretBytes, Code> {
        unseal_internal(&self.vault, &self.published.applied(), purpose).map_err(|error| {
            tracing::error!(%error, ?purpose, "a key of the daemon's own can't be unsealed");
            Code::Unavailable
        })
    }

    /// Takes back what was made for a command that did not come about. Its material was never recorded.
    pub fn unmake(&self, facts: &Facts) {
        self.free.give_back(facts.slot());
    }
}
