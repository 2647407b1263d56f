//! See `dagstorm_fuzz::frame`.

#![no_main]

use dagstorm_fuzz::frame::{Frame, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: Frame| check(&frame));
