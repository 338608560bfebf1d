//! Boot: a log is founded, or found again and believed only as far as it proves itself.
//!
//! `founding` has the first; this is the second, and what both share.
//!
//! Order at a resumption: rows and their digest, the vault, the tail of the log since its last kept checkpoint, the
//! anchor. Any contradiction refuses the start and names the way out (law 8).

use std::sync::Arc;

use super::admission::AdmissionLimits;
pub use super::boot_error::BootError;
use super::clock::ClockWatch;
use super::evidence::{Evidence, weigh};
use super::figures::Figures;
pub use super::founding::{Founding, RootAccessKey, found};
use super::last_used::LastUsed;
use super::log_key;
use super::published::Published;
use super::reserve::Reserve;
use super::temporary::Temporary;
use super::tools::{MessageLimits, Tools};
use super::writer::Writer;
use crate::base::disk::BlockFile;
use crate::base::entropy::Entropy;
use crate::base::time::Clock;
use crate::base::{AccountId, Region, SecretBytes, SlotRef};
use crate::crypto::KeyRoom;
use crate::custody::{FreeSlots, Owner, RootKey, Vault};
use crate::event::InternalKeyPurpose;
use crate::ledger::anchor::{Anchor, AnchorFile};
use crate::ledger::key::KeyError;
use crate::ledger::store::load_tree;
use crate::ledger::{Chain, EventStore, Head, KeySchedule, LogKey, LogPublicKey};
use crate::policy::Library;
use crate::projection::{Log, State, StateDigest};

/// Where everything is kept.
#[derive(Debug)]
pub struct Storage {
    /// The log, its tree, the rows.
    pub log: Arc<dyn EventStore>,
    /// The two mirrors of the vault.
    pub mirrors: [Box<dyn BlockFile>; 2],
    /// The anchor.
    pub anchor: Box<dyn BlockFile>,
}

/// The outside world, passed in (law 7).
#[derive(Debug, Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A core ready to run: everything but threads.
#[derive(Debug)]
pub struct Core {
    /// The writer.
    pub writer: Writer,
    /// The tools.
    pub tools: Arc<Tools>,
    /// The anchor and the key that signs it.
    pub anchor: AnchorFile,
    /// The log key, for the anchor.
    pub log_key: LogKey,
    /// The clock watch.
    pub watch: ClockWatch,
    /// What one principal may do at once.
    pub admission: AdmissionLimits,
    /// The account that the daemon's own operations stand in: the first one.
    pub account: AccountId,
    /// The home region.
    pub region: Region,
    /// Hashes signature nonces.
    pub nonce_key: SecretBytes,
}

/// Finds a log again.
pub fn resume(storage: Storage, root: RootKey, world: &World) -> Result<Core, BootError> {
    let found = Found::look(storage)?;
    // The anchor first: what is missing from the log explains whatever else does not fit.
    let anchored = found.evidence()?.admit(found.head.size)?;
    let mut core = found.unlock(&root, world, Lost::Refused)?.rise(world)?;
    // Before the first commit: an anchor that says `clean` after it would claim that nothing follows. It also may be the
    // first one, when the founding was cut short between genesis and its anchor. It names the end of the log, which has just
    // proven itself, so that the key in force there signs it. A crash before this line leaves the anchor as it was, which is
    // true; after it, one that says the same without `clean`, or more.
    if anchored.is_none_or(|anchored| anchored.clean) {
        core.anchor
            .write(&anchor_at(core.writer.chain(), false), &core.log_key)?;
    }
    Ok(core)
}

/// What to do when the vault does not hold the log key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Say so.
    Refused,
    /// Go on without it: with the beginning of an epoch, and nothing else.
    Accepted,
}

/// A log as it lies there: its rows hold together, its tail and its vault have not been looked at.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) log: Arc<dyn EventStore>,
    pub(super) head: Head,
    mirrors: [Box<dyn BlockFile>; 2],
    anchor: AnchorFile,
    state: State,
    keys: KeySchedule,
}

impl Found {
    /// Loads head and rows, and opens the anchor.
    pub(super) fn look(storage: Storage) -> Result<Self, BootError> {
        let head = storage.log.head()?.ok_or(BootError::Incomplete("genesis"))?;
        let state = load_state(&*storage.log)?;
        let log = state.log().ok_or(BootError::Incomplete("log identity"))?;
        Ok(Self {
            head,
            anchor: AnchorFile::open(storage.anchor, log.id)?,
            keys: key_schedule(log)?,
            log: storage.log,
            mirrors: storage.mirrors,
            state,
        })
    }

    /// What the anchor says about it.
    pub(super) fn evidence(&self) -> Result<Evidence, BootError> {
        weigh(&*self.log, self.head.size, &self.anchor, &self.keys)
    }

    /// Finds the daemon's own keys in its vault. Writes nothing: a vault that can't serve this log is left as it was found.
    pub(super) fn unlock(self, root: &RootKey, world: &World, lost: Lost) -> Result<Unlocked, BootError> {
        let log = self.state.log().ok_or(BootError::Incomplete("log identity"))?;
        let sealed_at =
            super::boot_tail::check_tail(&*self.log, &self.state, &self.head, log.id, &self.keys)?;
        let vault = Vault::look(self.mirrors, log.id, root)?;
        let nonce_key = unseal_internal(&vault, &self.state, InternalKeyPurpose::NonceHashing)?;
        let (log_keys, lost_key) = match log_key::unseal(&vault, &self.state) {
            Err(BootError::LogKeyLost(_)) if lost == Lost::Accepted => (
                log_key::stand_ins(&*world.entropy)?,
                Some(log_key::public(&self.state)?),
            ),
            unsealed => (unsealed?, None),
        };
        for purpose in [InternalKeyPurpose::StsTokens, InternalKeyPurpose::StsSecrets] {
            unseal_internal(&vault, &self.state, purpose)?;
        }
        Ok(Unlocked {
            log: self.log,
            head: self.head,
            anchor: self.anchor,
            state: self.state,
            sealed_at,
            vault,
            nonce_key,
            log_keys,
            lost_key,
        })
    }
}

/// A log as it lies there, proven by its tail, with the keys that it goes on with. Nothing was written yet.
#[derive(Debug)]
pub(super) struct Unlocked {
    log: Arc<dyn EventStore>,
    head: Head,
    anchor: AnchorFile,
    state: State,
    sealed_at: u64,
    vault: Vault,
    nonce_key: SecretBytes,
    log_keys: (LogKey, LogKey),
    /// The log key, if it is lost; what stands in `log_keys` signs nothing that is ever stored then.
    lost_key: Option<LogPublicKey>,
}

impl Unlocked {
    /// Whether the vault does not hold the log key.
    pub(super) const fn lacks_key(&self) -> bool {
        self.lost_key.is_some()
    }

    /// Makes a core of it. The anchor is neither asked nor written.
    pub(super) fn rise(self, world: &World) -> Result<Core, BootError> {
        let Self {
            log: store,
            head,
            anchor,
            state,
            sealed_at,
            vault,
            nonce_key,
            log_keys: (chain_key, anchor_key),
            lost_key,
        } = self;
        let log = state.log().ok_or(BootError::Incomplete("log identity"))?;
        let vault = Arc::new(vault);
        vault.repair()?;
        if vault.repaired() > 0 {
            tracing::warn!(
                records = vault.repaired(),
                "records of one vault file were damaged, missing or old, as after a crash: repaired from the other file; \
                 if there was no crash, look after the disk"
            );
        }
        let referenced: std::collections::HashSet<SlotRef> = state.slots().collect();
        // A filling that nothing refers to is not taken over but erased: it may be one that was destroyed, come back with a
        // vault put back from a copy (law 5). And none that the log has seen is ever given again (law 3).
        let filled = vault.filled();
        let stray: Vec<SlotRef> = filled
            .iter()
            .filter(|slot| !referenced.contains(slot))
            .copied()
            .collect();
        vault.erase(&stray)?;
        vault.outlive(log.generation);
        warn_of_lost(&state, &filled);
        let tree = load_tree(&*store, head.size)?;
        let mut chain = Chain::resume(log.id, log.origin.clone(), chain_key, head, tree);
        if let Some(lost) = lost_key {
            chain = chain.without_key(lost);
        }
        assemble(
            state,
            chain,
            sealed_at,
            store,
            vault,
            FreeSlots::default(),
            anchor,
            anchor_key,
            nonce_key,
            world,
        )
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the last step of both ways to boot; a struct would only repeat `Core`"
)]
pub(super) fn assemble(
    state: State,
    chain: Chain,
    sealed_at: u64,
    log: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    free: FreeSlots,
    anchor: AnchorFile,
    log_key: LogKey,
    nonce_key: SecretBytes,
    world: &World,
) -> Result<Core, BootError> {
    let account = state.first_account().ok_or(BootError::Incomplete("account"))?.id;
    let region = state
        .log()
        .ok_or(BootError::Incomplete("log identity"))?
        .region
        .clone();
    let log_id = state.log().ok_or(BootError::Incomplete("log identity"))?.id;
    let tokens = unseal_internal(&vault, &state, InternalKeyPurpose::StsTokens)?;
    let secrets = unseal_internal(&vault, &state, InternalKeyPurpose::StsSecrets)?;
    let temporary = Temporary::new(log_id, secrets, &tokens)
        .map_err(|_| BootError::InternalKey(InternalKeyPurpose::StsTokens.as_str()))?;
    let size = state.size();
    let published = Arc::new(Published::new(state.clone(), *chain.head()));
    let watch = ClockWatch::start(
        world.clock.now(),
        world.clock.monotonic_millis(),
        chain.head().time,
        state.hold().is_some(),
    );
    Ok(Core {
        writer: Writer::new(state, chain, account, sealed_at),
        tools: Arc::new(Tools {
            library: Library::default(),
            room: KeyRoom::new(Arc::clone(&vault), Arc::clone(&world.entropy)),
            vault,
            message_limits: MessageLimits::default(),
            temporary,
            free,
            log,
            published,
            last_used: LastUsed::new(size),
            figures: Arc::new(Figures::new(&*world.clock)),
            reserve: Reserve::default(),
            entropy: Arc::clone(&world.entropy),
            clock: Arc::clone(&world.clock),
        }),
        anchor,
        log_key,
        watch,
        admission: AdmissionLimits::default(),
        account,
        region,
        nonce_key,
    })
}

/// Loads the rows and refuses them when their digest is not the stored one.
pub fn load_state(store: &dyn EventStore) -> Result<State, BootError> {
    let head = store.head()?.ok_or(BootError::Incomplete("genesis"))?;
    let mut rows = Vec::new();
    loop {
        let page = store.rows(rows.last().map(|(key, _)| key), ROWS_PAGE)?;
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    let state = State::load(head.size, head.time, rows)?;
    let stored = store.digest()?.and_then(|bytes| StateDigest::from_bytes(&bytes));
    let stored = stored.ok_or(BootError::Incomplete("digest"))?;
    #[cfg(feature = "canary-bugs")]
    if crate::base::CanaryBug::DigestUnchecked.is_planted() {
        return Ok(state);
    }
    if &stored == state.digest() {
        Ok(state)
    } else {
        Err(BootError::Digest {
            found: state.digest().short(),
            sealed: stored.short(),
        })
    }
}

/// The keys that the state says the log had.
pub fn key_schedule(log: &Log) -> Result<KeySchedule, KeyError> {
    KeySchedule::of(
        log.keys
            .iter()
            .map(|period| (period.from, period.public.as_slice(), period.origin.as_deref())),
    )
}

/// The anchor as it should be for where the chain ends.
pub fn anchor_at(chain: &Chain, clean: bool) -> Anchor {
    Anchor {
        size: chain.head().size,
        leaf: chain.head().leaf,
        clean,
    }
}

/// Says which keys can't be used because the vault has lost what they need.
fn warn_of_lost(state: &State, filled: &[SlotRef]) {
    let held: std::collections::HashSet<&SlotRef> = filled.iter().collect();
    let lost = state.sealed_things().filter(|(slot, _)| !held.contains(slot));
    let (mut count, mut first) = (0_usize, Vec::new());
    for (slot, thing) in lost {
        count += 1;
        if first.len() < LOST_NAMED {
            first.push(format!("{thing} in slot {slot}"));
        }
    }
    if count > 0 {
        tracing::error!(
            lost = count,
            "lost or damaged in both vault files, and can't be used until the vault is put back from a backup: {}{}",
            first.join(", "),
            if count > LOST_NAMED { ", and more" } else { "" }
        );
    }
}

pub(super) fn unseal_internal(
    vault: &Vault,
    state: &State,
    purpose: InternalKeyPurpose,
) -> Result<SecretBytes, BootError> {
    let row = state
        .internal_key(purpose)
        .ok_or(BootError::Incomplete(purpose.as_str()))?;
    vault
        .key(row.slot)?
        .open(&internal(purpose), row.sealed.as_slice())
        .map_err(|_| BootError::InternalKey(purpose.as_str()))
}

pub(super) const fn internal(purpose: InternalKeyPurpose) -> Owner {
    Owner::Internal(purpose.as_str())
}

/// So many lost things are named.
const LOST_NAMED: usize = 16;
/// Rows read at once.
const ROWS_PAGE: usize = 4_096;
