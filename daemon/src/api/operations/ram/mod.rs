//! The families of RAM: who there is, and what they may do.

pub mod console;
mod read;
