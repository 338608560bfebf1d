//! Workspace tests live in `suite/`.
