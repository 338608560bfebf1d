//! The load: connections that ask and wait, in a closed loop or at a fixed arrival rate, and what came of it.
//!
//! Everything runs on one thread, so the counters are plain cells and the generator's own cost is one number.

mod acs3;
pub mod arguments;
mod drive;
pub mod http;
pub mod requests;
pub mod signature;
mod tally;

use std::time::Duration;

use serde::Serialize;

use http::Target;
use requests::Requests;

pub use drive::drive;

/// When the next request is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// Each connection sends as soon as its last reply came: measures throughput
    Closed,
    /// So many requests a second fall due, whether or not earlier ones were answered: measures latency
    Open {
        /// Arrivals in a second
        per_second: f64,
    },
}

/// One run of the generator.
#[derive(Debug)]
pub struct Plan {
    /// Where to connect
    pub target: Target,
    /// What to send
    pub requests: Requests,
    /// Connections, all opened before the first request
    pub connections: usize,
    /// When to send
    pub arrival: Arrival,
    /// Time before counting begins
    pub warm_up: Duration,
    /// Time counted
    pub measure: Duration,
    /// Requests after which the run ends early
    pub requests_max: u64,
    /// The server, whose processor time is wanted; found by itself over a Unix socket
    pub server_pid: Option<u32>,
}

/// What one run showed. Times are for requests as clients see them.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// Replies in the counted time
    pub answered: u64,
    /// Requests that fell due in the counted time and were not answered by the end of the grace (open loop only)
    pub unserved: u64,
    /// Replies a second
    pub ops_per_second: f64,
    /// Median latency, milliseconds
    pub p50_ms: f64,
    /// 99th percentile, milliseconds
    pub p99_ms: f64,
    /// 99.9th percentile, milliseconds
    pub p999_ms: f64,
    /// Longest, milliseconds
    pub max_ms: f64,
    /// Processor time of the server, all threads, for one reply, microseconds
    pub server_cpu_us: Option<f64>,
    /// Processor time of the generator for one reply, microseconds
    pub generator_cpu_us: f64,
    /// Cores kept busy meanwhile by anything but server and generator: the greater, the less the figures are worth
    pub other_cores: Option<f64>,
    /// Median of a raw 600-byte append and fdatasync just before the run, microseconds
    pub fdatasync_p50_us: Option<f64>,
}
