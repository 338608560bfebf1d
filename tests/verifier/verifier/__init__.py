"""A second verifier of exported logs, written from daemon/formats/ alone. It shares no code with the daemon."""
