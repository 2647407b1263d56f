//! Any text as a plan: an error that says what is wrong, or a plan that is the same when it is written and read again.

#![no_main]

use std::fmt;

use libfuzzer_sys::{
    arbitrary::{Arbitrary, Result, Unstructured},
    fuzz_target,
};
use scenarios::plan::Plan;

/// A plan file, shown as it is.
struct File<'a>(&'a [u8]);

impl<'a> Arbitrary<'a> for File<'a> {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        bytes.bytes(bytes.len()).map(Self)
    }

    fn arbitrary_take_rest(bytes: Unstructured<'a>) -> Result<Self> {
        Ok(Self(bytes.take_rest()))
    }
}

impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", String::from_utf8_lossy(self.0))
    }
}

fuzz_target!(|file: File<'_>| {
    let Ok(text) = str::from_utf8(file.0) else { return };
    match Plan::parse(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(plan) => {
            let written = plan.to_text();
            let again = Plan::parse(&written).expect("what was written can be read");
            assert_eq!(again, plan, "a plan is another one when it was written and read again");
            assert_eq!(again.to_text(), written);
        }
    }
});
