//! The Chancery client.
