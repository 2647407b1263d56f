//! The wall clock of a soak: outside every run.

use std::time::Instant;

/// The present.
#[expect(clippy::disallowed_methods, reason = "a soak has a deadline and kills what hangs, outside every run")]
pub fn now() -> Instant {
    Instant::now()
}
