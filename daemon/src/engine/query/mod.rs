//! Operations that only look. Each answers from one state, and says in its event which.

pub mod aliases;
pub mod keys;
pub mod log;
pub mod page;
pub mod regions;
