//! A word to whoever waits: a daemon that is stopped or stuck takes connections all the same, and answers nothing.

use std::io::Write as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Says once, on stderr, that there is no answer yet; not when it is dropped before that.
#[derive(Debug)]
pub(super) struct Patience {
    /// The thread waits for its end.
    _end: Option<Sender<()>>,
}

impl Patience {
    /// Begins to wait for the daemon at `place`, as its messages name it.
    pub(super) fn with(place: String) -> Self {
        let (sender, receiver) = channel();
        let waiting = std::thread::Builder::new().name("patience".into()).spawn(move || {
            if receiver.recv_timeout(SILENCE_MAX) == Err(RecvTimeoutError::Timeout) {
                // Nobody has to hear it.
                let _unheard = writeln!(
                    std::io::stderr(),
                    "no answer from {place} yet, still waiting: the daemon took the connection and says nothing. Is it \
                     stopped (`ps` shows T), or waiting for its disk?"
                );
            }
        });
        // Without a thread there is no word; the answer comes all the same.
        Self {
            _end: waiting.is_ok().then_some(sender),
        }
    }
}

/// After so long somebody at a terminal begins to wonder.
const SILENCE_MAX: Duration = Duration::from_secs(5);
