//! Rows of figures, as Markdown for people and JSON for programs. Medians over rounds; the best CPU figure beside the
//! median, since disturbances only ever add to it.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::load::{Arrival, Measurement};

/// All rows of one run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The machine
    pub machine: Machine,
    /// One row for each scenario
    pub rows: Vec<Row>,
    /// Throughput of the daemon over that of the toy
    pub ratio: Option<Ratio>,
}

/// One scenario and its rounds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The server
    pub server: &'static str,
    /// The transport and the kind of credentials
    pub way: &'static str,
    /// Connections
    pub connections: usize,
    /// Arrivals a second in the open loop; nothing in the closed
    pub rate: Option<f64>,
    /// What each round showed
    pub rounds: Vec<Measurement>,
    /// Why there are no (more) rounds
    pub fault: Option<String>,
}

/// The daemon's throughput as a part of the toy's, same transport, same connections.
#[derive(Debug, Clone, Serialize)]
pub struct Ratio {
    /// Of the medians
    pub of_medians: f64,
    /// Least of the rounds, each compared with its neighbour in time
    pub least: f64,
    /// Greatest of the rounds
    pub greatest: f64,
}

/// Where the figures were taken; they mean little elsewhere.
#[derive(Debug, Serialize)]
pub struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
}

impl Default for Machine {
    fn default() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let processor = processor.lines().find_map(|line| line.strip_prefix("model name"));
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: processor
                .map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':']))
                .to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl Row {
    /// A row without rounds.
    pub fn new(server: &'static str, way: &'static str, connections: usize, arrival: Arrival) -> Self {
        let rate = match arrival {
            Arrival::Closed => None,
            Arrival::Open { per_second } => Some(per_second),
        };
        Self {
            server,
            way,
            connections,
            rate,
            rounds: Vec::new(),
            fault: None,
        }
    }

    /// Median over the rounds of one figure; nothing when no round has it.
    pub fn median(&self, figure: impl Fn(&Measurement) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(figure).collect())
    }

    /// Median throughput.
    pub fn ops_per_second(&self) -> Option<f64> {
        self.median(|m| Some(m.ops_per_second))
    }

    fn markdown(&self) -> String {
        let load = self
            .rate
            .map_or("closed".to_owned(), |rate| format!("open {rate:.0}/s"));
        let start = format!(
            "| {} | {} | {} | {load} |",
            self.server, self.way, self.connections
        );
        if let Some(fault) = &self.fault {
            return format!(
                "{start} failed: {} | | | | | | | | | {} |\n",
                cell(fault),
                self.rounds.len()
            );
        }
        let unserved: u64 = self.rounds.iter().map(|m| m.unserved).sum();
        let best_ops = self.rounds.iter().map(|m| m.ops_per_second).reduce(f64::max);
        let best_cpu = self
            .rounds
            .iter()
            .filter_map(|m| m.server_cpu_us)
            .reduce(f64::min);
        format!(
            "{start} {} ({}){} | {} | {} | {} | {} | {} ({}) | {} | {} | {} | {} |\n",
            shown(self.ops_per_second(), 0),
            shown(best_ops, 0),
            if unserved > 0 {
                format!(", {unserved} unserved")
            } else {
                String::new()
            },
            shown(self.median(|m| Some(m.p50_ms)), 2),
            shown(self.median(|m| Some(m.p99_ms)), 2),
            shown(self.median(|m| Some(m.p999_ms)), 2),
            shown(self.median(|m| Some(m.max_ms)), 1),
            shown(self.median(|m| m.server_cpu_us), 1),
            shown(best_cpu, 1),
            shown(self.median(|m| Some(m.generator_cpu_us)), 1),
            shown(self.median(|m| m.other_cores), 2),
            shown(self.median(|m| m.fdatasync_p50_us), 0),
            self.rounds.len(),
        )
    }
}

impl Ratio {
    /// Compares two rows that were alternated, round by round and by their medians.
    pub fn of(daemon: &Row, toy: &Row) -> Option<Self> {
        let rounds = daemon
            .rounds
            .iter()
            .zip(&toy.rounds)
            .map(|(d, t)| d.ops_per_second / t.ops_per_second);
        let rounds: Vec<f64> = rounds.collect();
        Some(Self {
            of_medians: daemon.ops_per_second()? / toy.ops_per_second()?,
            least: rounds.iter().copied().reduce(f64::min)?,
            greatest: rounds.iter().copied().reduce(f64::max)?,
        })
    }
}

impl Report {
    /// The whole report, ready for a README.
    pub fn markdown(&self) -> String {
        let Machine {
            cores,
            processor,
            kernel,
        } = &self.machine;
        let mut text =
            format!("{cores} cores, {processor}, Linux {kernel}; the generator runs on the same cores.\n\n");
        text.push_str(
            "| server | way | connections | load | op/s, median (best) | p50 ms | p99 ms | p99.9 ms | max ms \
             | server CPU us/op, median (best) | generator CPU us/op | other cores | fdatasync p50 us | rounds |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        );
        text.extend(self.rows.iter().map(Row::markdown));
        if let Some(Ratio {
            of_medians,
            least,
            greatest,
        }) = &self.ratio
        {
            text.push_str(&format!(
                "\nRatio chancery / toy, durable Encrypt of 1 KiB, 64 connections, Unix socket: **{of_medians:.2}** \
                 (rounds {least:.2} to {greatest:.2}; target at least {RATIO_TARGET:.2}: {}).\n",
                if *of_medians >= RATIO_TARGET {
                    "met"
                } else {
                    "missed"
                }
            ));
        }
        text
    }

    /// Writes everything, each round included.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).context("cannot encode the report")?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The middle value; of an even number, the mean of the two middle ones.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn shown(value: Option<f64>, decimals: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// A text that can't break the table.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "/")
}

/// What the daemon is built to reach of the ceiling.
const RATIO_TARGET: f64 = 0.6;

#[cfg(test)]
mod tests {
    use super::*;

    fn round(ops_per_second: f64) -> Measurement {
        Measurement {
            answered: 1,
            unserved: 0,
            ops_per_second,
            p50_ms: 1.0,
            p99_ms: 2.0,
            p999_ms: 3.0,
            max_ms: 4.0,
            server_cpu_us: Some(25.0),
            generator_cpu_us: 5.0,
            other_cores: None,
            fdatasync_p50_us: None,
        }
    }

    fn row(server: &'static str, ops: &[f64]) -> Row {
        let mut row = Row::new(server, "unix", 64, Arrival::Closed);
        row.rounds = ops.iter().map(|ops| round(*ops)).collect();
        row
    }

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn one_disturbed_round_moves_neither_median_nor_ratio() {
        let ratio = Ratio::of(
            &row("chancery", &[30.0, 3.0, 30.0]),
            &row("toy", &[50.0, 50.0, 50.0]),
        )
        .unwrap();
        assert!((ratio.of_medians - 0.6).abs() < 1e-9);
        assert!((ratio.least - 0.06).abs() < 1e-9);
    }

    #[test]
    fn every_row_has_the_columns_of_the_head() {
        let mut failed = row("chancery", &[]);
        failed.fault = Some("answered 403: a|b\nc".into());
        let report = Report {
            rows: vec![row("toy", &[50.0]), failed],
            ..Report::default()
        };
        let text = report.markdown();
        let columns: Vec<usize> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.matches('|').count())
            .collect();
        assert_eq!(columns, [15; 4]);
    }
}
