//! The word to stop, as each connection hears it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Said once, heard by all.
#[derive(Debug, Default)]
pub(super) struct Stop {
    said: AtomicBool,
    bell: Notify,
}

impl Stop {
    /// Says it.
    pub(super) fn begin(&self) {
        // The flag before the bell: whoever registers for the bell too late sees the flag.
        self.said.store(true, Ordering::SeqCst);
        self.bell.notify_waiters();
    }

    /// Whether it was said.
    pub(super) fn is_said(&self) -> bool {
        self.said.load(Ordering::Relaxed)
    }

    /// Waits until it is said.
    pub(super) async fn said(&self) {
        let bell = self.bell();
        // The bell counts from its making: what was said before is seen, what is said later is heard.
        if !self.is_said() {
            bell.await;
        }
    }

    /// Wakes the task that polls it, once.
    pub(super) fn bell(&self) -> Notified<'_> {
        self.bell.notified()
    }
}
