//! The one binary. What it does is in the library's `cli` room; here is only the allocator.

#[cfg(feature = "zeroing-alloc")]
use std::alloc::System;
use std::process::ExitCode;

/// Every freed allocation is overwritten (law 4): buffers of hyper, serde and clap held parameters too. Build with
/// `--no-default-features --features aws-lc` to measure what that costs.
#[cfg(feature = "zeroing-alloc")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<System> = zeroizing_alloc::ZeroAlloc(System);

fn main() -> ExitCode {
    chancery::cli::main()
}
