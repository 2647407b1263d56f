//! What the fuzz targets do with their inputs. The targets themselves are in `fuzz_targets/`.
//!
//! Each module has an input that is made from any bytes and prints as something a person can read, and a `check` that
//! panics if a law is broken. Nothing here needs the fuzzer, so that the seeds are made and replayed by stable Rust too.
//!
//! | module | input | what must hold |
//! |---|---|---|
//! | [`frame`] | a frame | one end, no panic, requests survive writing; with `storm` the same fields as in `kaspa-rpc-core` |
//! | [`reply`] | pages that a node made up | a refused one changes nothing, an accepted one is a path |
//! | [`schedule`] | an L1 and what happens to a follower | the laws of `sim::rig` |
//! | [`payload`] | transactions of the state machine | money stays, all or nothing, the same twice |
//! | [`checkpoint`] | what a consumer stored | one form, a typed error or a follower that starts |
//! | [`code`] | | the byte code of inputs that are lists of steps |

pub mod checkpoint;
pub mod code;
pub mod frame;
pub mod payload;
pub mod reply;
pub mod schedule;
#[path = "../../bridge/tests/wire_support/walk.rs"]
pub mod walk;

/// Lets libFuzzer hand in an input: all of its bytes, decoded by the type's own `decode`.
#[cfg(feature = "targets")]
macro_rules! from_all_bytes {
    ($($input:ty),*) => {$(
        impl<'a> libfuzzer_sys::arbitrary::Arbitrary<'a> for $input {
            fn arbitrary(bytes: &mut libfuzzer_sys::arbitrary::Unstructured<'a>) -> libfuzzer_sys::arbitrary::Result<Self> {
                Ok(Self::decode(bytes.bytes(bytes.len())?))
            }

            fn arbitrary_take_rest(bytes: libfuzzer_sys::arbitrary::Unstructured<'a>) -> libfuzzer_sys::arbitrary::Result<Self> {
                Ok(Self::decode(bytes.take_rest()))
            }
        }
    )*};
}

#[cfg(feature = "targets")]
from_all_bytes!(checkpoint::Stored, frame::Frame, payload::Program, reply::Talk, schedule::Schedule);
