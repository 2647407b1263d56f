//! See `dagstorm_fuzz::checkpoint`.

#![no_main]

use dagstorm_fuzz::checkpoint::{Stored, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stored: Stored| check(&stored));
