//! The workspace's tests in one binary: the daemon is linked once.

mod backup;
mod canary;
mod crash;
mod damage;
mod door;
mod laws;
mod process;
mod sim;
mod symmetric;
mod tidy;
