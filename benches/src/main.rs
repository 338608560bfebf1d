//! `chancery-bench`: measures the daemon against the fastest pipeline that does the same durable work.
//!
//! Four commands: `load` drives a server that already runs, `toy` is the ceiling (a server), `run` starts the daemon and
//! the toy and alternates them, so that a disturbance of the machine meets both, and `log` times what is done with a whole
//! log.
//!
//! I1  Latency in the open loop counts from the instant a request was due, never from when it could be sent.
//! I2  Nothing is counted in the warm-up, and a run with one answer other than 200 has no figures.
//! I3  Every run is bounded in time and in requests.
//! Never: touches a data directory or a process that it did not make itself.

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test that can't go on should stop where it stands"
    )
)]

mod call;
mod cpu;
mod fsync;
mod load;
mod log;
mod report;
mod run;
mod server_process;
mod toy;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// The load generator of Chancery, and the toy pipeline that is its ceiling.
#[derive(Debug, Parser)]
#[command(name = "chancery-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Drive a server that already runs and print what was measured
    Load(load::arguments::Arguments),
    /// Make a log, then time folding it, verifying it and starting on it
    Log(log::Arguments),
    /// Start the daemon and the toy, alternate them, and print medians and the ratio
    Run(run::Arguments),
    /// Serve the toy pipeline: the least work that still makes each Encrypt durable and signed
    Toy(toy::Arguments),
}

fn main() -> ExitCode {
    match dispatch(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chancery-bench: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Toy(arguments) => toy::serve(&arguments).map(|()| ExitCode::SUCCESS),
        Command::Log(arguments) => log::main(&arguments),
        Command::Load(arguments) => on_one_thread(load::arguments::main(arguments)),
        Command::Run(arguments) => on_one_thread(run::main(arguments)),
    }
}

/// Runs the generator on one thread: it shares its cores with the server, and one thread is far from its limit.
/// SIGINT and SIGTERM drop the future, and with it the servers it started.
fn on_one_thread(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = work => done,
            _ = interrupt.recv() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        }
    })
}
