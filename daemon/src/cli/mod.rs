//! The command line: arguments in, JSON out.
//!
//! I1  Exit codes are a contract: 0 yes, 1 the answer is no, 2 usage, 3 unreachable; 70 when a running daemon can't go on.
//! I2  Answers go to stdout, everything else to stderr; an API error is JSON on stderr, as the daemon said it.
//! I3  API actions come from the one table of operations; nothing here knows an operation by name.
//! I4  The real clock, entropy, store and files are made here and nowhere else (law 7).
//!
//! Never: prints a secret that was not asked for, or takes one only as an argument that `ps` shows.

mod account;
mod action;
mod backup;
mod clock;
mod completions;
mod config;
mod exit;
mod init;
mod keyring;
mod listen;
mod log;
mod man;
mod passphrase;
mod paths;
mod patience;
mod policy;
mod process;
mod prose;
mod restore;
mod serve;
mod start;
mod status;
mod target;
mod value;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use self::exit::Failure;
use crate::api::table;

/// A self-hosted key management and secrets daemon whose signed log is its database.
#[derive(Debug, Parser)]
#[command(name = "chancery", version, max_term_width = 110, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands besides the API's products, which come from the table.
#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Init(init::Arguments),
    Status(status::Arguments),
    Account(account::Arguments),
    Keyring(keyring::Arguments),
    Backup(backup::Arguments),
    Restore(Box<restore::Arguments>),
    Clock(clock::Arguments),
    Log(log::Arguments),
    Policy(policy::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

const EXAMPLES: &str = "\
Examples:
  chancery serve                 run the daemon; the first start founds the log
  chancery status                is it there, and how is it?
  chancery kms CreateKey         make a key
  chancery kms Encrypt --KeyId ID --Plaintext @-
                                 encrypt what stdin says, in base64
  chancery log verify            prove the whole log
  chancery backup --to DIR --recipient age1...
                                 keep a copy that only your age key opens
  chancery policy check FILE     find the mistakes in a policy
  chancery kms --help            all operations
  chancery kms Encrypt --help    one of them

Exit codes: 0 yes; 1 the answer is no (denied, refused, damaged); 2 wrong usage;
3 no daemon could be reached.";

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The whole command line: what is declared here, and one command for each product of the API.
fn command() -> clap::Command {
    let command = table::PRODUCTS
        .into_iter()
        .fold(Cli::command(), |command, product| {
            command.subcommand(action::command(product))
        });
    prose::reflow(command)
}

fn run(matches: &ArgMatches) -> Result<(), Failure> {
    process::leave_nothing_behind()?;
    if let Some((name, matches)) = matches.subcommand()
        && let Some(product) = table::PRODUCTS.into_iter().find(|product| product.name == name)
    {
        return action::run(product, matches);
    }
    match Cli::from_arg_matches(matches)?.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Account(arguments) => account::run(&arguments),
        Command::Keyring(arguments) => keyring::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Clock(arguments) => clock::run(&arguments),
        Command::Log(arguments) => log::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    }
}

#[cfg(test)]
mod tests;
