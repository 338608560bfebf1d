//! api

pub mod nonce;
pub mod params;
pub mod render;
pub mod signature;
pub mod wire;
