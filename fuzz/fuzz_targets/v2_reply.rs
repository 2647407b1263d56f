//! See `dagstorm_fuzz::reply`.

#![no_main]

use dagstorm_fuzz::reply::{Talk, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|talk: Talk| check(&talk));
