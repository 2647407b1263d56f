//! See `dagstorm_fuzz::payload`.

#![no_main]

use dagstorm_fuzz::payload::{Program, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|program: Program| check(&program));
