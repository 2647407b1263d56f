//! Laws of the follower under random L1s and random interleavings, against model nodes in one process.
//!
//! What is checked after every event and every call is in `sim::rig::Law`; the tests here say what may happen and what
//! must be true in the end.
//!
//! Every run draws the same cases. Others are drawn with another seed, as a run that looks for news should do:
//! `PROPTEST_RNG_SEED=<any u64> cargo test -p bridge --test rig`. A case that breaks a law
//! is told with the command that draws it again.

mod calm;
mod cases;
mod conflicts;
mod lies;
mod regressions;
mod restores;
mod runner;
mod storms;
mod totals;
