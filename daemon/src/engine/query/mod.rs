//! Operations that only look. Each answers from one state, and says in its event which.

pub mod access_keys;
pub mod account;
pub mod accounts;
pub mod aliases;
pub mod attachments;
pub mod caller;
pub mod diagnosis;
pub mod groups;
pub mod identity_tags;
pub mod key_filter;
pub mod key_policy;
pub mod keys;
pub mod log;
pub mod marked;
pub mod page;
pub mod policies;
pub mod roles;
pub mod settings;
pub mod simulation;
pub mod status;
pub mod tags;
pub mod users;
pub mod versions;

use crate::event::{Element, Recorded};

/// What an event says of a list: how long it was.
fn counted(listed: usize) -> Recorded {
    let mut recorded = Recorded::default();
    recorded.insert("Listed", Element::Number(listed as u64));
    recorded
}
