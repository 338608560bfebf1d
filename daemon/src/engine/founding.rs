//! The founding of a log.
//!
//! Order: vault, then the root access key in its owner's hands, then genesis, which is the commit point. A crash before
//! it leaves files that the next founding makes anew; nobody was told anything.

use std::sync::Arc;

use super::access_keys;
use super::boot::{BootError, Core, Storage, World, anchor_at, assemble, internal};
use crate::base::{
    AccessKeyId, AccountId, Digest, LogId, Region, RequestId, SecretBytes, Seq, SlotRef, limits,
};
use crate::custody::vault::VaultError;
use crate::custody::{FreeSlots, Owner, RootKey, Vault};
use crate::event::{
    AccessKeyCreated, Actor, Change, Decision, Event, FORMAT, InternalKeyPurpose, LogBegun, Observation,
    Origin, Outcome, Recorded,
};
use crate::ledger::store::RowWrite;
use crate::ledger::{AnchorFile, Chain, Group, LogKey};
use crate::projection::State;

/// What a new log is to be.
#[derive(Debug, Clone)]
pub struct Founding {
    /// The first part of the checkpoint origin.
    pub name: String,
    /// The home region.
    pub region: Region,
}

/// The first access key of an account's root, in plaintext for the only time (law 4 names this exception).
#[derive(Debug)]
pub struct RootAccessKey {
    /// The account.
    pub account: AccountId,
    /// The key's id.
    pub id: AccessKeyId,
    /// Its secret: 30 letters and digits, as text.
    pub secret: SecretBytes,
    /// The home region.
    pub region: Region,
}

/// Founds a log: vault, keys of the daemon's own, account, root access key, genesis.
pub fn found(
    storage: Storage,
    root: RootKey,
    world: &World,
    founding: &Founding,
    hand_over: &mut dyn FnMut(&RootAccessKey) -> std::io::Result<()>,
) -> Result<Core, BootError> {
    let entropy = &*world.entropy;
    let log = LogId::make(entropy);
    let account = AccountId::make(entropy);
    let vault = Arc::new(Vault::create(storage.mirrors, log, root, entropy)?);
    let slots = vault.provide(limits::FREE_SLOTS_TARGET, entropy)?;
    let free = FreeSlots::new(slots);
    let make = |len, owner: &Owner| -> Result<(SecretBytes, SlotRef, crate::event::Bytes), BootError> {
        let slot = free
            .take(1)
            .and_then(|s| s.first().copied())
            .ok_or(VaultError::Full)?;
        let secret = SecretBytes::random(len, entropy);
        // EXPOSE: sealed here; the plaintext form is zeroized on drop.
        let sealed = vault.key(slot)?.seal(owner, secret.expose(), entropy);
        Ok((secret, slot, sealed))
    };

    let (seed, signing_slot, signing) = make(32, &internal(InternalKeyPurpose::LogSigning))?;
    let (nonce_key, nonce_slot, nonce) = make(32, &internal(InternalKeyPurpose::NonceHashing))?;
    // Nobody needs them yet: they are unsealed when sessions and denials do.
    let mut further = Vec::new();
    for purpose in InternalKeyPurpose::ALL {
        if matches!(
            purpose,
            InternalKeyPurpose::LogSigning | InternalKeyPurpose::NonceHashing
        ) {
            continue;
        }
        let (_, slot, sealed) = make(32, &internal(purpose))?;
        further.push(Change::InternalKeyCreated {
            slot,
            sealed,
            purpose,
        });
    }
    let access_key = RootAccessKey {
        account,
        id: AccessKeyId::make(entropy),
        secret: access_keys::make_secret(entropy),
        region: founding.region.clone(),
    };
    let access_slot = free
        .take(1)
        .and_then(|s| s.first().copied())
        .ok_or(VaultError::Full)?;
    // EXPOSE: sealed here; the plaintext form goes to its owner and is zeroized on drop.
    let sealed_access = vault.key(access_slot)?.seal(
        &Owner::AccessKey(access_key.id.clone()),
        access_key.secret.expose(),
        entropy,
    );

    let log_key = LogKey::from_seed(&seed)?;
    let origin = format!("{}/{log}/1", founding.name);
    let now = world.clock.now();
    let mut genesis = Event {
        v: FORMAT,
        op: "chancery/BeginLog".into(),
        chg: vec![
            Change::LogBegun(LogBegun {
                log,
                format: FORMAT,
                origin: origin.clone(),
                public: log_key.public().as_bytes().as_slice().into(),
                region: founding.region.clone(),
                software: concat!("chancery ", env!("CARGO_PKG_VERSION")).into(),
            }),
            Change::AccountCreated {
                name: String::new(),
                account,
            },
            Change::InternalKeyCreated {
                slot: signing_slot,
                sealed: signing,
                purpose: InternalKeyPurpose::LogSigning,
            },
            Change::InternalKeyCreated {
                slot: nonce_slot,
                sealed: nonce,
                purpose: InternalKeyPurpose::NonceHashing,
            },
            Change::AccessKeyCreated(AccessKeyCreated {
                at: now,
                id: access_key.id.clone(),
                slot: access_slot,
                user: None,
                sealed: sealed_access,
                account,
            }),
        ],
        dec: Decision::allowed_by(now, "system"),
        obs: Observation::default(),
        out: Outcome::Ok(Recorded::default()),
        req: Recorded::default(),
        res: Vec::new(),
        rid: RequestId::make(entropy),
        seq: Seq::GENESIS,
        blob: None,
        prev: Digest::ZERO,
        time: now,
        actor: Actor::system(account),
        origin: Origin::internal(),
    };
    genesis.chg.extend(further);
    let mut chain = Chain::begin(log, origin, LogKey::from_seed(&seed)?);
    let entry = chain
        .enroll(&mut genesis, now)
        .map_err(|_| BootError::Incomplete("room for genesis"))?;
    let mut state = State::default();
    let rows = state.apply(&genesis);

    // A crash before genesis leaves an access key file that opens nothing; the next founding replaces it.
    hand_over(&access_key).map_err(BootError::AccessKeyFile)?;
    let group = Group {
        entries: vec![entry],
        rows: rows
            .into_iter()
            .map(|w| RowWrite {
                key: w.row,
                value: w.value,
            })
            .collect(),
        tiles: chain.take_full_tiles(),
        checkpoint: None,
        digest: Some(state.digest().to_bytes()),
        head: *chain.head(),
    };
    let _genesis = crate::ledger::commit(&*storage.log, &group)?; // commit point

    let log_key = LogKey::from_seed(&seed)?;
    let mut anchor = AnchorFile::open(storage.anchor, log)?;
    anchor.write(&anchor_at(&chain, false), &log_key)?;
    assemble(
        state,
        chain,
        0,
        storage.log,
        vault,
        free,
        anchor,
        log_key,
        nonce_key,
        world,
    )
}
