//! The two states that others may read: `applied`, for decisions, and `durable`, for what leaves without a receipt.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::ledger::Head;
use crate::projection::State;

/// What is on stable storage.
#[derive(Debug, Clone)]
pub struct Durable {
    /// The state there.
    pub state: State,
    /// The head of the log there.
    pub head: Head,
}

/// Immutable snapshots behind atomic pointers: readers take no lock.
#[derive(Debug)]
pub struct Published {
    applied: ArcSwap<State>,
    durable: ArcSwap<Durable>,
}

impl Published {
    /// Begins with what is on stable storage.
    pub fn new(state: State, head: Head) -> Self {
        Self {
            applied: ArcSwap::from_pointee(state.clone()),
            durable: ArcSwap::from_pointee(Durable { state, head }),
        }
    }

    /// The state after the last step. Decisions read it; nothing decided on it leaves before its own receipt.
    pub fn applied(&self) -> Guard<Arc<State>> {
        self.applied.load()
    }

    /// The state after the last fsync.
    pub fn durable(&self) -> Guard<Arc<Durable>> {
        self.durable.load()
    }

    /// After a step, before its fsync.
    pub fn apply(&self, state: State) {
        self.applied.store(Arc::new(state));
    }

    /// After the fsync of everything up to `head`.
    pub fn persist(&self, state: State, head: Head) {
        self.durable.store(Arc::new(Durable { state, head }));
    }
}
