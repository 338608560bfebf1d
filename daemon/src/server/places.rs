//! The places for connections, and the word to those for whom there is none.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::limits;

/// The places for connections of one kind (I3).
#[derive(Debug, Clone)]
pub(super) struct Places {
    open: Arc<Semaphore>,
    count: u32,
    turned_away: Arc<Semaphore>,
}

/// What a connection gets when it comes.
pub(super) enum Place {
    /// A place; dropping it gives it back.
    Taken(OwnedSemaphorePermit),
    /// None, and somebody to tell so.
    None(OwnedSemaphorePermit),
    /// Not even that.
    NoneAndBusy,
}

impl Places {
    pub(super) fn new(count: usize) -> Self {
        let count = count.min(Semaphore::MAX_PERMITS);
        Self {
            open: Arc::new(Semaphore::new(count)),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            turned_away: Arc::new(Semaphore::new(limits::FAREWELLS_MAX)),
        }
    }

    pub(super) fn take(&self) -> Place {
        let free = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        match free(&self.open) {
            Some(place) => Place::Taken(place),
            None => free(&self.turned_away).map_or(Place::NoneAndBusy, Place::None),
        }
    }

    /// Waits until every connection has ended.
    pub(super) async fn ended(&self) {
        let _all = self.open.acquire_many(self.count).await;
    }
}
