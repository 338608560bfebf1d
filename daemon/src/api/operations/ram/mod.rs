//! The families of RAM: who there is, and what they may do.

pub mod attachment;
pub mod console;
pub mod policy;
mod read;
pub mod role;
pub mod tags;
