//! The `dagstorm` command.

mod cli;

use std::{ffi::c_long, process::ExitCode};

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// A run allocates at every event: with the system's allocator an eighth of its time goes there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`: milliseconds after which free memory goes back to the system; -1 for never. Source: `mimalloc.h`,
/// version 2.
const PURGE_DELAY_MS: mi_option_t = 15;

fn main() -> ExitCode {
    keep_free_memory();
    cli::main()
}

/// Pages that replies and the database's cache leave are needed again at once: to give them back after 10 ms, as is usual, and
/// have them cleared anew costs a tenth of a run.
fn keep_free_memory() {
    const NEVER: c_long = -1;
    #[allow(unsafe_code, reason = "the allocator has no other interface for it")]
    // SAFETY: it sets a number.
    unsafe {
        mi_option_set(PURGE_DELAY_MS, NEVER);
    }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn given_the_allocators_settings_when_free_memory_is_kept_then_it_is_the_purge_delay_that_was_changed() {
        #[allow(unsafe_code, reason = "the allocator has no other interface for it")]
        // SAFETY: it reads a number.
        let delay_ms = || unsafe { mi_option_get(PURGE_DELAY_MS) };
        assert_eq!(delay_ms(), 10, "the option of that number has another default: it is another option");
        keep_free_memory();
        assert_eq!(delay_ms(), -1);
    }
}
