//! TLS in a build without it: there is none, and who asks for it is told.

use std::io;
use std::path::Path;

use tokio::net::TcpStream;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The feature `tls` was left out.
    #[error(
        "this chancery was built without TLS: put a TLS proxy in front, or build it with the feature `tls`"
    )]
    NotBuilt,
}

/// A certificate in use: never, here.
#[derive(Debug)]
pub enum Tls {}

impl Tls {
    /// Says that there is no TLS.
    pub const fn open(_certificate: &Path, _key: &Path) -> Result<Self, TlsError> {
        Err(TlsError::NotBuilt)
    }

    /// Never called.
    pub const fn reload(&self) -> Result<(), TlsError> {
        match *self {}
    }

    /// Never called.
    pub const fn tell(&self, _outcome: &Result<(), TlsError>) {
        match *self {}
    }

    /// Never called.

    pub async fn keep_fresh(&self) {
        match *self {}
    }

    pub(super) async fn accept(&self, _stream: TcpStream) -> io::Result<TcpStream> {
        match *self {}
    }
}
