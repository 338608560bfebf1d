//! The rules, pure: what a command changes, or why it is refused. One file an aggregate.
//!
//! I1  `decide` reads the state and its arguments alone: ids, material and time arrive in `Scope` and `Facts`.
//! I2  Every change that `decide` returns is lawful in that state (`law::check`), so that a replay can prove it (law 3).
//!
//! Never: makes ids, reads a clock, touches a provider, applies a change.

pub mod account;
pub mod alias;
pub mod client_token;
pub mod command;
#[cfg(test)]
mod given;
pub mod key;
pub mod key_policy;
pub mod key_ref;
pub mod law;
pub mod lifecycle;
pub mod log_key;
pub mod metadata;
pub mod ram;
pub mod reapply;
pub mod refusal;
pub mod rotation;
pub mod sts;
pub mod system;
pub mod tags;

pub use command::{Command, Decided, Facts, MadeAccessKey, MadeLogKey, MadeSession, Needs, Reach, Scope};
pub use key_ref::{KeyRef, Unresolved};
pub use refusal::Refusal;
