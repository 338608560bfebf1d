//! The `run` command: starts the daemon and the toy, alternates them round by round, reports medians and the ratio.
//!
//! Both servers live through the whole run, on one filesystem, and only one is under load at a time: what disturbs
//! the machine for a minute disturbs both.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::load::arguments::seconds;
use crate::load::http::Target;
use crate::load::requests::{AccessKey, Call, Requests, Scheme};
use crate::load::{Arrival, Measurement, Plan, drive};
use crate::report::{Ratio, Report, Row};
use crate::server_process::ServerProcess;
use crate::{call, fsync};

/// The daemon against the toy.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The `chancery` binary; without it only the toy is measured
    #[arg(long, required_unless_present = "toy_only")]
    chancery: Option<PathBuf>,
    /// Measure only the toy: the ceiling of this machine
    #[arg(long, conflicts_with = "chancery")]
    toy_only: bool,
    /// Only the ratio at 64 connections, in short rounds
    #[arg(long)]
    quick: bool,
    /// Seconds counted in each round [default: 2 quick, 5 for the ratio, 4 for the rest]
    #[arg(long, value_parser = seconds)]
    measure: Option<Duration>,
    /// Rounds of each scenario [default: 3 quick, 7 for the ratio, 3 for the rest]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: Option<u8>,
    /// Directory for both servers' data, on the disk that is meant; a directory inside it is made and removed
    #[arg(long, default_value = "/var/tmp")]
    scratch: PathBuf,
    /// Leave data and logs in place
    #[arg(long)]
    keep: bool,
    /// Exit 1 when the ratio is lower than this
    #[arg(long)]
    require: Option<f64>,
    /// Also write all figures here, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
struct Timing {
    warm_up: Duration,
    measure: Duration,
    rounds: usize,
}

/// One way to one server.
struct Scenario {
    target: Target,
    requests: Requests,
    pid: u32,
    arrival: Arrival,
    row: Row,
}

/// A way without the number of connections and the arrival.
struct Way {
    server: &'static str,
    name: &'static str,
    target: Target,
    requests: Requests,
    pid: u32,
}

/// A directory of this run's own, removed at its end.
struct Scratch {
    path: PathBuf,
    keep: bool,
}

/// Runs everything and prints the report.
pub async fn main(arguments: Arguments) -> Result<ExitCode> {
    fsync::refuse_memory(&arguments.scratch)?;
    let scratch = Scratch::new(&arguments.scratch, arguments.keep)?;
    let daemon = arguments
        .chancery
        .as_deref()
        .map(|binary| start_daemon(binary, &scratch.path))
        .transpose()?;
    let toy = start_toy(&scratch.path)?;
    let mut ways = Vec::new();
    if let Some(daemon) = &daemon {
        ways.extend(daemon_ways(daemon, &scratch.path).await?);
    }
    ways.extend(toy_ways(&toy)?);

    let report = measure(&ways, &arguments, &scratch.path).await?;
    print!("{}", report.markdown());
    if let Some(path) = &arguments.json {
        report.write_json(path)?;
    }
    if let Some(daemon) = daemon {
        daemon.stop()?;
    }
    toy.stop()?;
    Ok(verdict(&report, arguments.require))
}

fn verdict(report: &Report, require: Option<f64>) -> ExitCode {
    let faults = report.rows.iter().filter(|row| row.fault.is_some()).count();
    if faults > 0 {
        eprintln!("chancery-bench: {faults} scenarios failed");
        return ExitCode::from(1);
    }
    let reached = report.ratio.as_ref().map(|ratio| ratio.of_medians);
    match (require, reached) {
        (Some(least), Some(reached)) if reached < least => {
            eprintln!("chancery-bench: ratio {reached:.3} is below {least}");
            ExitCode::from(1)
        }
        _ => ExitCode::SUCCESS,
    }
}

async fn measure(ways: &[Way], arguments: &Arguments, scratch: &Path) -> Result<Report> {
    let mut report = Report::default();
    let timing = arguments.over(if arguments.quick { RATIO_QUICK } else { RATIO_LONG });
    let matrix = arguments.over(MATRIX);
    // The ratio first, in a minute of its own: the ways over the socket without credentials.
    let compared = ways.iter().filter(|way| way.name == PEER || way.name == TOY_UNIX);
    let mut scenarios: Vec<Scenario> = compared.map(|way| way.scenario(64, Arrival::Closed)).collect();
    alternate(&mut scenarios, timing, scratch).await?;
    report
        .rows
        .extend(scenarios.into_iter().map(|scenario| scenario.row));
    let row = |server| report.rows.iter().find(|row: &&Row| row.server == server);
    report.ratio = row("chancery")
        .zip(row("toy"))
        .and_then(|(daemon, toy)| Ratio::of(daemon, toy));
    let reached = report.rows.first().and_then(Row::ops_per_second);
    if arguments.quick {
        return Ok(report);
    }
    for connections in [1, 16, 64, 256] {
        let all = ways
            .iter()
            .filter(|way| connections != 64 || (way.name != PEER && way.name != TOY_UNIX));
        let mut scenarios: Vec<Scenario> = all
            .map(|way| way.scenario(connections, Arrival::Closed))
            .collect();
        alternate(&mut scenarios, matrix, scratch).await?;
        report
            .rows
            .extend(scenarios.into_iter().map(|scenario| scenario.row));
    }
    // The open loop at parts of what the first server reached: 256 connections, so that arrivals seldom wait for one.
    for part in [0.5, 0.8] {
        let Some(per_second) = reached.map(|reached| (reached * part).round()) else {
            continue;
        };
        let arrival = Arrival::Open { per_second };
        let compared = ways.iter().filter(|way| way.name == PEER || way.name == TOY_UNIX);
        let mut scenarios: Vec<Scenario> = compared.map(|way| way.scenario(256, arrival)).collect();
        alternate(&mut scenarios, matrix, scratch).await?;
        report
            .rows
            .extend(scenarios.into_iter().map(|scenario| scenario.row));
    }
    Ok(report)
}

/// A B A B: each round takes every scenario once. A scenario that fails is left out from then on, and its row says why.
async fn alternate(scenarios: &mut [Scenario], timing: Timing, scratch: &Path) -> Result<()> {
    for _ in 0..timing.rounds {
        for scenario in scenarios
            .iter_mut()
            .filter(|scenario| scenario.row.fault.is_none())
        {
            let fdatasync = fsync::p50(scratch)?;
            match scenario.once(timing).await {
                Ok(mut measured) => {
                    measured.fdatasync_p50_us = Some(fdatasync.as_secs_f64() * 1e6);
                    progress(&scenario.row, &measured);
                    scenario.row.rounds.push(measured);
                }
                Err(fault) => {
                    eprintln!("{}, {}: {fault:#}", scenario.row.server, scenario.row.way);
                    scenario.row.fault = Some(format!("{fault:#}"));
                }
            }
        }
    }
    Ok(())
}

fn progress(row: &Row, measured: &Measurement) {
    let load = row
        .rate
        .map_or(String::new(), |rate| format!(", open {rate:.0}/s"));
    eprintln!(
        "{} ({}), {} connections{load}: {:.0} op/s, p50 {:.2} ms, p99 {:.2} ms",
        row.server, row.way, row.connections, measured.ops_per_second, measured.p50_ms, measured.p99_ms
    );
}

impl Arguments {
    /// The given timing, where the command line says nothing else.
    fn over(&self, timing: Timing) -> Timing {
        Timing {
            measure: self.measure.unwrap_or(timing.measure),
            rounds: self.rounds.map_or(timing.rounds, usize::from),
            ..timing
        }
    }
}

impl Scenario {
    async fn once(&self, timing: Timing) -> Result<Measurement> {
        drive(Plan {
            target: self.target.clone(),
            requests: self.requests.clone(),
            connections: self.row.connections,
            arrival: self.arrival,
            warm_up: timing.warm_up,
            measure: timing.measure,
            requests_max: REQUESTS_MAX,
            server_pid: Some(self.pid),
        })
        .await
    }
}

impl Way {
    fn scenario(&self, connections: usize, arrival: Arrival) -> Scenario {
        Scenario {
            target: self.target.clone(),
            requests: self.requests.clone(),
            pid: self.pid,
            arrival,
            row: Row::new(self.server, self.name, connections, arrival),
        }
    }
}

async fn daemon_ways(daemon: &ServerProcess, scratch: &Path) -> Result<Vec<Way>> {
    let key_id = call::create_key(daemon.unix(), None)
        .await
        .context("cannot create a key")?;
    let encrypt = Call::encrypt(&key_id)?;
    let access_key = AccessKey::read(&scratch.join("chancery").join("root-access-key.json"))?;
    let v1 = Requests::signed(&encrypt, &access_key, Scheme::V1)?;
    let acs3 = Requests::signed(&encrypt, &access_key, Scheme::Acs3)?;
    let way = |name, target: &Target, requests| Way {
        server: "chancery",
        name,
        target: target.clone(),
        requests,
        pid: daemon.pid(),
    };
    Ok(vec![
        way(PEER, daemon.unix(), Requests::peer(&encrypt)),
        way("unix, signed v1", daemon.unix(), v1.clone()),
        way("tcp, signed v1", daemon.tcp(), v1),
        way("tcp, signed acs3", daemon.tcp(), acs3),
    ])
}

fn toy_ways(toy: &ServerProcess) -> Result<Vec<Way>> {
    let requests = Requests::toy(call::TOY_KEY)?;
    let way = |name, target: &Target| Way {
        server: "toy",
        name,
        target: target.clone(),
        requests: requests.clone(),
        pid: toy.pid(),
    };
    Ok(vec![way(TOY_UNIX, toy.unix()), way("tcp", toy.tcp())])
}

fn start_daemon(binary: &Path, scratch: &Path) -> Result<ServerProcess> {
    let mut command = Command::new(binary);
    command.arg("serve");
    places(&mut command, scratch, "chancery");
    ServerProcess::start("chancery", command, &scratch.join("chancery.log"))
}

fn start_toy(scratch: &Path) -> Result<ServerProcess> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.arg("toy");
    places(&mut command, scratch, "toy");
    ServerProcess::start("toy", command, &scratch.join("toy.log"))
}

fn places(command: &mut Command, scratch: &Path, name: &str) {
    command.arg("--data").arg(scratch.join(name));
    command.arg("--socket").arg(scratch.join(format!("{name}.sock")));
    command.args(["--listen", "127.0.0.1:0"]);
}

impl Scratch {
    fn new(parent: &Path, keep: bool) -> Result<Self> {
        let path = parent.join(format!("chancery-bench-{}", std::process::id()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path, keep })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("data and logs are left in {}", self.path.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("chancery-bench: cannot remove {}: {error}", self.path.display());
        }
    }
}

const PEER: &str = "unix, peer";
const TOY_UNIX: &str = "unix";
const RATIO_QUICK: Timing = Timing {
    warm_up: Duration::from_millis(500),
    measure: Duration::from_secs(2),
    rounds: 3,
};
const RATIO_LONG: Timing = Timing {
    warm_up: Duration::from_secs(1),
    measure: Duration::from_secs(5),
    rounds: 7,
};
const MATRIX: Timing = Timing {
    warm_up: Duration::from_secs(1),
    measure: Duration::from_secs(4),
    rounds: 3,
};
const REQUESTS_MAX: u64 = 50_000_000;
