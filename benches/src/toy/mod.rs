//! The toy: the least a server can do and still answer a durable, chained and signed Encrypt. It is the ceiling that
//! the daemon is compared with.
//!
//! Each request: hyper, JSON with borrowed fields, base64, AES-256-GCM inline, three SHA-256, a CBOR event of 17
//! fields; then one thread that numbers, chains, signs each event with Ed25519 and commits what waits as one fjall
//! batch with fdatasync; then a JSON reply.
//!
//! I1  A reply leaves only after its event's batch is durable.
//! I2  Each event is signed itself, over the hash that chains it to its predecessor.
//! Never: authenticates, authorizes, keeps state or checks limits. That is the daemon's work, and its extra cost.

mod request;
mod sequencer;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};

use request::Desk;
use sequencer::Sequencer;

/// The daemon's own flags, as far as the toy has use for them.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Directory of the log; made when missing
    #[arg(long)]
    data: PathBuf,
    /// Unix socket to listen on
    #[arg(long)]
    socket: Option<PathBuf>,
    /// TCP address to listen on; port 0 takes a free one
    #[arg(long)]
    listen: Vec<SocketAddr>,
    /// Threads that serve requests [default: one a core]
    #[arg(long)]
    workers: Option<usize>,
}

/// Serves until SIGTERM or SIGINT.
pub fn serve(arguments: &Arguments) -> Result<()> {
    std::fs::create_dir_all(&arguments.data)
        .with_context(|| format!("cannot create {}", arguments.data.display()))?;
    let (sequencer, queue) = Sequencer::start(&arguments.data.join("log"))?;
    let desk = Arc::new(Desk::new(queue)?);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = arguments.workers {
        builder.worker_threads(workers);
    }
    let runtime = builder.enable_all().build().context("no runtime")?;
    let served = runtime.block_on(listen(arguments, &desk));
    // The tasks hold the queue's senders. Dropping them all is what ends the sequencer.
    drop(runtime);
    drop(desk);
    sequencer.finish()?;
    served
}

async fn listen(arguments: &Arguments, desk: &Arc<Desk>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if let Some(path) = &arguments.socket {
        let listener = UnixListener::bind(path).with_context(|| format!("cannot bind {}", path.display()))?;
        println!("listening on unix:{}", path.display());
        tokio::spawn(accept_unix(listener, Arc::clone(desk)));
    }
    for address in &arguments.listen {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot bind {address}"))?;
        println!("listening on http://{}", listener.local_addr()?);
        tokio::spawn(accept_tcp(listener, Arc::clone(desk)));
    }
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

async fn accept_unix(listener: UnixListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&desk)));
    }
}

async fn accept_tcp(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_ok() {
            tokio::spawn(connection(stream, Arc::clone(&desk)));
        }
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, desk: Arc<Desk>) {
    let service = service_fn(|request| desk.answer(request));
    // A client that goes away mid-request is its own affair; the toy keeps no account of it.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}
