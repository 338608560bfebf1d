//! The log's signing key on its way: made and sealed, proven where its position is known, put into force after its event,
//! unsealed again.
//!
//! Order, and what a crash at each arrow leaves:
//!
//! ```text
//! slot filled, synced -> key sealed -> event, signed by the old key -> durable -> anchor by the new key -> old slot erased
//! ```
//!
//! Before the event is durable there is no new key: what was sealed is in no log, and the slot is taken back at the next
//! start. After it the new key is in the log and in the vault, and a start signs with it; the anchor of before is still the
//! old key's, of a size before the change, and is read with the old public key, which the state keeps. A torn first anchor of
//! the new key leaves that one. The erasure needs nothing but the event: whatever still has to be verified of the old key
//! takes its public half. A crash before it leaves a slot that the state owes an erasure, and housekeeping finds it.

use super::boot::{BootError, internal, unseal_internal};
use crate::base::entropy::Entropy;
use crate::base::{SecretBytes, SlotRef};
use crate::custody::Vault;
use crate::custody::vault::VaultError;
use crate::domain::{Facts, MadeLogKey};
use crate::event::{Bytes, Change, InternalKeyPurpose};
use crate::ledger::key::KeyError;
use crate::ledger::{Chain, LogKey, LogPublicKey};
use crate::projection::State;

/// Why there is no new log key.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Makes a key and seals it under `slot`. Its proof comes later.
pub(super) fn make(vault: &Vault, slot: SlotRef, entropy: &dyn Entropy) -> Result<MadeLogKey, MakeError> {
    let seed = SecretBytes::random(SEED_BYTES, entropy);
    let public = LogKey::from_seed(&seed)?.public();
    // EXPOSE: sealed here; the plaintext form lives until the chain has the key, and is zeroized on drop.
    let sealed = vault
        .key(slot)?
        .seal(&internal(InternalKeyPurpose::LogSigning), seed.expose(), entropy);
    Ok(MadeLogKey {
        slot,
        seed,
        proof: Bytes::default(),
        public: public.as_bytes().as_slice().into(),
        sealed,
    })
}

/// Where the next event's position is known: puts the proof into what was made for a new log key, and gives the key. None for
/// facts of another kind.
pub(super) fn prove(facts: &mut Facts, chain: &Chain) -> Result<Option<LogKey>, KeyError> {
    let Facts::NewLogKey(made) = facts else {
        return Ok(None);
    };
    let key = LogKey::from_seed(&made.seed)?;
    made.proof = key
        .prove(chain.log(), chain.next(), &chain.public())
        .as_slice()
        .into();
    Ok(Some(key))
}

/// Puts the key into force if `changes`, which have just been enrolled, bring it.
pub(super) fn turn(chain: &mut Chain, key: LogKey, changes: &[Change]) {
    for change in changes {
        let (new, origin) = match change {
            Change::LogKeyRotated(new) => (new, None),
            Change::EpochBegun(begun) => (&begun.key, Some(begun.origin.clone())),
            _ => continue,
        };
        if new.public.as_slice() == key.public().as_bytes().as_slice() {
            chain.turn(key, origin);
            return;
        }
    }
}

/// The public half of the key in force.
pub(super) fn public(state: &State) -> Result<LogPublicKey, BootError> {
    let log = state.log().ok_or(BootError::Incomplete("log identity"))?;
    Ok(LogPublicKey::try_from(log.public.as_slice())?)
}

/// Keys that stand in for one that is lost, until an epoch brings another: nothing that they sign is ever stored.
pub(super) fn stand_ins(entropy: &dyn Entropy) -> Result<(LogKey, LogKey), BootError> {
    let seed = SecretBytes::random(SEED_BYTES, entropy);
    Ok((LogKey::from_seed(&seed)?, LogKey::from_seed(&seed)?))
}

/// Unseals the key in force, and makes sure that it is the one that the log names.
pub(super) fn unseal(vault: &Vault, state: &State) -> Result<(LogKey, LogKey), BootError> {
    let public = public(state)?;
    let unsealed = unseal_internal(vault, state, InternalKeyPurpose::LogSigning);
    let seed = unsealed.map_err(|error| match error {
        BootError::Vault(source @ (VaultError::NotFilled(_) | VaultError::Damaged(_))) => {
            BootError::LogKeyLost(source)
        }
        other => other,
    })?;
    let key = LogKey::from_seed(&seed)?;
    if key.public() == public {
        Ok((key, LogKey::from_seed(&seed)?))
    } else {
        Err(BootError::OtherLogKey)
    }
}

/// RFC 8032: an Ed25519 seed.
const SEED_BYTES: usize = 32;
