//! RAM statements as Cedar policies: translation, validation, evaluation.
//!
//! I1  What Cedar cannot evaluate denies; nothing is skipped.
//! I2  Cedar sees one layer at a time. Attachments, the root and the combination of layers are not its business.
//!
//! Never: does IO, reads a clock, keeps an answer.

pub mod compiled;
pub mod evaluator;
mod expr;
pub mod glob;
mod inputs;
pub mod judge;
mod memo;
pub mod needs;
pub mod pretty;
#[cfg(any(test, feature = "prove"))]
pub mod proof;
pub mod schema;
pub mod scope;
pub mod translate;
pub mod validate;
pub mod view;

#[cfg(test)]
pub(crate) mod tests;

pub use compiled::{Compiled, Named};
pub use judge::{Answer, Judge};
