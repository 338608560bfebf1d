//! The listeners: HTTP/1.1 over a Unix socket, TCP and TLS, and how they stop.
//!
//! I1  A peer on the Unix socket is who the kernel says; nothing a request contains changes that.
//! I2  Every size and every wait is bounded by `base::limits` before memory is set aside for it.
//! I3  The network can't lock local operators out: TCP and the Unix socket have connections of their own.
//! I4  TCP beyond loopback is not listened on without TLS unless the operator says that he knows it is not encrypted.
//! I5  A stop lets requests in flight finish, for a bounded time; a request that was answered was recorded.
//! I6  A connection that says nothing costs a place and a timer; the time of a head runs from its first byte.
//! I7  Who finds no place is told so and let go; nobody waits unheard. Before that, who has been idle longest makes room.
//! I8  What is no request is answered as the API answers, and counted; the other side may finish sending before the end.
//!
//! Never: reads what a request says, which is the api room's; traces a path, a parameter or a header.

mod answer;
mod body;
mod connection;
mod limits;
pub mod listener;
mod long;
pub mod manager;
mod metrics;
pub mod monitor;
mod places;
mod request;
mod stop;
mod stream;
#[cfg_attr(not(feature = "tls"), path = "tls_absent.rs")]
pub mod tls;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::api::{Front, Listener, Peer};
use crate::base::Code;
use crate::engine::figures::ConnectionFigures;

use self::listener::{Accepted, BoundListener};
use self::places::{Addresses, OfAddress, Place, Places, Seat};
use self::request::Shared;
use self::stop::Stop;
use self::watch::{Phase, Watch};

pub use limits::Limits;
pub use listener::{BindError, bind_tcp, bind_unix};
pub use monitor::MonitorListener;

/// What the accept loops share.
struct Door {
    front: Arc<Front>,
    limits: Limits,
    stop: Arc<Stop>,
    addresses: Arc<Addresses>,
}

/// Serves until `stopping` is done, then lets requests in flight finish.
pub async fn serve(
    listeners: Vec<BoundListener>,
    front: Arc<Front>,
    limits: Limits,
    stopping: impl Future<Output = ()>,
) {
    let local = Places::new(limits.local_connections);
    let remote = Places::new(limits.remote_connections);
    let door = Arc::new(Door {
        front,
        limits,
        stop: Arc::default(),
        addresses: Arc::default(),
    });
    let mut accepting = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let places = if listener.is_local() { &local } else { &remote };
        accepting.push(tokio::spawn(accept(listener, Arc::clone(&door), places.clone())));
    }
    stopping.await;
    // No new connections first: an accept loop that ends drops its listener, and a socket file goes with it.
    for task in &accepting {
        task.abort();
    }
    for task in accepting {
        let _ended = task.await;
    }
    door.stop.begin();
    let all_ended = async { tokio::join!(local.ended(), remote.ended()) };
    if tokio::time::timeout(door.limits.finish, all_ended).await.is_err() {
        tracing::warn!(
            "some requests did not finish in time; they are recorded and their callers are not answered"
        );
    }
}

/// Takes connections from one listener.
async fn accept(listener: BoundListener, door: Arc<Door>, places: Places) {
    loop {
        let accepted = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly: no file descriptors left, or a client that is gone already.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let door = Arc::clone(&door);
        let of_address = door.enter(&accepted);
        let place = match of_address {
            Ok(_) => places.take(),
            Err(TooMany) => places.none(),
        };
        match place {
            Place::Taken(seat) => {
                tokio::spawn(async move { door.open(accepted, seat, of_address.ok().flatten()).await });
            }
            Place::None(busy) => {
                let places = places.clone();
                tokio::spawn(async move {
                    let seat = match of_address {
                        Ok(_) => places.make_room().await,
                        Err(TooMany) => None,
                    };
                    match seat {
                        Some(seat) => {
                            drop(busy);
                            door.figures(&accepted).made_room.add(1);
                            door.open(accepted, seat, of_address.ok().flatten()).await;
                        }
                        None => door.turn_away(accepted).await,
                    }
                });
            }
            // Counted, for an operator has to learn of it; closed without a word.
            Place::NoneAndBusy => door.count(&accepted),
        }
    }
}

/// An address has all the connections that it may have.
#[derive(Debug, Clone, Copy)]
struct TooMany;

impl Door {
    /// Counts the connection of an address; a local one has none.
    fn enter(&self, accepted: &Accepted) -> Result<Option<OfAddress>, TooMany> {
        let Some(address) = accepted.peer().ip else {
            return Ok(None);
        };
        let most = self.limits.connections_per_address;
        self.addresses.enter(address, most).map(Some).ok_or(TooMany)
    }

    fn figures(&self, accepted: &Accepted) -> &ConnectionFigures {
        let figures = &self.front.engine().tools().figures.connections;
        match accepted.peer().listener {
            Listener::Unix => &figures.unix,
            Listener::Tcp => &figures.tcp,
            Listener::Tls => &figures.tls,
        }
    }

    /// Serves a connection; seat and address are given back at its end.
    async fn open(&self, accepted: Accepted, seat: Seat, _of_address: Option<OfAddress>) {
        let figures = self.figures(&accepted);
        figures.open.add(1);
        let watch = seat.watch();
        match accepted {
            Accepted::Unix(stream, peer) => self.serve(stream, peer, watch).await,
            Accepted::Tcp(stream, peer) => self.serve(stream, peer, watch).await,
            Accepted::Tls(stream, peer, tls) => {
                // A handshake is under way: it is not idle.
                watch.enter(Phase::Head);
                match tokio::time::timeout(self.limits.head, tls.accept(stream)).await {
                    Ok(Ok(stream)) => {
                        watch.enter(Phase::Idle);
                        self.serve(stream, peer, watch).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
        figures.open.subtract(1);
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(
        &self,
        stream: S,
        peer: Peer,
        watch: &Arc<Watch>,
    ) {
        let shared = Shared {
            front: Arc::clone(&self.front),
            peer,
            body_time: self.limits.body,
            stop: Arc::clone(&self.stop),
        };
        connection::serve(
            stream,
            Arc::new(shared),
            &self.limits,
            &self.stop,
            Arc::clone(watch),
        )
        .await;
    }

    /// Tells that there is no place (I7).
    async fn turn_away(&self, accepted: Accepted) {
        self.figures(&accepted).turned_away.add(1);
        let farewell = |peer| request::refuse(&self.front, &peer, Code::Throttled);
        match accepted {
            Accepted::Unix(stream, peer) => answer::part(stream, &farewell(peer)).await,
            Accepted::Tcp(stream, peer) => answer::part(stream, &farewell(peer)).await,
            // Without a handshake nothing can be said, and a handshake is what there is no room for.
            Accepted::Tls(..) => {
                let _counted = request::refuse(&self.front, accepted.peer(), Code::Throttled);
            }
        }
    }

    fn count(&self, accepted: &Accepted) {
        self.figures(accepted).turned_away.add(1);
        let _counted = request::refuse(&self.front, accepted.peer(), Code::Throttled);
    }
}

/// How long to wait when connections can't be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
