//! All calls of a transaction happen or none do, across programs and whatever the programs try.

mod actors;
mod hostile;
mod laws;
mod storage;
mod story;
mod versions;
#[path = "../programs/world.rs"]
mod world;

use state::{
    programs::ledger::LEDGER,
    receipt::{Outcome, Rejection},
};
use world::World;

/// The sum of all balances, escrows included.
fn supply(world: &World) -> u128 {
    let balances = world.accounts.values().filter(|account| account.program == LEDGER);
    balances.map(|account| u128::from(borsh::from_slice::<u64>(&account.data).expect("a balance"))).sum()
}

/// Why a transaction changed nothing.
fn rejection(outcome: Outcome) -> Rejection {
    match outcome {
        Outcome::Rejected(rejection) => rejection,
        Outcome::Applied => panic!("it was applied"),
    }
}
