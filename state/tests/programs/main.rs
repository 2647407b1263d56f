//! The built-in programs, each with what it does and everything that it refuses.

mod charging;
mod delivery;
mod genesis;
mod insurance;
mod ledger;
mod nonces;
mod world;

use state::receipt::{Outcome, Rejection};

/// The words of the program that refused.
fn refusal(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Rejected(Rejection::Refused { reason, .. }) => reason,
        other => panic!("not refused by a program: {other:?}"),
    }
}
