//! The listeners: HTTP/1.1 over a Unix socket and TCP, and how they stop.
//!
//! I1  A peer on the Unix socket is who the kernel says; nothing a request contains changes that.
//! I2  Every size and every wait is bounded by `base::limits` before memory is set aside for it.
//! I3  The network can't lock local operators out: TCP and the Unix socket have connections of their own.
//! I4  TCP beyond loopback is not listened on unless the operator says that he knows it is not encrypted.
//! I5  A stop lets requests in flight finish, for a bounded time; a request that was answered was recorded.
//!
//! Never: reads what a request says, which is the api room's; traces a path, a parameter or a header.

mod body;
mod connection;
pub mod listener;
mod metrics;
pub mod monitor;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::api::Front;
use crate::base::limits;

use self::listener::{Accepted, BoundListener};
use self::stop::Stop;

pub use listener::{BindError, bind_tcp, bind_unix};
pub use monitor::MonitorListener;

/// Serves until `stopping` is done, then lets requests in flight finish.
pub async fn serve(listeners: Vec<BoundListener>, front: Arc<Front>, stopping: impl Future<Output = ()>) {
    let stop = Arc::new(Stop::default());
    let local = Connections::new(limits::LOCAL_CONNECTIONS_MAX);
    let remote = Connections::new(limits::CONNECTIONS_MAX - limits::LOCAL_CONNECTIONS_MAX);
    let mut accepting = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let connections = if listener.is_local() { &local } else { &remote };
        accepting.push(tokio::spawn(accept(
            listener,
            Arc::clone(&front),
            connections.clone(),
            Arc::clone(&stop),
        )));
    }
    stopping.await;
    // No new connections first: an accept loop that ends drops its listener, and a socket file goes with it.
    for task in &accepting {
        task.abort();
    }
    for task in accepting {
        let _ended = task.await;
    }
    stop.begin();
    let all_ended = async { tokio::join!(local.ended(), remote.ended()) };
    if tokio::time::timeout(FINISH_MAX, all_ended).await.is_err() {
        tracing::warn!(
            "some requests did not finish in time; they are recorded and their callers are not answered"
        );
    }
}

/// Takes connections from one listener.
async fn accept(listener: BoundListener, front: Arc<Front>, connections: Connections, stop: Arc<Stop>) {
    loop {
        // The place first: what can't be served waits in the kernel's queue, not here.
        let Ok(place) = Arc::clone(&connections.places).acquire_owned().await else {
            return;
        };
        let accepted = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly: no file descriptors left, or a client that is gone already.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (front, stop) = (Arc::clone(&front), Arc::clone(&stop));
        tokio::spawn(async move {
            match accepted {
                Accepted::Unix(stream, peer) => connection::serve(stream, peer, front, &stop).await,
                Accepted::Tcp(stream, peer) => connection::serve(stream, peer, front, &stop).await,
            }
            drop(place);
        });
    }
}

/// The places for connections of one kind.
#[derive(Debug, Clone)]
struct Connections {
    places: Arc<Semaphore>,
    count: u32,
}

impl Connections {
    fn new(count: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(count)),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }

    /// Waits until every connection has ended.
    async fn ended(&self) {
        let _all = self.places.acquire_many(self.count).await;
    }
}

/// How long requests in flight may take to finish when the daemon stops.
const FINISH_MAX: Duration = Duration::from_secs(10);

/// How long to wait when connections can't be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
