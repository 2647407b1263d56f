//! What can go wrong, what must hold, and how to run, check and replay it.
//!
//! | module | room for |
//! |---|---|
//! | [`scenario`] | named storms: a seed expands to a plan |
//! | [`parameters`] | parameter sets by name or from a file |
//! | [`plan`] | everything that one run needs, as a file |
//! | [`run`] | one run: a world, the real bridge, a consumer, the checkers |
//! | [`consumer`] | what a consumer rebuilds from events alone |
//! | [`check`] | the properties, one file each |
//! | [`coverage`] | states that a sweep must have reached |
//! | [`economy`] | machines that deliver, charge and insure: what the payloads of a storm are about |
//! | [`event_text`] | bridge events as lines |
//! | [`fault`] | what goes wrong between a bridge and its nodes, one file each |
//! | [`harness`] | storms over your own consumer or bridge, in your own tests |
//! | [`metamorphic`] | the same L1 with and without faults: both runs must end alike |
//! | [`oracle`] | what is true of chains and acceptance, from raw blocks |
//! | [`report`] | verdicts, figures, exit codes, JSON |
//! | [`card`] | what a failed run tells, and the commands that show it again |
//! | [`shrink`] | a smaller plan that fails in the same way |
//! | [`runner`] | threads and CPU time: the only part outside the determinism contract |
//! | [`verify`] | reference data against our code |

pub mod card;
pub mod check;
pub mod consumer;
pub mod coverage;
pub mod economy;
pub mod event_text;
pub mod fault;
pub mod harness;
pub mod metamorphic;
pub mod oracle;
pub mod parameters;
pub mod plan;
pub mod report;
pub mod run;
pub mod runner;
pub mod scenario;
pub mod shrink;
pub mod verify;
