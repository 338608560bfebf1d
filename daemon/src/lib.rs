//! Chancery: a key management and secrets daemon whose signed log is its database.
//!
//! A room a concern; imports run downwards only, in this order. The README's architecture section has the map.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        missing_docs,
        reason = "tests may"
    )
)]

pub mod api;
pub mod audit;
pub mod base;
pub mod cli;
pub mod crypto;
pub mod custody;
pub mod domain;
pub mod engine;
pub mod event;
pub mod ledger;
pub mod policy;
pub mod projection;
pub mod server;
