//! The symmetric API from the wire down, in a world whose clock the tests move: what takes days, what takes two
//! thousand million messages, and what has to survive a restart.

mod bench;
mod limits;
mod precedence;
mod quotas;
mod rotation;
mod tokens;
