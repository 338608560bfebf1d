//! The `load` command: one plan from the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::report::{Report, Row};
use crate::{call, fsync};

use super::http::Target;
use super::requests::{AccessKey, Call, Requests, Scheme};
use super::{Arrival, Plan, drive};

/// One load against a server that already runs.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Unix socket of the server
    #[arg(long, required_unless_present = "connect", conflicts_with = "connect")]
    socket: Option<PathBuf>,
    /// TCP address of the server (plain HTTP)
    #[arg(long)]
    connect: Option<SocketAddr>,
    /// The server is the toy: JSON bodies, no credentials
    #[arg(long)]
    toy: bool,
    /// Sign each request with the access key in this file (root-access-key.json of the daemon)
    #[arg(long, conflicts_with = "toy")]
    access_key: Option<PathBuf>,
    /// How to sign
    #[arg(long, default_value = "acs3", requires = "access_key")]
    signature: Scheme,
    /// Key to encrypt with [default: a new one, made by this run]
    #[arg(long)]
    key_id: Option<String>,
    /// Connections; several numbers are several runs
    #[arg(long, value_delimiter = ',', default_value = "64", value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: Vec<u16>,
    /// Open loop: requests that fall due in a second [default: closed loop]
    #[arg(long)]
    rate: Option<f64>,
    /// Seconds before counting begins
    #[arg(long, default_value = "1", value_parser = seconds)]
    warm_up: Duration,
    /// Seconds counted
    #[arg(long, default_value = "5", value_parser = seconds)]
    measure: Duration,
    /// Requests after which a run ends
    #[arg(long, default_value = "50000000")]
    requests_max: u64,
    /// Process id of the server, for its processor time [default over a Unix socket: asked of the kernel]
    #[arg(long)]
    pid: Option<u32>,
    /// Directory on the filesystem of the server's data, to measure raw fdatasync beside the run
    #[arg(long)]
    fsync_dir: Option<PathBuf>,
    /// Also write the figures here, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs the load and prints the table.
pub async fn main(arguments: Arguments) -> Result<ExitCode> {
    let target = match (&arguments.socket, arguments.connect) {
        (Some(path), _) => Target::Unix(path.clone()),
        (None, Some(address)) => Target::Tcp(address),
        (None, None) => bail!("neither --socket nor --connect"),
    };
    let requests = requests(&arguments, &target).await?;
    let arrival = arguments
        .rate
        .map_or(Arrival::Closed, |per_second| Arrival::Open { per_second });
    let mut report = Report::default();
    for &connections in &arguments.connections {
        let fdatasync = arguments.fsync_dir.as_deref().map(fsync::p50).transpose()?;
        let plan = Plan {
            target: target.clone(),
            requests: requests.clone(),
            connections: connections.into(),
            arrival,
            warm_up: arguments.warm_up,
            measure: arguments.measure,
            requests_max: arguments.requests_max,
            server_pid: arguments.pid,
        };
        let mut measured = drive(plan).await?;
        measured.fdatasync_p50_us = fdatasync.map(|time| time.as_secs_f64() * 1e6);
        let server = if arguments.toy { "toy" } else { "chancery" };
        let mut row = Row::new(server, way(&arguments), connections.into(), arrival);
        row.rounds.push(measured);
        report.rows.push(row);
    }
    print!("{}", report.markdown());
    if let Some(path) = &arguments.json {
        report.write_json(path)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn requests(arguments: &Arguments, target: &Target) -> Result<Requests> {
    if arguments.toy {
        return Requests::toy(arguments.key_id.as_deref().unwrap_or(call::TOY_KEY));
    }
    let access_key = arguments.access_key.as_deref().map(AccessKey::read).transpose()?;
    if access_key.is_none() && matches!(target, Target::Tcp(_)) {
        bail!("over TCP a request needs credentials: name a file with --access-key");
    }
    let key_id = match &arguments.key_id {
        Some(key_id) => key_id.clone(),
        None => call::create_key(target, access_key.as_ref().map(|key| (key, arguments.signature)))
            .await
            .context("cannot create a key")?,
    };
    let call = Call::encrypt(&key_id)?;
    match access_key {
        Some(key) => Requests::signed(&call, &key, arguments.signature),
        None => Ok(Requests::peer(&call)),
    }
}

fn way(arguments: &Arguments) -> &'static str {
    match (&arguments.socket, &arguments.access_key) {
        _ if arguments.toy && arguments.socket.is_some() => "unix",
        _ if arguments.toy => "tcp",
        (Some(_), None) => "unix, peer",
        (Some(_), Some(_)) => match arguments.signature {
            Scheme::V1 => "unix, signed v1",
            Scheme::Acs3 => "unix, signed acs3",
        },
        (None, _) => match arguments.signature {
            Scheme::V1 => "tcp, signed v1",
            Scheme::Acs3 => "tcp, signed acs3",
        },
    }
}

/// Parses a number of seconds, at most an hour.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if !(0.0..=3600.0).contains(&seconds) {
        return Err(format!("`{text}` is not between 0 and 3600 seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}
