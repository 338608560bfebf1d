//! The families of RAM: who there is, and what they may do.

pub mod access_keys;
pub mod attachment;
pub mod console;
pub mod diagnosis;
pub mod groups;
pub mod policy;
mod read;
pub mod role;
pub mod tags;
pub mod users;
