//! The service manager (systemd, or what speaks like it): sockets that it bound, and what it is told.

use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use listenfd::ListenFd;

/// A socket that was handed down, and the name that the manager gives it (`FileDescriptorName=`).
#[derive(Debug)]
pub struct Handed {
    /// Its name; empty if it has none.
    pub name: String,
    /// The socket.
    pub socket: Socket,
}

/// A listening socket.
#[derive(Debug)]
pub enum Socket {
    /// Unix, stream.
    Unix(UnixListener),
    /// TCP.
    Tcp(TcpListener),
}

/// The sockets handed down with `LISTEN_FDS` (sd_listen_fds(3)). To be called once, early, before any thread is started:
/// it clears the variables, so that no child takes them for its own.
pub fn sockets() -> io::Result<Vec<Handed>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::with_capacity(handed.len());
    for at in 0..handed.len() {
        let name = names.next().unwrap_or_default().to_owned();
        let socket = match handed.take_unix_listener(at) {
            Ok(unix) => unix.map(Socket::Unix),
            Err(_) => handed.take_tcp_listener(at)?.map(Socket::Tcp),
        };
        sockets.extend(socket.map(|socket| Handed { name, socket }));
    }
    Ok(sockets)
}

/// Where the manager wants to hear from us (`NOTIFY_SOCKET`, sd_notify(3)); telling nobody is no fault.
#[derive(Debug, Default)]
pub struct Notify(Option<SocketAddr>);

impl Notify {
    /// As the environment says.
    pub fn from_env() -> Self {
        Self::to(&std::env::var("NOTIFY_SOCKET").unwrap_or_default())
    }

    /// A path, or `@` and a name of the abstract kind.
    fn to(place: &str) -> Self {
        let address = match place.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None if place.starts_with('/') => SocketAddr::from_pathname(place),
            None => return Self(None),
        };
        Self(address.ok())
    }

    /// We answer.
    pub fn ready(&self) {
        self.say("READY=1\nSTATUS=serving\n");
    }

    /// We read our certificate again; `ready` says that it is done. systemd's `notify-reload` asks for the time by its own
    /// monotonic clock, microseconds.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = now
            .tv_sec
            .saturating_mul(1_000_000)
            .saturating_add(now.tv_nsec / 1_000);
        self.say(&format!(
            "RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reading the certificate again\n"
        ));
    }

    /// We stop: requests in flight finish, the state is sealed.
    pub fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=finishing requests, sealing the state\n");
    }

    fn say(&self, words: &str) {
        let Some(address) = &self.0 else { return };
        let said = UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(words.as_bytes(), address));
        if let Err(error) = said {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_of_start_and_stop() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("chancery-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        for (manager, place) in [
            (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
            (
                UnixDatagram::bind_addr(&abstract_name).unwrap(),
                format!("@{name}"),
            ),
        ] {
            let notify = Notify::to(&place);
            notify.ready();
            notify.reloading();
            notify.ready();
            notify.stopping();
            let mut heard = [0; 128];
            for word in [
                "READY=1\n",
                "RELOADING=1\nMONOTONIC_USEC=",
                "READY=1\n",
                "STOPPING=1\n",
            ] {
                let len = manager.recv(&mut heard).unwrap();
                assert!(heard[..len].starts_with(word.as_bytes()), "{place}");
            }
        }
    }

    #[test]
    fn without_a_manager_nobody_is_told() {
        for place in ["", "relative", "/nowhere/at/all"] {
            Notify::to(place).ready();
        }
        assert!(Notify::to("").0.is_none());
    }
}
