//! `chancery completions`: what a shell needs to complete this command line.

use clap_complete::Shell;

use super::exit::{Failure, say};

/// Write completions for a shell to stdout
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  chancery completions bash > /etc/bash_completion.d/chancery
  chancery completions zsh > \"${fpath[1]}/_chancery\"
  chancery completions fish > ~/.config/fish/completions/chancery.fish";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    say(script(arguments.shell).trim_end())
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "chancery", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_learns_commands_actions_and_parameters() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in [
                "serve",
                "metrics-listen",
                "ScheduleKeyDeletion",
                "PendingWindowInDays",
            ] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
