//! Authorization: who may do what, decided over facts that the caller of this room hands in.
//!
//! I1  A `Permit` is made here and nowhere else; without one no key can be used (law 6).
//! I2  What no rule allows is denied; a denial says that nothing allowed it.
//!
//! Never: does IO, reads a clock, looks a resource up.

mod actions;
pub mod authorize;
pub mod catalogue;
pub mod cedar;
mod checks;
pub mod explain;
pub mod language;
pub mod library;
pub mod lint;
mod live;
pub mod permit;
pub mod plain;
pub mod proposal;
pub mod remember;
pub mod request;
pub mod simulate;
pub mod system;
pub mod vectors;
pub mod verdict;

pub use authorize::{Denial, Question, Ruling, authorize};
pub use library::{Library, lacks_system_policy};
pub use live::RE_ENCRYPT_TO;
pub use permit::Permit;

/// The evaluator that decides about requests; `chancery policy test` runs through it too.
pub fn evaluator() -> &'static dyn verdict::Evaluator {
    static SLICES: std::sync::LazyLock<cedar::evaluator::Slices> = std::sync::LazyLock::new(Default::default);
    &*SLICES
}
