//! The states that a replay has just gone through. A query answers from a snapshot, and its place in the order is there.

use std::collections::VecDeque;

use crate::base::limits;
use crate::projection::State;

/// Recent states, each from the first event after which it was so. Persistent maps share what did not change.
#[derive(Debug, Default)]
pub struct Past(VecDeque<State>);

impl Past {
    /// Notes the state that an event left.
    pub fn note(&mut self, state: &State) {
        let oldest = state.size().saturating_sub(limits::SNAPSHOT_LAG_EVENTS_MAX);
        // The newest of those before `oldest` is still what was so then.
        while self.0.get(1).is_some_and(|next| next.size() <= oldest) {
            self.0.pop_front();
        }
        self.0.push_back(state.clone());
    }

    /// The state that the first `size` events left; none when that is too long ago.
    pub fn at(&self, size: u64) -> Option<&State> {
        let after = self.0.partition_point(|state| state.size() <= size);
        self.0.get(after.checked_sub(1)?)
    }
}
