//! The prose under `--help`: written in lines as long as the source's, shown in lines as long as the terminal's.

use clap::Command;

/// Has every paragraph under the help of `command`, and of all below it, be one line, which clap breaks where the terminal
/// ends. Lines that are indented (examples, lists) stay as they are.
pub(super) fn reflow(command: Command) -> Command {
    let text = command.get_after_help().map(|text| paragraphs(&text.to_string()));
    let command = match text {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(reflow)
}

fn paragraphs(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_open = false;
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        match (is_open, is_prose) {
            (true, true) => shown.push(' '),
            _ if shown.is_empty() => {}
            _ => shown.push('\n'),
        }
        shown.push_str(line);
        is_open = is_prose;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_one_line_and_examples_keep_theirs() {
        let text = "Examples:\n  one\n  two\n\nA long\nsentence.\n  a list\nMore\nof it.";
        assert_eq!(
            paragraphs(text),
            "Examples:\n  one\n  two\n\nA long sentence.\n  a list\nMore of it."
        );
    }
}
