//! The follower against scripted nodes, in virtual time.

#[path = "../support/mod.rs"]
mod support;

mod anchor;
mod confirmations;
mod disagreement;
mod failures;
mod finality;
mod handshake;
mod hints;
mod liars;
mod page_size;
mod pressure;
mod progress;
mod properties;
mod refusals;
mod reorgs;
mod restore;
mod resume;
mod shutdown;
mod timers;
mod verification;
