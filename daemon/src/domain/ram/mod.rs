//! Identities: who there is, and what is attached to whom.

pub mod access_key;
pub mod alias;
pub mod attachment;
pub mod group;
pub mod holder;
#[cfg(test)]
mod laws;
pub mod policy;
pub mod role;
pub mod tags;
#[cfg(test)]
mod tests;
pub mod user;
