//! `chancery serve`: the daemon.
//!
//! Order at the start: the process is hardened, the directory locked, the listeners bound (clients wait in the kernel's
//! queue), the log booted, the start recorded, then the listeners are named and served. At the end: no new connections,
//! requests in flight finish, housekeeping ends, the state is sealed, the last anchor written.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config::Config;
use super::exit::{CANT_GO_ON, Failure, say};
use super::listen;
use super::process::{self, LogFormat};
use super::start::{self, DataArguments, RegionArguments, Started};
use crate::api::{Front, Settings};
use crate::base::Region;
use crate::custody::Provider;
use crate::engine::home::{Home, Layout};
use crate::engine::service::Threads;
use crate::engine::twin::{ASK_EVERY, Guard};
use crate::engine::{Element, Engine, Recorded};
use crate::server::listener::BoundListener;
use crate::server::manager::{self, Notify};
use crate::server::tls::Tls;
use crate::server::{self, Limits, MonitorListener};

/// Run the daemon; the first start founds the log
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A TOML file with all of this and more; arguments go before it. chancery.example.toml has every option
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to tell on stderr: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "CHANCERY_LOG")]
    pub(super) log_level: Option<String>,
    /// How to tell it [default: text]
    #[arg(long, value_name = "FORMAT", env = "CHANCERY_LOG_FORMAT")]
    pub(super) log_format: Option<LogFormat>,
    #[command(flatten)]
    pub(super) data: DataArguments,
    #[command(flatten)]
    pub(super) regions: RegionArguments,
    #[command(flatten)]
    pub(super) listen: ListenArguments,
}

/// Where to listen.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Listeners")]
pub(super) struct ListenArguments {
    /// The Unix socket [default: the service manager's, or $XDG_RUNTIME_DIR/chancery.sock; for root
    /// /run/chancery/chancery.sock]
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// Listen on TCP too, for calls signed with an access key; may be repeated; port 0 takes a free one
    #[arg(long = "listen", value_name = "ADDR:PORT", value_parser = address)]
    pub(super) addresses: Vec<SocketAddr>,
    /// Listen beyond loopback although nothing is encrypted here
    #[arg(long)]
    pub(super) allow_plaintext: bool,
    /// Listen on TCP with TLS 1.2 and 1.3; may be repeated; any address is allowed
    #[arg(long = "tls-listen", value_name = "ADDR:PORT", value_parser = address)]
    pub(super) tls_addresses: Vec<SocketAddr>,
    /// The certificate chain, PEM, the server's own first; read again when the file changes, and on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Do not take the daemon's own user on the Unix socket for the account's root
    #[arg(long)]
    pub(super) no_local_root: bool,
    /// Answer monitors on TCP: /metrics, /healthz, /readyz; without credentials, and without ids or names
    #[arg(long = "metrics-listen", value_name = "ADDR:PORT", value_parser = address)]
    pub(super) metrics: Option<SocketAddr>,
}

const EXAMPLES: &str = "\
Examples:
  chancery serve
  chancery serve --data /srv/kms --socket /run/kms.sock --listen 127.0.0.1:8200
  chancery serve --tls-listen 0.0.0.0:8443 --tls-cert /etc/chancery/tls.pem --tls-key /etc/chancery/tls.key
  chancery serve --root-key /media/usb/root.key --anchor /mnt/other/kms.anchor
  chancery serve --config /etc/chancery/chancery.toml

Each listener is named on stdout when it is ready, as in
  listening on unix:/run/chancery/chancery.sock
  listening on http://127.0.0.1:8200
  listening on http://127.0.0.1:9464/metrics
Sockets of the service manager (LISTEN_FDS) are served too: Unix sockets instead of the default one, TCP sockets as
--listen does, those named `tls...` as --tls-listen does. The manager hears READY, RELOADING, STOPPING (NOTIFY_SOCKET).
SIGHUP reads the certificate again. A pair that can't be used leaves the old one in use.
SIGTERM and SIGINT stop the daemon: requests in flight finish, the state is sealed.";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::harden()?;
    process::end_with_the_core();
    let settled = Config::settle(arguments)?;
    let arguments = &settled.arguments;
    process::trace_to_stderr(&settled.level, settled.format)?;
    let limits = settled.limits.clone().within_files(process::raise_file_limit());
    // Before there are threads: the variables are cleared.
    let handed = manager::sockets()
        .map_err(|error| Failure::No(format!("the service manager's sockets can't be used: {error}")))?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = Builder::new_multi_thread()
        .worker_threads(cores)
        .enable_all()
        .build()
        .map_err(|error| Failure::No(format!("no threads can be started: {error}")))?;

    let home = Home::open(arguments.data.layout()?)?;
    let (listeners, tls) = runtime.block_on(listen::listeners(&arguments.listen, handed))?;
    let monitors = runtime.block_on(monitors(&arguments.listen))?;
    let mut started = start::start(&home, &arguments.data, &arguments.regions)?;
    started.core.admission = settled.admission;
    home.watch_disk(&started.core, settled.reserve);
    let regions = served(&started, &arguments.regions)?;
    tell(&started, &home, settled.format);
    let log = started.core.writer.chain().log();
    let figures = Arc::clone(&started.core.tools.figures);
    let _guard = Guard::keep(started.claim, log, figures, ASK_EVERY)
        .map_err(|error| Failure::No(format!("no threads can be started: {error}")))?;

    let (engine, threads) = Engine::start(started.core, cores, |error| {
        // Law 1: what can't be recorded must not happen. The directory is whole; the next start finds all that was answered.
        tracing::error!(%error, "the log can't be written any more; stopping");
        eprintln!("chancery: the log can't be written any more: {error}; stopping");
        std::process::exit(i32::from(CANT_GO_ON));
    })
    .map_err(|error| Failure::No(format!("no threads can be started: {error}")))?;
    let settings = Settings {
        regions,
        quotas: settled.quotas,
        nonces: settled.nonces,
        root_uid: settled.root_uid,
        local_principals: settled.local_principals.clone(),
    };
    let front = Front::new(Arc::clone(&engine), settings)
        .map_err(|error| Failure::No(format!("the tail of the log can't be read: {error}")))?;
    let door = Door {
        listeners,
        monitors,
        tls,
        limits,
    };
    serve(&runtime, door, &home, engine, threads, front)
}

async fn monitors(arguments: &ListenArguments) -> Result<Option<MonitorListener>, Failure> {
    let Some(address) = arguments.metrics else {
        return Ok(None);
    };
    Ok(Some(
        MonitorListener::bind(address, arguments.allow_plaintext).await?,
    ))
}

/// What callers come in by.
struct Door {
    listeners: Vec<BoundListener>,
    monitors: Option<MonitorListener>,
    tls: Option<Arc<Tls>>,
    limits: Limits,
}

/// The regions asked for, which must have the log's own among them: its keys could not be reached otherwise.
fn served(started: &Started, arguments: &RegionArguments) -> Result<Vec<Region>, Failure> {
    let home = &started.core.region;
    if arguments.regions.is_empty() {
        return Ok(vec![home.clone()]);
    }
    if arguments.regions.contains(home) {
        return Ok(arguments.regions.clone());
    }
    Err(Failure::Usage(format!(
        "this log's home region is {home}: add --region {home}"
    )))
}

fn tell(started: &Started, home: &Home, format: LogFormat) {
    if home.is_new() && format == LogFormat::Text {
        eprintln!("{}", start::founded(started, home.layout()));
    } else if home.is_new() {
        tracing::info!(
            data = %home.layout().dir().display(),
            account = %started.core.account,
            region = %started.core.region,
            root_access_key = %home.layout().root_access_key().display(),
            root_key = %started.root_key.display(),
            "a new log was founded; move the root access key to a safe place, keep a copy of the root key away from the data"
        );
    } else {
        tracing::info!(
            events = started.core.writer.state().size(),
            "the log in {} was found again",
            home.layout().dir().display()
        );
    }
    if started.provider == Provider::File {
        tracing::warn!(
            "the root key in {} is protected by its file mode alone: who can read it and the data can read every key",
            started.root_key.display()
        );
    }
}

fn serve(
    runtime: &Runtime,
    door: Door,
    home: &Home,
    engine: Arc<Engine>,
    threads: Threads,
    front: Front,
) -> Result<(), Failure> {
    let no_signals = |error| Failure::No(format!("signals can't be listened to: {error}"));
    // Before anybody is told that we are ready: who then says SIGTERM is to be heard.
    let signals = {
        let _context = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate()).map_err(no_signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(no_signals)?,
        }
    };
    let hangup = {
        let _context = runtime.enter();
        signal(SignalKind::hangup()).map_err(no_signals)?
    };
    let Door {
        listeners,
        monitors,
        tls,
        limits,
    } = door;
    runtime.spawn(listen::look_after(tls, hangup, Notify::from_env()));
    runtime.block_on(engine.adopt_row_format());
    runtime.block_on(engine.adopt_catalogue());
    runtime.block_on(engine.note("chancery/Start", started_as(&listeners)));
    let housekeeper = Housekeeper::start(runtime, Arc::clone(&engine), home.layout().clone())
        .map_err(|error| Failure::No(format!("no threads can be started: {error}")))?;
    for listener in &listeners {
        say(&format!("listening on {listener}"))?;
    }
    let front = Arc::new(front);
    if let Some(monitors) = monitors {
        say(&format!("listening on {monitors}"))?;
        // Until the process ends: how a stop goes on is worth watching too.
        runtime.spawn(monitors.serve(Arc::clone(&front)));
    }
    let notify = Notify::from_env();
    notify.ready();
    let stopping = async {
        signals.any().await;
        notify.stopping();
    };
    runtime.block_on(server::serve(listeners, front, limits, stopping));
    housekeeper.stop();
    runtime.block_on(engine.close());
    threads
        .join()
        .map_err(|error| Failure::Fatal(format!("the log could not be closed: {error}")))?;
    tracing::info!("stopped; the state is sealed");
    Ok(())
}

fn started_as(listeners: &[BoundListener]) -> Recorded {
    let mut recorded = Recorded::default();
    let places: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    recorded.insert("Listeners", Element::text(&places.join(" ")));
    recorded.insert(
        "Software",
        Element::Text(concat!("chancery ", env!("CARGO_PKG_VERSION")).into()),
    );
    recorded
}

/// What ends the daemon.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn any(mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: stopping");
    }
}

/// The thread that keeps house once a second. It is none of the runtime's workers, for it waits for the vault's disk.
struct Housekeeper {
    thread: std::thread::JoinHandle<()>,
    stop: mpsc::Sender<()>,
}

impl Housekeeper {
    fn start(runtime: &Runtime, engine: Arc<Engine>, layout: Layout) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        let handle = runtime.handle().clone();
        let thread = std::thread::Builder::new()
            .name("housekeeper".into())
            .spawn(move || {
                loop {
                    look_at_disk(&engine, &layout);
                    handle.block_on(engine.keep_house());
                    if stopped.recv_timeout(HOUSEKEEPING) != Err(mpsc::RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok(Self { thread, stop })
    }

    fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("housekeeping had stopped before the daemon did");
        }
    }
}

/// Takes down how much room the data directory has. Without an answer the last one stands.
fn look_at_disk(engine: &Engine, layout: &Layout) {
    match rustix::fs::statvfs(layout.dir()) {
        Ok(disk) => {
            let figures = &engine.tools().figures;
            figures.disk_free.set(disk.f_bavail.saturating_mul(disk.f_frsize));
            figures
                .disk_total
                .set(disk.f_blocks.saturating_mul(disk.f_frsize));
        }
        Err(error) => tracing::warn!(%error, "the room on the data directory's disk is not known"),
    }
}

/// How often.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// An address with a port; `localhost` is 127.0.0.1.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric
        .parse()
        .map_err(|_| "give an IP address and a port, as in 127.0.0.1:8200 or [::1]:8200".to_owned())
}
