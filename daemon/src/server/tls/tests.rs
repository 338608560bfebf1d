use std::fs;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;

/// A directory with a certificate for `name` and its key.
pub(in crate::server) struct Files(TempDir);

impl Files {
    pub(in crate::server) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("tls.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("tls.key")
    }

    /// Writes a new pair, and gives the certificate.
    pub(in crate::server) fn renew(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        fs::write(self.certificate(), cert.pem()).unwrap();
        fs::write(self.key(), signing_key.serialize_pem()).unwrap();
        cert.der().clone()
    }

    pub(in crate::server) fn open(&self) -> Result<Tls, TlsError> {
        Tls::open(&self.certificate(), &self.key())
    }
}

pub(in crate::server) fn client(
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// Whether a client that trusts this certificate, and speaks these versions, is let in.
async fn lets_in(
    tls: &Tls,
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        tls.accept(stream).await.is_ok()
    };
    let calling = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        client(trusted, versions).connect(name, stream).await.is_ok()
    };
    let (served, called) = tokio::join!(serving, calling);
    served && called
}

#[tokio::test]
async fn both_versions_are_spoken_and_strangers_not_trusted() {
    let (files, other) = (Files::new(), Files::new());
    let trusted = files.renew();
    let tls = files.open().unwrap();
    assert!(lets_in(&tls, &trusted, &[&rustls::version::TLS13]).await);
    assert!(lets_in(&tls, &trusted, &[&rustls::version::TLS12]).await);
    assert!(!lets_in(&tls, &other.renew(), rustls::ALL_VERSIONS).await);
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_from_then_on() {
    let files = Files::new();
    let old = files.renew();
    let tls = files.open().unwrap();
    assert!(tls.reload_if_changed().is_none());
    let new = files.renew();
    assert!(lets_in(&tls, &old, rustls::ALL_VERSIONS).await);
    assert!(tls.reload_if_changed().unwrap().is_ok());
    assert!(lets_in(&tls, &new, rustls::ALL_VERSIONS).await);
    assert!(!lets_in(&tls, &old, rustls::ALL_VERSIONS).await);
    assert!(tls.reload_if_changed().is_none());
}

#[tokio::test]
async fn a_pair_that_does_not_fit_leaves_the_old_one_in_use() {
    let (files, other) = (Files::new(), Files::new());
    let old = files.renew();
    let tls = files.open().unwrap();
    let new = other.renew();
    // Half of a renewal: the certificate is there, its key not yet.
    fs::copy(other.certificate(), files.certificate()).unwrap();
    assert!(matches!(
        tls.reload_if_changed(),
        Some(Err(TlsError::Unusable(_)))
    ));
    assert!(lets_in(&tls, &old, rustls::ALL_VERSIONS).await);
    // Said once, not at every look.
    assert!(tls.reload_if_changed().is_none());
    fs::copy(other.key(), files.key()).unwrap();
    assert!(tls.reload_if_changed().unwrap().is_ok());
    assert!(lets_in(&tls, &new, rustls::ALL_VERSIONS).await);
    fs::remove_file(files.certificate()).unwrap();
    assert!(matches!(
        tls.reload_if_changed(),
        Some(Err(TlsError::Unreadable { .. }))
    ));
    assert!(lets_in(&tls, &new, rustls::ALL_VERSIONS).await);
}

#[test]
fn files_that_are_no_certificate_or_no_key_are_named() {
    let files = Files::new();
    assert!(matches!(files.open(), Err(TlsError::Unreadable { path, .. }) if path == files.certificate()));
    files.renew();
    fs::write(files.key(), "no key").unwrap();
    assert!(matches!(
        files.open(),
        Err(TlsError::NoPem {
            what: "private key",
            ..
        })
    ));
    fs::write(files.certificate(), "").unwrap();
    assert!(matches!(
        files.open(),
        Err(TlsError::NoPem {
            what: "certificate",
            ..
        })
    ));
    fs::write(files.certificate(), vec![b' '; FILE_BYTES_MAX + 1]).unwrap();
    assert!(matches!(files.open(), Err(TlsError::TooLarge(_))));
}
