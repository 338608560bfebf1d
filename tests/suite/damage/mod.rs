//! The damage matrix: real files of a real daemon are damaged, its disk fails it, its clock lies; then it must notice, and
//! refuse with the way out or repair exactly. What a caller was answered is never gone in silence.
//!
//! Each family is a file. A case starts from a copy of a data directory of which all answers are known (`scene`). What the
//! disk and the clock do to a running daemon is done by a library loaded before it (`faults`): the kernel and the medium are
//! not at a test's command. What only a medium can do, tear and lose writes, the simulation does (`sim`, `media`).
//!
//! `CHANCERY_DAMAGE=full` damages every place where a part of them stands for the whole.

mod anchor;
mod clock;
mod disk;
pub mod faults;
mod journal;
mod machine;
mod rows;
mod scene;
mod shredding;
mod tables;
mod vault;

/// Whether every place is to be damaged.
fn in_full() -> bool {
    std::env::var("CHANCERY_DAMAGE").is_ok_and(|how| how == "full")
}
