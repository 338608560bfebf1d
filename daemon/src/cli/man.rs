//! `chancery man`: the manual, made from the same words as the help.

use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use super::exit::{Failure, say};

/// Write the manual page to stdout, or one for every command into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A directory that is there; it gets chancery.1 and a page for every command and action
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  chancery man | man -l -
  chancery man --dir /usr/local/share/man/man1";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.dir {
        Some(dir) => write_all(dir).map_err(|error| {
            Failure::No(format!(
                "the manual can't be written to `{}`: {error}",
                dir.display()
            ))
        }),
        None => say(page()
            .map_err(|error| Failure::No(format!("the manual can't be written: {error}")))?
            .trim_end()),
    }
}

fn page() -> io::Result<String> {
    let mut page = Vec::new();
    Man::new(super::command()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn write_all(dir: &Path) -> io::Result<()> {
    clap_mangen::generate_to(super::command(), dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_a_page_for_every_command_and_action() {
        let page = page().unwrap();
        assert!(page.starts_with(".ie"), "{page}");
        assert!(
            page.contains("chancery\\-serve(1)") && page.contains("Exit codes"),
            "{page}"
        );
        let dir = tempfile::tempdir().unwrap();
        write_all(dir.path()).unwrap();
        for page in [
            "chancery.1",
            "chancery-serve.1",
            "chancery-kms-Encrypt.1",
            "chancery-log-verify.1",
        ] {
            let text = std::fs::read_to_string(dir.path().join(page)).unwrap();
            assert!(text.contains(".SH SYNOPSIS"), "{page}");
        }
    }
}
