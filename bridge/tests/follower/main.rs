//! The follower against scripted nodes, in virtual time.

#[path = "../support/mod.rs"]
mod support;

mod anchor;
mod disagreement;
mod failures;
mod finality;
mod handshake;
mod hints;
mod pressure;
mod progress;
mod properties;
mod refusals;
mod reorgs;
mod resume;
mod shutdown;
mod timers;
mod verification;
