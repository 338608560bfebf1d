//! The one test binary of the workspace: the daemon is linked once.

mod laws;
mod sim;
mod tidy;
