//! `chancery init`: founds a log and ends.

use super::exit::{Failure, say};
use super::process;
use super::start::{self, DataArguments, RegionArguments};
use crate::engine::home::Home;

/// Found a log without serving it; `serve` does the same at its first start
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    regions: RegionArguments,
}

const EXAMPLES: &str = "\
Examples:
  chancery init
  chancery init --data /srv/chancery --root-key /media/usb/root.key
  chancery keyring init --root-key /etc/chancery/root.key --provider passphrase && chancery init";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    process::harden()?;
    let home = Home::open(arguments.data.layout()?)?;
    if !home.is_new() {
        return Err(Failure::No(format!(
            "there is a log in `{}` already: it is left as it is",
            home.layout().dir().display()
        )));
    }
    let started = start::start(&home, &arguments.data, &arguments.regions)?;
    say(&start::founded(&started, home.layout()))
}
