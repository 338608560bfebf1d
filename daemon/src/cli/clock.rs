//! `chancery clock accept`: an operator says that the wall clock is right.

use super::action::call;
use super::exit::{Failure, say};
use super::target::Target;
use crate::api::table::CHANCERY;

/// Say that the wall clock is right
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Let scheduled deletions run that a jump of the clock, or a long silence, holds for 24 hours
    ///
    /// Look at the machine's clock first: destroyed keys do not come back.
    Accept {
        #[command(flatten)]
        target: Target,
    },
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Accept { target } = &arguments.command;
    say(&call(target, &CHANCERY, "AcceptClock", &[])?)
}
