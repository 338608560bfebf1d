//! Listeners: bound with care, accepting with the other end's identity.

use std::fmt;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::tls::Tls;
use crate::api::{Listener, Peer};

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody answers there.
    #[error("another process listens on `{}`: stop it, or give another --socket", .0.display())]
    Live(PathBuf),
    /// Something that is no socket has the name.
    #[error("`{}` exists and is not a socket: it is left as it is; give another --socket", .0.display())]
    NotASocket(PathBuf),
    /// It would be reachable over the network without encryption.
    #[error(
        "{0} is reachable over the network, and this listener does not encrypt: use a loopback address, or say \
         --allow-plaintext if something in front of it does (a TLS proxy, a private tunnel)"
    )]
    Plaintext(SocketAddr),
    /// The system's own reason.
    #[error("can't listen on `{place}`: {source}")]
    Io {
        /// Where.
        place: String,
        /// The system's reason.
        source: io::Error,
    },
}

/// A listener. Dropping it stops it and removes its socket file. It shows as clients are to name it.
#[derive(Debug)]
pub struct BoundListener(Bound);

#[derive(Debug)]
enum Bound {
    Unix {
        listener: UnixListener,
        path: PathBuf,
        /// Removes the file when it is dropped; the file of a socket that was handed down is not ours.
        _file: Option<SocketFile>,
    },
    Tcp(TcpListener, SocketAddr),
    Tls(TcpListener, SocketAddr, Arc<Tls>),
}

/// A connection and who is at its other end.
pub(super) enum Accepted {
    Unix(UnixStream, Peer),
    Tcp(TcpStream, Peer),
    /// The handshake is still to come.
    Tls(TcpStream, Peer, Arc<Tls>),
}

impl Accepted {
    pub(super) const fn peer(&self) -> &Peer {
        match self {
            Self::Unix(_, peer) | Self::Tcp(_, peer) => peer,
            Self::Tls(_, peer, _) => peer,
        }
    }
}

impl BoundListener {
    /// Where it listens, for TCP and TLS.
    pub const fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            Bound::Unix { .. } => None,
            Bound::Tcp(_, address) => Some(*address),
            Bound::Tls(_, address, _) => Some(*address),
        }
    }

    /// Whether only this machine reaches it, through the file system.
    pub const fn is_local(&self) -> bool {
        matches!(self.0, Bound::Unix { .. })
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match &self.0 {
            Bound::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let credentials = stream.peer_cred()?;
                let peer = Peer {
                    listener: Listener::Unix,
                    ip: None,
                    uid: Some(credentials.uid()),
                    pid: credentials.pid().and_then(|pid| u32::try_from(pid).ok()),
                };
                Ok(Accepted::Unix(stream, peer))
            }
            Bound::Tcp(listener, _) => {
                let (stream, peer) = accept_tcp(listener, Listener::Tcp).await?;
                Ok(Accepted::Tcp(stream, peer))
            }
            Bound::Tls(listener, _, tls) => {
                let (stream, peer) = accept_tcp(listener, Listener::Tls).await?;
                Ok(Accepted::Tls(stream, peer, Arc::clone(tls)))
            }
        }
    }
}

async fn accept_tcp(listener: &TcpListener, kind: Listener) -> io::Result<(TcpStream, Peer)> {
    let (stream, address) = listener.accept().await?;
    // Small answers must not wait for the other side's acknowledgement.
    stream.set_nodelay(true)?;
    let peer = Peer {
        listener: kind,
        ip: Some(address.ip().to_canonical()),
        uid: None,
        pid: None,
    };
    Ok((stream, peer))
}

impl fmt::Display for BoundListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Bound::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Bound::Tcp(_, address) => write!(f, "http://{address}"),
            Bound::Tls(_, address, _) => write!(f, "https://{address}"),
        }
    }
}

/// Listens on a Unix socket, mode 0600. A directory that is not there is made, mode 0700. A socket that nobody listens on
/// any more is replaced.
pub fn bind_unix(path: &Path) -> Result<BoundListener, BindError> {
    let failed = |source| BindError::Io {
        place: path.display().to_string(),
        source,
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(failed)?;
    }
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    // Until this line the socket has the mode that the process's umask leaves, which `serve` sets to the owner's alone;
    // whoever connects is asked for his uid in any case (I1).
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    let file = SocketFile::of(path).map_err(failed)?;
    Ok(BoundListener(Bound::Unix {
        listener,
        path: path.into(),
        _file: Some(file),
    }))
}

/// A Unix socket that the service manager bound. Its file, its mode and its end are the manager's.
pub fn adopt_unix(listener: std::os::unix::net::UnixListener) -> Result<BoundListener, BindError> {
    let failed = |source| BindError::Io {
        place: ADOPTED.to_owned(),
        source,
    };
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let path = address.as_pathname().unwrap_or(Path::new(ADOPTED)).to_owned();
    let listener = UnixListener::from_std(listener).map_err(failed)?;
    Ok(BoundListener(Bound::Unix {
        listener,
        path,
        _file: None,
    }))
}

/// Listens on TCP; beyond loopback only when plaintext is allowed (I4).
pub async fn bind_tcp(address: SocketAddr, allow_plaintext: bool) -> Result<BoundListener, BindError> {
    refuse_plaintext(address, allow_plaintext)?;
    let (listener, bound) = bind(address).await?;
    Ok(BoundListener(Bound::Tcp(listener, bound)))
}

/// A TCP socket that the service manager bound; I4 holds for it too.
pub fn adopt_tcp(listener: std::net::TcpListener, allow_plaintext: bool) -> Result<BoundListener, BindError> {
    let (listener, bound) = adopt(listener)?;
    refuse_plaintext(bound, allow_plaintext)?;
    Ok(BoundListener(Bound::Tcp(listener, bound)))
}

/// Listens on TCP for TLS.
pub async fn bind_tls(address: SocketAddr, tls: Arc<Tls>) -> Result<BoundListener, BindError> {
    let (listener, bound) = bind(address).await?;
    Ok(BoundListener(Bound::Tls(listener, bound, tls)))
}

/// A TCP socket that the service manager bound, for TLS.
pub fn adopt_tls(listener: std::net::TcpListener, tls: Arc<Tls>) -> Result<BoundListener, BindError> {
    let (listener, bound) = adopt(listener)?;
    Ok(BoundListener(Bound::Tls(listener, bound, tls)))
}

const fn refuse_plaintext(address: SocketAddr, allow_plaintext: bool) -> Result<(), BindError> {
    if address.ip().to_canonical().is_loopback() || allow_plaintext {
        Ok(())
    } else {
        Err(BindError::Plaintext(address))
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let failed = |source| BindError::Io {
        place: address.to_string(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn adopt(listener: std::net::TcpListener) -> Result<(TcpListener, SocketAddr), BindError> {
    let failed = |source| BindError::Io {
        place: ADOPTED.to_owned(),
        source,
    };
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    Ok((listener, bound))
}

/// How a socket is named that the service manager handed down.
const ADOPTED: &str = "socket of the service manager";

/// Removes a socket that nobody listens on; refuses anything else.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Io {
        place: path.display().to_string(),
        source,
    };
    let meta = match path.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !meta.file_type().is_socket() {
        return Err(BindError::NotASocket(path.into()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(BindError::Live(path.into())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)
        }
        // Its owner stopped meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full queue: somebody listens, and is busy.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(BindError::Live(path.into())),
        Err(error) => Err(failed(error)),
    }
}

/// The socket's file, removed with the listener if it is still the same one.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let meta = path.symlink_metadata()?;
        Ok(Self {
            path: path.into(),
            device: meta.dev(),
            inode: meta.ino(),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = self
            .path
            .symlink_metadata()
            .is_ok_and(|meta| meta.dev() == self.device && meta.ino() == self.inode);
        if ours {
            // A file left behind is replaced by the next start.
            let _left_behind = std::fs::remove_file(&self.path);
        }
    }
}
