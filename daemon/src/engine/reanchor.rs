//! The way out when an anchor is lost (law 8): its operator says so, the log gets a new one, and that is an event.
//!
//! Only a lost anchor is replaced. One that can be read and says that events are missing is evidence, and stays.

use super::boot::{self, BootError, Core, Storage, World};
use super::housekeeping::Housekeeper;
use super::prepare::prepare;
use super::writer::Input;
use crate::base::limits;
use crate::custody::{RootKey, Vault};
use crate::event::{Element, Recorded};
use crate::ledger::anchor::{Anchor, AnchorError, AnchorFile};
use crate::ledger::{EventStore, LogPublicKey};

/// The operation that an accepted loss is recorded as.
pub const ACCEPT_LOSS: &str = "chancery/AcceptLoss";

/// Signs a new anchor for the log as it is, when there is none that can be read. `storage` is used up.
pub fn replace_lost(storage: Storage, root: RootKey) -> Result<(), BootError> {
    let store = &*storage.log;
    let head = store.head()?.ok_or(BootError::Incomplete("genesis"))?;
    let state = boot::load_state(store)?;
    let log = state.log().ok_or(BootError::Incomplete("log identity"))?;
    let public = LogPublicKey::try_from(log.public.as_slice())?;
    let mut anchor = AnchorFile::open(storage.anchor, log.id)?;
    match anchor.read(&public) {
        // It agrees, and there is nothing to accept; or it does not, and nothing that may be.
        Ok(Some(readable)) => return boot::check_anchor(store, head.size, Some(readable)),
        // Not lost: another build can read it.
        Err(AnchorError::Format(unknown)) => return Err(unknown.into()),
        Ok(None) | Err(_) => {}
    }
    let vault = Vault::open(storage.mirrors, log.id, root)?;
    let log_key = boot::log_key(&vault, &state, &public)?;
    anchor.write(
        &Anchor {
            size: head.size,
            leaf: head.leaf,
            clean: false,
        },
        &log_key,
    )?;
    Ok(())
}

/// Records the acceptance in a log that boots again.
pub fn record(mut core: Core, world: &World, log: &dyn EventStore, reason: &str) -> Result<(), BootError> {
    let mut recorded = Recorded::default();
    recorded.insert("Reason", Element::text(reason));
    recorded.insert("Size", Element::Number(core.writer.state().size()));
    let keeper = Housekeeper::new(core.account, core.region, core.watch);
    let call = Box::new(keeper.note(ACCEPT_LOSS, recorded, &core.tools));
    let input = Input {
        prepared: prepare(&call, core.writer.state(), &core.tools),
        call,
        round: limits::RERUNS_MAX,
        ticket: (),
    };
    let step = core.writer.step(vec![input], world.clock.now(), &core.tools);
    let _receipts = crate::ledger::commit(log, &step.group)?;
    core.anchor
        .write(&boot::anchor_at(core.writer.chain(), true), &core.log_key)?;
    Ok(())
}

#[cfg(test)]
mod tests;
