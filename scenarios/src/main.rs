//! The `dagstorm` command.

mod cli;

use std::process::ExitCode;

/// A run allocates at every event: with the system's allocator an eighth of its time goes there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
