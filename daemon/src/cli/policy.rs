//! `chancery policy`: what policies say, before anybody depends on it. `check`, `test` and `translate` need no daemon;
//! `simulate` asks one or reads a log, `replay` reads a log.
//!
//! Findings and verdicts go to stdout, a line each; exit: 0 yes, 1 the answer is no, 2 usage, 3 unreachable.

mod check;
mod replay;
mod simulate;
mod test;
mod translate;

use std::io::Read;
use std::path::Path;

use clap::{Args, Subcommand};

use super::exit::Failure;

/// Check policy documents, and find out what they do
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    Check(check::Arguments),
    Replay(replay::Arguments),
    Simulate(simulate::Arguments),
    Test(test::Arguments),
    Translate(translate::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        PolicyCommand::Check(arguments) => check::run(arguments),
        PolicyCommand::Replay(arguments) => replay::run(arguments),
        PolicyCommand::Simulate(arguments) => simulate::run(arguments),
        PolicyCommand::Test(arguments) => test::run(arguments),
        PolicyCommand::Translate(arguments) => translate::run(arguments),
    }
}

/// Reads a file, or stdin for `-`; at most so many bytes.
fn read(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let shown = path.display();
    let usage = |error: std::io::Error| Failure::Usage(format!("can't read {shown}: {error}"));
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(usage)?)
    };
    let mut text = String::new();
    // One byte more than allowed tells too long from just long enough.
    source
        .take(bytes_max + 1)
        .read_to_string(&mut text)
        .map_err(usage)?;
    if text.len() as u64 > bytes_max {
        return Err(Failure::Usage(format!(
            "{shown} is longer than {bytes_max} bytes"
        )));
    }
    Ok(text)
}
