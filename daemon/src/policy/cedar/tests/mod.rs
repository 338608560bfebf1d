//! The two readings agree: what a statement means in plain Rust, and what its Cedar policy decides.

mod agree;
mod examples;
mod generate;
mod pools;
mod speed;
mod words;
