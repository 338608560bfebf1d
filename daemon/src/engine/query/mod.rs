//! Operations that only look. Each answers from one state, and says in its event which.

pub mod account;
pub mod accounts;
pub mod aliases;
pub mod diagnosis;
pub mod key_filter;
pub mod keys;
pub mod log;
pub mod page;
pub mod status;
pub mod tags;
pub mod versions;
