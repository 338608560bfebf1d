//! How far a long pass has come: a bar on a terminal, a plain line every few seconds elsewhere. On stderr alone.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::base::time::{Clock, SystemClock};

/// Shows progress; what it has drawn is gone when it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Shown {
    verb: &'static str,
    bar: Option<ProgressBar>,
    said_at: u64,
}

impl Shown {
    /// Begins; `verb` is what is being done to the events, `verified`.
    pub(in crate::cli) fn start(verb: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} events {msg}, {eta} left");
            let bar = ProgressBar::new(0);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_message(verb)
        });
        Self {
            verb,
            bar,
            said_at: SystemClock.monotonic_millis(),
        }
    }

    /// So many events are done, of so many.
    pub(in crate::cli) fn at(&mut self, done: u64, all: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
            return;
        }
        let now = SystemClock.monotonic_millis();
        if now.saturating_sub(self.said_at) >= EVERY_MILLIS {
            self.said_at = now;
            // Nobody has to hear it.
            let _unheard = writeln!(std::io::stderr(), "{done} of {all} events {}", self.verb);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How often a plain line is written.
const EVERY_MILLIS: u64 = 5_000;
