//! The one binary. What it does is in the library's `cli` room; here is only the allocator.

use std::process::ExitCode;

/// Every freed allocation is overwritten (law 4): buffers of hyper, serde and clap held parameters too. Build with
/// `--no-default-features --features aws-lc` to measure what that costs. Beneath is mimalloc: calls are made in one thread
/// and dropped in another, which the system's allocator answers with locks.
#[cfg(feature = "zeroing-alloc")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<mimalloc::MiMalloc> =
    zeroizing_alloc::ZeroAlloc(mimalloc::MiMalloc);

#[cfg(feature = "canary-bugs")]
compile_error!("`canary-bugs` plants bugs: it is for the library under test, and no binary has it");

fn main() -> ExitCode {
    chancery::cli::main()
}
