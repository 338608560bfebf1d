//! TLS 1.2 and 1.3 by rustls; a certificate that can be changed while the daemon runs.
//!
//! A reload is all or nothing: certificate and key are read and matched first, then taken for new connections. What can't be
//! read leaves the old pair in use, for a half-written renewal must not stop the service.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("`{}` can't be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is far too large.
    #[error("`{}` is no certificate and no key: it is larger than {FILE_BYTES_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    /// A file holds no PEM of the kind that is needed.
    #[error("`{}` holds no {what} in PEM form: {source}", .path.display())]
    NoPem {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// The reason.
        source: pem::Error,
    },
    /// The two don't go together, or are of a kind that is not supported.
    #[error("certificate and key can't be used: {0}")]
    Unusable(rustls::Error),
}

/// The certificate in use, its files, and what they looked like.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: ArcSwap<ServerConfig>,
    seen: Mutex<Option<[Stamp; 2]>>,
}

/// What tells a file from its successor, whether it was written in place or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificate chain and key, PEM files.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        // Before the files are read: who writes after this is noticed.
        let seen = stamps(certificate, key);
        Ok(Self {
            config: ArcSwap::from(load(certificate, key)?),
            certificate: certificate.into(),
            key: key.into(),
            seen: Mutex::new(seen),
        })
    }

    /// Takes what the files hold now for new connections; on an error the old pair stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        *self.seen.lock() = stamps(&self.certificate, &self.key);
        self.config.store(load(&self.certificate, &self.key)?);
        Ok(())
    }

    /// Reloads if the files are others than at the last look. Gives what came of it, if they are.
    pub fn reload_if_changed(&self) -> Option<Result<(), TlsError>> {
        let now = stamps(&self.certificate, &self.key);
        let is_new = *self.seen.lock() != now;
        is_new.then(|| self.reload())
    }

    /// Looks after the files until the future is dropped.
    pub async fn keep_fresh(&self) {
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        loop {
            ticks.tick().await;
            if let Some(outcome) = self.reload_if_changed() {
                self.tell(&outcome);
            }
        }
    }

    /// Says what came of a reload.
    pub fn tell(&self, outcome: &Result<(), TlsError>) {
        let certificate = self.certificate.display();
        match outcome {
            Ok(()) => tracing::info!("the certificate in {certificate} is used from now on"),
            Err(error) => {
                tracing::error!(%error, "the certificate was not renewed; the old one stays in use")
            }
        }
    }

    /// The handshake.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }
}

fn stamps(certificate: &Path, key: &Path) -> Option<[Stamp; 2]> {
    Some([stamp(certificate)?, stamp(key)?])
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = path.metadata().ok()?;
    Some(Stamp {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.size(),
        modified: (meta.mtime(), meta.mtime_nsec()),
    })
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let no_pem = |path: &Path, what| {
        let path = path.to_owned();
        move |source| TlsError::NoPem { path, what, source }
    };
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| {
            if chain.is_empty() {
                Err(pem::Error::NoItemsFound)
            } else {
                Ok(chain)
            }
        })
        .map_err(no_pem(certificate, "certificate"))?;
    warn_of_readers(key);
    let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(no_pem(key, "private key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // `with_safe_default_protocol_versions` is 1.2 and 1.3; rustls knows nothing older.
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    // Set aside once: a buffer that grew would leave copies of a key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX + 1));
    file.take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(TlsError::TooLarge(path.into()));
    }
    Ok(bytes)
}

/// The file is the operator's: others than we may need to read it, so it is not refused.
fn warn_of_readers(key: &Path) {
    if key
        .metadata()
        .is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0)
    {
        tracing::warn!(
            "every user of this machine can read the TLS key in {}",
            key.display()
        );
    }
}

/// Largest certificate or key file, bytes; a chain of four with RSA 4096 keys has some 8 KiB.
const FILE_BYTES_MAX: usize = 256 << 10;

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
pub(super) mod tests;
