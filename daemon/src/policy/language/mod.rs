//! The RAM policy language, version 1: text in, typed statements out.
//!
//! I1  Only `Document::parse` makes a `Document`, and what it does not understand it refuses: an element that is
//!     skipped silently would widen an Allow or weaken a Deny.
//! I2  Limits are checked before anything is allocated for what they bound.
//! I3  Every value of a condition is already read in the family of its operator; evaluation cannot meet a bad one.
//! I4  What the sources leave open is decided in `dialect`, and nowhere else.
//!
//! Never: knows who is attached to what, or which operation asks.

pub mod action;
pub mod condition;
pub mod dialect;
pub mod document;
pub mod pattern;
pub mod principal;
mod print;
mod read;
pub mod statement;
#[cfg(test)]
mod tests;
pub mod value;

pub use action::{ActionPattern, Actions};
pub use condition::{Condition, ConditionKey, Family, Operator, Values};
pub use document::{Document, DocumentKind, Fault};
pub use pattern::{Pattern, Piece};
pub use principal::Principal;
pub use statement::{Effect, Statement};
pub use value::{Moment, Network, Number};
