//! Two processes on two copies of one log: each would go on with the same key, and sign another past than the other.
//!
//! The lock of a data directory does not see a copy of it. So whoever works with a log's key holds a Unix socket in the
//! abstract namespace, named after the log, for as long as he lives; the kernel takes it away when he dies, however he dies.
//! Whoever finds it held by a process of his own user does not go on. Held by another user it says nothing: anybody may
//! take any such name, and must not be able to keep us from our log. Then nobody guards the log, which `status` and a metric
//! say as long as it is so, and the name is asked for again and again (`Guard`). No lock that a kernel gives to files would see
//! a copy, and the names of no other namespace are a user's own.
//!
//! Honest limit: it sees this machine and this network namespace alone. Copies elsewhere are seen by those who compare
//! checkpoints.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType};

use super::figures::Figures;
use crate::base::LogId;

/// The log is ours as long as this lives.
#[derive(Debug)]
pub struct Claim {
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    listener: Arc<UnixListener>,
    answering: Option<JoinHandle<()>>,
}

/// Somebody else of the same user has the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twin {
    /// His process; none when it is in another namespace.
    pub pid: Option<i32>,
}

/// Claims `log` for this process. The inner error is the twin that has it.
pub fn claim(log: LogId) -> io::Result<Result<Claim, Twin>> {
    try_claim(log, false)
}

fn try_claim(log: LogId, is_quiet: bool) -> io::Result<Result<Claim, Twin>> {
    let name = name(log);
    let mut holder = None;
    for _ in 0..TRIES {
        match UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?) {
            Ok(listener) => return Held::start(listener).map(|held| Ok(Claim { held: Some(held) })),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
        // If nobody answers, it may have ended just now.
        if let Ok(credentials) = ask(&name) {
            holder = Some(credentials);
            break;
        }
    }
    match holder {
        Some(twin) if twin.uid() == rustix::process::geteuid().as_raw() => Ok(Err(Twin {
            pid: twin.pid().filter(|pid| *pid > 0),
        })),
        other if is_quiet => {
            tracing::debug!(%log, uid = other.map(|holder| holder.uid()), "the name of this log is still held");
            Ok(Ok(Claim { held: None }))
        }
        other => {
            tracing::error!(
                %log,
                uid = other.map(|holder| holder.uid()),
                pid = other.and_then(|holder| holder.pid()),
                "somebody holds the name of this log who is not this user, or does not answer: whether a copy of it is served on \
                 this machine can't be told. If nobody else should, find out who it is"
            );
            Ok(Ok(Claim { held: None }))
        }
    }
}

fn name(log: LogId) -> String {
    format!("chancery/log/{log}")
}

/// Who listens there. Never waits: a queue that is full would be a way to keep us waiting.
fn ask(name: &str) -> io::Result<tokio::net::unix::UCred> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
    // tokio's, because a process of another namespace has no id here, and rustix has no place for that.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async { tokio::net::UnixStream::from_std(UnixStream::from(socket))?.peer_cred() })
}

impl Held {
    fn start(listener: UnixListener) -> io::Result<Self> {
        let listener = Arc::new(listener);
        let answering = std::thread::Builder::new().name("twin".into()).spawn({
            let listener = Arc::clone(&listener);
            // Whoever asks has his answer with the connection; it only has to be taken off the queue.
            move || while listener.accept().is_ok() {}
        })?;
        Ok(Self {
            listener,
            answering: Some(answering),
        })
    }
}

impl Claim {
    /// Whether the name is held. If not, somebody else has it who is not to be asked.
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

/// A claim that is made good as soon as it can be.
#[derive(Debug)]
pub struct Guard {
    _claim: Option<Claim>,
    /// Dropped first: the thread ends when this is gone.
    asking: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Guard {
    /// Keeps `claim` on `log`; while the name is not held, `unguarded` is 1, and it is asked for every `every`.
    pub fn keep(claim: Claim, log: LogId, figures: Arc<Figures>, every: Duration) -> io::Result<Self> {
        figures.unguarded.set(u64::from(!claim.is_held()));
        if claim.is_held() {
            return Ok(Self {
                _claim: Some(claim),
                asking: None,
            });
        }
        let (sender, ended) = channel();
        let asking = std::thread::Builder::new()
            .name("guard".into())
            .spawn(move || ask_again(log, &figures, every, &ended))?;
        Ok(Self {
            _claim: None,
            asking: Some((sender, asking)),
        })
    }
}

/// Until the name is held, and then for as long as it is to be held.
fn ask_again(log: LogId, figures: &Figures, every: Duration, ended: &Receiver<()>) {
    let mut is_twin_told = false;
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        match try_claim(log, true) {
            Ok(Ok(claim)) if claim.is_held() => {
                tracing::info!(%log, "the name of this log is held now: no copy of it is served beside it");
                figures.unguarded.set(0);
                let _ended = ended.recv();
                drop(claim);
                return;
            }
            Ok(Err(twin)) if !is_twin_told => {
                is_twin_told = true;
                tracing::error!(
                    %log,
                    pid = twin.pid,
                    "a copy of this log is being served beside it: two pasts of one log are being signed. Stop one of them now"
                );
            }
            // Still somebody else's; `status` and the metric say so.
            _ => {}
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((sender, asking)) = self.asking.take() {
            drop(sender);
            let _ended = asking.join();
        }
    }
}

/// How often a name that somebody else holds is asked for.
pub const ASK_EVERY: Duration = Duration::from_secs(10);

impl Drop for Held {
    fn drop(&mut self) {
        // Wakes the thread up, which has the socket too: only without it is the name free again.
        let _woken = rustix::net::shutdown(&*self.listener, Shutdown::Both);
        if let Some(answering) = self.answering.take() {
            let _ended = answering.join();
        }
    }
}

/// Between a refused name and the question who has it, he may end.
const TRIES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_claimed_once_and_free_again_afterwards() {
        let log = LogId::from_bytes(crate::base::entropy::make_array(
            &crate::base::entropy::SystemEntropy,
        ));
        let claim_one = claim(log).unwrap().unwrap();
        assert!(claim_one.is_held());
        let own = i32::try_from(std::process::id()).unwrap();
        // More often than any queue is long.
        for _ in 0..300 {
            assert_eq!(claim(log).unwrap().err(), Some(Twin { pid: Some(own) }));
        }
        let other = LogId::from_bytes([0xEE; 16]);
        assert!(claim(other).unwrap().unwrap().is_held());
        drop(claim_one);
        assert!(claim(log).unwrap().unwrap().is_held());
    }

    /// A name that is taken and does not answer keeps nobody from his log.
    #[test]
    fn who_does_not_answer_stops_nobody() {
        let log = LogId::from_bytes(crate::base::entropy::make_array(
            &crate::base::entropy::SystemEntropy,
        ));
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        let address = SocketAddrUnix::new_abstract_name(name(log).as_bytes()).unwrap();
        rustix::net::bind(&socket, &address).unwrap();
        assert!(!claim(log).unwrap().unwrap().is_held());
        // One that listens and never takes anybody off its queue is ours, and says so as long as it can.
        rustix::net::listen(&socket, 1).unwrap();
        assert!(claim(log).unwrap().is_err());
    }

    #[test]
    fn a_name_that_becomes_free_is_taken_and_until_then_the_lack_is_shown() {
        let log = LogId::from_bytes(crate::base::entropy::make_array(
            &crate::base::entropy::SystemEntropy,
        ));
        let figures = Arc::new(Figures::new(&crate::base::time::SystemClock));
        let squatter = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        let address = SocketAddrUnix::new_abstract_name(name(log).as_bytes()).unwrap();
        rustix::net::bind(&squatter, &address).unwrap();
        let claimed = claim(log).unwrap().unwrap();
        let guard = Guard::keep(claimed, log, Arc::clone(&figures), Duration::from_millis(5)).unwrap();
        assert_eq!(figures.unguarded.read(), 1);
        drop(squatter);
        while figures.unguarded.read() == 1 {
            std::thread::yield_now();
        }
        assert!(claim(log).unwrap().is_err());
        drop(guard);
        assert!(claim(log).unwrap().unwrap().is_held());
    }
}
