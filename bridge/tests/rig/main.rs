//! Laws of the follower under random L1s and random interleavings, against model nodes in one process.
//!
//! What is checked after every event and every call is in `sim::rig::Law`; the tests here say what may happen and what
//! must be true in the end.

mod calm;
mod cases;
mod conflicts;
mod lies;
mod regressions;
mod restores;
mod storms;
mod totals;
