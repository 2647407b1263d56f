//! See `dagstorm_fuzz::frame`.

#![no_main]

use dagstorm_fuzz::frame::{self, Frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: Frame| {
    frame::check(&input);
    #[cfg(feature = "storm")]
    frame::check_agreement(&input);
});
