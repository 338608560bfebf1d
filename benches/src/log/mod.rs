//! The `log` command: makes a log as a busy daemon would have left it, then times what is done with a whole log: folding it,
//! verifying it at each depth, and starting on it.
//!
//! The log is made by the daemon's own writer, ledger and store, with real keys, policies and signatures; only the front
//! is left out. What is timed is what `chancery log verify`, `log replay` and `serve` call.

mod cold;
mod make;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chancery::audit::{Asked, Depth, LogSource, StoreSource, fold_first, verify_as};
use chancery::base::Region;
use chancery::base::disk::{BlockFile, OsFile};
use chancery::base::entropy::SystemEntropy;
use chancery::base::time::SystemClock;
use chancery::custody::root;
use chancery::engine::boot::{Core, Founding, World};
use chancery::engine::home::{Home, Layout};
use chancery::ledger::EventStore;

use crate::server_process::ServerProcess;
use crate::{cpu, fsync};

/// A whole log.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many events the log is to have, about
    #[arg(long, default_value_t = 300_000)]
    events: u64,
    /// Directory for the log, on the disk that is meant; a directory inside it is made and removed
    #[arg(long, default_value = "/var/tmp")]
    scratch: PathBuf,
    /// Leave the log in place, or use the one that an earlier run left there
    #[arg(long)]
    keep: bool,
    /// The `chancery` binary: its start on the log is timed as well, until it listens
    #[arg(long)]
    chancery: Option<PathBuf>,
    /// Leave out decisions, the slowest
    #[arg(long)]
    no_decisions: bool,
}

/// Makes the log, measures, prints.
pub fn main(arguments: &Arguments) -> Result<ExitCode> {
    fsync::refuse_memory(&arguments.scratch)?;
    let dir = arguments
        .scratch
        .join(format!("chancery-log-{}", arguments.events));
    let is_there = dir.join("store").exists();
    ensure!(
        !is_there || arguments.keep,
        "{} is there already: name --keep to use it",
        dir.display()
    );
    let measured = (|| {
        if !is_there {
            let began = Instant::now();
            let made = make::make(&dir, arguments.events)?;
            println!(
                "made {made} events in {:.0} s: {}",
                began.elapsed().as_secs_f64(),
                dir.display()
            );
        }
        measure(&dir, arguments)
    })();
    if !arguments.keep {
        remove(&dir)?;
    }
    measured.map(|()| ExitCode::SUCCESS)
}

fn measure(dir: &Path, arguments: &Arguments) -> Result<()> {
    println!("| work | events | seconds | events/s | CPU us/event | events/s and core |");
    println!("|---|---|---|---|---|---|");
    {
        let home = open(dir)?;
        let store: &dyn EventStore = &**home.store();
        timed("fold", || {
            let mut source = StoreSource::new(store)?;
            let (state, problems) = fold_first(&mut source, u64::MAX, &mut |_, _| ())?;
            ensure!(problems.is_empty(), "the log does not fold: {problems}");
            Ok(state.size())
        })?;
        for (name, depth) in [
            ("chain and tree", Depth::Chain),
            ("signatures, changes, stored state", Depth::Signatures),
            ("decisions as well", Depth::Decisions),
        ] {
            if depth == Depth::Decisions && arguments.no_decisions {
                continue;
            }
            let asked = Asked {
                depth,
                state: true,
                ..Asked::default()
            };
            timed(name, || {
                let anchor: Box<dyn BlockFile> = Box::new(OsFile::open(&dir.join("anchor"))?);
                let mut source = StoreSource::new(store)?.with_anchor(Some(anchor));
                let report = verify_as(&mut source, &asked, &mut |_, _| ())?;
                ensure!(report.is_verified(), "{report}");
                Ok(source.size())
            })?;
        }
    }
    starts(dir, arguments.chancery.as_deref())
}

/// Times `work`, which says how many events it was about. The processor time is that of all threads.
fn timed(name: &str, work: impl FnOnce() -> Result<u64>) -> Result<()> {
    let pid = std::process::id();
    let (began, before) = (Instant::now(), cpu::used_by(pid)?);
    let events = work()? as f64;
    let (took, used) = (began.elapsed().as_secs_f64(), cpu::used_by(pid)?);
    let used = used.saturating_sub(before).as_secs_f64();
    println!(
        "| {name} | {events:.0} | {took:.2} | {:.0} | {:.2} | {:.0} |",
        events / took,
        used / events * 1e6,
        events / used
    );
    Ok(())
}

/// The store opened and the log found again, then all of `serve`; with the page cache as it is, then without these files in it.
fn starts(dir: &Path, chancery: Option<&Path>) -> Result<()> {
    for is_cold in [false, true] {
        let cache = if is_cold { "cold" } else { "warm" };
        if is_cold {
            cold::evict(dir)?;
        }
        let began = Instant::now();
        let home = open(dir)?;
        let opened = began.elapsed();
        let core = boot(&home, dir)?;
        println!(
            "start, {cache}: store {} ms, log and state {} ms, {} events",
            opened.as_millis(),
            (began.elapsed() - opened).as_millis(),
            core.writer.state().size()
        );
        drop((core, home));
        if let Some(chancery) = chancery {
            if is_cold {
                cold::evict(dir)?;
            }
            println!(
                "serve, {cache}: listens after {} ms",
                serve(dir, chancery)?.as_millis()
            );
        }
    }
    Ok(())
}

/// How long `chancery serve` takes until it listens.
fn serve(dir: &Path, chancery: &Path) -> Result<Duration> {
    let mut command = Command::new(chancery);
    command.arg("serve").arg("--data").arg(dir);
    command.arg("--socket").arg(dir.join("bench.sock"));
    command.args(["--listen", "127.0.0.1:0"]);
    let began = Instant::now();
    let server = ServerProcess::start("chancery", command, &dir.join("serve.log"))?;
    let took = began.elapsed();
    server.stop()?;
    Ok(took)
}

fn open(dir: &Path) -> Result<Home> {
    Home::open(Layout::new(dir, None)).with_context(|| format!("cannot open {}", dir.display()))
}

fn boot(home: &Home, dir: &Path) -> Result<Core> {
    let mut path = dir.as_os_str().to_owned();
    path.push(".root-key");
    let ask = || Ok(chancery::base::SecretBytes::new(Vec::new()));
    let (root, _) = root::load_or_create(Path::new(&path), &SystemEntropy, &ask)?;
    let founding = Founding {
        name: "bench".into(),
        region: Region::parse("cn-hangzhou").context("no region")?,
    };
    Ok(home.boot(root, &world(), &founding)?)
}

fn world() -> World {
    World {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

fn remove(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    let mut key = dir.as_os_str().to_owned();
    key.push(".root-key");
    std::fs::remove_file(Path::new(&key)).context("cannot remove the root key")
}
