//! See `dagstorm_fuzz::schedule`.

#![no_main]

use dagstorm_fuzz::schedule::{Schedule, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|schedule: Schedule| check(&schedule));
