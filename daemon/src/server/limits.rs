//! What the server allows, as one value: a test or an operator may set it otherwise.

use std::time::Duration;

use crate::base::limits;

/// Counts and waits of the server. The defaults are `base::limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most open connections over TCP and TLS together.
    pub remote_connections: usize,
    /// Most open connections over Unix sockets.
    pub local_connections: usize,
    /// Most open connections of one address over TCP and TLS.
    pub connections_per_address: usize,
    /// From the first byte of a request head to its last; also the length of a TLS handshake.
    pub head: Duration,
    /// From the first byte of a body to its last.
    pub body: Duration,
    /// How long a client may take nothing of an answer.
    pub write: Duration,
    /// How long a connection may be open between two requests.
    pub idle: Duration,
    /// How long requests in flight may take when the daemon stops.
    pub finish: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            remote_connections: limits::CONNECTIONS_MAX - limits::LOCAL_CONNECTIONS_MAX,
            local_connections: limits::LOCAL_CONNECTIONS_MAX,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS_MAX,
            head: limits::HEAD_TIMEOUT,
            body: limits::BODY_TIMEOUT,
            write: limits::WRITE_TIMEOUT,
            idle: limits::IDLE_TIMEOUT,
            finish: limits::FINISH_TIMEOUT,
        }
    }
}

impl Limits {
    /// No more connections than `files` can be open for; the daemon's own files come first. Both kinds shrink alike.
    #[must_use]
    pub fn within_files(mut self, files: u64) -> Self {
        let wanted = self.remote_connections + self.local_connections;
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let possible = files
            .saturating_sub(limits::FILES_RESERVED + limits::FAREWELLS_MAX)
            .max(2);
        if wanted > possible {
            // Below 2^16 each, by `base::limits` or an operator: no overflow.
            self.local_connections =
                (self.local_connections.saturating_mul(possible) / wanted.max(1)).clamp(1, possible - 1);
            self.remote_connections = possible - self.local_connections;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_the_daemons_own_files() {
        let whole = Limits::default();
        assert_eq!(whole.clone().within_files(1 << 20), whole);
        for files in [0, 600, 1_024, 4_096, 16_384] {
            let fitted = whole.clone().within_files(files);
            let connections = fitted.remote_connections + fitted.local_connections;
            assert!(fitted.remote_connections >= 1 && fitted.local_connections >= 1);
            assert!(
                connections as u64 <= files.saturating_sub(512).max(2),
                "{files}: {connections}"
            );
        }
    }
}
