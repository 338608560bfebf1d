//! The Chancery client: calls to a daemon over its Unix socket, where the peer's uid is the identity, or over TCP, signed.
//!
//! ```no_run
//! # async fn example() -> Result<(), chancery_client::ClientError> {
//! let client = chancery_client::Client::unix("/run/chancery/chancery.sock");
//! let keys = client.call("2016-01-20", "ListKeys", &[("PageSize", "10")]).await?;
//! # Ok(()) }
//! ```
//!
//! I1  A request is sent again only if no byte of it was sent before: the client never makes one call into two.
//! I2  Secrets (access key, parameters while they are encoded) are zeroized and redacted in `Debug`; errors hold none.
//! I3  The client shares no code with the daemon: the two ends of the signature check each other in the daemon's tests.
//!
//! Never: reads configuration, environment or files; follows a redirect; sleeps between attempts.
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

pub mod blocking;
mod client;
mod credentials;
mod error;
pub mod sign;
mod transport;

pub use client::Client;
pub use credentials::Credentials;
pub use error::ClientError;
