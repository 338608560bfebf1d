//! Identities: who there is, and what is attached to whom.

pub mod attachment;
pub mod holder;
pub mod policy;
pub mod role;
pub mod tags;
#[cfg(test)]
mod tests;
