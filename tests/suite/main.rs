//! The one test binary of the workspace: the daemon is linked once.

mod sim;
